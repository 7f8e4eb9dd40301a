"""Does a forecaster know more than the past? What follows the origin is poisoned; its forecasts must not change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from learnloop.data.panel import Panel
from learnloop.errors import ModelError
from learnloop.models.classical.forecast import Forecasts
from learnloop.seeds import numpy_stream
from learnloop.verbs.backtest import sealed
from learnloop.verbs.forecaster import Forecaster

_ROUNDING = 1e-6
"""Of the size of the forecast: the sums of many threads differ in their last digits, a leak by much more."""


@dataclass(frozen=True)
class Leak:
    """name: of the forecaster; rows: forecasts that changed; change: the largest, in units of the forecast's size."""

    name: str
    rows: int
    of: int
    change: float


def find_leak(
    make: Callable[[Panel], Forecaster], panel: Panel, horizon: int, levels: Sequence[float] = (0.9,), seed: int = 0
) -> Leak | None:
    """The leak of a forecaster, or None.

    make(panel) builds the forecaster and may fit whatever it fits beforehand - scalers, features, a choice of method -
    on the panel that it is given. It is called twice: with the panel, and with one whose values in the last `horizon`
    steps are poisoned (random, a thousand times as large). Both are then fitted to and asked from the same past; every
    difference is knowledge of the future. A forecaster whose forecasts are random must draw from a seed of its own.
    """
    ends = panel.lengths - horizon
    past = panel.upto(ends)
    clean, poisoned = (_forecast(make, given, past, horizon, levels) for given in (panel, _poison(panel, ends, seed)))
    changed = np.zeros(len(clean.mean), bool)
    largest = 0.0
    for a, b in zip(_parts(clean), _parts(poisoned), strict=True):
        size = np.maximum(np.abs(a).mean(axis=1), 1e-12)
        both = np.where(np.isfinite(a) & np.isfinite(b), np.abs(a - b), np.where(np.isnan(a) & np.isnan(b), 0, np.inf))
        change = both.max(axis=1) / size
        changed |= change > _ROUNDING
        largest = max(largest, float(change.max()))
    return Leak(make(panel).name, int(changed.sum()), len(changed), largest) if changed.any() else None


def refuse_leak(make: Callable[[Panel], Forecaster], panel: Panel, horizon: int, seed: int = 0) -> None:
    """Raises ModelError where `find_leak` finds one."""
    leak = find_leak(make, panel, horizon, seed=seed)
    if leak is not None:
        raise ModelError(
            leak.name, "must forecast from the values before the origin alone",
            found=f"{leak.rows} of {leak.of} forecasts change when the values after it do",
            cause="a scaler, feature or choice was fitted on the whole series",
            do="fit everything in `fit(past)` and `forecast(past, ...)`",
        )  # fmt: skip


def _forecast(
    make: Callable[[Panel], Forecaster], given: Panel, past: Panel, horizon: int, levels: Sequence[float]
) -> Forecasts:
    forecaster = make(given)
    forecaster.fit(sealed(past))
    return forecaster.forecast(sealed(past), horizon, levels)


def _poison(panel: Panel, ends: np.ndarray, seed: int) -> Panel:
    rng, values = numpy_stream(seed, "leaks"), []
    for rows, end in zip(panel.values, ends, strict=True):
        bad = rows.copy()
        size = 1000 * (np.abs(rows).max() + 1)
        bad[end:] = size * rng.standard_normal(bad[end:].shape)
        values.append(bad)
    return replace(panel, values=tuple(values))


def _parts(found: Forecasts) -> list[np.ndarray]:
    return [found.mean, *found.lower.values(), *found.upper.values()]
