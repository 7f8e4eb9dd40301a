"""Split conformal intervals: as wide as the errors of past forecasts say, step by step.

    r_ih = |y_ih - f_ih| / s_ih     the error of past forecast i at step h, in units of its scale
    q_h  = the ceil((n + 1) level)-th smallest of the n values r_.h
    f_h -+ q_h s_h                  the interval of a new forecast

Where past and new forecasts are exchangeable it covers the truth with probability at least `level` at each step,
whatever the distribution. Series and windows of one panel are so only roughly: measure coverage on later windows.
Sources: Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005, section 2.3; Lei, G'Sell, Rinaldo,
Tibshirani and Wasserman, Distribution-Free Predictive Inference for Regression, JASA 113 (2018), sections 2.2 and 5.2
(errors over a local scale); Stankeviciute, Alaa and van der Schaar, Conformal Time-series Forecasting, NeurIPS 2021
(a step at a time; without their correction for all steps at once).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from learnloop.errors import DataError
from learnloop.scores.forecasts import Scored, covered

Scale = Literal["series", "interval"]
ENOUGH = 50
"""Past errors that a quantile is taken from: where one step has fewer, those of its neighbours count too."""


def least_errors(level: float) -> int:
    """The fewest errors that an interval of this level can be made from: ceil((n + 1) level) <= n."""
    return math.ceil(round(level / (1 - level), 9))


def conformal_quantile(errors: np.ndarray, level: float) -> float:
    """The ceil((n + 1) level)-th smallest of the errors [n]; infinity where there are fewer than `least_errors`."""
    rank = math.ceil(round((len(errors) + 1) * level, 9))
    return float("inf") if rank > len(errors) else float(np.partition(errors, rank - 1)[rank - 1])


@dataclass(frozen=True)
class Conformal:
    """Calibrated on past forecasts. scale: `series` (the scale of MASE) or `interval` (half the width of the
    forecaster's own interval, which is thereby stretched). factors {level: [horizon]}; rows: forecasts it is from."""

    scale: Scale
    factors: Mapping[float, np.ndarray]
    rows: int
    notes: tuple[str, ...] = ()

    def intervals(
        self,
        mean: np.ndarray,
        scale: np.ndarray,
        lower: Mapping[float, np.ndarray] | None = None,
        upper: Mapping[float, np.ndarray] | None = None,
    ) -> tuple[dict[float, np.ndarray], dict[float, np.ndarray]]:
        """(lower, upper) {level: [rows, horizon]} around mean [rows, horizon]; scale [rows] as in `Scored`.

        horizon may be shorter than the one calibrated for. Raises DataError where it is longer.
        """
        low, high = {}, {}
        for level, factor in self.factors.items():
            if mean.shape[1] > len(factor):
                raise DataError(
                    "horizon", f"must be at most {len(factor)} steps, for which the intervals were calibrated",
                    found=str(mean.shape[1]),
                )  # fmt: skip
            unit = _unit(self.scale, level, scale, lower or {}, upper or {})
            half = factor[: mean.shape[1]] * unit  # [rows, horizon]
            half = np.where(np.isfinite(half), half, 0.0)  # a series that never changed
            low[level], high[level] = mean - half, mean + half
        return low, high

    def recalibrated(self, scored: Scored) -> Scored:
        """The same forecasts with these intervals."""
        lower, upper = self.intervals(scored.mean, scored.scale, scored.lower, scored.upper)
        return Scored(scored.series, scored.origin, scored.y, scored.mean, scored.scale, lower, upper)


def calibrate(past: Scored, levels: Sequence[float], scale: Scale = "series", enough: int = ENOUGH) -> Conformal:
    """Conformal factors from past forecasts, none of which may be scored with them afterwards.

    scale `interval` needs the forecaster's own intervals at these levels. enough: errors wanted for a quantile; a step
    with fewer takes the errors of the steps around it as well, at most all of them.
    Raises DataError where all together are fewer than `least_errors(level)`.
    """
    factors: dict[float, np.ndarray] = {}
    notes: list[str] = []
    for level in levels:
        unit = _unit(scale, level, past.scale, past.lower, past.upper)
        with np.errstate(divide="ignore", invalid="ignore"):
            errors = np.abs(past.y - past.mean) / unit  # [rows, horizon]
        errors = np.where((unit > 0) & np.isfinite(past.y), errors, np.nan)
        factors[level], pooled = _quantiles(errors, level, enough)
        if pooled and not notes:
            notes.append(
                f"Few past forecasts ({len(past.y)}): the intervals of a step also go by errors up to {pooled} "
                "steps before and after it."
            )
    return Conformal(scale, factors, len(past.y), tuple(notes))


def coverage(scored: Scored) -> dict[float, float]:
    """The share of true values inside of each interval, over all rows and steps that were measured."""
    return {
        level: float(np.nanmean(covered(scored.y, low, scored.upper[level]))) for level, low in scored.lower.items()
    }


def _unit(
    kind: Scale,
    level: float,
    scale: np.ndarray,
    lower: Mapping[float, np.ndarray],
    upper: Mapping[float, np.ndarray],
) -> np.ndarray:
    """What errors are measured in, [rows, 1] or [rows, horizon]."""
    if kind == "series":
        return scale[:, None]
    if level not in lower:
        available = [f"{one:g}" for one in lower]
        raise DataError(
            "levels", "must be levels the forecasts have intervals of", found=f"{level:g}", available=available
        )
    return (upper[level] - lower[level]) / 2


def _quantiles(errors: np.ndarray, level: float, enough: int) -> tuple[np.ndarray, int]:
    """The quantile of each step [horizon], and how many neighbours on either side were taken with it at most."""
    horizon, needed = errors.shape[1], least_errors(level)
    known = np.isfinite(errors)
    if int(known.sum()) < needed:
        raise DataError(
            "intervals", f"of {100 * level:g} % need at least {needed} past errors to be calibrated",
            found=str(int(known.sum())), do="more windows, or a lower level",
        )  # fmt: skip
    wanted, widest = max(enough, needed), 0
    found = np.empty(horizon)
    for step in range(horizon):
        reach = 0
        while known[:, max(0, step - reach) : step + reach + 1].sum() < wanted and reach < horizon:
            reach += 1
        near = slice(max(0, step - reach), step + reach + 1)
        found[step] = conformal_quantile(errors[:, near][known[:, near]], level)
        widest = max(widest, reach)
    return found, widest
