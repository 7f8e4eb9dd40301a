"""`RowSource`: batches of rows that lie in memory (or in a memory map) as tensors."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from learnloop.contracts import INDEX, Batch, State
from learnloop.errors import DataError
from learnloop.seeds import torch_stream

_CHUNK_BYTES = 16 * 2**20


class RowSource:
    """An endless stream of shuffled batches of one fixed size.

    The stream is the concatenation of one permutation of the rows after another; batch k holds its entries
    k*B ... (k+1)*B - 1. Every row comes once a pass, every batch has the same shape (nothing is dropped, nothing is
    padded, and compiled steps see one shape), and the state is the number k alone: the permutation of pass p is a
    function of (seed, p). Rows are gathered for many batches at once, so that a batch costs a slice.

    tensors: key -> Tensor [rows, ...], resident on the device that computes.
    index:   batches also hold which rows they are (INDEX, int64 [batch]).
    """

    def __init__(
        self, tensors: Batch, batch_size: int, *, seed: int, shuffle: bool = True, index: bool = False
    ) -> None:
        sizes = {key: len(tensor) for key, tensor in tensors.items()}
        if len(set(sizes.values())) != 1:
            raise DataError("data", "every tensor must have the same number of rows", found=f"{sizes}")
        self._tensors = tensors
        self._rows = next(iter(sizes.values()))
        if self._rows == 0:
            raise DataError("data", "must hold at least one row to train on", found="0 rows")
        self._batch = min(batch_size, self._rows)
        self._seed = seed
        self._shuffle = shuffle
        self._index = index
        bytes_a_row = sum(tensor[0].numel() * tensor.element_size() for tensor in tensors.values())
        self._chunk = max(1, min(_CHUNK_BYTES // max(1, bytes_a_row * self._batch), 512))
        self._position = 0
        self._ready: Iterator[Batch] = iter(())
        self._orders: dict[int, Tensor] = {}

    @property
    def batch_size(self) -> int:
        return self._batch

    @property
    def samples(self) -> int:
        return self._rows

    @property
    def position(self) -> int:
        """The number of the next batch, from 0."""
        return self._position

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        batch = next(self._ready, None)
        if batch is None:
            self._ready = self._gather(self._position)
            batch = next(self._ready)
        self._position += 1
        return batch

    def rows_of(self, position: int) -> Tensor:
        """int64 [batch]: which rows batch number `position` holds (for messages about a batch)."""
        return self._stream(position * self._batch, (position + 1) * self._batch)

    def state_dict(self) -> State:
        return {"position": self._position}

    def load_state_dict(self, state: State) -> None:
        self._position = int(state["position"])
        self._ready = iter(())

    def _gather(self, position: int) -> Iterator[Batch]:
        """The batches from `position` to the end of its chunk.

        Chunks start at multiples of their size, also after a resume: the memory alignment of a batch, on which the
        rounding of some matrix kernels depends, is then the same in both runs.
        """
        first = position - position % self._chunk
        rows = self._stream(first * self._batch, (first + self._chunk) * self._batch)
        keys = list(self._tensors)
        parts = [tensor.index_select(0, rows.to(tensor.device)).split(self._batch) for tensor in self._tensors.values()]
        if self._index:
            keys.append(INDEX)
            parts.append(rows.to(next(iter(self._tensors.values())).device).split(self._batch))
        batches = [dict(zip(keys, values)) for values in zip(*parts)]
        return iter(batches[position - first :])

    def _stream(self, start: int, stop: int) -> Tensor:
        """Entries start ... stop - 1 of the endless concatenation of permutations."""
        pieces = []
        while start < stop:
            number, offset = divmod(start, self._rows)
            take = min(stop - start, self._rows - offset)
            pieces.append(self._order(number)[offset : offset + take])
            start += take
        return torch.cat(pieces) if len(pieces) > 1 else pieces[0]

    def _order(self, number: int) -> Tensor:
        """The permutation of pass `number`."""
        if not self._shuffle:
            number = 0
        if number not in self._orders:
            if len(self._orders) > 1:
                self._orders.pop(min(self._orders))
            self._orders[number] = (
                torch.randperm(self._rows, generator=torch_stream(self._seed, "rows", number))
                if self._shuffle
                else torch.arange(self._rows)
            )
        return self._orders[number]
