"""Batches of rows that differ in length: `BucketSource` to train on, `in_batches` to look at every row once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from learnloop.contracts import LENGTH, PADDING, TOKENS, Batch, InputSpec, State, X, Y
from learnloop.data.sources import RowSource
from learnloop.seeds import torch_stream

POOL = 32
"""Batches whose rows are sorted together: a batch of rows of one length costs no padding, and 32 of them are enough
for lengths to be nearly equal while most of the order stays random."""
_STEP = 8
"""Rectangles are cut to a multiple of this, so that few shapes come up."""


class BucketSource:
    """An endless stream of shuffled batches in which the rows of a batch are of about one length.

    The rows come in the order of a `RowSource`: one permutation of them after another, cut into equal batches. POOL
    batches at a time are sorted by length, cut anew, and their order drawn at random. So every row comes once a
    pass up to the border of a pool, batches have one number of rows, and the state is the number of the next batch
    alone: pool q is a function of (seed, q).

    tensors  key -> Tensor [rows, ...], resident on the device that computes
    lengths  key -> int64 [rows] on the CPU: how many steps of tensors[key][row] are there; these are cut to the
             longest row of a batch. Their sum is the length of a row
    trim     whether they are cut at all; a compiled network wants one shape
    """

    def __init__(
        self, tensors: Batch, batch_size: int, *, seed: int, lengths: Mapping[str, Tensor], trim: bool = True
    ) -> None:
        self._stream = RowSource(tensors, batch_size, seed=seed)
        self._tensors = tensors
        self._lengths = lengths
        self._total = _total(lengths)
        self._trim = trim
        self._seed = seed
        self._pool = max(1, min(POOL, self.samples // self.batch_size))
        self._position = 0
        self._kept: tuple[int, list[Tensor]] = (-1, [])

    @property
    def batch_size(self) -> int:
        return self._stream.batch_size

    @property
    def samples(self) -> int:
        return self._stream.samples

    @property
    def position(self) -> int:
        """The number of the next batch, from 0."""
        return self._position

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        batch = self.batch(self._position)
        self._position += 1
        return batch

    def batch(self, position: int) -> Batch:
        """Batch number `position`."""
        rows = self.rows_of(position)
        widths = _widths(self._lengths, rows) if self._trim else {}
        return {key: _taken(tensor, rows, widths.get(key)) for key, tensor in self._tensors.items()}

    def rows_of(self, position: int) -> Tensor:
        """int64 [batch]: which rows batch number `position` holds."""
        number, place = divmod(position, self._pool)
        if self._kept[0] != number:
            self._kept = (number, self._sorted(number))
        return self._kept[1][place]

    def typical(self) -> Batch:
        """Of the first pool, the batch whose rows are longest is dear and the shortest cheap: one near the mean."""
        cells = [float(sum(_widths(self._lengths, self.rows_of(place)).values())) for place in range(self._pool)]
        return self.batch(int(np.argmin(np.abs(np.array(cells) - np.mean(cells)))))

    def state_dict(self) -> State:
        return {"position": self._position}

    def load_state_dict(self, state: State) -> None:
        self._position = int(state["position"])

    def _sorted(self, number: int) -> list[Tensor]:
        first = number * self._pool
        rows = torch.cat([self._stream.rows_of(first + place) for place in range(self._pool)])
        rows = rows[torch.argsort(self._total[rows], stable=True)]
        batches = rows.split(self.batch_size)
        order = torch.randperm(self._pool, generator=torch_stream(self._seed, "pools", number))
        return [batches[place] for place in order.tolist()]


def row_lengths(spec: InputSpec, tensors: Batch, target: str = "class") -> dict[str, Tensor]:
    """What `lengths` says of texts and series whose rows differ in length; {} of all others.

    target  "text" and "transcript" are rectangles of codes too, numbers may be a series as long as X,
            y [rows, time, targets]
    """
    found: dict[str, Tensor] = {}
    if spec.kind == "text" and TOKENS in tensors:
        found[TOKENS] = (tensors[TOKENS] != PADDING).sum(1)  # [rows]
    elif spec.kind == "series" and LENGTH in tensors:
        found[X] = tensors[LENGTH]
    if not found:
        return {}
    if Y in tensors and target in ("text", "transcript"):
        found[Y] = (tensors[Y] != PADDING).sum(1)  # [rows]
    elif Y in tensors and X in found and tensors[Y].dim() == 3:
        found[Y] = tensors[LENGTH]
    return found if any(int(length.min()) < int(length.max()) for length in found.values()) else {}


def in_batches(
    tensors: Batch, batch_size: int, lengths: Mapping[str, Tensor] | None = None, most_cells: int = 1 << 16
) -> list[tuple[Tensor, Batch]]:
    """Every row once: (which rows, their batch). Without lengths the batches are views, in the order of the rows.

    lengths     as in `BucketSource`: the rows are then sorted, longest first, and what they key is cut to the
                longest row of a batch
    most_cells  of a batch, with lengths: rows times their length; a batch has at least one row
    """
    rows = len(next(iter(tensors.values())))
    if not lengths:
        ends = [(start, min(start + batch_size, rows)) for start in range(0, rows, batch_size)]
        return [(torch.arange(a, b), {key: tensor[a:b] for key, tensor in tensors.items()}) for a, b in ends]
    total = _total(lengths)
    order = torch.argsort(total, stable=True, descending=True)
    found: list[tuple[Tensor, Batch]] = []
    start = 0
    while start < rows:
        size = max(1, min(batch_size, most_cells // max(1, int(total[order[start]]))))
        picked = order[start : start + size]
        widths = _widths(lengths, picked)
        found.append((picked, {key: _taken(tensor, picked, widths.get(key)) for key, tensor in tensors.items()}))
        start += size
    return found


def _total(lengths: Mapping[str, Tensor]) -> Tensor:
    return torch.stack(list(lengths.values())).sum(0)  # [rows]


def _widths(lengths: Mapping[str, Tensor], rows: Tensor) -> dict[str, int]:
    """Steps that each rectangle must keep."""
    return {key: -(-max(1, int(length[rows].max())) // _STEP) * _STEP for key, length in lengths.items()}


def _taken(tensor: Tensor, rows: Tensor, width: int | None) -> Tensor:
    cut = tensor if width is None else tensor[:, :width]
    return cut.index_select(0, rows.to(tensor.device))
