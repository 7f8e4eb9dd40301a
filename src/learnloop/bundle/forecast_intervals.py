"""Intervals of served forecasts: calibrated as far as past windows reach, and what is done behind that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from learnloop.contracts import State
from learnloop.errors import RecipeError
from learnloop.models.classical.forecast import Forecasts
from learnloop.scores.conformal import Conformal


def calibrated_steps(calibration: Conformal | None) -> int:
    """Steps ahead that past windows had; 0 where there were too few windows."""
    return 0 if calibration is None else min(len(factors) for factors in calibration.factors.values())


def with_intervals(
    found: Forecasts, scale: np.ndarray, calibration: Conformal | None, levels: Sequence[float]
) -> Forecasts:
    """The forecasts with calibrated intervals at these levels; scale [rows]: `seasonal_scale` of each history.

    Behind the steps that past windows had, H, nothing is known of errors: the interval of step h keeps what
    calibration made of the forecaster's own at H, and is never narrower than there:

        half_h = max(half_H, own_h half_H / own_H)

    It is half_H where the forecaster has no interval of its own. Without calibration the own intervals stay.
    """
    if calibration is None:
        chosen = [level for level in levels if level in found.lower]
        return _with(found, {one: found.lower[one] for one in chosen}, {one: found.upper[one] for one in chosen})
    calibration = replace(calibration, factors={level: calibration.factors[level] for level in levels})
    steps = min(calibrated_steps(calibration), found.mean.shape[1])
    near_lower, near_upper = calibration.intervals(
        found.mean[:, :steps], scale, _until(found.lower, steps), _until(found.upper, steps)
    )
    lower, upper = {}, {}
    for level in levels:
        last = (near_upper[level][:, -1:] - near_lower[level][:, -1:]) / 2  # [rows, 1]
        half = _beyond(found, level, steps, last)  # [rows, horizon - steps]
        lower[level] = np.concatenate([near_lower[level], found.mean[:, steps:] - half], axis=1)
        upper[level] = np.concatenate([near_upper[level], found.mean[:, steps:] + half], axis=1)
    return _with(found, lower, upper)


def _beyond(found: Forecasts, level: float, steps: int, last: np.ndarray) -> np.ndarray:
    shape = (len(found.mean), found.mean.shape[1] - steps)
    if level not in found.lower:
        return np.broadcast_to(last, shape)
    own = (found.upper[level] - found.lower[level]) / 2  # [rows, horizon]
    edge = own[:, steps - 1 : steps]
    ratio = np.divide(last, edge, out=np.zeros_like(last), where=edge > 0)
    return np.maximum(own[:, steps:] * ratio, last)


def _until(bounds: Mapping[float, np.ndarray], steps: int) -> dict[float, np.ndarray]:
    return {level: values[:, :steps] for level, values in bounds.items()}


def _with(found: Forecasts, lower: Mapping[float, np.ndarray], upper: Mapping[float, np.ndarray]) -> Forecasts:
    return Forecasts(found.mean, lower, upper, found.notes)


def check_levels(levels: Sequence[float], there: Sequence[float]) -> tuple[float, ...]:
    """The levels in ascending order. Raises RecipeError for one that the run has no interval of."""
    strange = [level for level in levels if level not in there]
    if strange:
        raise RecipeError(
            "--level",
            "must be a level that the run has intervals of",
            found=f"{strange[0]:g}",
            cause="a level in percent" if strange[0] > 1 else "",
            do="learnloop fit DATA --set 'forecast.levels=[0.5, 0.9]'   # other levels",
            available=[f"{level:g}" for level in there],
        )
    return tuple(sorted(levels))


def main_level(levels: Sequence[float]) -> float | None:
    """The level that is shown where one is: 90 %, else the middle one; None where there is none."""
    ordered = sorted(levels)
    if not ordered:
        return None
    return 0.9 if 0.9 in ordered else ordered[len(ordered) // 2]


def calibration_state(calibration: Conformal | None) -> State:
    if calibration is None:
        return {}
    return {
        "scale": calibration.scale,
        "levels": list(calibration.factors),
        "factors": np.stack([np.asarray(one) for one in calibration.factors.values()]),  # [levels, horizon]
        "rows": calibration.rows,
        "notes": list(calibration.notes),
    }


def calibration_of(state: State) -> Conformal | None:
    if not state:
        return None
    factors = {float(level): row for level, row in zip(state["levels"], np.asarray(state["factors"]), strict=True)}
    return Conformal(state["scale"], factors, int(state["rows"]), tuple(state["notes"]))
