"""The verdict: which model a user should take, the network or a baseline, in one or two plain sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from learnloop.scores.evaluation import Evaluation
from learnloop.scores.names import METRICS, headline, higher_is_better
from learnloop.scores.paired import Difference, paired_difference
from learnloop.verbs.baselines import CONSTANT, Baseline


def verdict(
    task: str,
    network: Evaluation,
    others: Sequence[Baseline],
    *,
    y: np.ndarray | None = None,
    predictions: np.ndarray | None = None,
    part: str = "test",
    seed: int = 0,
) -> str:
    """Which model a user should take, in one or two plain sentences.

    The network is compared with the best baseline by the task's first headline metric. With `y` and the
    network's `predictions` of `part` (as the evaluate functions take them) by a paired bootstrap of the
    difference; without them by whether the two intervals overlap, which is coarser, and said.
    """
    metric = next((name for name in headline(task) if name in network.metrics), headline(task)[0])
    better = 1 if higher_is_better(metric) else -1
    rivals = [other for other in others if metric in other.test.metrics]
    if not rivals or metric not in network.metrics:
        return "No baseline was fitted, so nothing says whether the network earns its keep."
    best = max(rivals, key=lambda other: better * other.test.metrics[metric])
    if y is not None and predictions is not None and part in best.predictions:
        difference = paired_difference(task, y, predictions, best.predictions[part], seed, metric=metric)
        said = _sentence(difference, network, best, better, part)
    else:
        said = _unpaired(metric, network, best, better)
    short = f" {best.title} had time for a part of the training rows only: with all of them it may be better."
    return said + (short if best.cut_short else "")


def _sentence(difference: Difference, network: Evaluation, best: Baseline, better: int, part: str) -> str:
    metric, value = difference.metric, difference.value
    low, high = sorted((abs(difference.low), abs(difference.high)))
    rows = "characters" if network.task == "language" else "rows"
    if difference.clear and better * value > 0:
        return (
            f"Take the network: it is better than {best.title} by {_amount(metric, abs(value))} "
            f"(95 % interval {_range(metric, low, high)})."
        )
    if best.name in CONSTANT and better * value > 0:
        return (
            f"{network.rows:,} {part} {rows} are too few to tell the network "
            f"({_value(metric, network.metrics[metric])}) from always giving the same answer ({best.title}: "
            f"{_value(metric, best.test.metrics[metric])}): measure it on more {rows} before you use it."
        )
    if best.name in CONSTANT:
        return (
            f"Do not use this network: on {network.rows:,} {part} {rows} it is no better than always giving "
            "the same answer "
            f"({best.title}: {_value(metric, best.test.metrics[metric])}, network: "
            f"{_value(metric, network.metrics[metric])})."
        )
    if difference.clear:
        return (
            f"{best.title} is better than the network by {_amount(metric, abs(value))} "
            f"(95 % interval {_range(metric, low, high)}), and it was fitted in {_time(best.seconds)}: "
            "take it unless you have another reason to want a network."
        )
    title = METRICS[metric].title if METRICS[metric].scale == "unit" else METRICS[metric].title.lower()
    unit = " points" if _share(metric) else ""
    way = "higher" if value > 0 else "lower"
    said = f"{_plain(metric, abs(value))}{unit} {way}" if value else "the same"
    told = (
        f"The network and {best.title} cannot be told apart on {network.rows:,} {part} {rows}: the network's {title} "
        f"is {said} (95 % interval of the difference {_signed(metric, difference.low)} to "
        f"{_signed(metric, difference.high)}). "
    )
    if better * value > 0:
        return told + (
            f"Take the network if {title} is all that counts, {best.title} (fitted in {_time(best.seconds)}) if you "
            "want the simpler one."
        )
    return told + (
        f"Take {best.title}, the simpler one (fitted in {_time(best.seconds)}), unless you have another reason to "
        "want a network."
    )


def _unpaired(metric: str, network: Evaluation, best: Baseline, better: int) -> str:
    gain = better * (network.metrics[metric] - best.test.metrics[metric])
    ours, theirs = network.intervals.get(metric), best.test.intervals.get(metric)
    apart = ours is not None and theirs is not None and (ours[0] > theirs[1] or theirs[0] > ours[1])
    if not apart:
        return (
            f"The network ({_value(metric, network.metrics[metric])}) and {best.title} "
            f"({_value(metric, best.test.metrics[metric])}) have overlapping 95 % intervals of "
            f"{METRICS[metric].title}: "
            f"this test part cannot tell them apart. Take {best.title}, which is simpler, unless you need a "
            "network."
        )
    winner, loser = ("the network", best.title) if gain > 0 else (best.title, "the network")
    return (
        f"Take {winner}: it is better than {loser} by {_amount(metric, abs(gain))}, "
        "and the 95 % intervals do not overlap."
    )


def _share(metric: str) -> bool:
    return METRICS[metric].scale == "share"


def _amount(metric: str, value: float) -> str:
    if _share(metric):
        return f"{100 * value:.1f} points of {METRICS[metric].title.lower()}"
    return f"{value:.3g} in {METRICS[metric].title}"


def _range(metric: str, low: float, high: float) -> str:
    return f"{_plain(metric, low)} to {_plain(metric, high)}"


def _plain(metric: str, value: float) -> str:
    return f"{100 * value:.1f}" if _share(metric) else f"{value:.3g}"


def _signed(metric: str, value: float) -> str:
    return f"{100 * value:+.1f}" if _share(metric) else f"{value:+.3g}"


def _value(metric: str, value: float) -> str:
    return f"{100 * value:.1f} %" if _share(metric) else f"{value:.4g}"


def _time(seconds: float) -> str:
    if seconds < 0.1:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
