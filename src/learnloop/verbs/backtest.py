"""Rolling-origin backtest: forecasts from several past origins, each made from the values before it alone.

Source: Tashman, Out-of-sample tests of forecasting accuracy, International Journal of Forecasting 16 (2000).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from learnloop.data.panel import Panel
from learnloop.errors import DataError, RecipeError
from learnloop.models.classical.forecast import LEVELS, Forecasts
from learnloop.scores.forecasts import Scored, seasonal_scale
from learnloop.verbs.forecaster import Forecaster


@dataclass(frozen=True)
class Backtest:
    """Forecasts of one forecaster beside what became true, oldest window first. window int64 [rows]: 0 is the oldest.
    refit: whether it learnt anew at each origin. notes: sentences; seconds: learning and forecasting."""

    name: str
    title: str
    scored: Scored
    window: np.ndarray
    refit: bool
    seconds: float
    notes: tuple[str, ...] = field(default=())

    def windows(self, which: Sequence[int] | np.ndarray) -> Scored:
        """The forecasts of some windows alone."""
        return self.scored.take(np.isin(self.window, which))


def origins(length: int, horizon: int, windows: int, step: int = 0, least: int = 1) -> list[int]:
    """How many values are known at each origin, oldest first; the last forecast ends with the series.

        n - horizon - k step, k = windows - 1 ... 0

    step: values between origins, 0 for the horizon: windows that do not overlap. Origins with fewer than `least` values
    are left out. Raises RecipeError for a horizon, number of windows or step that is none.
    """
    for name, value, lowest in (("horizon", horizon, 1), ("windows", windows, 1), ("step", step, 0)):
        if value < lowest:
            raise RecipeError(name, f"must be at least {lowest}", found=str(value))
    found = [length - horizon - place * (step or horizon) for place in reversed(range(windows))]
    return [end for end in found if end >= max(1, least)]


def backtest(
    panel: Panel,
    forecaster: Forecaster,
    horizon: int,
    windows: int = 1,
    refit: bool = True,
    *,
    step: int = 0,
    least: int = 0,
    levels: Sequence[float] = LEVELS,
) -> Backtest:
    """Forecasts from `windows` origins `step` values apart (0: the horizon), the last one ending with each series.

    refit   True: `fit` at every origin, on the values before it. False: once, on those before the oldest; later ones
            are only forecast from. Classical methods estimate anew in any case.
    least   values that a series must have before an origin, 0 for one season and one (at least 2); a series with fewer
            is left out of that window, which is noted.
    The forecaster sees copies of the past: the values after an origin are nowhere in its memory by way of its argument.
    Values that were filled in are not scored. Raises DataError where no series is long enough for one window.
    """
    one = panel.univariate()
    least = least or max(2, panel.season + 1)
    ends = _ends(panel, horizon, windows, step, least)  # [windows, series]
    rows: list[Scored] = []
    window: list[np.ndarray] = []
    notes: Counter[str] = Counter()
    began = time.perf_counter()
    for place, stops in enumerate(ends):
        kept = np.flatnonzero(stops >= least)
        part = panel.subset(kept)
        past = sealed(part.upto(stops[kept]))
        if refit or not rows:
            forecaster.fit(past)
        found = forecaster.forecast(past, horizon, levels)
        notes.update(note for note in found.notes if note)
        targets = np.repeat(stops[kept], panel.targets) if panel.targets > 1 else stops[kept]
        numbers = _rows_of(panel, kept)
        rows.append(_scored(one, numbers, targets, found, horizon))
        window.append(np.full(len(numbers), place))
    said = [f"In {count} forecasts: {note}" if count > 1 else note for note, count in notes.most_common(5)]
    said += _left_out(ends, least, windows)
    seconds = time.perf_counter() - began
    return Backtest(
        forecaster.name, forecaster.title, joined(rows), np.concatenate(window), refit, seconds, tuple(said)
    )


def sealed(past: Panel) -> Panel:
    """The panel with copies of its values: a slice would still hold the whole series as its base."""
    return replace(past, values=tuple(values.copy() for values in past.values), origin={})


def joined(parts: Sequence[Scored]) -> Scored:
    """Rows of several windows below each other."""
    levels = list(parts[0].lower)
    return Scored(
        np.concatenate([part.series for part in parts]),
        np.concatenate([part.origin for part in parts]),
        np.concatenate([part.y for part in parts]),
        np.concatenate([part.mean for part in parts]),
        np.concatenate([part.scale for part in parts]),
        {level: np.concatenate([part.lower[level] for part in parts]) for level in levels},
        {level: np.concatenate([part.upper[level] for part in parts]) for level in levels},
    )


def _ends(panel: Panel, horizon: int, windows: int, step: int, least: int) -> np.ndarray:
    """The origin of each window and series, int64 [windows with a series, series]; below `least`: no such window."""
    origins(1, horizon, windows, step)  # refuses what is none
    back = horizon + np.arange(windows)[::-1] * (step or horizon)
    ends = panel.lengths[None, :] - back[:, None]
    ends = ends[(ends >= least).any(axis=1)]
    if not len(ends):
        longest = int(panel.lengths.max())
        raise DataError(
            "--horizon", f"must leave {least} of a series' values before the forecast",
            found=f"horizon {horizon}; the longest series of {panel.name} has {longest}",
            cause="the horizon is longer than the history allows",
            do=f"--horizon {longest - least}" if longest > least else "more data",
        )  # fmt: skip
    return np.asarray(ends)


def _rows_of(panel: Panel, kept: np.ndarray) -> np.ndarray:
    """The rows of `panel.univariate()` that belong to the kept series."""
    if panel.targets == 1:
        return kept
    return (kept[:, None] * panel.targets + np.arange(panel.targets)).ravel()


def _scored(one: Panel, numbers: np.ndarray, ends: np.ndarray, found: Forecasts, horizon: int) -> Scored:
    """What was forecast beside what became true; filled values are NaN there."""
    truth, scale = np.empty((len(numbers), horizon)), np.empty(len(numbers))
    for row, (number, end) in enumerate(zip(numbers, ends, strict=True)):
        values = one.series(int(number))
        truth[row] = values[end : end + horizon]
        if one.filled:
            truth[row, one.filled[number][end : end + horizon]] = np.nan
        scale[row] = seasonal_scale(values[:end], one.season)
    return Scored(numbers, np.asarray(ends), truth, found.mean, scale, found.lower, found.upper)


def _left_out(ends: np.ndarray, least: int, windows: int) -> list[str]:
    notes = []
    if len(ends) < windows:
        notes.append(f"{len(ends)} of {windows} windows: no series is long enough for more.")
    short = int((ends < least).any(axis=0).sum())
    if short:
        notes.append(f"{short} of {ends.shape[1]} series are too short for every window: left out of the older ones.")
    return notes
