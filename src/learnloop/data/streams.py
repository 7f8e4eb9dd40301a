"""Sources over one long text: `StreamSource` reads it on and on in parallel, `WindowSource` takes windows of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor

from learnloop.contracts import TOKENS, Batch, State, Y
from learnloop.errors import DataError
from learnloop.seeds import torch_stream

FRESH = "fresh"  # bool [batch]: readers that begin anew, their state zero

_CHUNK = 64
"""Windows gathered at once: a batch then costs a slice."""


class _TextSource(ABC):
    """What both share: a position, and batches gathered `_CHUNK` at a time, always from the same places on."""

    def __init__(self, codes: Tensor, batch_size: int, window: int) -> None:
        if len(codes) < window + 1:
            raise DataError(
                "the training part",
                f"must hold more tokens than one window ({window})",
                found=f"{len(codes):,} tokens",
                cause="a short text, or a long window",
                do=("learnloop fit A_LONGER_TEXT", f"a window or context of at most {max(2, len(codes) // 2)}"),
            )
        self._codes = codes
        self._batch = batch_size
        self._window = window
        self._position = 0
        self._ready: Iterator[Batch] = iter(())

    @property
    def batch_size(self) -> int:
        return self._batch

    @property
    def samples(self) -> int:
        """Windows in one pass over the text."""
        return max(1, (len(self._codes) - 1) // self._window)

    @property
    def position(self) -> int:
        """The number of the next batch, from 0."""
        return self._position

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        batch = next(self._ready, None)
        if batch is None:
            first = self._position - self._position % _CHUNK
            self._ready = iter(self._gather(first)[self._position - first :])
            batch = next(self._ready)
        self._position += 1
        return batch

    def state_dict(self) -> State:
        return {"position": self._position}

    def load_state_dict(self, state: State) -> None:
        self._position = int(state["position"])
        self._ready = iter(())

    def _gather(self, first: int) -> list[Batch]:
        """The batches first ... first + _CHUNK - 1."""
        starts = self._starts(first)  # [_CHUNK, batch]
        steps = torch.arange(self._window + 1)
        places = (starts[..., None] + steps) % len(self._codes)  # [_CHUNK, batch, window + 1]
        found = self._codes[places.to(self._codes.device)].long()
        fresh = self._fresh(first).to(found.device)
        tokens, y = found[..., :-1].contiguous(), found[..., 1:].contiguous()
        return [{TOKENS: tokens[k], Y: y[k], FRESH: fresh[k]} for k in range(_CHUNK)]

    @abstractmethod
    def _starts(self, first: int) -> Tensor:
        """Where the windows of these batches begin, int64 [_CHUNK, batch]."""

    @abstractmethod
    def _fresh(self, first: int) -> Tensor:
        """Which readers begin anew in these batches, bool [_CHUNK, batch]."""


class StreamSource(_TextSource):
    """`batch_size` readers, evenly spread over a text whose end is joined to its beginning, each reading on and on.

    Reader b of batch k sees the codes from b * n // batch_size + k * window on, and is to predict each next one: what
    a network remembers of one window belongs to the next. In batch k reader k mod batch_size begins anew, because a
    text that is generated begins with nothing remembered, too. The position k is the only state.

    codes  integers [n], on the device that computes
    """

    def __init__(self, codes: Tensor, batch_size: int, window: int) -> None:
        super().__init__(codes, batch_size, window)
        self._first = torch.arange(batch_size) * len(codes) // batch_size

    def _starts(self, first: int) -> Tensor:
        return self._first + self._window * torch.arange(first, first + _CHUNK)[:, None]

    def _fresh(self, first: int) -> Tensor:
        numbers = torch.arange(first, first + _CHUNK)[:, None]
        return (numbers % self._batch == torch.arange(self._batch)) | (numbers == 0)


class WindowSource(_TextSource):
    """Windows in random order, each pass through the text cut at other places.

    Pass p cuts the text from a random place on into windows and shuffles them; the stream of batches is one pass
    after another. Both are functions of (seed, p), so that the position is the only state.
    """

    def __init__(self, codes: Tensor, batch_size: int, window: int, *, seed: int) -> None:
        super().__init__(codes, batch_size, window)
        self._seed = seed
        self._orders: dict[int, Tensor] = {}

    def _starts(self, first: int) -> Tensor:
        begin, end = first * self._batch, (first + _CHUNK) * self._batch
        pieces = []
        while begin < end:
            number, offset = divmod(begin, self.samples)
            take = min(end - begin, self.samples - offset)
            pieces.append(self._order(number)[offset : offset + take])
            begin += take
        return torch.cat(pieces).view(_CHUNK, self._batch)

    def _fresh(self, first: int) -> Tensor:
        return torch.ones(_CHUNK, self._batch, dtype=torch.bool)

    def _order(self, number: int) -> Tensor:
        """Where the windows of pass `number` begin."""
        if number not in self._orders:
            if len(self._orders) > 1:
                self._orders.pop(min(self._orders))
            generator = torch_stream(self._seed, "windows", number)
            slack = len(self._codes) - self.samples * self._window  # at least 1: each window has a code behind it
            phase = int(torch.randint(slack, (1,), generator=generator))
            self._orders[number] = phase + self._window * torch.randperm(self.samples, generator=generator)
        return self._orders[number]
