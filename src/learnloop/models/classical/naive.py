"""The forecasts that every other one has to beat: naive, seasonal naive, drift. NumPy alone.

Source of all three and of their intervals: Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd
edition 2021, sections 5.2 and 5.5. The intervals take the residuals of one step as normal, with mean zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from learnloop.models.classical.forecast import Classical, Forecast


def normal_intervals(mean: np.ndarray, deviation: np.ndarray, levels: Sequence[float]) -> Forecast:
    """`mean -+ z deviation`, z the normal quantile of (1 + level) / 2. mean, deviation [horizon]."""
    widths = {level: NormalDist().inv_cdf((1 + level) / 2) * deviation for level in levels}
    lower = {level: mean - width for level, width in widths.items()}
    return Forecast(mean, lower, {level: mean + width for level, width in widths.items()})


def spread(residuals: np.ndarray, parameters: int = 0) -> float:
    """`sqrt(sum e^2 / (n - parameters))`: residuals have mean zero by assumption. FPP3 section 5.4."""
    return float(np.sqrt((residuals**2).sum() / max(1, len(residuals) - parameters)))


@dataclass(frozen=True)
class Naive(Classical):
    """`y_(n+h) = y_n`, standard error `s sqrt(h)` with s that of `y_t - y_(t-1)`."""

    title = "Naive"
    assumes = "The next value is the last one, and every step adds noise of the same size: a random walk."
    source = "FPP3, sections 5.2 and 5.5"

    def least(self, season: int) -> int:
        return 1

    def compute(self, y: np.ndarray, horizon: int, season: int, levels: Sequence[float]) -> Forecast:
        steps = np.arange(1, horizon + 1)
        return normal_intervals(np.full(horizon, y[-1]), spread(np.diff(y)) * np.sqrt(steps), levels)


@dataclass(frozen=True)
class SeasonalNaive(Classical):
    """`y_(n+h) = y_(n+h-m k)`, k the first that lies in the past; standard error `s sqrt(k)`, s of
    `y_t - y_(t-m)`."""

    title = "Seasonal naive"
    assumes = "Every season is like the last one."
    source = "FPP3, sections 5.2 and 5.5"

    def least(self, season: int) -> int:
        return season + 1

    def fallback(self, y: np.ndarray, season: int) -> Classical:
        return Naive()

    def compute(self, y: np.ndarray, horizon: int, season: int, levels: Sequence[float]) -> Forecast:
        steps = np.arange(horizon)
        mean = y[-season:][steps % season]  # [horizon]
        return normal_intervals(mean, spread(y[season:] - y[:-season]) * np.sqrt(steps // season + 1), levels)


@dataclass(frozen=True)
class Drift(Classical):
    """`y_(n+h) = y_n + h (y_n - y_1) / (n - 1)`, standard error `s sqrt(h (1 + h / (n - 1)))`."""

    title = "Drift"
    assumes = "A random walk that rises or falls by the same amount on average as it did so far."
    source = "FPP3, sections 5.2 and 5.5"

    def least(self, season: int) -> int:
        return 3

    def fallback(self, y: np.ndarray, season: int) -> Classical:
        return Naive()

    def compute(self, y: np.ndarray, horizon: int, season: int, levels: Sequence[float]) -> Forecast:
        steps, count = np.arange(1, horizon + 1), len(y) - 1
        slope = (y[-1] - y[0]) / count
        deviation = spread(np.diff(y) - slope, 1) * np.sqrt(steps * (1 + steps / count))
        return normal_intervals(y[-1] + slope * steps, deviation, levels)


def simple(y: np.ndarray, season: int) -> Classical:
    """Seasonal naive where there are two seasons to see one in, else naive."""
    return SeasonalNaive() if season > 1 and len(y) >= 2 * season else Naive()
