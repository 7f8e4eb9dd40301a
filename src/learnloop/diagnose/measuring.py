"""Findings about the figures themselves: can they be trusted, and what do they hide?"""

from __future__ import annotations

from learnloop.diagnose.finding import Evidence, Finding, remedy
from learnloop.scores.evaluation import Evaluation
from learnloop.scores.names import METRICS
from learnloop.scores.probability import BINS


def class_imbalance(evidence: Evidence) -> Finding | None:
    """The largest class holds over 80 % of two classes, or 10 times the smallest, and a rare class is found
    badly."""
    held = evidence.held_out
    if held is None or held.task != "classify" or not held.per_class:
        return None
    present = [row for row in held.per_class if row["support"] > 0]
    if len(present) < 2:
        return None
    largest = max(present, key=lambda row: row["support"])
    rarest = min(present, key=lambda row: row["support"])
    share = largest["support"] / held.rows
    if share < 0.8 and largest["support"] < 10 * rarest["support"]:
        return None
    weak = min((row for row in present if row is not largest), key=lambda row: row["recall"])
    if weak["recall"] >= 0.7:
        return None
    return Finding(
        "class_imbalance",
        "Rare classes are missed",
        f"{100 * share:.0f} % of the rows are {largest['name']!r}, so always saying that would reach an "
        "accuracy of "
        f"{share:.3f}. Of {weak['name']!r} ({weak['support']} rows) only {100 * weak['recall']:.0f} % are "
        "found. Read the "
        "F1 and the recall of each class, not the accuracy.",
        "warning",
        {"largest": largest["name"], "share": share, "weakest": weak["name"], "recall": weak["recall"]},
        remedy("Weigh classes by how rare they are.", {"task.class_weights": "balanced"}),
    )


def small_test(evidence: Evidence) -> Finding | None:
    """The 95 % interval of the first headline metric is wide: 10 points of a share, a fifth of an error."""
    held, metric = evidence.held_out, evidence.metric
    if held is None or metric is None or metric not in held.metrics:
        return None
    pair = held.intervals.get(metric)
    value = held.metrics[metric]
    share = METRICS[metric].scale == "share"
    width = None if pair is None else pair[1] - pair[0]
    if width is not None and width <= (0.1 if share else 0.2 * abs(value)):
        return None
    if width is None and held.rows >= 20:
        return None
    how = "no interval can be given" if pair is None else f"the 95 % interval is {pair[0]:.4g} to {pair[1]:.4g}"
    return Finding(
        "small_test",
        "The test part is small",
        f"{METRICS[metric].title} was measured on {held.rows} rows and {how}. Differences smaller than that "
        "mean nothing.",
        "note",
        {
            "metric": metric,
            "rows": held.rows,
            "value": value,
            "interval": None if pair is None else list(pair),
        },
        remedy("Hold out more rows (data.test), repeat with several seeds, or collect more data."),
    )


def poorly_calibrated(evidence: Evidence) -> Finding | None:
    """The calibration error is above 0.05 and above what chance alone gives on that many rows (about 1 /
    sqrt(rows))."""
    held = evidence.held_out
    if held is None or "ece" not in held.metrics:
        return None
    error, chance = held.metrics["ece"], 1.5 / held.rows**0.5
    if error <= max(0.05, chance):
        return None
    gap = _confidence_gap(held)
    if gap < 0:
        text, changes = "Train longer or regularise less (label smoothing, dropout).", {}
    else:
        text, changes = (
            "Label smoothing, weight averaging or a shorter run usually help.",
            {"task.label_smoothing": 0.05},
        )
    return Finding(
        "poorly_calibrated",
        "The probabilities cannot be taken at face value",
        f"Said and true probabilities differ by {100 * error:.0f} points on average: the network is too "
        f"{'sure' if gap >= 0 else 'unsure'}. The predicted classes are not touched by this, but thresholds "
        "and costs "
        "computed from the probabilities are.",
        "warning",
        {"ece": error, "mean_confidence_minus_accuracy": gap, "rows": held.rows, "bins": BINS},
        remedy(text, changes),
    )


def _confidence_gap(held: Evaluation) -> float:
    """Mean of confidence minus accuracy, from the calibration curve. For two classes the curve is about the
    positive one; below one half the confidence is that of the other class."""
    curve = held.curves["calibration"]
    binary, total = len(held.names) == 2, 0.0
    for said, seen, rows in zip(curve["predicted"], curve["observed"], curve["rows"]):
        total += rows * (seen - said if binary and said < 0.5 else said - seen)
    return total / held.rows
