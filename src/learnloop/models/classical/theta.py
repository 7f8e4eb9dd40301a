"""The Theta method and its tuned and automatic forms, by statsforecast, and the median of several methods.

`y_(n+h)`: the series is adjusted for its season where one is clear at 90 %, split into theta lines
`theta y_t + (1 - theta)(a + b t)` and put together from their forecasts: theta 0 is the straight line a + b t,
theta 2 doubles the curvature and is smoothed exponentially.
Sources: Assimakopoulos and Nikolopoulos, International Journal of Forecasting 16 (2000); Fiorucci, Pellegrini, Louzada,
Petropoulos and Koehler, Models for optimising the theta method, International Journal of Forecasting 32 (2016).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from learnloop.models.classical.arima import SARIMA
from learnloop.models.classical.forecast import Classical, Forecast
from learnloop.models.classical.library import call, models
from learnloop.models.classical.naive import simple
from learnloop.models.classical.smoothing import CES, ETS


@dataclass(frozen=True)
class Theta(Classical):
    """Theta lines 0 and 2 with equal weights: the method that won the M3 competition."""

    title = "Theta"
    assumes = "Half of the line through all values, half of the present level; a season of constant shape."
    source = "Assimakopoulos and Nikolopoulos 2000; Fiorucci et al. 2016, section 2"
    kind = "STM"

    def least(self, season: int) -> int:
        return 8

    def fallback(self, y: np.ndarray, season: int) -> Classical:
        return simple(y, season)

    def compute(self, y: np.ndarray, horizon: int, season: int, levels: Sequence[float]) -> Forecast:
        model = models(self.title).AutoTheta(season_length=season, model=self.kind)
        return call(model, y, horizon, levels)


@dataclass(frozen=True)
class OptimisedTheta(Theta):
    """The weight of the curved line is fitted instead of fixed at 2."""

    title = "Optimised Theta"
    assumes = "As Theta; how far to trust the line is learnt from the series."
    source = "Fiorucci et al. 2016, section 3.1"
    kind = "OTM"


@dataclass(frozen=True)
class DynamicTheta(Theta):
    """The line too is updated with every value, and the weight is fitted."""

    title = "Dynamic optimised Theta"
    assumes = "As optimised Theta, with a line that changes over time."
    source = "Fiorucci et al. 2016, section 3.2"
    kind = "DOTM"


@dataclass(frozen=True)
class Combination(Classical):
    """The median at every step of dynamic optimised Theta, ETS, CES and seasonal ARIMA; of the interval bounds too.

    A season longer than ETS holds, or a long series, makes seasonal ARIMA slow: above `longest` values it is left out.
    """

    longest: int = 400
    title = "Combination"
    assumes = "No single method is right; their errors differ, and the median leaves out the odd one."
    source = "Petropoulos and Svetunkov, A simple combination of univariate models, IJF 36 (2020): 6th in M4"

    def least(self, season: int) -> int:
        return 8

    def fallback(self, y: np.ndarray, season: int) -> Classical:
        return simple(y, season)

    def compute(self, y: np.ndarray, horizon: int, season: int, levels: Sequence[float]) -> Forecast:
        members: list[Classical] = [DynamicTheta(), ETS(), CES()]
        if len(y) <= self.longest:
            members.append(SARIMA())
        found = [member.forecast(y, horizon, season, levels) for member in members]
        lower = {level: np.median([one.lower[level] for one in found], axis=0) for level in levels}
        upper = {level: np.median([one.upper[level] for one in found], axis=0) for level in levels}
        return Forecast(np.median([one.mean for one in found], axis=0), lower, upper)
