"""Rectangles of rows of different lengths."""

from __future__ import annotations

import torch

from learnloop.nn.lengths import inside, lengths_of, longest, reversal, reversed_rows, trimmed, trimmed_series

TOKENS = torch.tensor([[5, 6, 7, 0, 0], [5, 0, 0, 0, 0], [0, 0, 0, 0, 0]], dtype=torch.int32)


def test_lengths_count_up_to_the_padding() -> None:
    assert lengths_of(TOKENS).tolist() == [3, 1, 0] and lengths_of(TOKENS).dtype == torch.int64


def test_a_batch_is_cut_to_its_longest_row_and_keeps_one_step() -> None:
    assert trimmed(TOKENS).tolist() == [[5, 6, 7], [5, 0, 0], [0, 0, 0]]
    assert trimmed(TOKENS[1:]).shape == (2, 1) and trimmed(TOKENS[2:]).shape == (1, 1)
    assert trimmed(TOKENS[:0]).shape == (0, 5)


def test_series_are_cut_likewise_and_never_widened() -> None:
    x = torch.arange(24.0).view(2, 6, 2)
    assert torch.equal(trimmed_series(x, torch.tensor([4, 2])), x[:, :4])
    assert longest(torch.tensor([9, 2]), 6) == 6


def test_a_compiled_network_keeps_its_shape() -> None:
    compiled = torch.compile(trimmed, backend="eager", fullgraph=True)
    assert compiled(TOKENS).shape == TOKENS.shape


def test_inside_is_true_up_to_the_end() -> None:
    assert inside(torch.tensor([2, 0]), 3).tolist() == [[True, True, False], [False, False, False]]


def test_rows_are_read_backwards_and_their_padding_stays() -> None:
    x = torch.tensor([[1.0, 2, 3, 0], [4, 5, 0, 0]]).unsqueeze(2)
    places = reversal(torch.tensor([3, 2]), 4)
    back = reversed_rows(x, places)
    assert back.squeeze(2).tolist() == [[3, 2, 1, 0], [5, 4, 0, 0]]
    assert torch.equal(reversed_rows(back, places), x)
