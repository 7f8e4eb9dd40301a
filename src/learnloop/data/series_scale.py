"""By what the errors of each series are divided, so that a network that learns many series hears all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from learnloop.data.panel import Panel
from learnloop.scores.forecasts import seasonal_scale

ScaleKind = Literal["naive", "deviation", "one"]

_TINY = 1e-9
"""Of the mean size of a series: a scale below it is rounding."""


def usual_scale(loss: str, *, stationary: bool) -> ScaleKind:
    """ "naive", so that errors are those of MASE; "deviation" for squares (`mse`), which are usually told so, and where
    the values were made stationary: nobody asks for the MASE of a logarithm."""
    return "deviation" if loss == "mse" or stationary else "naive"


def series_scales(panel: Panel, kind: ScaleKind = "naive") -> np.ndarray:
    """float64 [series, targets], positive, from the measured values of `panel`, the training part.

    naive      mean |y_t - y_(t-m)|, the denominator of MASE (m: the season)
    deviation  the standard deviation, as errors are standardised in papers on long horizons
    one        1: errors in the unit of the series
    A series that the scale finds flat has its deviation, its mean size or 1 instead, the first that is not zero.
    """
    found = np.ones((len(panel), panel.targets))
    if kind == "one":
        return found
    tried: list[Callable[[np.ndarray], float]] = [_deviation, _size]
    if kind == "naive":
        tried.insert(0, lambda y: seasonal_scale(y, panel.season))
    for place, values in enumerate(panel.values):
        kept = ~panel.filled[place] if panel.filled else np.ones(len(values), bool)
        for target in range(panel.targets):
            y = values[kept, target]
            least = _TINY * _size(y)
            found[place, target] = next((scale for scale in (one(y) for one in tried) if scale > least), 1.0)
    return found


def _deviation(y: np.ndarray) -> float:
    return float(y.std()) if len(y) else 0.0


def _size(y: np.ndarray) -> float:
    return float(np.abs(y).mean()) if len(y) else 0.0
