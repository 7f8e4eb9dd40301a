"""`METHODS`: every classical method by the name that a user types."""

from __future__ import annotations

from learnloop.errors import RecipeError, did_you_mean, nearest
from learnloop.models.classical.arima import ARIMA, SARIMA
from learnloop.models.classical.autoregression import AR
from learnloop.models.classical.forecast import Method
from learnloop.models.classical.naive import Drift, Naive, SeasonalNaive
from learnloop.models.classical.naive2 import Naive2
from learnloop.models.classical.smoothing import CES, ETS, Holt, HoltWinters, SimpleSmoothing
from learnloop.models.classical.theta import Combination, DynamicTheta, OptimisedTheta, Theta

METHODS: dict[str, Method] = {
    "naive": Naive(),
    "seasonal_naive": SeasonalNaive(),
    "drift": Drift(),
    "naive2": Naive2(),
    "ar": AR(),
    "arima": ARIMA(),
    "sarima": SARIMA(),
    "ses": SimpleSmoothing(),
    "holt": Holt(),
    "holt_winters": HoltWinters(),
    "ets": ETS(),
    "ces": CES(),
    "theta": Theta(),
    "optimised_theta": OptimisedTheta(),
    "dynamic_theta": DynamicTheta(),
    "combination": Combination(),
}
"""In the order of their complexity within each family: of two that cannot be told apart the earlier is taken."""


def method(name: str, where: str = "--model") -> Method:
    """The method of that name. Raises RecipeError that names the nearest ones."""
    if name in METHODS:
        return METHODS[name]
    raise RecipeError(
        where, "must be a forecasting method", found=repr(name), cause=did_you_mean(name, METHODS),
        available=nearest(name, METHODS, most=len(METHODS)),
    )  # fmt: skip
