"""`lr_factor` of a module scales the learning rate of its tensors, for every optimiser."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from learnloop.optim.light import LightStepper
from learnloop.optim.optimisers import OPTIMISERS

FACTOR = 0.25


def net_of() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 3))


def stepped(net: nn.Sequential, name: str, scale: float) -> nn.Sequential:
    config = OPTIMISERS[name]
    rates = {field: scale * config.model_fields[field].default for field in ("lr", "other_lr") if _has(config, field)}
    stepper = config.model_validate(rates).build(net)
    for _ in range(3):
        for number, p in enumerate(net.parameters()):
            p.grad = torch.full_like(p, 0.1 * (number + 1))
        stepper.step()
    return net


def _has(config: type, field: str) -> bool:
    return field in config.model_fields  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_factor_is_the_same_as_a_smaller_rate(name: str) -> None:
    slow = net_of()
    slow[2].lr_factor = FACTOR  # type: ignore[assignment]
    stepped(slow, name, 1.0)
    whole, quarter = stepped(net_of(), name, 1.0), stepped(net_of(), name, FACTOR)
    for own, expected in ((slow[0], whole[0]), (slow[2], quarter[2]), (slow[4], whole[4])):
        for p, q in zip(own.parameters(), expected.parameters(), strict=True):
            assert torch.equal(p, q)
    assert not torch.equal(slow[2].weight, whole[2].weight)


def test_the_head_s_rate_is_the_one_that_is_shown_and_state_comes_back() -> None:
    net = net_of()
    net[0].lr_factor, net[2].lr_factor = 0.01, 0.1  # type: ignore[assignment]
    stepper = OPTIMISERS["adamw"].model_validate({"lr": 1e-3}).build(net)
    assert isinstance(stepper, LightStepper) and stepper.learning_rate == 1e-3
    assert sorted({group.lr for group in stepper.groups}) == pytest.approx([1e-5, 1e-4, 1e-3])
    for p in net.parameters():
        p.grad = torch.ones_like(p)
    stepper.step()
    again = OPTIMISERS["adamw"].model_validate({"lr": 1e-3}).build(copy.deepcopy(net))
    again.load_state_dict(stepper.state_dict())
    assert again.state_dict()["groups"][0]["steps"] == [1]
