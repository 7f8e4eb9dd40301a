"""A module instance of the user's: tried before it is trained, with errors in their terms."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from learnloop.contracts import InputSpec
from learnloop.errors import ModelError
from learnloop.models.own import OwnModel

NUMBERS = InputSpec("table", numbers=4)
MIXED = InputSpec("table", numbers=2, cardinalities=(3, 20))
IMAGE = InputSpec("image", shape=(1, 8, 8), mean=(0.5,), std=(0.5,))


def test_plain_numbers_go_straight_in() -> None:
    module = nn.Linear(4, 3)
    assert OwnModel(module).build(NUMBERS, 3) is module


def test_images_arrive_standardised() -> None:
    net = OwnModel(nn.Flatten()).build(IMAGE, 64)
    white = torch.full((2, 1, 8, 8), 255, dtype=torch.uint8)
    torch.testing.assert_close(net(white), torch.ones(2, 64))


def test_categories_arrive_joined_or_apart() -> None:
    joined = OwnModel(nn.Linear(2 + 2 + 9, 3)).build(MIXED, 3)
    assert joined(torch.zeros(5, 2), torch.zeros(5, 2, dtype=torch.int64)).shape == (5, 3)

    class Two(nn.Module):
        def forward(self, x: Tensor, x_cat: Tensor) -> Tensor:
            return torch.cat([x, x_cat.float()], 1)  # [batch, 4]

    two = Two()
    assert OwnModel(two).build(MIXED, 4) is two


def test_trying_it_changes_nothing() -> None:
    module = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 3)).train()
    module[0].eval()
    before, drawn = {k: v.clone() for k, v in module.state_dict().items()}, torch.get_rng_state()
    OwnModel(module).build(NUMBERS, 3)
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())
    assert torch.equal(drawn, torch.get_rng_state())
    assert module.training and not module[0].training and module[1].training


def test_wrong_width() -> None:
    with pytest.raises(ModelError) as caught:
        OwnModel(nn.Linear(5, 3)).build(NUMBERS, 3)
    assert str(caught.value) == (
        "model torch.nn.modules.linear:Linear: must take [batch, 4]: a table of 4 numbers and 0 categories\n"
        "  found:     RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x4 and 5x3)\n"
        "  probably:  the first layer expects another width or number of channels\n"
        "  do:        make the first layer take 4 inputs"
    )


@pytest.mark.parametrize(
    ("module", "found"),
    [
        (nn.Linear(4, 2), "[2, 2]"),
        (nn.Sequential(nn.Linear(4, 1), nn.Flatten(0)), "[2]"),
        (nn.GRU(4, 3), "tuple"),
    ],
)
def test_wrong_outputs(module: nn.Module, found: str) -> None:
    with pytest.raises(ModelError) as caught:
        OwnModel(module).build(NUMBERS, 3)
    assert f"must return [batch, 3]: one column an output\n  found:     {found} for a batch of 2" in str(caught.value)
    assert "nn.Linear(..., 3)" in str(caught.value)
