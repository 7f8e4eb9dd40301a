"""RowSource: every row once a pass, one batch shape, position is the state."""

from __future__ import annotations

import itertools

import pytest
import torch

from learnloop.data.sources import RowSource
from learnloop.errors import DataError


def _source(rows: int = 50, batch: int = 8, seed: int = 1) -> RowSource:
    x = torch.arange(rows, dtype=torch.float32)[:, None].repeat(1, 3)
    return RowSource({"x": x, "y": torch.arange(rows)}, batch, seed=seed)


def test_every_row_comes_once_a_pass_and_columns_stay_together() -> None:
    batches = list(itertools.islice(_source(), 25))  # 200 rows = 4 passes
    assert all(batch["x"].shape == (8, 3) for batch in batches)
    assert all(torch.equal(batch["x"][:, 0], batch["y"].float()) for batch in batches)
    rows = torch.cat([batch["y"] for batch in batches])
    for number in range(4):
        assert rows[50 * number : 50 * (number + 1)].sort().values.tolist() == list(range(50))
    assert not torch.equal(rows[:50], rows[50:100]), "another order in another pass"


@pytest.mark.parametrize("position", [0, 1, 7, 13, 24])
def test_a_resumed_source_continues_bit_for_bit(position: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("learnloop.data.sources._CHUNK_BYTES", 8 * 20 * 5)  # chunks of five batches
    whole = [batch["y"].tolist() for batch in itertools.islice(_source(), 25)]
    source = _source()
    for _ in range(position):
        next(source)
    state = source.state_dict()
    again = _source()
    next(again)
    again.load_state_dict(state)
    assert [batch["y"].tolist() for batch in itertools.islice(again, 25 - position)] == whole[position:]


def test_rows_of_names_the_rows_of_a_batch() -> None:
    source = _source()
    for position in range(10):
        assert torch.equal(next(source)["y"], source.rows_of(position))


def test_seed_decides_the_order() -> None:
    assert not torch.equal(next(_source(seed=1))["y"], next(_source(seed=2))["y"])
    assert torch.equal(next(_source(seed=1))["y"], next(_source(seed=1))["y"])


def test_batch_larger_than_the_data_is_the_whole_data() -> None:
    source = _source(rows=3, batch=32)
    assert source.batch_size == 3 and sorted(next(source)["y"].tolist()) == [0, 1, 2]


def test_no_rows_is_an_error() -> None:
    with pytest.raises(DataError, match="must hold at least one row to train on"):
        RowSource({"x": torch.zeros(0, 2)}, 4, seed=0)
