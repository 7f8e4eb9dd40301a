"""What a forecasting run answers with: the best on past windows, or several together, with calibrated intervals."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from learnloop.recipe.forecast import AUTO, NETWORK
from learnloop.scores.conformal import ENOUGH, Conformal, calibrate, least_errors
from learnloop.scores.evaluation import Evaluation
from learnloop.scores.forecast_evaluation import evaluate_forecasts
from learnloop.scores.forecasts import Scored
from learnloop.verbs.contest import ENSEMBLE, Contest, judged
from learnloop.verbs.ensemble import blended_scored
from learnloop.verbs.forecast_data import ForecastPrepared
from learnloop.verbs.forecast_measure import NAIVE2, Measured
from learnloop.verbs.forecast_verdict import Shown, common


@dataclass(frozen=True)
class Served:
    """contest: on past windows; weights: {name: share} of what answers, calibrated as `calibration` says (None: too few
    past windows). past: its forecasts there, with the intervals of its members; last: of the final figures, calibrated;
    shown: everybody on the final figures, simplest first."""

    name: str
    title: str
    contest: Contest
    weights: Mapping[str, float]
    calibration: Conformal | None
    past: Scored
    last: Scored
    shown: tuple[Shown, ...]

    @property
    def itself(self) -> Shown:
        return next(one for one in self.shown if one.served)


def decide(prepared: ForecastPrepared, measured: Mapping[str, Measured], network: Measured | None) -> Served:
    """The choice, by past windows alone. measured: the classical methods, Naive2 among them where OWA is wanted."""
    seed, metric = prepared.recipe.seed, prepared.forecast.metric
    naive2 = measured.get(NAIVE2)
    rivals = [one for name, one in measured.items() if name in prepared.methods]
    rivals += [network] if network is not None else []
    before = naive2.past if naive2 is not None else None
    base = None if before is None else before.scored
    tests = [one.past for one in rivals if one.past is not None]
    contest = judged(tests, prepared.horizon, metric=metric, naive2=base, seed=seed)
    weights = _weights(prepared, contest)
    found = {one.name: one for one in rivals}
    past = contest.served if prepared.serve == AUTO else contest[next(iter(weights))].test.scored
    calibration = calibrated(past, prepared.levels)
    raw = blended_scored({name: found[name].last.scored for name in weights}, weights)
    last = raw if calibration is None else calibration.recalibrated(raw)
    name = ENSEMBLE if len(weights) > 1 else next(iter(weights))
    title = _title(weights, found)
    shown = _shown(rivals, weights, name, title, last, network, None if naive2 is None else naive2.last.scored, seed)
    return Served(name, title, contest, weights, calibration, past, last, shown)


def _weights(prepared: ForecastPrepared, contest: Contest) -> dict[str, float]:
    if prepared.serve == AUTO:
        return contest.weights
    return {prepared.network if prepared.serve == NETWORK else prepared.serve: 1.0}


def _title(weights: Mapping[str, float], found: Mapping[str, Measured]) -> str:
    if len(weights) == 1:
        return found[next(iter(weights))].title
    titles = [found[name].title for name in sorted(weights, key=lambda name: -weights[name])]
    return f"The ensemble of {', '.join(titles[:-1])} and {titles[-1]}"


def _shown(
    rivals: Sequence[Measured],
    members: Container[str],
    name: str,
    title: str,
    last: Scored,
    network: Measured | None,
    naive2: Scored | None,
    seed: int,
) -> tuple[Shown, ...]:
    """Everybody, simplest first; an ensemble comes last. What is served is shown with its calibrated intervals."""
    each = {one.name: (one.title, last if one.name == name else one.last.scored, one.seconds) for one in rivals}
    each.setdefault(name, (title, last, sum(one.seconds for one in rivals if one.name in members)))
    found = []
    for key, (told, scored, seconds) in each.items():
        evaluation = _evaluated(scored, naive2, seed)
        of_network = network is not None and key == network.name
        found.append(Shown(key, told, scored, evaluation, network=of_network, served=key == name, seconds=seconds))
    return tuple(found)


def _evaluated(scored: Scored, naive2: Scored | None, seed: int) -> Evaluation:
    return evaluate_forecasts(scored, None if naive2 is None else common(scored, naive2)[1], seed)


def calibrated(past: Scored, levels: Sequence[float]) -> Conformal | None:
    """From past forecasts: few of them stretch the members' own intervals, many give their width at each step; None
    where they are too few for the widest level."""
    if np.isfinite(past.y).sum() < 2 * max(least_errors(level) for level in levels):
        return None
    return calibrate(past, levels, "series" if len(past.y) >= ENOUGH else "interval")
