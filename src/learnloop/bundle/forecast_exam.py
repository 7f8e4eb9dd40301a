"""The exam of a bundle that forecasts: each of those that answer repeats a forecast that it gave when it was saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from learnloop.data.panel import Panel
from learnloop.models.classical.forecast import Forecasts
from learnloop.models.classical.table import METHODS

Member = Callable[[str, Panel, int, Sequence[float]], Forecasts]
"""(name, panel, horizon, levels) -> forecasts."""
TOLERANCE = 0.01
"""Of the spread of a series, by which its forecasts may differ: other processors round otherwise and stop likelihoods
at other steps; other weights, or another method, differ by more."""
_SERIES, _STEPS = 2, 12
_SEASONS, _LEAST = 3, 40
"""Of a method's exam: so many seasons, at least so many values, the newest of each series."""


def exam_of(member: Member, weights: Mapping[str, float], panel: Panel, horizon: int) -> dict[str, Any]:
    """{"horizon", "series", "tolerance", "answers": {name: [[..] a row]}}: of each name the forecasts of the first
    series."""
    steps = max(1, min(horizon, _STEPS, int(panel.lengths.min()) // 2))
    count = min(_SERIES, len(panel))
    answers = {name: member(name, _questions(name, panel, count, steps), steps, ()).mean.tolist() for name in weights}
    return {"horizon": steps, "series": count, "tolerance": TOLERANCE, "answers": answers}


def failed(exam: Mapping[str, Any], member: Member, panel: Panel) -> tuple[str, str] | None:
    """(name, how far it is off) of the first one whose answers differ; None where all are as they were.

    Raises KeyError, TypeError or ValueError for an exam that is none.
    """
    tolerance, count, steps = float(exam["tolerance"]), int(exam["series"]), int(exam["horizon"])
    for name, answers in exam["answers"].items():
        asked = _questions(name, panel, count, steps)
        want = np.asarray(answers, np.float64)
        got = member(name, asked, steps, ()).mean
        if want.shape != got.shape:
            return name, f"{list(got.shape)} where {list(want.shape)} should be"
        one = asked.univariate()
        spread = np.array([one.series(place).std() for place in range(len(one))])[:, None]  # [rows, 1]
        size = np.array([np.abs(one.series(place)).max() for place in range(len(one))])[:, None]
        off = np.abs(got - want)
        if not (off <= tolerance * spread + 1e-6 * size).all():
            return name, f"by up to {np.nanmax(off):.3g} in the unit of the series"
    return None


def _questions(name: str, panel: Panel, count: int, steps: int) -> Panel:
    """The first series; of a method only their newest values, since some need long for long ones. For a network they
    end `steps` earlier, so that the plans it reads are known ahead."""
    some = panel.subset(np.arange(count))
    if name not in METHODS:
        return some.upto(some.lengths - steps)
    last = max(_SEASONS * panel.season, _LEAST)
    return replace(
        some,
        times=tuple(times[-last:] for times in some.times),
        values=tuple(values[-last:] for values in some.values),
        filled=tuple(marks[-last:] for marks in some.filled),
        known={},
    )
