"""How it learnt, and every figure and picture of the evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from learnloop.report.figures import (
    calibration_figure,
    confusion_figure,
    learning_curve,
    pr_figure,
    prediction_figure,
    residual_figure,
    roc_figure,
    svg,
)
from learnloop.report.load import RunView
from learnloop.report.recall import recall_figure
from learnloop.report.text import esc, facts, number, score, score_range, section, table, title
from learnloop.scores.names import METRICS, headline

MOST_CLASSES = 100
MOST_TARGETS = 4


def learning(run: RunView) -> str:
    """Loss and the watched metric along training."""
    training = run.report["training"]
    if not run.trained:
        return ""
    stopped = str(training.get("stopped") or "")
    shown, best = ["loss"], training.get("best_step")
    present = [name for row in run.history for name in row if row.get("kind") == "validation"]
    monitor = str(training.get("monitor", "")).removeprefix("validation_")
    for name in dict.fromkeys([monitor, *headline(run.task)]):
        if name in present and name not in shown and len(shown) < 2:
            shown.append(name)
    drawn = [(name, learning_curve(run.history, name, best)) for name in shown]
    return section(
        "How the network learnt" if run.task == "forecast" else "How it learnt",
        figures((figure, f"{title(name)} along training") for name, figure in drawn if figure is not None),
        facts(
            [
                ("Stopped by", stopped),
                ("Passes over the data", None if "passes" in stopped else number(training.get("passes", ""))),
                ("Weights kept", f"step {number(best)}" if best is not None else None),
                ("Machine plan", training.get("plan")),
            ]
        ),
    )


def classes(run: RunView) -> str:
    """Confusion matrix, recall of each class, ROC, precision-recall and calibration."""
    evaluation = run.evaluation()
    if not evaluation or run.task not in ("classify", "labels"):
        return ""
    names, metrics, curves = evaluation["names"], evaluation["metrics"], evaluation["curves"]
    drawn = []
    if evaluation["confusion"]:
        drawn.append((confusion_figure(evaluation["confusion"], names), "Confusion matrix"))
    if len(names) > 2 and (recall := recall_figure(evaluation["per_class"])) is not None:
        drawn.append((recall, "Recall of each class"))
    if "roc" in curves:
        positive = evaluation["per_class"][1]
        base = positive["support"] / evaluation["rows"]
        drawn.append((roc_figure(curves["roc"], metrics["roc_auc"], names[1]), "ROC curve"))
        drawn.append((pr_figure(curves["pr"], metrics["average_precision"], base, names[1]), "Precision and recall"))
    if "calibration" in curves:
        binary = len(names) == 2 or run.task == "labels"
        drawn.append((calibration_figure(curves["calibration"], binary, metrics.get("ece")), "Calibration curve"))
    confused = evaluation.get("confused", [])[:5]
    pairs = "; ".join(f"{p['truth']} taken for {p['prediction']} ({p['rows']:,})" for p in confused)
    return section(
        "Class by class" if run.task == "classify" else "Label by label",
        figures(drawn),
        f"<p>Most often confused: {esc(pairs)}.</p>" if pairs and len(names) > 2 else "",
        _per_class(evaluation["per_class"]),
        _all_metrics(evaluation),
    )


def numbers(run: RunView) -> str:
    """Predicted against true, errors, each target."""
    evaluation = run.evaluation()
    if not evaluation or run.task != "regress":
        return ""
    drawn = []
    for name, summary in list(evaluation["residuals"].items())[:MOST_TARGETS]:
        drawn.append((prediction_figure(summary["sample"], name), f"Predicted against true {name}"))
        drawn.append((residual_figure(summary["histogram"], summary["bias"], name), f"Errors of {name}"))
    keys = ["rmse", "mae", "median_absolute_error", "r2"]
    rows = [
        [
            esc(row["name"]),
            *(esc(score(key, row.get(key))) for key in keys),
            number(row["mean"]),
            number(row["std"]),
        ]
        for row in evaluation["per_class"]
    ]
    head = ["Target", *(esc(title(key)) for key in keys), "Mean of target", "Spread of target"]
    tails = []
    for name, summary in list(evaluation["residuals"].items())[:MOST_TARGETS]:
        low, high = summary["quantiles"]["0.05"], summary["quantiles"]["0.95"]
        outside = summary["histogram"]["outside"]
        beyond = f" {outside:,} rows lie beyond the histogram's edges (central 99 %)." if outside else ""
        tails.append(
            f'<p class="soft">{esc(name)}: nine in ten errors (true − predicted) lie between {number(low)} '
            "and "
            f"{number(high)}.{beyond}</p>"
        )
    return section("Errors", figures(drawn), *tails, table(head, rows, numeric=range(1, 7)), _all_metrics(evaluation))


def _per_class(rows: Sequence[Mapping[str, Any]]) -> str:
    keys = ["precision", "recall", "f1", "roc_auc"]
    body = [
        [esc(row["name"]), f"{row['support']:,}", *(esc(score(key, row.get(key))) for key in keys)]
        for row in rows[:MOST_CLASSES]
    ]
    head = ["Class", "Test rows", *(esc(title(key)) for key in keys)]
    text = table(head, body, numeric=range(1, 6))
    if len(rows) > MOST_CLASSES:
        text += f'<p class="soft">The first {MOST_CLASSES} of {len(rows):,}; report.json has them all.</p>'
    return text if len(rows) <= 12 else f"<details><summary>Each of the {len(rows):,} classes</summary>{text}</details>"


def _all_metrics(evaluation: Mapping[str, Any]) -> str:
    """Every metric that was measured, with its meaning."""
    rows = []
    for name, value in evaluation["metrics"].items():
        pair = evaluation["intervals"].get(name)
        meaning = METRICS[name].meaning if name in METRICS else ""
        rows.append([esc(title(name)), esc(score(name, value)), esc(score_range(name, pair)), esc(meaning)])
    body = table(["Metric", "Value", "95 % interval", "Meaning"], rows, numeric=(1, 2))
    return f"<details><summary>Every metric</summary>{body}</details>"


def figures(drawn: Any) -> str:
    body = "".join(f"<figure>{svg(figure, label)}</figure>" for figure, label in drawn)
    return f'<div class="figures">{body}</div>' if body else ""
