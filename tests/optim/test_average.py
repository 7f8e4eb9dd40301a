"""Weight averaging: its recursion, buffers, swapping, and resuming."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from learnloop.errors import RunError
from learnloop.optim.average import WeightAverage


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def shake(module: nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in [*module.parameters(), *(b for b in module.buffers() if b.is_floating_point())]:
            tensor.add_(torch.randn(tensor.shape, generator=generator))
        module[1].num_batches_tracked.add_(1)


def test_the_recursion_with_its_early_decay() -> None:
    module = net()
    average = WeightAverage(module, decay=0.25)
    by_hand = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    for turn, decay in enumerate((2 / 11, 0.25, 0.25)):  # (1 + t) / (10 + t) while that is less than 0.25
        shake(module, turn)
        average.update()
        for name, tensor in module.state_dict().items():
            kept = decay * by_hand[name] + (1 - decay) * tensor if tensor.is_floating_point() else tensor.clone()
            by_hand[name] = kept
    with average.swapped(module):
        for name, tensor in module.state_dict().items():
            torch.testing.assert_close(tensor, by_hand[name])
        assert module[1].num_batches_tracked == 3


def test_swapping_gives_everything_back_also_after_an_error() -> None:
    module = net()
    average = WeightAverage(module, decay=0.9)
    shake(module, 0)
    average.update()
    shake(module, 1)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    held = [tensor.clone() for tensor in average.state_dict()["average"]]
    with pytest.raises(ValueError, match="stop"), average.swapped(module):
        assert not torch.equal(module[0].weight, before["0.weight"])
        raise ValueError("stop")
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    assert all(torch.equal(a, b) for a, b in zip(held, average.state_dict()["average"]))
    stranger = net()
    with pytest.raises(RunError, match="must be swapped into the network"), average.swapped(stranger):
        pass


def test_resuming_is_bit_for_bit() -> None:
    module, other = net(), net()
    whole, first = WeightAverage(module, 0.9), WeightAverage(other, 0.9)
    for turn in range(6):
        shake(module, turn)
        whole.update()
        shake(other, turn)
        first.update()
        if turn == 2:
            resumed = WeightAverage(other, 0.9)
            resumed.load_state_dict(first.state_dict())
            first = resumed
    for key in ("average", "latest"):
        assert all(torch.equal(a, b) for a, b in zip(whole.state_dict()[key], first.state_dict()[key], strict=True))
    with pytest.raises(RunError, match="must hold 6 tensors with the network's shapes") as caught:
        WeightAverage(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2), nn.PReLU(), nn.PReLU())).load_state_dict(
            whole.state_dict()
        )
    assert "the checkpoint belongs to another network" in str(caught.value)
