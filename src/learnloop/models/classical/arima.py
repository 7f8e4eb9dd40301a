"""ARIMA with automatic orders, by statsforecast: `(1 - B)^d (1 - B^m)^D y_t` is an ARMA process, B the step back.

d by repeated KPSS tests, D by the strength of the season, the other orders by a stepwise search for the least AICc.
Source: Hyndman and Khandakar, Automatic Time Series Forecasting, Journal of Statistical Software 27 (2008), section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from learnloop.models.classical.forecast import Classical, Forecast
from learnloop.models.classical.library import call, models
from learnloop.models.classical.naive import simple

LONG = 150
"""Above this many values, or a season longer than 12, likelihoods of the search are approximated, as R's does."""


@dataclass(frozen=True)
class ARIMA(Classical):
    """ARIMA(p, d, q) with p, q up to 5 and d up to 2: no season."""

    title = "ARIMA"
    assumes = "Differences of the series swing about a fixed mean and depend linearly on the last few; no season."
    source = "Hyndman and Khandakar 2008, section 3"

    def least(self, season: int) -> int:
        return 8

    def fallback(self, y: np.ndarray, season: int) -> Classical:
        return simple(y, season)

    def compute(self, y: np.ndarray, horizon: int, season: int, levels: Sequence[float]) -> Forecast:
        return _search(self.title, y, horizon, 1, levels)


@dataclass(frozen=True)
class SARIMA(Classical):
    """ARIMA(p, d, q)(P, D, Q)_m with P, Q up to 2 and D up to 1."""

    title = "Seasonal ARIMA"
    assumes = "As ARIMA, with differences and dependence over whole seasons too."
    source = "Hyndman and Khandakar 2008, section 3"

    def least(self, season: int) -> int:
        return max(8, 2 * season + 1)

    def fallback(self, y: np.ndarray, season: int) -> Classical:
        return simple(y, season)

    def compute(self, y: np.ndarray, horizon: int, season: int, levels: Sequence[float]) -> Forecast:
        return _search(self.title, y, horizon, season, levels)


def _search(title: str, y: np.ndarray, horizon: int, season: int, levels: Sequence[float]) -> Forecast:
    rough = len(y) > LONG or season > 12
    model = models(title).AutoARIMA(season_length=season, seasonal=season > 1, approximation=rough)
    return call(model, y, horizon, levels)
