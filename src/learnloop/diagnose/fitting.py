"""Findings about how well the network fits: over, under, and against the baselines."""

from __future__ import annotations

import math

from learnloop.diagnose.finding import Evidence, Finding, remedy, smooth
from learnloop.scores.names import METRICS, higher_is_better


def overfitting(evidence: Evidence) -> Finding | None:
    """The validation loss ends more than 10 % above its best while the training loss kept falling."""
    train, held = smooth(evidence.curve("train")), evidence.curve("validation")
    if len(train) < 4 or len(held) < 4 or not all(math.isfinite(v) for v in (*train, *held)):
        return None
    best = min(held)
    turn = held.index(best)
    after = train[min(len(train) - 1, round(turn / len(held) * len(train)))]
    if held[-1] - best <= 0.1 * abs(best) or train[-1] >= after or turn == len(held) - 1:
        return None
    changes: dict[str, object] = {}
    dropout = evidence.setting("model.dropout")
    if isinstance(dropout, (int, float)) and dropout < 0.5:
        changes["model.dropout"] = round(min(0.5, dropout + 0.2), 2)
    decay = evidence.setting("optimiser.weight_decay")
    if isinstance(decay, (int, float)):
        changes["optimiser.weight_decay"] = decay * 10 if decay else 0.01
    return Finding(
        "overfitting",
        "The network overfits",
        f"The validation loss was best ({best:.4g}) after {100 * (turn + 1) / len(held):.0f} % of the run "
        "and rose to "
        f"{held[-1]:.4g}, while the training loss fell to {train[-1]:.4g}: from there on it learnt rows by "
        "heart.",
        "warning",
        {"best_validation": best, "last_validation": held[-1], "last_train": train[-1], "turn": turn},
        remedy("Regularise more (dropout, weight decay), augment, or collect more rows.", changes),
    )


def underfitting(evidence: Evidence) -> Finding | None:
    """On its own training rows the network is no better than a baseline on new rows: it is too small or
    trained too little. Needs an evaluation of the training part."""
    train, held, metric = evidence.evaluations.get("train"), evidence.held_out, evidence.metric
    best = evidence.best_baseline()
    if train is None or held is None or metric is None or best is None or metric not in train.metrics:
        return None
    sign = 1 if higher_is_better(metric) else -1
    rival, ours, seen = best["metrics"][metric], held.metrics[metric], train.metrics[metric]
    margin = 0.01 if METRICS[metric].scale == "share" else 0.02 * abs(rival)
    if sign * (rival - seen) < margin or sign * (rival - ours) < margin:
        return None
    changes = evidence.longer()
    title = METRICS[metric].title
    return Finding(
        "underfitting",
        "The network underfits",
        f"{title} is {seen:.4g} even on the training rows ({ours:.4g} on new rows), and {best['title']} "
        "reaches "
        f"{rival:.4g} on new rows. The network is too small, too strongly regularised or trained too little.",
        "warning",
        {"metric": metric, "train": seen, "held_out": ours, "baseline": rival, "baseline_name": best["name"]},
        remedy("Use a larger model (more hidden units or layers), less dropout, and train longer.", changes),
    )


def worse_than_baseline(evidence: Evidence) -> Finding | None:
    """A baseline's figure lies outside the network's 95 % interval, on the better side."""
    held, metric, best = evidence.held_out, evidence.metric, evidence.best_baseline()
    if held is None or metric is None or best is None or metric not in held.metrics:
        return None
    sign = 1 if higher_is_better(metric) else -1
    ours, rival = held.metrics[metric], best["metrics"][metric]
    pair = held.intervals.get(metric)
    edge = ours if pair is None else (pair[1] if sign > 0 else pair[0])
    if sign * (rival - edge) <= 0:
        return None
    simple = best["name"] in ("majority", "mean")
    return Finding(
        "worse_than_baseline",
        f"{best['title']} is better than the network",
        f"{METRICS[metric].title} is {ours:.4g} for the network and {rival:.4g} for {best['title']}, which "
        "is outside "
        "the network's 95 % interval. "
        + ("It has learnt nothing of use." if simple else "Take the simpler model, or give the network more."),
        "problem" if simple else "warning",
        {"metric": metric, "network": ours, "baseline": rival, "baseline_name": best["name"]},
        remedy("Train longer, try another model (`learnloop models`), or use the baseline."),
    )


def not_linearly_separable(evidence: Evidence) -> Finding | None:
    """A perceptron or linear model, and classes that no hyperplane separates (extras["linearly_separable"]
    is False)."""
    model = evidence.setting("model.name", evidence.setting("model"))
    if evidence.extras.get("linearly_separable") is not False or model not in ("perceptron", "linear"):
        return None
    step = model == "perceptron"
    return Finding(
        "not_linearly_separable",
        "The classes are not linearly separable",
        "No straight line (hyperplane) separates the two classes in the training rows: a linear programme "
        "proved it. "
        + (
            "The perceptron draws one straight line, so it can never learn these classes without error, "
            "however long it "
            "trains; XOR is the smallest example."
            if step
            else "A linear model draws one straight boundary, so some training rows stay on the wrong side."
        ),
        "problem" if step else "note",
        {"model": model, "linearly_separable": False},
        remedy("A hidden layer bends the line: --model mlp", {"model.name": "mlp"}),
    )
