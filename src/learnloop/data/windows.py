"""Windows of series: `PanelWindows` holds a panel so that a batch is one gather, `ForecastSource` draws from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, Self

import numpy as np
import torch
from torch import Tensor

from learnloop.contracts import FUTURE, PAST, SCALE, SEEN, TIME, Batch, State
from learnloop.data.panel import Panel
from learnloop.errors import DataError
from learnloop.seeds import torch_stream

Each = Literal["series", "window"]
"""What is drawn evenly: a series and then one of its origins, or one of all windows."""

LEAST_PAST = 2
"""Values before an origin that is trained on: one alone has no spread."""
_CHUNK = 64
"""Batches whose windows are drawn at once."""


class PanelWindows:
    """Every window of a panel: `lookback` steps before an origin and `horizon` steps behind it.

    The series lie one behind another in flat tensors, each with `lookback` empty steps before and `horizon` behind it,
    so that the window of origin o begins `o` steps after its series does and its rows are neighbours in memory. An
    origin is the number of values that are known there, 0 <= o <= n. Where the steps right before it were filled in,
    they hold the last measured value instead: what was filled in knew what came after.

    panel     only what may be seen: the training part is cut off before (`Panel.upto`)
    features  float [n_i + horizon, features] of each series, scaled: what is known of its steps and of those behind
              its end; None for none
    scale     float [series, targets], positive and finite: the unit of the errors; None for 1
    """

    def __init__(
        self,
        panel: Panel,
        lookback: int,
        horizon: int,
        *,
        features: Sequence[np.ndarray] | None = None,
        scale: np.ndarray | None = None,
    ) -> None:
        self.lookback, self.horizon = lookback, horizon
        self.variables, self.targets = len(panel.variables), panel.targets
        self.lengths = torch.from_numpy(panel.lengths)
        blocks = panel.lengths + lookback + horizon
        self._begin = torch.from_numpy(np.cumsum(blocks) - blocks)
        rows = int(blocks.sum())
        self.features = 0 if features is None else features[0].shape[1]
        values = np.zeros((rows, self.variables), np.float32)
        seen = np.zeros(rows, np.float32)
        truth = np.full((rows, panel.targets), np.nan, np.float32)
        time = np.zeros((rows, self.features), np.float32)
        for place, start in enumerate((self._begin + lookback).tolist()):
            end = start + len(panel.values[place])
            values[start:end] = panel.values[place]
            seen[start:end] = 1
            truth[start:end] = values[start:end, : panel.targets]
            if panel.filled:
                truth[start:end][panel.filled[place]] = np.nan
            if features is not None:
                time[start : end + horizon] = features[place][: end - start + horizon]
        self._values, self._seen, self._truth, self._time = map(torch.from_numpy, (values, seen, truth, time))
        unit = np.ones((len(panel), panel.targets)) if scale is None else scale
        self._scale = torch.from_numpy(np.array(unit, np.float32))  # [series, targets]
        self._tail, self._carried = _tails(panel, self._values, (self._begin + lookback).tolist())

    def __len__(self) -> int:
        """The number of series."""
        return len(self.lengths)

    @property
    def device(self) -> torch.device:
        return self._values.device

    def to(self, device: str | torch.device) -> Self:
        """Move the tensors, in place; draws stay on the CPU, so that they are the same on every device."""
        for name in ("_values", "_seen", "_truth", "_time", "_scale", "_tail", "_carried"):
            setattr(self, name, getattr(self, name).to(device))
        return self

    def batch(self, series: Tensor, origins: Tensor) -> Batch:
        """The windows of these series (int64 [batch]) at these origins (int64 [batch]), both on the CPU.

        Raises IndexError for an origin that is none.
        """
        if bool(((origins < 0) | (origins > self.lengths[series])).any()):
            raise IndexError("an origin lies outside of its series")
        first = (self._begin[series] + origins).to(self.device)  # where the lookback begins
        behind = first + self.lookback
        past = _gathered(self._values, first, self.lookback)  # [batch, lookback, variables]
        if len(self._tail):
            past = self._without_tails(past, behind - 1)
        return {
            PAST: past,
            SEEN: _gathered(self._seen[:, None], first, self.lookback)[..., 0],  # [batch, lookback]
            TIME: _gathered(self._time, first, self.lookback + self.horizon),  # [batch, lookback + horizon, features]
            FUTURE: _gathered(self._truth, behind, self.horizon),  # [batch, horizon, targets]
            SCALE: self._scale.index_select(0, series.to(self.device)),  # [batch, targets]
        }

    def _without_tails(self, past: Tensor, last: Tensor) -> Tensor:
        """Filled steps that end at row `last` [batch], the last of each window, hold what was measured before them."""
        left = torch.arange(self.lookback, 0, -1, device=past.device)  # steps from each to the origin
        filled = left <= self._tail[last][:, None]  # [batch, lookback]
        return torch.where(filled[..., None], self._carried[last][:, None, :], past)


def _gathered(rows: Tensor, first: Tensor, steps: int) -> Tensor:
    """rows[f : f + steps] for each f of `first`: [rows, columns] -> [batch, steps, columns], a copy.

    All windows are one view of the rows whose windows overlap; picking from it copies whole stretches of memory, many
    times as fast as picking rows one by one.
    """
    columns = rows.shape[1]
    view = rows.as_strided((max(len(rows) - steps + 1, 0), steps, columns), (columns, columns, 1))
    return view.index_select(0, first)


def _tails(panel: Panel, values: Tensor, starts: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Of each row: int64 [rows], how many filled steps end there; float [rows, variables], the last measured values.
    Both empty where nothing was filled."""
    if not any(mark.any() for mark in panel.filled):
        return torch.zeros(0, dtype=torch.int64), torch.zeros(0, values.shape[1])
    source = np.arange(len(values))  # the row whose values are carried to each row
    for mark, start in zip(panel.filled, starts, strict=True):
        measured = np.where(mark, 0, np.arange(len(mark)))
        source[start : start + len(mark)] = start + np.maximum.accumulate(measured)
    return torch.from_numpy(np.arange(len(values)) - source), values[torch.from_numpy(source)]


class ForecastSource:
    """An endless stream of windows drawn at random, with replacement.

    The windows of batches 64 c ... 64 c + 63 are a function of (seed, c): the number of the next batch is the only
    state. Origins leave a whole lookback before them, but for series with fewer than a lookback and two horizons of
    values, whose windows are filled up with nothing on the left; so that the newest values count as much as others,
    the last windows reach over the end of the series, where FUTURE is NaN.

    each    "series": each series is drawn as often, long or short; "window": each window is
    recent  only origins among the last so many steps of each series; None: all
    whole   only windows whose horizon ends with the series at the latest

    Raises DataError where no window is left.
    """

    def __init__(
        self,
        windows: PanelWindows,
        batch_size: int,
        *,
        seed: int,
        each: Each = "series",
        recent: int | None = None,
        whole: bool = False,
    ) -> None:
        self._windows = windows
        self._batch = batch_size
        self._seed = seed
        self._each = each
        first, stop = training_origins(windows, recent=recent, whole=whole)
        count = (stop - first).clamp_min(0)
        self._series = torch.nonzero(count).squeeze(1)  # those with a window
        if not len(self._series):
            raise DataError(
                "the training part",
                "must hold a series with a window to train on",
                found=f"at most {int(windows.lengths.max())} values a series, horizon {windows.horizon}",
                cause="the horizon is longer than the history allows" if whole else "series that are too short",
                do="a shorter --horizon",
            )
        self._first, self._count = first[self._series], count[self._series]
        self._ends = torch.cumsum(self._count, 0)
        self._position = 0
        self._drawn: tuple[int, Tensor, Tensor] = (-1, torch.empty(0), torch.empty(0))

    @property
    def batch_size(self) -> int:
        return self._batch

    @property
    def samples(self) -> int:
        """All windows that can be drawn."""
        return int(self._ends[-1])

    @property
    def position(self) -> int:
        """The number of the next batch, from 0."""
        return self._position

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        series, origins = self.drawn(self._position)
        self._position += 1
        return self._windows.batch(series, origins)

    def drawn(self, position: int) -> tuple[Tensor, Tensor]:
        """Series and origins, int64 [batch] each, of batch number `position`."""
        chunk, place = divmod(position, _CHUNK)
        if self._drawn[0] != chunk:
            self._drawn = (chunk, *self._draw(chunk))
        return self._drawn[1][place], self._drawn[2][place]

    def state_dict(self) -> State:
        return {"position": self._position}

    def load_state_dict(self, state: State) -> None:
        self._position = int(state["position"])

    def _draw(self, chunk: int) -> tuple[Tensor, Tensor]:
        """Of all batches of a chunk: [_CHUNK, batch] each."""
        generator = torch_stream(self._seed, "windows", chunk)
        shape = (_CHUNK, self._batch)
        if self._each == "window":
            number = torch.randint(self.samples, shape, generator=generator)
            place = torch.searchsorted(self._ends, number, right=True)
            offset = number - (self._ends - self._count)[place]
        else:
            place = torch.randint(len(self._series), shape, generator=generator)
            share = torch.rand(shape, generator=generator, dtype=torch.float64)
            offset = (share * self._count[place]).long()  # share < 1: below the count
        return self._series[place], self._first[place] + offset


def training_origins(windows: PanelWindows, *, recent: int | None = None, whole: bool = False) -> tuple[Tensor, Tensor]:
    """The first origin of each series that is trained on, and the one behind its last: int64 [series] each."""
    lengths, lookback, horizon = windows.lengths, windows.lookback, windows.horizon
    first = torch.minimum(torch.full_like(lengths, lookback), lengths - 2 * horizon).clamp_min(LEAST_PAST)
    stop = lengths - horizon + 1 if whole else lengths
    if recent is not None:
        first = torch.maximum(first, stop - recent)
    return first, stop


def every_origin(first: np.ndarray, stop: np.ndarray, step: int = 1) -> tuple[Tensor, Tensor]:
    """Series and origins, int64 [windows] each, of first_i, first_i + step, ... below stop_i of each series i, in this
    order."""
    origins = [np.arange(low, high, step) for low, high in zip(first, stop, strict=True)]
    series = np.repeat(np.arange(len(origins)), [len(some) for some in origins])
    return torch.from_numpy(series), torch.from_numpy(np.concatenate(origins).astype(np.int64))
