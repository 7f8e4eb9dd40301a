"""Several forecasters as one, weighted by what their backtests are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from learnloop.models.classical.blend import blended
from learnloop.models.classical.forecast import Forecasts
from learnloop.scores.forecast_evaluation import metric_of
from learnloop.scores.forecasts import Scored
from learnloop.verbs.backtest import Backtest

POWER = 2.0
"""Weights are `error^-2`: those of the least variance, were the errors of the forecasters independent."""
_LEAST = 0.05
"""A smaller share of the weight is not worth the time of its forecaster."""
_HALVES = 20
"""Series from which on a single window is cross-checked by halves of the series."""


def weights_of(errors: Mapping[str, float]) -> dict[str, float]:
    """`w_i = e_i^-2 / sum_j e_j^-2`, shares below 5 % set to none. {name: share}; a zero error takes everything.

    Source: Bates and Granger, The Combination of Forecasts, Operational Research Quarterly 20 (1969): weights by the
    inverse of squared errors, which leaves out their correlations.
    """
    perfect = [name for name, error in errors.items() if error == 0]
    if perfect:
        return {perfect[0]: 1.0}
    raw = {name: error**-POWER for name, error in errors.items() if np.isfinite(error)}
    total = sum(raw.values())
    kept = {name: value for name, value in raw.items() if value >= _LEAST * total}
    total = sum(kept.values())
    return {name: value / total for name, value in kept.items()}


def blended_scored(tests: Mapping[str, Scored], weights: Mapping[str, float]) -> Scored:
    """The same of forecasts already beside what became true."""
    first = tests[next(iter(weights))]
    found = {name: Forecasts(tests[name].mean, tests[name].lower, tests[name].upper) for name in weights}
    one = blended(found, weights)
    return Scored(first.series, first.origin, first.y, one.mean, first.scale, one.lower, one.upper)


def cross_checked(tests: Sequence[Backtest], metric: str, naive2: Scored | None = None) -> Scored | None:
    """The ensemble's forecasts of every row, with weights that the row had no part in; None where nothing is left over.

    With several windows each is forecast with the weights of the others; with one window and enough series, each half
    of the series with the weights of the other half.
    """
    if len(tests) < 2:
        return None
    folds = _folds(tests[0])
    if folds is None:
        return None
    parts = np.empty(tests[0].scored.y.shape)
    bounds = {side: {level: np.empty_like(parts) for level in tests[0].scored.lower} for side in ("lower", "upper")}
    for fold in np.unique(folds):
        inside, outside = folds == fold, folds != fold
        base = naive2.take(outside) if naive2 is not None else None
        weights = weights_of({test.name: metric_of(metric, test.scored.take(outside), base) for test in tests})
        if not weights:
            return None
        one = blended_scored({test.name: test.scored.take(inside) for test in tests}, weights)
        parts[inside] = one.mean
        for level in bounds["lower"]:
            bounds["lower"][level][inside], bounds["upper"][level][inside] = one.lower[level], one.upper[level]
    first = tests[0].scored
    return Scored(first.series, first.origin, first.y, parts, first.scale, bounds["lower"], bounds["upper"])


def _folds(test: Backtest) -> np.ndarray | None:
    if len(np.unique(test.window)) > 1:
        return test.window
    places = np.unique(test.scored.series)
    if len(places) < _HALVES:
        return None
    return np.searchsorted(places, test.scored.series) % 2
