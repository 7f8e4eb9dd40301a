"""Every source passes its suite, and the suite notices each defect that it claims to notice."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from learnloop.contracts import Batch, State
from learnloop.data.sources import RowSource
from learnloop.testing.sources import check_source


def _tensors(rows: int = 50) -> Batch:
    return {"x": torch.arange(rows * 3.0).reshape(rows, 3), "y": torch.arange(rows)}


@pytest.mark.parametrize("batch", [1, 7, 16, 50, 64])
@pytest.mark.parametrize("shuffle", [True, False])
def test_row_source_passes(batch: int, shuffle: bool) -> None:
    check_source(lambda: RowSource(_tensors(), batch, seed=3, shuffle=shuffle))


class Broken(RowSource):
    def __init__(self) -> None:
        super().__init__(_tensors(), 8, seed=3)


class Global(Broken):
    def __next__(self) -> Batch:
        torch.rand(1)
        return super().__next__()


class Stateless(Broken):
    def load_state_dict(self, state: State) -> None:
        pass


class Heavy(Broken):
    def state_dict(self) -> State:
        return {**super().state_dict(), "data": torch.zeros(2_000_000)}


class Random(Broken):
    def __next__(self) -> Batch:
        batch = super().__next__()
        return {
            **batch,
            "x": batch["x"] + torch.rand(1, generator=torch.Generator().manual_seed(id(self) % 997)),
        }


class Ragged(Broken):
    def __next__(self) -> Batch:
        batch = super().__next__()
        size = 8 - self._position % 2
        return {key: value[:size] for key, value in batch.items()}


class Shares(Broken):
    def __init__(self) -> None:
        super().__init__()
        self._first = super().__next__()

    def __next__(self) -> Batch:
        return dict(self._first)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Global, "draws from torch's global generator"),
        (Stateless, "resumed at batch"),
        (Heavy, "a position is asked for, not the data"),
        (Random, "two sources with the same seed differ"),
        (Ragged, "batches have different shapes"),
        (Shares, "changing a batch in place changed batch"),
    ],
)
def test_the_suite_notices(kind: Any, text: str) -> None:
    kept = [kind() for _ in range(40)]  # objects at different addresses

    def make() -> RowSource:
        return kept.pop()

    with pytest.raises(AssertionError, match=text):
        check_source(make)
