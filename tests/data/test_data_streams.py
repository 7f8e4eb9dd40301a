"""The sources over one long text: what follows what, what a pass holds, and the conformance suite."""

from __future__ import annotations

import pytest
import torch

from learnloop.contracts import TOKENS, Y
from learnloop.data.streams import FRESH, StreamSource, WindowSource
from learnloop.errors import DataError
from learnloop.testing.sources import check_source

CODES = torch.arange(1000, dtype=torch.int32)


def test_both_sources_pass_the_suite() -> None:
    check_source(lambda: StreamSource(CODES, 4, 10), batches=70)
    check_source(lambda: WindowSource(CODES, 4, 10, seed=3), batches=70)


@pytest.mark.parametrize("source", [StreamSource(CODES, 4, 10), WindowSource(CODES, 4, 10, seed=3)])
def test_y_is_the_next_token(source: StreamSource | WindowSource) -> None:
    for _ in range(100):
        batch = next(source)
        assert batch[TOKENS].shape == batch[Y].shape == (4, 10)
        assert torch.equal((batch[TOKENS] + 1) % 1000, batch[Y])
        assert torch.equal(batch[TOKENS][:, 1:], batch[Y][:, :-1])


def test_a_reader_reads_on_where_its_last_window_ended() -> None:
    source = StreamSource(CODES, 4, 10)
    before = next(source)
    assert before[TOKENS][:, 0].tolist() == [0, 250, 500, 750]
    for _ in range(150):
        after = next(source)
        assert torch.equal(after[TOKENS][:, 0], before[Y][:, -1])
        before = after


def test_every_reader_begins_anew_once_in_as_many_batches_as_there_are_readers() -> None:
    source = StreamSource(CODES, 4, 10)
    fresh = torch.stack([next(source)[FRESH] for _ in range(9)])
    assert fresh[0].all(), "nothing is remembered before the first batch"
    assert torch.equal(fresh[1:].int(), torch.eye(4, dtype=torch.int32).roll(-1, 0).repeat(2, 1))


def test_a_pass_of_windows_holds_every_token_once_and_is_cut_elsewhere_than_the_next() -> None:
    source = WindowSource(CODES, 3, 10, seed=0)
    assert source.samples == 99
    passes = [torch.cat([next(source)[TOKENS] for _ in range(33)]) for _ in range(3)]
    for found in passes:
        assert found.flatten().unique().numel() == 990
    assert len({int(found[:, 0].min()) for found in passes}) > 1, "all passes are cut at the same places"
    assert not torch.equal(passes[0].sort(0).values, passes[0]), "the windows are not shuffled"


def test_a_text_shorter_than_a_window_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        StreamSource(CODES[:10], 4, 10)
    assert "must hold more tokens than one window (10)" in str(caught.value)
    assert "found:     10 tokens" in str(caught.value)
