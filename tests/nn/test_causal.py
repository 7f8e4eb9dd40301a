"""Convolutions that see the past alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from learnloop.nn.causal import CausalConv, TemporalBlock, ending
from learnloop.seeds import seed_torch, torch_stream


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch_stream(0, "x"))


@pytest.mark.parametrize("dilation", [1, 3])
def test_a_step_is_a_sum_over_steps_before_it(dilation: int) -> None:
    seed_torch(0)
    conv, x = CausalConv(2, 3, 2), random(1, 2, 8)
    y, weight = conv(x, dilation), conv.conv.weight
    for step in (0, 2, 7):
        before = x[0, :, step - dilation] if step >= dilation else torch.zeros(2)
        wanted = weight[:, :, 1] @ x[0, :, step] + weight[:, :, 0] @ before
        assert torch.allclose(y[0, :, step], wanted, atol=1e-6)


def test_weights_have_a_length_and_a_direction() -> None:
    conv = CausalConv(2, 3, 2)
    names = {name for name, _ in conv.named_parameters()}
    assert len(names) == 3 and sum(p.numel() for p in conv.parameters()) == 3 * 2 * 2 + 3 + 3


@pytest.mark.parametrize("dilation", [1, 4])
def test_a_block_sees_no_later_step_and_what_it_should_of_earlier_ones(dilation: int) -> None:
    seed_torch(0)
    block = TemporalBlock(2, 4, 3, 0.0)
    x, there = random(1, 2, 40), torch.ones(1, 1, 40)
    before = block(x, there, dilation)
    moves = []
    for step in range(40):
        changed = x.clone()
        changed[:, :, step] += 1
        moves.append((block(changed, there, dilation) - before).abs().amax(1)[0])
    moved = torch.stack(moves) > 0  # [changed, answer]
    assert not moved.tril(-1).any(), "a later step changes an earlier answer"
    reached = [step for step in range(40) if moved[step, 39]]
    assert reached == [39 - k * dilation for k in range(4, -1, -1)]


def test_a_row_that_begins_later_is_answered_as_the_row_alone() -> None:
    seed_torch(0)
    block, x = TemporalBlock(2, 4, 3, 0.0), random(1, 2, 12)
    for conv in (block.first.conv, block.second.conv):
        nn.init.constant_(conv.bias, 0.3)  # type: ignore[arg-type]
    alone = block(x, torch.ones(1, 1, 12))
    padded = torch.cat([torch.zeros(1, 2, 5), x], 2)
    there = torch.cat([torch.zeros(1, 1, 5), torch.ones(1, 1, 12)], 2)
    whole = block(padded, there)
    assert torch.allclose(whole[:, :, 5:], alone, atol=1e-6) and whole[:, :, :5].abs().max() == 0


@pytest.mark.parametrize("steps", [1, 2, 7, 8])
def test_every_second_step_is_kept_and_the_last_one_is(steps: int) -> None:
    kept = ending(torch.arange(steps)).tolist()
    assert kept == list(range((steps - 1) % 2, steps, 2)) and kept[-1] == steps - 1
