"""The verdict on forecasts: which one to use, in a sentence, and how the others compare."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from learnloop.scores.evaluation import Evaluation
from learnloop.scores.forecast_evaluation import paired
from learnloop.scores.forecasts import Scored
from learnloop.scores.names import METRICS
from learnloop.scores.paired import Difference


@dataclass(frozen=True)
class Shown:
    """A forecaster on the windows of the final figures. network: whether it is one, or an ensemble with one in it;
    served: whether it is what the run answers with. seconds: of training and of all its forecasts."""

    name: str
    title: str
    scored: Scored
    evaluation: Evaluation
    network: bool = False
    served: bool = False
    seconds: float = 0.0


def forecast_verdict(
    metric: str, shown: Sequence[Shown], tests: int, naive2: Scored | None = None, seed: int = 0, *, chosen: bool = True
) -> str:
    """Which forecaster to use: what is served, unless another is clearly better on windows that chose nothing.

    shown   simplest first; one of them is served. tests: windows of the final figures
    chosen  whether past windows chose what is served; else somebody asked for it
    naive2  of the same rows, where the metric is owa
    """
    served = next(one for one in shown if one.served)
    same = [one for one in shown if len(one.scored.y) == len(served.scored.y) and metric in one.evaluation.metrics]
    if metric not in served.evaluation.metrics:
        return f"{METRICS[metric].title} is undefined on these windows: nothing says which forecast is better."
    differences = {
        one.name: paired(metric, one.scored, served.scored, naive2, seed) for one in same if one is not served
    }
    best = min(same, key=lambda one: one.evaluation.metrics[metric])
    windows = "the window" if tests == 1 else f"{tests} windows"
    where = f"{windows} held out"
    why = "which past windows chose and this run serves" if chosen else "which this run serves as it was asked to"
    others = [one for one in shown if one is not served]
    value = _value(served.evaluation, metric)
    title = METRICS[metric].title
    if best is not served and differences[best.name].clear:
        name = "network" if best.network else best.name
        return (
            f"Use {_told(best)}: on {where} its {title} of {_value(best.evaluation, metric)} is clearly lower than "
            f"that of {_told(served)} ({value}), {why}. --set forecast.serve={name} serves it."
            + _beside(metric, [one for one in others if one is not best], served, naive2, seed)
        )
    said = f"Use {_told(served)}, which this run serves: {title} {value} on {where}."
    if best is not served:
        said += (
            f" {best.title} has {_value(best.evaluation, metric)} there, which these windows cannot tell apart"
            f"{'; past windows chose' if chosen else ''}."
        )
    elif len(np.unique(served.scored.groups())) == 1:
        said += f" One window of one series cannot say how sure that is{'; past windows chose it' if chosen else ''}."
    else:
        said += _sure(metric, same, served, differences)
    return said + _beside(metric, others, served, naive2, seed)


def _sure(metric: str, same: Sequence[Shown], served: Shown, differences: Mapping[str, Difference]) -> str:
    """Whether what is served, the best, can be told from what is simpler."""
    simpler = list(itertools.takewhile(lambda one: one is not served, same))
    alike = [one for one in simpler if not differences[one.name].clear]
    if alike:
        told = f"{alike[0].title}, which is simpler ({_value(alike[0].evaluation, metric)})"
        return f" These windows cannot tell it from {told}."
    return " That is less than every simpler method has, by more than luck at 95 %." if simpler else ""


def _beside(metric: str, others: Sequence[Shown], served: Shown, naive2: Scored | None, seed: int) -> str:
    """The network, seasonal naive and ETS, as far as they are not told already. One that was measured on some of the
    windows alone is compared on those."""
    parts = []
    for one in others:
        if metric not in one.evaluation.metrics or not (one.network or one.name in ("seasonal_naive", "ets")):
            continue
        if len(one.scored.y) == len(served.scored.y):
            parts.append(f"{one.title} {_value(one.evaluation, metric)}")
        else:
            apart = differences(metric, (one, served), naive2, seed)[one.name].value
            way = "more" if apart > 0 else "less"
            parts.append(f"{one.title} {abs(apart):.3g} {way} on the {len(one.scored.y)} forecasts that it made")
    return f" Beside it: {', '.join(parts)}." if parts else ""


def _told(one: Shown) -> str:
    """Its title within a sentence."""
    return one.title.replace("The ensemble", "the ensemble")


def _value(found: Evaluation, metric: str) -> str:
    return f"{found.metrics[metric]:.4g}"


def differences(metric: str, shown: Sequence[Shown], naive2: Scored | None, seed: int) -> Mapping[str, Difference]:
    """The metric of each minus that of what is served, on their common windows."""
    served = next(one for one in shown if one.served)
    found = {}
    for one in shown:
        mine, theirs = common(one.scored, served.scored)
        base = None if naive2 is None else common(one.scored, naive2)[1]
        if metric in one.evaluation.metrics and metric in served.evaluation.metrics:
            found[one.name] = paired(metric, mine, theirs, base, seed)
    return found


def common(a: Scored, b: Scored) -> tuple[Scored, Scored]:
    """Both, restricted to a's rows, which b must have: series and origins alike, in a's order."""
    place = {key: row for row, key in enumerate(zip(b.series.tolist(), b.origin.tolist(), strict=True))}
    rows = [place.get(key, -1) for key in zip(a.series.tolist(), a.origin.tolist(), strict=True)]
    kept = np.flatnonzero(np.array(rows) >= 0)
    return a.take(kept), b.take(np.array(rows)[kept])
