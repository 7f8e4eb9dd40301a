"""`UnpairedSource`: two heaps of pictures, of which none belongs to another."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from learnloop.contracts import Batch, State, X, Y
from learnloop.data.sources import RowSource
from learnloop.seeds import derive


class UnpairedSource:
    """Batch k holds rows of `x` under X and, drawn independently of them, rows of `y` under Y.

    Each heap is shuffled by a stream of its own, and comes to its end at its own time: a pass is one over the larger
    heap. The state is the number k of the next batch.

    x, y        [rows, ...] each, on the device that computes; they may differ in rows
    batch_size  of both; at most the rows of the smaller heap
    """

    def __init__(self, x: Tensor, y: Tensor, batch_size: int, *, seed: int) -> None:
        size = max(1, min(batch_size, len(x), len(y)))
        self._first = RowSource({X: x}, size, seed=derive(seed, "unpaired", "x"))
        self._second = RowSource({Y: y}, size, seed=derive(seed, "unpaired", "y"))

    @property
    def batch_size(self) -> int:
        return self._first.batch_size

    @property
    def samples(self) -> int:
        return max(self._first.samples, self._second.samples)

    @property
    def position(self) -> int:
        """The number of the next batch, from 0."""
        return self._first.position

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        return {**next(self._first), **next(self._second)}

    def rows_of(self, position: int) -> Tensor:
        """int64 [batch]: which rows of `x` batch number `position` holds (for messages about a batch)."""
        return self._first.rows_of(position)

    def state_dict(self) -> State:
        return {"position": self.position}

    def load_state_dict(self, state: State) -> None:
        self._first.load_state_dict(state)
        self._second.load_state_dict(state)
