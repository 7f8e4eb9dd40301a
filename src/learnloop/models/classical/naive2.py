"""Naive2, the benchmark of the M competitions: naive on the seasonally adjusted series, where there is a season.

Sources: Makridakis, Spiliotis and Assimakopoulos, The M4 Competition, International Journal of Forecasting 36 (2020),
section 2.4 and the competition's own `Benchmarks and Evaluation.R` (the test, its limit and the decomposition).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from learnloop.models.classical.forecast import Classical, Forecast
from learnloop.models.classical.naive import Naive

_LIMIT = 1.645
"""The 95 % quantile of the normal distribution: a two-sided test at 90 %."""


def autocorrelation(y: np.ndarray, lags: int) -> np.ndarray:
    """`r_k = sum_t (y_t - mean)(y_(t+k) - mean) / sum_t (y_t - mean)^2`, k = 1 ... lags. [lags]"""
    centred = y - y.mean()
    total = float(centred @ centred)
    return np.array([centred[:-lag] @ centred[lag:] / total for lag in range(1, lags + 1)])


def is_seasonal(y: np.ndarray, season: int) -> bool:
    """`|r_m| > 1.645 sqrt((1 + 2 sum_(k<m) r_k^2) / n)` with m the season, over at least three seasons: whether the
    autocorrelation at the season is larger than chance makes it at 90 %. The variance is Bartlett's."""
    if season < 2 or len(y) < 3 * season or np.ptp(y) == 0:
        return False
    r = autocorrelation(y, season)
    return bool(abs(r[-1]) > _LIMIT * np.sqrt((1 + 2 * (r[:-1] ** 2).sum()) / len(y)))


def seasonal_indices(y: np.ndarray, season: int, kind: Literal["multiplicative", "additive"]) -> np.ndarray:
    """The classical decomposition's index of each step of the season, that of y_0 first: [season].

    The trend is the centred moving average over one season (half weights at its ends where the season is even). The
    index is the mean of `y / trend` (or `y - trend`) over all seasons, scaled to mean 1 (or shifted to mean 0).
    Source: FPP3, section 3.4. Needs two seasons and, where multiplicative, positive values.
    """
    weights = np.ones(season) if season % 2 else np.concatenate([[0.5], np.ones(season - 1), [0.5]])
    trend = np.convolve(y, weights / season, mode="valid")  # [n - season or n - season + 1]
    first = (len(weights) - 1) // 2
    middle = y[first : first + len(trend)]
    ratio = middle / trend if kind == "multiplicative" else middle - trend
    phase = (np.arange(len(ratio)) + first) % season
    index = np.bincount(phase, weights=ratio, minlength=season) / np.bincount(phase, minlength=season)  # [season]
    return index / index.mean() if kind == "multiplicative" else index - index.mean()


@dataclass(frozen=True)
class Naive2(Classical):
    """`y_(n+h) = (y_n / s_n) s_(n+h)`, s the multiplicative seasonal indices, all 1 where the test finds no season.

    With values of zero or below the indices are additive, and the note says so: the M4 code has no such case.
    """

    title = "Naive2"
    assumes = "A random walk with a season of constant shape, where the season is clear at 90 %."
    source = "Makridakis et al. 2020, section 2.4"

    def fallback(self, y: np.ndarray, season: int) -> Classical:
        return Naive()

    def compute(self, y: np.ndarray, horizon: int, season: int, levels: Sequence[float]) -> Forecast:
        if not is_seasonal(y, season):
            return Naive().forecast(y, horizon, 1, levels)
        index = seasonal_indices(y, season, "multiplicative") if y.min() > 0 else np.zeros(season)
        then = (len(y) + np.arange(horizon)) % season
        if index.min() > 0:
            adjusted = Naive().forecast(y / index[np.arange(len(y)) % season], horizon, 1, levels)
            return _each(adjusted, index[then], multiply=True)
        index = seasonal_indices(y, season, "additive")
        adjusted = Naive().forecast(y - index[np.arange(len(y)) % season], horizon, 1, levels)
        note = "The series has values of zero or below: Naive2 took an additive season."
        return replace(_each(adjusted, index[then], multiply=False), note=note)


def _each(found: Forecast, index: np.ndarray, *, multiply: bool) -> Forecast:
    """The season put back onto mean and intervals. index [horizon]."""

    def back(values: np.ndarray) -> np.ndarray:
        return values * index if multiply else values + index

    lower = {level: back(values) for level, values in found.lower.items()}
    upper = {level: back(values) for level, values in found.upper.items()}
    return Forecast(back(found.mean), lower, upper)
