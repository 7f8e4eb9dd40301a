"""Exponential smoothing in state space form, by statsforecast: simple, Holt, Holt-Winters, automatic ETS; CES.

A model is written error, trend, season: A additive, M multiplicative, N none. Parameters and first states maximise the
likelihood; among several the least AICc wins. Source of all but CES: Hyndman, Koehler, Ord and Snyder, Forecasting
with Exponential Smoothing, 2008, chapters 2, 5 and 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from learnloop.models.classical.forecast import Classical, Forecast
from learnloop.models.classical.library import call, models, percent, undisturbed, unpacked
from learnloop.models.classical.naive import simple

MOST_SEASON = 24
"""statsforecast's ETS takes no longer season: its first states would be as many parameters."""


@dataclass(frozen=True)
class SimpleSmoothing(Classical):
    """`l_t = l_(t-1) + alpha (y_t - l_(t-1))`, `y_(n+h) = l_n`."""

    title = "Simple exponential smoothing"
    assumes = "A level that wanders; neither trend nor season."
    source = "Hyndman et al. 2008, section 2.5: ETS(A,N,N)"

    def least(self, season: int) -> int:
        return 8

    def fallback(self, y: np.ndarray, season: int) -> Classical:
        return simple(y, season)

    def compute(self, y: np.ndarray, horizon: int, season: int, levels: Sequence[float]) -> Forecast:
        return call(models(self.title).AutoETS(season_length=1, model="ANN"), y, horizon, levels)


@dataclass(frozen=True)
class Holt(Classical):
    """`l_t = l_(t-1) + b_(t-1) + alpha e_t`, `b_t = b_(t-1) + beta e_t`, `y_(n+h) = l_n + h b_n`."""

    title = "Holt"
    assumes = "A level and a trend that wander and go on for ever; no season."
    source = "Hyndman et al. 2008, section 2.5: ETS(A,A,N)"

    def least(self, season: int) -> int:
        return 8

    def fallback(self, y: np.ndarray, season: int) -> Classical:
        return simple(y, season)

    def compute(self, y: np.ndarray, horizon: int, season: int, levels: Sequence[float]) -> Forecast:
        return call(models(self.title).AutoETS(season_length=1, model="AAN", damped=False), y, horizon, levels)


@dataclass(frozen=True)
class HoltWinters(Classical):
    """`y_(n+h) = l_n + h b_n + s`, or `(l_n + h b_n) s`: the one of less AICc; additive with values of zero or less."""

    title = "Holt-Winters"
    assumes = "A level, a trend that goes on for ever and a season, all of which wander."
    source = "Hyndman et al. 2008, section 2.5: ETS(A,A,A) and ETS(M,A,M)"

    def least(self, season: int) -> int:
        return 2 * season + 5 if season > 1 else 8

    def fallback(self, y: np.ndarray, season: int) -> Classical:
        return simple(y, season)

    def compute(self, y: np.ndarray, horizon: int, season: int, levels: Sequence[float]) -> Forecast:
        if not 1 < season <= MOST_SEASON:
            raise ValueError("no season that this method can hold")
        library = models(self.title)
        kinds = ("AAA", "MAM") if y.min() > 0 else ("AAA",)
        fitted: list[tuple[float, int, Any]] = []
        with undisturbed():
            for kind in kinds:
                model = library.AutoETS(season_length=season, model=kind, damped=False).fit(y)
                fitted.append((_criterion(model), len(fitted), model))
            best = min(fitted)[2]
            return unpacked(best.predict(h=horizon, level=percent(levels) or None), levels)


@dataclass(frozen=True)
class ETS(Classical):
    """The exponential smoothing model of least AICc: error, trend (none, plain, damped), season chosen."""

    title = "Automatic ETS"
    assumes = "Level, trend and season wander slowly; which there are, and how they combine, is chosen by AICc."
    source = "Hyndman et al. 2008, section 2.8; Hyndman and Khandakar, Journal of Statistical Software 27 (2008)"

    def least(self, season: int) -> int:
        return 8

    def fallback(self, y: np.ndarray, season: int) -> Classical:
        return simple(y, season)

    def compute(self, y: np.ndarray, horizon: int, season: int, levels: Sequence[float]) -> Forecast:
        season = season if season <= MOST_SEASON else 1
        return call(models(self.title).AutoETS(season_length=season), y, horizon, levels)


@dataclass(frozen=True)
class CES(Classical):
    """Complex exponential smoothing: level and a second state turn around each other; season by AICc."""

    title = "Complex exponential smoothing"
    assumes = "No split into level and trend; a season of any shape, if there is one."
    source = "Svetunkov, Kourentzes and Ord, Naval Research Logistics 69 (2022)"

    def least(self, season: int) -> int:
        return max(8, 2 * season + 1)

    def fallback(self, y: np.ndarray, season: int) -> Classical:
        return simple(y, season)

    def compute(self, y: np.ndarray, horizon: int, season: int, levels: Sequence[float]) -> Forecast:
        return call(models(self.title).AutoCES(season_length=season), y, horizon, levels)


def _criterion(model: Any) -> float:
    value = float(model.model_["aicc"])
    return value if np.isfinite(value) else np.inf
