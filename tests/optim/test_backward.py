"""`backward` does what `Tensor.backward` does."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from learnloop.optim import backward as module
from learnloop.optim.backward import backward


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_gradients_are_those_of_tensor_backward(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).to(dtype)
    x = torch.randn(5, 3, dtype=dtype)
    net(x).square().mean().backward()
    expected = [p.grad.clone() for p in net.parameters()]  # type: ignore[union-attr]
    net.zero_grad()
    for times in (1, 2):  # gradients add up
        backward(net(x).square().mean())
        for p, grad in zip(net.parameters(), expected):
            assert p.grad is not None and torch.equal(p.grad, times * grad)


def test_a_loss_without_a_gradient_fails_as_torch_says_it() -> None:
    with pytest.raises(RuntimeError, match="does not require grad"):
        backward(torch.tensor(1.0))
    with pytest.raises(RuntimeError, match="scalar outputs"):
        backward(torch.ones(2, requires_grad=True) * 2)


def test_hooks_run_and_a_second_backward_is_refused() -> None:
    weight, seen = torch.ones(2, requires_grad=True), []
    weight.register_hook(seen.append)
    loss = (weight * weight).sum()
    backward(loss)
    assert len(seen) == 1 and weight.grad is not None and weight.grad.tolist() == [2.0, 2.0]
    with pytest.raises(RuntimeError, match="second time"):
        backward(loss)


def test_without_the_private_function_tensor_backward_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RUN", None)
    weight = torch.ones(1, requires_grad=True)
    backward((3 * weight).sum())
    assert weight.grad is not None and weight.grad.tolist() == [3.0]
