"""`Auto`: the forecaster that `--model auto` serves: the winner of a contest on past windows, or the weighted ensemble,
with intervals calibrated on those windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from learnloop.data.panel import Panel
from learnloop.errors import DataError
from learnloop.models.classical.blend import blended
from learnloop.models.classical.forecast import LEVELS, Forecasts
from learnloop.scores.conformal import ENOUGH, Conformal, Scale, calibrate, least_errors
from learnloop.scores.forecasts import seasonal_scale
from learnloop.verbs.contest import CONTESTANTS, Contest, contest
from learnloop.verbs.forecaster import Forecaster, MethodForecaster


@dataclass
class Auto:
    """`fit` holds the contest, `forecast` serves what it decided.

    After `fit`: contest, weights, and calibration, None where past windows are too few: then the methods' own intervals
    are served. Few past forecasts stretch the methods' own intervals; many give their width at each step instead."""

    horizon: int
    contestants: Sequence[str | Forecaster] = CONTESTANTS
    metric: str = "mase"
    levels: Sequence[float] = LEVELS
    windows: int = 0
    jobs: int = 1
    seed: int = 0
    name: str = "auto"
    title: str = "Best on past windows"
    contest: Contest | None = field(default=None, init=False)
    calibration: Conformal | None = field(default=None, init=False)

    @property
    def weights(self) -> dict[str, float]:
        return self.contest.weights if self.contest is not None else {}

    def fit(self, past: Panel) -> None:
        """Raises what `contest` raises."""
        self.contest = contest(
            past, self.horizon, self.contestants, metric=self.metric, levels=self.levels, windows=self.windows,
            jobs=self.jobs, seed=self.seed,
        )  # fmt: skip
        served = self.contest.served
        enough = np.isfinite(served.y).sum() >= 2 * max(least_errors(level) for level in self.levels)
        kind: Scale = "series" if len(served.y) >= ENOUGH else "interval"
        self.calibration = calibrate(served, self.levels, kind) if enough else None

    def forecast(self, past: Panel, horizon: int, levels: Sequence[float] = LEVELS) -> Forecasts:
        """Raises DataError before `fit`, for a longer horizon or a level that the contest had not."""
        if self.contest is None:
            raise DataError("auto", "must be fitted before it forecasts", do="auto.fit(panel)")
        members = {}
        for one in self.contestants:
            member = MethodForecaster.of(one, self.jobs) if isinstance(one, str) else one
            if member.name in self.weights:
                if not isinstance(member, MethodForecaster):
                    member.fit(past)
                members[member.name] = member.forecast(past, horizon, levels)
        found = blended(members, self.weights)
        if self.calibration is None:
            return found
        one_each = past.univariate()
        scale = np.array([seasonal_scale(one_each.series(place), one_each.season) for place in range(len(one_each))])
        lower, upper = self.calibration.intervals(found.mean, scale, found.lower, found.upper)
        chosen = [level for level in levels if level in lower]
        return Forecasts(
            found.mean,
            {level: lower[level] for level in chosen},
            {level: upper[level] for level in chosen},
            found.notes,
        )
