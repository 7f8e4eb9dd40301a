"""Rows of different lengths: sorted into batches, cut, and every one of them met."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from learnloop.contracts import LENGTH, TOKENS, Batch, InputSpec, X, Y
from learnloop.data.buckets import POOL, BucketSource, in_batches, row_lengths
from learnloop.testing.sources import check_source

ROWS, LONGEST = 1000, 90


def texts(rows: int = ROWS) -> tuple[Batch, dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    length = torch.randint(1, LONGEST + 1, (rows,), generator=generator)
    tokens = torch.arange(LONGEST).expand(rows, LONGEST) + 4
    tokens = torch.where(torch.arange(LONGEST) < length[:, None], tokens, 0).to(torch.int32)
    return {TOKENS: tokens, Y: torch.arange(rows)}, {TOKENS: length}


def source(seed: int = 0, *, batch: int = 8, rows: int = ROWS, trim: bool = True) -> BucketSource:
    tensors, lengths = texts(rows)
    return BucketSource(tensors, batch, seed=seed, lengths=lengths, trim=trim)


def test_conformance() -> None:
    check_source(source, ragged=True)
    check_source(lambda: source(batch=32, rows=40), ragged=True)


def test_every_row_comes_once_in_the_first_pools_of_a_pass() -> None:
    stream = source()
    whole = ROWS // 8 // POOL * POOL  # batches of the pools that lie in the first pass
    rows = torch.cat([next(stream)[Y] for _ in range(whole)])
    assert len(rows.unique()) == len(rows) == whole * 8


def test_every_row_comes_as_often_as_any_other_in_the_long_run() -> None:
    rows = torch.cat([source().rows_of(position) for position in range(ROWS * POOL // 8)])
    assert (rows.bincount(minlength=ROWS) == POOL).all()


def test_batches_hold_rows_of_one_length_and_are_as_wide_as_the_longest() -> None:
    stream, lengths = source(), texts()[1][TOKENS]
    spread = []
    for _ in range(POOL):
        batch = next(stream)
        length = lengths[batch[Y]]
        width = batch[TOKENS].shape[1]
        assert length.max() <= width < length.max() + 8 and (batch[TOKENS] != 0).sum(1).equal(length)
        spread.append(float(length.max() - length.min()))
    assert sum(spread) / len(spread) < 10  # drawn at random they lie 70 apart


def test_batches_do_not_come_sorted() -> None:
    stream = source()
    widths = [next(stream)[TOKENS].shape[1] for _ in range(POOL)]
    assert widths != sorted(widths) and widths != sorted(widths, reverse=True)
    other = source(seed=1)
    assert not torch.equal(source().rows_of(0), other.rows_of(0))


def test_a_compiled_network_gets_one_shape_and_the_same_rows() -> None:
    whole, cut = source(trim=False), source()
    for _ in range(5):
        one, other = next(whole), next(cut)
        assert one[TOKENS].shape == (8, LONGEST) and torch.equal(one[Y], other[Y])


def test_a_typical_batch_is_neither_the_shortest_nor_the_longest() -> None:
    stream = source()
    widths = [stream.batch(position)[TOKENS].shape[1] for position in range(POOL)]
    assert abs(stream.typical()[TOKENS].shape[1] - sum(widths) / POOL) <= 8 < max(widths) - min(widths)
    assert stream.position == 0


def test_in_batches_meets_every_row_and_keeps_within_bounds() -> None:
    tensors, lengths = texts()
    found = in_batches(tensors, 64, lengths, most_cells=640)
    assert torch.cat([rows for rows, _ in found]).sort().values.equal(torch.arange(ROWS))
    for rows, batch in found:
        assert torch.equal(batch[Y], rows) and len(rows) * int(lengths[TOKENS][rows].max()) <= 640 and len(rows) <= 64
    assert max(len(rows) for rows, _ in found) == 64
    assert in_batches(tensors, 64, lengths, most_cells=1)[0][1][TOKENS].shape[0] == 1  # never none


def test_in_batches_without_lengths_keeps_the_order() -> None:
    tensors, _ = texts()
    found = in_batches(tensors, 300)
    assert [len(rows) for rows, _ in found] == [300, 300, 300, 100]
    assert torch.cat([batch[Y] for _, batch in found]).equal(tensors[Y])
    assert found[0][1][TOKENS].data_ptr() == tensors[TOKENS].data_ptr()


def test_lengths_are_known_of_texts_and_series_that_differ() -> None:
    tensors, lengths = texts()
    text = InputSpec("text", vocabulary=99, length=LONGEST)
    assert torch.equal(row_lengths(text, tensors)[TOKENS], lengths[TOKENS])
    assert set(row_lengths(text, {**tensors, Y: tensors[TOKENS]}, "text")) == {TOKENS, Y}
    assert row_lengths(text, {TOKENS: torch.ones(3, 4)}) == {}  # all of one length
    steps = {X: torch.zeros(2, 5, 1), LENGTH: torch.tensor([5, 2]), Y: torch.zeros(2)}
    assert set(row_lengths(InputSpec("series", numbers=1), steps)) == {X}
    assert set(row_lengths(InputSpec("series", numbers=1), {**steps, Y: torch.zeros(2, 5, 1)}, "numbers")) == {X, Y}
    assert row_lengths(InputSpec("table", numbers=1), {X: torch.zeros(2, 1)}) == {}


@pytest.mark.parametrize("batch", [1, 7, 400, 5000])
def test_any_batch_size(batch: int) -> None:
    stream = source(batch=batch, rows=50)
    assert stream.batch_size == min(batch, 50) and len(next(stream)[Y]) == stream.batch_size
