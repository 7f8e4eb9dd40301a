"""Readers of texts that vote: who they are, what they count, and what they start from."""

from __future__ import annotations

import pytest
import torch

from learnloop.contracts import TOKENS, InputSpec, Y
from learnloop.models.blend import Blend, BlendConfig, members_for
from learnloop.nn.bayes import BayesLinear
from learnloop.nn.fitted import start_layers
from learnloop.testing.models import check_model

SPEC = InputSpec("text", vocabulary=60, length=12)


@pytest.mark.parametrize("members", [["bow"], ["textcnn", "lstm"], ["bow", "lstm", "textcnn"]], ids=str)
def test_any_members_keep_to_the_contract(members: list[str]) -> None:
    config = BlendConfig.model_validate({"members": members, "hidden": 8, "maps": 4, "embedding": 8})
    check_model(config, SPEC, only=["declares", "shape", "gradients", "rows", "padding", "stored", "first_loss"])


def test_the_bag_has_two_votes_and_the_others_one() -> None:
    torch.manual_seed(0)
    net = BlendConfig().build(SPEC, 3).eval()
    assert isinstance(net, Blend)
    tokens = torch.randint(4, 60, (5, 12))
    with torch.no_grad():
        net.members["lstm"].output.bias.fill_(3.0)
        out = net(tokens)
        assert out.shape == (5, 3, 3) and torch.equal(out[:, 0], out[:, 1])
        assert torch.equal(out[:, 0], net.members["bow"](tokens)) and torch.equal(
            out[:, 2], net.members["lstm"](tokens)
        )
    assert BlendConfig(members=("bow",)).build(SPEC, 3)(tokens).shape == (5, 1, 3)


def test_the_bag_starts_from_the_training_part_and_the_lstm_learns_faster() -> None:
    net = BlendConfig().build(SPEC, 2)
    tokens = torch.randint(4, 60, (50, 12), generator=torch.Generator().manual_seed(0))
    assert start_layers(net, {TOKENS: tokens, Y: torch.arange(50) % 2}) == 1
    layer = next(module for module in net.modules() if isinstance(module, BayesLinear))
    assert bool((layer.ratio[4:60] != 1).any()) and layer.lr_factor == 5
    assert {getattr(module, "lr_factor", None) for module in net.members["lstm"].modules()} == {2.0}


def test_members_are_those_that_the_time_allows() -> None:
    assert members_for(10_000, 60, None) == ("bow", "lstm")
    assert members_for(10_000, 60, 0.1) == ("bow",) and members_for(10_000, 60, 1.0) == ("bow", "lstm")
    assert members_for(25_000, 1000, 6.0) == ("bow",) and members_for(25_000, 1000, 15.0) == ("bow", "lstm")


def test_the_rate_falls_where_the_time_holds_more_passes_than_are_wanted() -> None:
    def rate(minutes: float | None) -> float:
        spec = InputSpec("text", vocabulary=60, length=60)
        return float(BlendConfig().suggest(10_000, spec, 2, minutes)["optimiser.lr"])

    assert rate(None) == 1e-3 and rate(0.01) == 1e-3
    assert rate(2.0) < rate(0.5) < 1e-3 and rate(10_000.0) == pytest.approx(1e-4)
