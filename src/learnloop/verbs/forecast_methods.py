"""Which classical methods take part where nobody names them: those whose time the series allow."""

from __future__ import annotations

from learnloop.data.panel import Panel
from learnloop.models.classical.table import METHODS
from learnloop.recipe.forecast import BESIDE, NETWORK, ForecastChoice
from learnloop.verbs.forecast_parts import Ends

_LAST = ("ar", "arima", "sarima")
ORDER = [*(name for name in METHODS if name not in _LAST), *_LAST]
"""Simplest first: of two that cannot be told apart the earlier is taken."""
SECONDS = {
    "seasonal_naive": (0.0, 0.0, 0.0),
    "dynamic_theta": (2.0, 0.01, 3e-5),
    "holt_winters": (0.0, 0.02, 2e-4),
    "ets": (0.0, 0.06, 1e-3),
    "ces": (30.0, 0.1, 1.5e-3),
    "sarima": (1.0, 0.3, 2e-2),
}
"""name -> seconds on one core of what its library compiles first, of each forecast, and of each value in its past, as
measured with seasons of 12 and 24."""
_USUAL_LENGTH = 500.0
MOST_SECONDS, MOST_FIRST = 90.0, 0.2
"""A method that takes longer for all windows is left out, and one of whose time so much is compiling: few series can
do without it."""


def contestants(panel: Panel, ends: Ends, chosen: ForecastChoice) -> tuple[str, ...]:
    """Names of METHODS, simplest first. What serves is always among them."""
    if chosen.methods is not None:
        return _ordered(chosen.methods)
    if chosen.serve in METHODS:
        return _ordered((*BESIDE, chosen.serve))
    if chosen.serve == NETWORK:
        return BESIDE
    forecasts = (ends.windows + ends.tests) * len(panel) * panel.targets
    length = float(ends.validation.mean())
    return _ordered([name for name in SECONDS if name in BESIDE or _affordable(name, forecasts, length)])


def usual_seconds(name: str, length: float) -> float:
    """Of one forecast on one core, from so many values; 0 for methods without a figure, which are quick."""
    _, begin, each = SECONDS.get(name, (0.0, 0.0, 0.0))
    return begin + each * length


def quickness(name: str) -> float:
    """For sorting, the quickest first."""
    return usual_seconds(name, _USUAL_LENGTH)


def _ordered(names: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names), key=ORDER.index))


def _affordable(name: str, forecasts: int, length: float) -> bool:
    rest = forecasts * usual_seconds(name, length)
    return rest <= MOST_SECONDS and SECONDS[name][0] <= max(5.0, MOST_FIRST * rest)
