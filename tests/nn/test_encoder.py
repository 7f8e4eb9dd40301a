"""The Transformer's encoder: what a step sees, and that it knows its place."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from learnloop.nn.encoder import Encoder, PositionName
from learnloop.nn.rotary import rotary_table, turned

POSITIONS: tuple[PositionName, ...] = ("sinusoidal", "learned", "rotary")


def encoder(positions: PositionName, longest: int = 9) -> Encoder:
    torch.manual_seed(0)
    return Encoder(8, 2, 2, 16, 0.5, positions, longest).eval()


@pytest.mark.parametrize("positions", POSITIONS)
def test_words_in_another_order_are_another_text(positions: PositionName) -> None:
    net, x, length = encoder(positions), torch.randn(1, 6, 8), torch.tensor([6])
    if net.position is not None:
        net.position.data *= 50  # they start small
    order = torch.tensor([1, 0, 2, 3, 4, 5])
    assert (net(x, length).mean(1) - net(x[:, order], length).mean(1)).abs().max() > 1e-3


@pytest.mark.parametrize("positions", POSITIONS)
def test_no_step_sees_what_stands_behind_the_end(positions: PositionName) -> None:
    net, x, length = encoder(positions), torch.randn(2, 6, 8), torch.tensor([6, 3])
    other = x.clone()
    other[1, 3:] = 7.0
    assert torch.equal(net(x, length)[1, :3], net(other, length)[1, :3])
    moved = x.clone()
    moved[1, 2] = torch.randn(8)
    assert (net(x, length)[1, 0] - net(moved, length)[1, 0]).abs().max() > 1e-4


def test_learnt_positions_end_with_the_longest_row_of_training() -> None:
    net = encoder("learned", longest=4)
    x = torch.randn(1, 7, 8)
    assert net(x, torch.tensor([7])).shape == (1, 7, 8)


def test_scores_of_turned_queries_and_keys_depend_on_their_distance_alone() -> None:
    cos, sin = rotary_table(8, 4)
    query, key = torch.randn(4).expand(8, 4), torch.randn(4).expand(8, 4)
    scores = turned(query, cos, sin) @ turned(key, cos, sin).T
    for distance in range(-7, 8):
        assert torch.allclose(scores.diagonal(distance), scores.diagonal(distance)[0], atol=1e-5)


def test_a_layer_is_attention_and_then_feed_forward_of_normed_steps() -> None:
    layer = encoder("sinusoidal").layers[0]
    x, there = torch.randn(2, 5, 8), torch.ones(2, 1, 1, 5, dtype=torch.bool)
    y = F.layer_norm(x, (8,))
    query = layer.heads.query(y).view(2, 5, 2, 4).transpose(1, 2)
    key, value = (part.reshape(2, 5, 2, 4).transpose(1, 2) for part in layer.heads.key_value(y).chunk(2, 2))
    seen = (query @ key.transpose(2, 3) / 2).softmax(3) @ value  # sqrt(4) = 2
    middle = x + layer.heads.output(seen.transpose(1, 2).reshape(2, 5, 8))
    expected = middle + layer.feed.outer(layer.feed.inner(F.layer_norm(middle, (8,))).relu())
    assert torch.allclose(layer(x, there, None), expected, atol=1e-5)
