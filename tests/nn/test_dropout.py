"""Dropout that draws eight decisions at once keeps what dropout promises."""

from __future__ import annotations

import pytest
import torch

from learnloop.nn.dropout import Dropout, drop


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.9])
def test_the_share_that_is_dropped_is_the_one_asked_for(share: float) -> None:
    torch.manual_seed(0)
    y = drop(torch.ones(1_000_003), share, True)
    dropped = round(256 * share) / 256
    spread = (dropped * (1 - dropped) / 1e6) ** 0.5
    assert abs(float((y == 0).double().mean()) - dropped) < 5 * spread
    assert abs(dropped - share) <= 1 / 512
    assert torch.unique(y).tolist() == pytest.approx([0, 1 / (1 - dropped)])  # E[y] = x


def test_each_of_the_eight_decisions_of_a_draw_is_fair_and_free_of_its_neighbours() -> None:
    torch.manual_seed(1)
    kept = (drop(torch.ones(8 * 200_000), 0.25, True) > 0).double().view(-1, 8)
    assert (kept.mean(0) - 0.75).abs().max() < 5 * (0.75 * 0.25 / 200_000) ** 0.5
    together = torch.corrcoef(kept.T) - torch.eye(8)
    assert together.abs().max() < 5 / 200_000**0.5


def test_gradients_pass_where_values_passed() -> None:
    torch.manual_seed(2)
    x = torch.randn(7, 9, requires_grad=True)
    y = drop(x, 0.4, True)
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad != 0, y != 0)
    torch.testing.assert_close(y, x * x.grad)


def test_nothing_is_dropped_in_evaluation_nor_where_the_share_is_nothing() -> None:
    x = torch.randn(50)
    assert drop(x, 0.5, False) is x or torch.equal(drop(x, 0.5, False), x)
    assert torch.equal(drop(x, 0.0, True), x)
    assert torch.equal(Dropout(0.5).eval()(x), x)


def test_the_same_seed_drops_the_same_and_the_next_call_others() -> None:
    x = torch.ones(1000)
    torch.manual_seed(3)
    first, second = drop(x, 0.5, True), drop(x, 0.5, True)
    torch.manual_seed(3)
    assert torch.equal(drop(x, 0.5, True), first)
    assert not torch.equal(first, second)


def test_a_share_too_small_for_steps_of_a_byte_is_left_to_torch() -> None:
    x = torch.ones(100_000)
    torch.manual_seed(4)
    ours = drop(x, 0.01, True)
    torch.manual_seed(4)
    assert torch.equal(ours, torch.nn.functional.dropout(x, 0.01, True))


def test_all_units_can_be_dropped() -> None:
    assert torch.equal(drop(torch.ones(10), 1.0, True), torch.zeros(10))
