"""`Evaluation`: what a set of predictions is worth, with intervals. Functions of arrays; no training here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from learnloop.scores import probability, regression
from learnloop.scores.bootstrap import (
    RESAMPLES,
    exact_share,
    interval,
    resampled_margins,
    resampled_means,
    resampled_ranking,
)
from learnloop.scores.checks import check_classes, check_labels, check_numbers
from learnloop.scores.confusion import (
    class_table,
    confused_pairs,
    confusion_matrix,
    confusion_metrics,
    divide,
    margin_metrics,
)
from learnloop.scores.names import METRICS, headline, higher_is_better
from learnloop.scores.ranking import Ranking, area_and_precision, curves
from learnloop.seeds import numpy_stream

__all__ = [
    "Evaluation",
    "evaluate_classes",
    "evaluate_labels",
    "evaluate_numbers",
    "headline",
    "higher_is_better",
]
MOST_CONFUSION = 100
"""Beyond this many classes the matrix is left out of the JSON; the most confused pairs stay."""


@dataclass(frozen=True)
class Evaluation:
    """task       classify, labels or regress
    rows       how many rows were scored
    metrics    name -> value, names as in scikit-learn; an undefined one is absent and `notes` says why
    intervals  name -> (low, high), bootstrap 95 % percentile
    names      classes, labels or targets in the order of the columns
    per_class  one row a class or label {"name", "precision", "recall", "f1", "support", "roc_auc"};
               for numbers one a target {"name", "mse", "rmse", "mae", "median_absolute_error", "r2"}
    confusion  rows of class i predicted as j (empty for labels, numbers and more than 100 classes)
    confused   the most confused pairs {"truth", "prediction", "rows", "share"}
    curves     "roc" and "pr" (two classes), "calibration" {"predicted", "observed", "rows"}
    residuals  target -> histogram and sample (numbers only), see `regression.residual_summary`
    notes      sentences to show
    """

    task: str
    rows: int
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    names: list[str] = field(default_factory=list)
    per_class: list[dict[str, Any]] = field(default_factory=list)
    confusion: list[list[int]] = field(default_factory=list)
    confused: list[dict[str, Any]] = field(default_factory=list)
    curves: dict[str, Any] = field(default_factory=dict)
    residuals: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        values = asdict(self)
        values["intervals"] = {name: list(pair) for name, pair in self.intervals.items()}
        return values

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Evaluation:
        values = dict(data)
        values["intervals"] = {name: (float(low), float(high)) for name, (low, high) in data["intervals"].items()}
        return cls(**values)


def evaluate_classes(y: np.ndarray, probabilities: np.ndarray, classes: Sequence[str], seed: int = 0) -> Evaluation:
    """Score class probabilities.

    y integer [n], probabilities [n, c] (rows add up to 1), classes: c names. The predicted class is the
    argmax, the first one in a tie. With two classes, `classes[1]` is the positive one: precision, recall,
    f1, roc_auc, average_precision and brier are about it. With more, roc_auc and average_precision are
    one-against-rest means over the classes that y has. Raises DataError for NaN, logits, codes out of range
    or zero rows.
    """
    y, probabilities, classes = np.asarray(y), np.asarray(probabilities), [str(name) for name in classes]
    check_classes(y, probabilities, classes)
    rng = numpy_stream(seed, "scores", "bootstrap")
    p, rows, c = probabilities.astype(np.float64), len(y), len(classes)
    predicted = p.argmax(axis=1)
    confusion = confusion_matrix(y, predicted, c)
    metrics = {name: float(value) for name, value in confusion_metrics(confusion).items()}
    drawn = margin_metrics(*resampled_margins(confusion, rng))

    terms = np.stack([probability.log_losses(y, p), probability.brier_terms(y, p)], axis=1)
    metrics |= {"log_loss": float(terms[:, 0].mean()), "brier": float(terms[:, 1].mean())}
    confidence, right = p[np.arange(rows), predicted], predicted == y
    metrics["ece"] = probability.calibration_error(confidence, right)
    means = resampled_means(terms, rng)
    drawn |= {"log_loss": means[:, 0], "brier": means[:, 1]}

    # Two classes: only the positive one is ranked; its mirror has the same AUC.
    ranked = [1] if c == 2 else list(range(c))
    shapes: dict[str, Any] = {}
    areas, notes = _rank([y == k for k in ranked], [p[:, k] for k in ranked], rng, metrics, drawn)
    if c == 2 and "roc_auc" in metrics:
        shapes = dict(curves(y == 1, p[:, 1]))
        shapes["calibration"] = probability.reliability(p[:, 1], y == 1)
    else:
        shapes["calibration"] = probability.reliability(confidence, right)
    intervals, silent = _intervals(rows, metrics, drawn, int(right.sum()))
    table = class_table(confusion)
    per_class = [
        {
            "name": name,
            **{key: float(table[key][k]) for key in ("precision", "recall", "f1")},
            "support": int(table["support"][k]),
            "roc_auc": areas.get(ranked.index(k) if k in ranked else 0),
        }
        for k, name in enumerate(classes)
    ]
    return Evaluation(
        "classify",
        rows,
        metrics,
        intervals,
        names=classes,
        per_class=per_class,
        confusion=confusion.tolist() if c <= MOST_CONFUSION else [],
        confused=confused_pairs(confusion, classes),
        curves=shapes,
        notes=[*notes, *silent],
    )


def evaluate_labels(y: np.ndarray, probabilities: np.ndarray, names: Sequence[str], seed: int = 0) -> Evaluation:
    """Score several yes-or-no labels a row.

    y [n, l] of 0 and 1, probabilities [n, l], names: l labels. A label is predicted when its probability is
    above 0.5. accuracy is the share of rows with every label right; log_loss is the mean binary log loss
    over all labels.
    """
    y, probabilities, names = np.asarray(y), np.asarray(probabilities), [str(name) for name in names]
    check_labels(y, probabilities, names)
    rng = numpy_stream(seed, "scores", "bootstrap")
    p, truth, rows, l = probabilities.astype(np.float64), y == 1, len(y), len(names)
    guess = p > 0.5
    terms = np.concatenate([label_terms(truth, guess), probability.binary_log_losses(y, p)[:, None]], axis=1)
    point = label_metrics(terms.mean(axis=0, keepdims=True), l)
    metrics = {name: float(value[0]) for name, value in point.items()}
    drawn = label_metrics(resampled_means(terms, rng), l)
    areas, notes = _rank(list(truth.T), list(p.T), rng, metrics, drawn)
    intervals, silent = _intervals(rows, metrics, drawn, round(metrics["accuracy"] * rows))
    hit, false, missed = (float_columns(terms, part, l).sum(axis=0) for part in range(3))
    scores = {
        "precision": divide(hit, hit + false),
        "recall": divide(hit, hit + missed),
        "f1": divide(2 * hit, 2 * hit + false + missed),
    }
    per_class = [
        {
            "name": name,
            **{key: float(values[k]) for key, values in scores.items()},
            "support": int(truth[:, k].sum()),
            "roc_auc": areas.get(k),
        }
        for k, name in enumerate(names)
    ]
    calibration = {"calibration": probability.reliability(p.ravel(), truth.ravel())}
    return Evaluation(
        "labels",
        rows,
        metrics,
        intervals,
        names=names,
        per_class=per_class,
        curves=calibration,
        notes=[*notes, *silent],
    )


def evaluate_numbers(y: np.ndarray, predictions: np.ndarray, names: Sequence[str], seed: int = 0) -> Evaluation:
    """Score predicted numbers, in the target's unit. y, predictions [n, t], names: t targets.

    Several targets: every metric is the mean over the targets. r2 is absent when a target does not vary.
    """
    y, predictions, names = np.asarray(y), np.asarray(predictions), [str(name) for name in names]
    check_numbers(y, predictions, names)
    rng = numpy_stream(seed, "scores", "bootstrap")
    truth, p, rows = y.astype(np.float64), predictions.astype(np.float64), len(y)
    each = regression.target_metrics(truth, p)
    metrics = {name: float(values.mean()) for name, values in each.items() if np.isfinite(values).all()}
    notes = [] if "r2" in metrics else ["R² is undefined: a target has the same value in every row."]
    drawn = regression.metrics_of_means(resampled_means(regression.squared_terms(truth, p), rng))
    errors = np.abs(truth - p)
    drawn["median_absolute_error"] = np.mean(
        [regression.resampled_medians(column, rng, RESAMPLES) for column in errors.T], axis=0
    )
    intervals, silent = _intervals(rows, metrics, drawn)
    per_target = [
        {
            "name": name,
            **{key: float(v[k]) if np.isfinite(v[k]) else None for key, v in each.items()},
            "mean": float(truth[:, k].mean()),
            "std": float(truth[:, k].std()),
        }
        for k, name in enumerate(names)
    ]
    return Evaluation(
        "regress",
        rows,
        metrics,
        intervals,
        names=names,
        per_class=per_target,
        residuals={name: regression.residual_summary(truth[:, k], p[:, k], rng) for k, name in enumerate(names)},
        notes=[*notes, *silent],
    )


def float_columns(terms: np.ndarray, part: int, labels: int) -> np.ndarray:
    """The `part`-th block of `labels` columns of `terms` [.., k]."""
    return terms[:, part * labels : (part + 1) * labels]


def label_terms(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """Columns whose means give the label metrics: hit, false, missed of each label, every label right; [n, 3
    l + 1]."""
    exact = (truth == guess).all(axis=1, keepdims=True)
    return np.concatenate([truth & guess, ~truth & guess, truth & ~guess, exact], axis=1).astype(np.float64)


def label_metrics(means: np.ndarray, labels: int) -> dict[str, np.ndarray]:
    """Metrics [b] from the means [b, 3 l + 2] of `label_terms` and the log loss."""
    hit, false, missed = (float_columns(means, part, labels) for part in range(3))
    pooled = 2 * hit.sum(axis=1)
    return {
        "accuracy": means[:, 3 * labels],
        "f1_macro": divide(2 * hit, 2 * hit + false + missed).mean(axis=1),
        "f1_micro": divide(pooled, pooled + false.sum(axis=1) + missed.sum(axis=1)),
        "precision_macro": divide(hit, hit + false).mean(axis=1),
        "recall_macro": divide(hit, hit + missed).mean(axis=1),
        "hamming_loss": (false + missed).mean(axis=1),
        "log_loss": means[:, 3 * labels + 1],
    }


def _rank(
    positives: list[np.ndarray],
    scores: list[np.ndarray],
    rng: np.random.Generator,
    metrics: dict[str, float],
    drawn: dict[str, np.ndarray],
) -> tuple[dict[int, float], list[str]]:
    """Add roc_auc and average_precision over the classes that have both kinds of rows; AUC by position, and
    notes."""
    usable = [k for k, positive in enumerate(positives) if positive.any() and not positive.all()]
    notes = []
    if not usable:
        return {}, ["ROC AUC and average precision are undefined: the rows are all of one class."]
    if len(usable) < len(positives):
        notes.append(
            f"ROC AUC and average precision are means over the {len(usable)} of {len(positives)} classes "
            "that occur in these rows."
        )
    pairs = [area_and_precision(*Ranking.of(positives[k], scores[k]).counts()) for k in usable]
    metrics["roc_auc"] = float(np.mean([area[0] for area, _ in pairs]))
    metrics["average_precision"] = float(np.mean([precision[0] for _, precision in pairs]))
    drawn["roc_auc"], drawn["average_precision"] = resampled_ranking(
        [positives[k] for k in usable], [scores[k] for k in usable], rng
    )
    return {k: float(area[0]) for k, (area, _) in zip(usable, pairs)}, notes


def _intervals(
    rows: int, metrics: Mapping[str, float], drawn: Mapping[str, np.ndarray], right: int | None = None
) -> tuple[dict[str, tuple[float, float]], list[str]]:
    """Percentile intervals, and notes; none for a single row, of which every resample is itself.

    An interval without width would claim certainty: every resample gave the same value, as F1 does when all rows
    are right. It is left out, and a note says so; accuracy at its limits has an exact one. right: rows that are.
    """
    if rows < 2:
        return {}, []
    found = {name: interval(values) for name, values in drawn.items() if name in metrics}
    pairs = {name: pair for name, pair in found.items() if pair is not None}
    if right is not None and right in (0, rows) and "accuracy" in pairs:
        pairs["accuracy"] = exact_share(right, rows)
    flat = [name for name, (low, high) in pairs.items() if high - low <= 1e-9 * abs(high)]
    kept = {name: pair for name, pair in pairs.items() if name not in flat}
    if not flat:
        return kept, []
    titles = ", ".join(METRICS[name].title if name in METRICS else name for name in flat)
    return kept, [f"No interval for {titles}: every resample of these {rows:,} rows gives the same value."]
