"""Methods side by side under one protocol: which forecasts best, by how much, and which one to use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from learnloop.data.panel import Panel
from learnloop.errors import RecipeError
from learnloop.models.classical.forecast import LEVELS
from learnloop.scores.evaluation import Evaluation
from learnloop.scores.forecast_evaluation import evaluate_forecasts, metric_of, paired
from learnloop.scores.forecasts import Scored, check_metric
from learnloop.scores.paired import Difference
from learnloop.verbs.backtest import Backtest, backtest
from learnloop.verbs.ensemble import cross_checked, weights_of
from learnloop.verbs.forecaster import Forecaster, MethodForecaster

CONTESTANTS = ("seasonal_naive", "holt_winters", "ets", "dynamic_theta", "ces", "sarima")
"""Who takes part where nobody says."""
ENSEMBLE = "ensemble"
WORTH = 0.02
"""Share of the winner's error that an ensemble must save on past windows: it costs the time of all its members."""
_FEW, _MANY = 10, 8
"""Series up to which there are many windows, and how many."""
_TITLES = {"mae": "MAE", "rmse": "RMSE", "mape": "MAPE", "smape": "sMAPE", "mase": "MASE", "owa": "OWA"}


@dataclass(frozen=True)
class Contestant:
    """One row of the table. behind: its metric minus the winner's, with the interval of that difference."""

    name: str
    title: str
    test: Backtest
    evaluation: Evaluation
    behind: Difference

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": self.title,
            "metrics": self.evaluation.metrics,
            "intervals": {name: list(pair) for name, pair in self.evaluation.intervals.items()},
            "behind": {"value": self.behind.value, "low": self.behind.low, "high": self.behind.high},
            "seconds": self.test.seconds,
            "notes": list(self.test.notes),
        }


@dataclass(frozen=True)
class Contest:
    """table: best first. winner: name of the best. weights: what `auto` forecasts with, {name: share}: the winner
    alone, or the ensemble where past windows say that it is better. sentence: which one to use, and how sure that is.
    """

    metric: str
    horizon: int
    windows: int
    table: tuple[Contestant, ...]
    winner: str
    weights: dict[str, float]
    ensemble: Scored | None
    sentence: str
    notes: tuple[str, ...]

    def __getitem__(self, name: str) -> Contestant:
        return next(one for one in self.table if one.name == name)

    @property
    def served(self) -> Scored:
        """The past forecasts of what `auto` serves: what intervals are calibrated on."""
        if len(self.weights) > 1 and self.ensemble is not None:
            return self.ensemble
        return self[self.winner].test.scored


def contest(
    panel: Panel,
    horizon: int,
    contestants: Sequence[str | Forecaster] = CONTESTANTS,
    *,
    windows: int = 0,
    step: int = 0,
    refit: bool = True,
    metric: str = "mase",
    levels: Sequence[float] = LEVELS,
    jobs: int = 1,
    seed: int = 0,
) -> Contest:
    """Backtest each contestant on the same windows and compare them by `metric`; less is better.

    An ensemble of those that are not clearly worse than the best is served where it saves `WORTH` of the error.

    contestants  names of METHODS or own forecasters, simplest first; owa adds Naive2 as the measure
    windows      0: 8 for fewer than ten series (at most half a horizon apart), 2 for more, as far as two seasons remain
    Raises RecipeError: an unknown method or metric, a name twice, mape with true values of zero; DataError where the
    horizon is longer than the history allows.
    """
    forecasters = [MethodForecaster.of(one, jobs) if isinstance(one, str) else one for one in contestants]
    _check_names([one.name for one in forecasters])
    least = _least(panel, horizon)
    if not windows:
        windows, step = plan(len(panel), horizon, int(panel.lengths.max()) - horizon - least, step)

    def test(one: Forecaster) -> Backtest:
        return backtest(panel, one, horizon, windows, refit, step=step, least=least, levels=levels)

    tests = [test(one) for one in forecasters]
    naive2 = test(MethodForecaster.of("naive2", jobs)).scored if metric == "owa" else None
    return judged(tests, horizon, metric=metric, naive2=naive2, seed=seed)


def judged(
    tests: Sequence[Backtest], horizon: int, *, metric: str = "mase", naive2: Scored | None = None, seed: int = 0
) -> Contest:
    """The contest of forecasters that were backtested on the same windows, simplest first; naive2: needed by owa.

    Raises RecipeError for an unknown metric, and for mape with true values of zero.
    """
    check_metric(metric, tests[0].scored)
    errors = {one.name: metric_of(metric, one.scored, naive2) for one in tests}
    asked, (metric, errors) = metric, _defined(metric, errors, tests)
    best = min(tests, key=lambda one: errors[one.name])
    rows = [
        Contestant(
            one.name,
            one.title,
            one,
            evaluate_forecasts(one.scored, naive2, seed),
            paired(metric, one.scored, best.scored, naive2, seed),
        )
        for one in sorted(tests, key=lambda one: errors[one.name])
    ]
    pool = [row.test for row in rows if row.name == best.name or not row.behind.clear]
    together = cross_checked(pool, metric, naive2)
    blend = metric_of(metric, together, naive2) if together is not None else np.inf
    better = blend < (1 - WORTH) * errors[best.name]
    weights = weights_of({one.name: errors[one.name] for one in pool}) if better else {best.name: 1.0}
    made = len(np.unique(tests[0].window))
    sentence = _sentence(metric, rows, [one.name for one in tests], weights, blend)
    notes = tuple(dict.fromkeys(note for row in rows for note in (*row.evaluation.notes, *row.test.notes)))
    if metric != asked:
        notes = (f"{_TITLES[asked]} is undefined, as no series changed before its origin: compared by MAE.", *notes)
    return Contest(metric, horizon, made, tuple(rows), best.name, weights, together, sentence, notes)


def plan(series: int, horizon: int, room: int, step: int = 0) -> tuple[int, int]:
    """(windows, step) where nobody says: few series need many windows, which may overlap by half, or by more where the
    history is short. room: values between the earliest origin that is possible and the latest."""
    if series >= _FEW:
        return 2, step or horizon
    return _MANY, step or max(1, min(horizon // 2, room // (_MANY - 1)))


def _least(panel: Panel, horizon: int) -> int:
    """Two seasons and one value before an origin where some series has them; else as much as there is."""
    wanted, room = 2 * panel.season + 1, int(panel.lengths.max()) - horizon
    return max(2, min(max(wanted, 8), room))


def _check_names(names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not names or ENSEMBLE in names:
        found = f"{twice[0]!r} twice" if twice else f"{ENSEMBLE!r}" if names else "none"
        raise RecipeError("contestants", "must be methods of different names", found=found)


def _defined(metric: str, errors: dict[str, float], tests: Sequence[Backtest]) -> tuple[str, dict[str, float]]:
    """The metric, or mae where it is undefined for every row: mase of series that never changed before."""
    if np.isfinite(list(errors.values())).all():
        return metric, errors
    return "mae", {one.name: metric_of("mae", one.scored) for one in tests}


def _sentence(
    metric: str, rows: Sequence[Contestant], order: Sequence[str], weights: dict[str, float], blend: float
) -> str:
    """Which one to use. order: names, simplest first."""
    title, best = _TITLES[metric], rows[0]
    value = best.evaluation.metrics[metric]
    if len(rows) == 1:
        return f"{best.title} was tried alone: {title} {value:.4g}."
    simpler = [row for row in rows[1:] if order.index(row.name) < order.index(best.name)]
    equal = sorted((row for row in simpler if not row.behind.clear), key=lambda row: order.index(row.name))
    if len(weights) > 1:
        return (
            f"Use the ensemble of {len(weights)} methods, weighted by their backtests: {title} {blend:.4g} on past "
            f"windows, where the best of them alone, {best.title}, has {value:.4g}."
        )
    if not simpler:
        return f"Use {best.title}: the simplest method here has the lowest {title}, {value:.4g}."
    if equal:
        other = equal[0]
        return (
            f"Use {best.title}: its {title} of {value:.4g} is the lowest. {other.title}, which is simpler, has "
            f"{other.evaluation.metrics[metric]:.4g}, and these windows cannot tell the two apart."
        )
    nearest = min(simpler, key=lambda row: row.behind.value)
    return (
        f"Use {best.title}: its {title} of {value:.4g} is clearly lower than that of every simpler method "
        f"({nearest.title}: {nearest.evaluation.metrics[metric]:.4g}; the difference is more than luck at 95 %)."
    )
