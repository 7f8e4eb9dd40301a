"""Metrics of forecasts: functions of arrays that give one value for each forecast.

y and f are [forecasts, horizon]: a row is one series from one origin, in the unit of the series. NaN in y is a step
that was not measured: it counts nowhere, and a row without any other has no metric (NaN). Sources: Hyndman and
Koehler, Another look at measures of forecast accuracy, International Journal of Forecasting 22 (2006); Makridakis,
Spiliotis and Assimakopoulos, The M4 Competition, IJF 36 (2020), section 2.3 and appendix A (sMAPE, MASE, OWA, MSIS).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from learnloop.errors import DataError, RecipeError, did_you_mean


def over_steps(values: np.ndarray) -> np.ndarray:
    """The mean of each row over the steps that are not NaN; NaN for a row of nothing else. [forecasts]"""
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)


def absolute(y: np.ndarray, f: np.ndarray) -> np.ndarray:
    """`mean_h |y_h - f_h|`: MAE of each forecast [forecasts]."""
    return over_steps(np.abs(y - f))


def squared(y: np.ndarray, f: np.ndarray) -> np.ndarray:
    """`mean_h (y_h - f_h)^2` [forecasts]; RMSE is the root of the mean over all."""
    return over_steps((y - f) ** 2)


def percentage(y: np.ndarray, f: np.ndarray) -> np.ndarray:
    """`100 mean_h |y_h - f_h| / |y_h|`: MAPE in percent [forecasts]; NaN where a true value is zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = 100 * over_steps(np.abs((y - f) / y))
    return np.where((y == 0).any(axis=1), np.nan, found)


def symmetric(y: np.ndarray, f: np.ndarray) -> np.ndarray:
    """`200 mean_h |y_h - f_h| / (|y_h| + |f_h|)`: sMAPE as in M4, 0 to 200 [forecasts]. 0 / 0 counts as 0."""
    total = np.abs(y) + np.abs(f)
    return 200 * over_steps(np.divide(np.abs(y - f), total, out=np.zeros_like(total), where=total != 0))


def seasonal_scale(history: np.ndarray, season: int) -> float:
    """`mean_t |y_t - y_(t-m)|` over what the forecast was made from [n]: the denominator of MASE.

    m is the season, or 1 where no value has one a season earlier. NaN where it would be zero or there is one value:
    such a series has no MASE.
    """
    lag = season if len(history) > season else 1
    if len(history) < 2:
        return float("nan")
    scale = float(np.abs(history[lag:] - history[:-lag]).mean())
    return scale if scale > 0 else float("nan")


def pinball(y: np.ndarray, quantile: np.ndarray, share: float) -> np.ndarray:
    """`mean_h max(q (y_h - f_h), (q - 1)(y_h - f_h))` of the forecast quantile q = share [forecasts].

    Source: Koenker and Bassett, Regression Quantiles, Econometrica 46 (1978). At q = 0.5 it is half of the MAE."""
    error = y - quantile
    return over_steps(np.maximum(share * error, (share - 1) * error))


def covered(y: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """The share of steps with `lower <= y <= upper` [forecasts]."""
    return over_steps(np.where(np.isnan(y), np.nan, (y >= lower) & (y <= upper)))


def interval_score(y: np.ndarray, lower: np.ndarray, upper: np.ndarray, level: float) -> np.ndarray:
    """`mean_h (u - l) + 2/a (l - y)^+ + 2/a (y - u)^+`, a = 1 - level [forecasts]: width and misses in one figure.

    Divided by the scale of MASE it is M4's MSIS. Source: Gneiting and Raftery, JASA 102 (2007), section 6.2."""
    below, above = np.clip(lower - y, 0, None), np.clip(y - upper, 0, None)
    return over_steps(upper - lower + 2 / (1 - level) * (below + above))


def owa(smape: float, mase: float, smape_naive2: float, mase_naive2: float) -> float:
    """`(sMAPE / sMAPE_Naive2 + MASE / MASE_Naive2) / 2`, of means over all series: 1 is as good as Naive2."""
    return (smape / smape_naive2 + mase / mase_naive2) / 2


@dataclass(frozen=True)
class Scored:
    """Forecasts and what became true. One row is one series from one origin.

    series    int64 [rows]: which series; origin int64 [rows]: how many values it had then
    y, mean   float64 [rows, horizon]; scale float64 [rows]: `seasonal_scale` of the values before the origin
    lower, upper  {level: [rows, horizon]}
    """

    series: np.ndarray
    origin: np.ndarray
    y: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    lower: Mapping[float, np.ndarray] = field(default_factory=dict)
    upper: Mapping[float, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows = len(self.series)
        shapes = {"mean": self.mean.shape} | {f"lower {level}": values.shape for level, values in self.lower.items()}
        shapes |= {f"upper {level}": values.shape for level, values in self.upper.items()}
        wrong = [name for name, shape in shapes.items() if shape != self.y.shape]
        if wrong or self.y.shape[:1] != (rows,) or self.scale.shape != (rows,) or self.origin.shape != (rows,):
            found = f"y {list(self.y.shape)}, {rows} series, {len(self.scale)} scales, wrong: {', '.join(wrong)}"
            raise DataError("forecasts", "must have one shape [rows, horizon] beside the true values", found=found)
        if not rows:
            raise DataError("forecasts", "must be at least one", found="no row")

    def take(self, rows: np.ndarray) -> Scored:
        """Some of the rows, by positions or a mask."""
        lower = {level: values[rows] for level, values in self.lower.items()}
        upper = {level: values[rows] for level, values in self.upper.items()}
        return Scored(
            self.series[rows], self.origin[rows], self.y[rows], self.mean[rows], self.scale[rows], lower, upper
        )

    def groups(self) -> np.ndarray:
        """What is resampled: the series, or the origins where there is one series. int64 [rows]"""
        return self.series if len(np.unique(self.series)) > 1 else self.origin


def terms(scored: Scored) -> dict[str, np.ndarray]:
    """What each metric is the mean of: name -> [rows], NaN in the rows where it is undefined.

    `mse` stands for rmse. Of intervals: `coverage_90`, `width_90` (in units of the series' scale), `msis_90`.
    """
    y, mean, scale = scored.y, scored.mean, scored.scale
    mae = absolute(y, mean)
    found = {
        "mae": mae,
        "mse": squared(y, mean),
        "mape": percentage(y, mean),
        "smape": symmetric(y, mean),
        "mase": mae / scale,
    }
    for level, lower in scored.lower.items():
        upper, name = scored.upper[level], f"{100 * level:g}"
        found[f"coverage_{name}"] = covered(y, lower, upper)
        found[f"width_{name}"] = over_steps(np.where(np.isnan(y), np.nan, upper - lower)) / scale
        found[f"msis_{name}"] = interval_score(y, lower, upper, level) / scale
    if scored.lower:
        found["pinball"] = _quantile_loss(scored) / scale
    return found


def _quantile_loss(scored: Scored) -> np.ndarray:
    """The mean pinball loss of the median (the point forecast) and both ends of every interval [rows]."""
    parts = [pinball(scored.y, scored.mean, 0.5)]
    for level, lower in scored.lower.items():
        parts.append(pinball(scored.y, lower, (1 - level) / 2))
        parts.append(pinball(scored.y, scored.upper[level], (1 + level) / 2))
    return np.mean(parts, axis=0)


METRICS = ("mae", "rmse", "mape", "smape", "mase", "owa")
"""What methods can be compared by; less is better. OWA needs the forecasts of Naive2 on the same rows."""


def check_metric(name: str, scored: Scored) -> None:
    """Raises RecipeError for a name that is none, and for MAPE where a true value is zero: what is taken instead is
    the user's to choose."""
    if name not in METRICS:
        raise RecipeError(
            "--metric", "must be a metric of forecasts", found=repr(name), cause=did_you_mean(name, METRICS),
            available=METRICS,
        )  # fmt: skip
    zeros = int((scored.y == 0).sum())
    if name == "mape" and zeros:
        raise RecipeError(
            "--metric mape", "needs true values other than zero",
            found=f"{zeros} of {scored.y.size} are zero: the percentage of zero is undefined",
            do=["--metric mase (errors over those of seasonal naive)", "--metric mae (in the series' unit)"],
        )  # fmt: skip
