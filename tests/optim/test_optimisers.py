"""Every optimiser makes the numbers of torch.optim, resumes bit for bit, and never imports torch._dynamo."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from learnloop.errors import ModelError, RunError
from learnloop.optim.optimisers import OPTIMISERS
from learnloop.optim.rules import trainable
from learnloop.optim.stepper import Stepper, TorchStepper


def net(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(2, 5, 3, padding=1, bias=False), nn.BatchNorm2d(5), nn.ReLU(), nn.Conv2d(5, 6, 3),
        nn.Flatten(), nn.Linear(6 * 4 * 4, 17), nn.ReLU(), nn.Linear(17, 3),
    )  # fmt: skip


def batches(count: int, seed: int = 1) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(8, 2, 6, 6, generator=generator), torch.randint(3, (8,), generator=generator))
        for _ in range(count)
    ]


def train(
    module: nn.Module,
    step: Callable[[], None],
    zero: Callable[[], None],
    data: Iterable[tuple[Tensor, Tensor]],
) -> None:
    for x, y in data:
        zero()
        nn.functional.cross_entropy(module(x), y).backward()
        step()


def weights(module: nn.Module) -> list[Tensor]:
    return [p.detach().clone() for p in module.parameters()]


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def by_decay(module: nn.Module, decay: float) -> list[dict[str, Any]]:
    matrices = [p for p in module.parameters() if p.ndim >= 2]
    vectors = [p for p in module.parameters() if p.ndim < 2]
    return [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]


ADAM = {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-7}
OURS = {"lr": 0.01, "beta1": 0.8, "beta2": 0.95, "eps": 1e-7}
CASES: dict[str, tuple[str, dict[str, Any], type[torch.optim.Optimizer], dict[str, Any]]] = {
    "sgd": ("sgd", {"lr": 0.1}, torch.optim.SGD, {"lr": 0.1}),
    "momentum": ("sgd", {"lr": 0.1, "momentum": 0.9}, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    "nesterov": (
        "sgd",
        {"lr": 0.1, "momentum": 0.9, "nesterov": True},
        torch.optim.SGD,
        {"lr": 0.1, "momentum": 0.9, "nesterov": True},
    ),
    "adagrad": ("adagrad", {"lr": 0.02}, torch.optim.Adagrad, {"lr": 0.02}),
    "adadelta": ("adadelta", {"rho": 0.8}, torch.optim.Adadelta, {"rho": 0.8}),
    "rmsprop": ("rmsprop", {"lr": 0.003}, torch.optim.RMSprop, {"lr": 0.003}),
    "rmsprop_all": (
        "rmsprop",
        {"lr": 0.003, "momentum": 0.5, "centered": True},
        torch.optim.RMSprop,
        {"lr": 0.003, "momentum": 0.5, "centered": True},
    ),
    "adam": ("adam", OURS, torch.optim.Adam, ADAM),
    "amsgrad": ("amsgrad", OURS, torch.optim.Adam, {**ADAM, "amsgrad": True}),
    "adamw": ("adamw", OURS, torch.optim.AdamW, ADAM),
    "nadam": ("nadam", {**OURS, "momentum_decay": 0.01}, torch.optim.NAdam, {**ADAM, "momentum_decay": 0.01}),
}
FUSES = {"sgd", "adagrad", "adam", "amsgrad", "adamw"}


@pytest.mark.parametrize("decay", [0.0, 0.05])
@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_twenty_steps_equal_torch_optim_bit_for_bit(case: str, fused: bool, decay: float) -> None:
    name, fields, theirs, arguments = CASES[case]
    ours, reference = net(), net()
    stepper = OPTIMISERS[name](**fields, weight_decay=decay).build(ours, fused=fused)
    how = {"fused": True} if fused and name in FUSES else {"foreach": True}
    optimizer = theirs(by_decay(reference, decay), **arguments, **how)  # type: ignore[arg-type]
    before = weights(ours)
    train(ours, stepper.step, stepper.zero_grad, batches(20))
    train(reference, optimizer.step, optimizer.zero_grad, batches(20))
    assert not same(before, weights(ours))
    assert same(weights(ours), weights(reference))


@pytest.mark.parametrize("case", CASES)
def test_torchs_default_loop_agrees_to_rounding(case: str) -> None:
    name, fields, theirs, arguments = CASES[case]
    ours, reference = net(), net()
    stepper = OPTIMISERS[name](**fields, weight_decay=0.05).build(ours)
    optimizer = theirs(by_decay(reference, 0.05), **arguments)  # type: ignore[arg-type]
    train(ours, stepper.step, stepper.zero_grad, batches(3))
    train(reference, optimizer.step, optimizer.zero_grad, batches(3))
    for a, b in zip(weights(ours), weights(reference), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("name", OPTIMISERS)
def test_half_plus_resume_equals_the_whole(name: str, fused: bool) -> None:
    data = batches(8)
    whole = net()
    stepper = OPTIMISERS[name]().build(whole, fused=fused)
    stepper.set_scale(0.5)
    train(whole, stepper.step, stepper.zero_grad, data)

    half = net()
    first = OPTIMISERS[name]().build(half, fused=fused)
    first.set_scale(0.5)
    train(half, first.step, first.zero_grad, data[:4])
    resumed = net(seed=9)
    resumed.load_state_dict(half.state_dict())
    second = OPTIMISERS[name]().build(resumed, fused=fused)
    second.load_state_dict(first.state_dict())
    assert second.learning_rate == first.learning_rate == pytest.approx(OPTIMISERS[name]().lr / 2)
    train(resumed, second.step, second.zero_grad, data[4:])
    assert same(weights(resumed), weights(whole))


@pytest.mark.parametrize("name", OPTIMISERS)
def test_state_is_plain_values_and_does_not_share_tensors(name: str) -> None:
    module = net()
    stepper = OPTIMISERS[name]().build(module)
    assert stepper.state_dict()["groups"][0] == {"steps": [], "slots": {}}
    train(module, stepper.step, stepper.zero_grad, batches(3))
    seen: set[int] = set()
    for group in stepper.state_dict()["groups"]:
        if name not in ("sgd", "muon"):
            assert group["steps"] == [3] * len(group["steps"])
        for tensors in group["slots"].values():
            for tensor in tensors:
                assert tensor.data_ptr() not in seen
                seen.add(tensor.data_ptr())
    fresh = OPTIMISERS[name]().build(net())
    fresh.load_state_dict(OPTIMISERS[name]().build(net()).state_dict())  # a state from before the first step
    fresh.step()


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_a_missing_gradient_leaves_that_tensor_and_its_count_alone(case: str, fused: bool) -> None:
    name, fields, theirs, arguments = CASES[case]
    ours, reference = net(), net()
    stepper = OPTIMISERS[name](**fields).build(ours, fused=fused)
    how = {"fused": True} if fused and name in FUSES else {"foreach": True}
    decay = OPTIMISERS[name]().weight_decay
    optimizer = theirs(by_decay(reference, decay), **arguments, **how)  # type: ignore[arg-type]
    # torch's own fused SGD fails with a TypeError when a gradient is missing in its first step; ours does not
    missing = (2, 3) if fused and "momentum" in fields and name == "sgd" else (0, 3)
    for turn, (x, y) in enumerate(batches(6)):
        for module, moved in ((ours, stepper), (reference, optimizer)):
            moved.zero_grad()
            nn.functional.cross_entropy(module(x), y).backward()
            if turn in missing:
                module[3].weight.grad = module[7].bias.grad = None
            held = module[3].weight.detach().clone()
            moved.step()
            assert torch.equal(module[3].weight, held) == (turn in missing)
    assert same(weights(ours), weights(reference))


def test_no_gradients_at_all_moves_nothing() -> None:
    for config in OPTIMISERS.values():
        module = net()
        stepper = config().build(module)
        before = weights(module)
        stepper.step()
        assert same(before, weights(module)) and stepper.grads() == []


@pytest.mark.parametrize("name", OPTIMISERS)
def test_layouts_that_differ_do_not_change_the_numbers(name: str) -> None:
    """A contiguous gradient of a channels_last weight: fused CPU kernels would read it in a wrong order."""
    plain, last = net(), net().to(memory_format=torch.channels_last)
    one, other = OPTIMISERS[name]().build(plain), OPTIMISERS[name]().build(last)
    for turn in range(4):
        generator = torch.Generator().manual_seed(turn)
        for p, q in zip(plain.parameters(), last.parameters()):
            p.grad = torch.randn(p.shape, generator=generator)
            q.grad = p.grad.clone(memory_format=torch.contiguous_format)
        one.step()
        other.step()
        if turn == 1:  # and the weights change their format on the way
            plain.to(memory_format=torch.channels_last)
    for a, b in zip(weights(plain), weights(last), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


DYNAMO = """
import sys, torch
from torch import nn
from learnloop.optim.optimisers import OPTIMISERS
for fused in (True, False):
    for name, config in OPTIMISERS.items():
        net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
        stepper = config().build(net, fused=fused)
        for _ in range(2):
            stepper.zero_grad()
            net(torch.ones(3, 4)).sum().backward()
            stepper.step()
        stepper.load_state_dict(stepper.state_dict())
        assert 'torch._dynamo' not in sys.modules, name
print(len(OPTIMISERS))
"""


def test_no_optimiser_imports_dynamo() -> None:
    done = subprocess.run([sys.executable, "-c", DYNAMO], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(len(OPTIMISERS)) == "9"


class Ensemble(nn.Module):
    no_weight_decay = ("scale",)

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 4, 5))
        self.bias = nn.Parameter(torch.zeros(3, 5))
        self.scale = nn.Parameter(torch.ones(3, 5))
        self.norm = nn.LayerNorm(5)


def test_weight_decay_pulls_on_matrices_only_unless_asked() -> None:
    for decay_all in (False, True):
        module = Ensemble()
        stepper = OPTIMISERS["adamw"](lr=0.1, weight_decay=0.5, decay_all=decay_all).build(module)
        before = {name: p.detach().clone() for name, p in module.named_parameters()}
        for p in module.parameters():
            p.grad = torch.zeros_like(p)
        stepper.step()
        moved = {name for name, p in module.named_parameters() if not torch.equal(p, before[name])}
        assert moved == ({"weight", "scale", "norm.weight"} if decay_all else {"weight"})


def test_the_schedule_scales_the_rate() -> None:
    module = net()
    stepper: Stepper = OPTIMISERS["sgd"](lr=0.5).build(module)
    stepper.set_scale(0.1)
    assert stepper.learning_rate == pytest.approx(0.05)
    before = weights(module)
    for p in module.parameters():
        p.grad = torch.ones_like(p)
    stepper.step()
    for p, held in zip(module.parameters(), before):
        torch.testing.assert_close(held - p, torch.full_like(p, 0.05), rtol=0, atol=1e-6)
    assert len(stepper.grads()) == len(stepper.params) == len(before)
    stepper.zero_grad()
    assert all(p.grad is None for p in module.parameters())


def test_frozen_and_shared_parameters() -> None:
    module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3))
    module[0].weight.requires_grad_(False)
    module[2].weight = module[1].weight
    assert len(trainable(module)) == 4
    assert OPTIMISERS["adam"]().build(module).describe() == "adam on 4 tensors (18 parameters)"


def test_clear_errors() -> None:
    with pytest.raises(ModelError, match="must have at least one parameter that can be trained"):
        OPTIMISERS["adam"]().build(nn.ReLU())
    with pytest.raises(ModelError, match="layer 0: must have dense gradients"):
        OPTIMISERS["adam"]().build(nn.Sequential(nn.Embedding(4, 2, sparse=True)))
    with pytest.raises(ValidationError, match=r"nesterov needs momentum > 0, for example momentum=0\.9"):
        OPTIMISERS["sgd"](nesterov=True)
    with pytest.raises(ValidationError, match="greater than 0"):
        OPTIMISERS["adam"](lr=-1)
    module = net()
    stepper = OPTIMISERS["adam"]().build(module)
    train(module, stepper.step, stepper.zero_grad, batches(1))
    other = OPTIMISERS["adam"]().build(nn.Linear(3, 3))
    with pytest.raises(RunError, match=r"exp_avg, exp_avg_sq for 2 tensors\n.*for 9 tensors of other shapes"):
        other.load_state_dict(stepper.state_dict())
    with pytest.raises(RunError, match="must hold 2 groups of tensors"):
        OPTIMISERS["adamw"]().build(net()).load_state_dict(stepper.state_dict())


def test_a_foreign_torch_optimiser_is_a_stepper_too() -> None:
    data = batches(6)
    whole, half = net(), net()
    first = TorchStepper(torch.optim.Adamax(whole.parameters(), lr=0.01))
    train(whole, first.step, first.zero_grad, data)
    second = TorchStepper(torch.optim.Adamax(half.parameters(), lr=0.01))
    train(half, second.step, second.zero_grad, data[:3])
    third = TorchStepper(torch.optim.Adamax(half.parameters(), lr=0.01))
    third.load_state_dict(second.state_dict())
    train(half, third.step, third.zero_grad, data[3:])
    assert same(weights(half), weights(whole))
    third.set_scale(0.5)
    assert third.learning_rate == pytest.approx(0.005)
    assert third.describe().startswith("Adamax on 9 tensors")


def test_a_foreign_torch_optimiser_leaves_frozen_tensors_out() -> None:
    module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    module[0].requires_grad_(False)
    stepper = TorchStepper(torch.optim.SGD(module.parameters(), lr=0.1, weight_decay=0.5))
    assert [p.data_ptr() for p in stepper.params] == [p.data_ptr() for p in module[1].parameters()]
    assert stepper.describe() == "SGD on 2 tensors (8 parameters)"
    before = module[0].weight.clone()
    module[0].weight.grad = torch.ones(3, 3)
    module(torch.ones(1, 3)).sum().backward()
    assert len(stepper.grads()) == 2
    stepper.step()
    assert torch.equal(module[0].weight, before) and module[0].weight.grad is None
    again = TorchStepper(torch.optim.SGD(module.parameters(), lr=0.1))
    again.load_state_dict(stepper.state_dict())
    module.requires_grad_(False)
    with pytest.raises(ModelError) as caught:
        TorchStepper(torch.optim.SGD(module.parameters(), lr=0.1))
    assert "optimiser SGD: must have at least one parameter that can be trained" in str(caught.value)
    assert "found:     4 frozen tensors" in str(caught.value)
