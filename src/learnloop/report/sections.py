"""The sections of a run's report, each a function of the `RunView` that returns HTML."""

from __future__ import annotations

import json
import re
import shlex
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
from learnloop.report.text import duration, esc, facts, number, score, score_range, section, table, title
from learnloop.scores.names import METRICS, headline

MOST_CLASSES = 100
MOST_WORST = 24
MOST_FIELDS = 300
MOST_TARGETS = 4
MOST_IMAGE_BYTES = 1_000_000
"""All images of the worst mistakes together: keeps the page under 2 MB."""
OUT = re.compile(r"(?<!\S)((?:--out|-o)[ =])('[^']*'|\"[^\"]*\"|\S+)")


def again(command: str) -> str:
    """The command with its own run folder, which exists by now, replaced by a new one."""
    return OUT.sub(r"\1NEW_RUN", command)


def header(run: RunView) -> str:
    asked, training = run.report["asked"], run.report["training"]
    what = {"classify": "Classify", "labels": "Label", "regress": "Predict"}.get(run.task, "Predict")
    target = ", ".join(asked.get("target", []))
    parts = [
        asked["model"],
        f"{number(training.get('parameters', 0))} parameters",
        f"{number(training.get('steps', 0))} steps in {duration(training.get('seconds', 0.0))}",
        str(run.report.get("created", "")).replace("T", " "),
    ]
    verdict = run.report.get("verdict", "")
    return (
        f"<h1>{what} <em>{esc(target)}</em> in {esc(asked['data'])}</h1>"
        f'<p class="soft">{" · ".join(esc(part) for part in parts if part)}</p>'
        + (f'<div class="verdict">{esc(verdict)}</div>' if verdict else "")
    )


def tiles(run: RunView) -> str:
    """The headline figures on rows never trained on, each with its interval."""
    evaluation = run.evaluation()
    if not evaluation:
        return ""
    unit = ", ".join(run.report["asked"].get("target", []))
    cells = []
    for name in headline(run.task):
        if name not in evaluation["metrics"]:
            continue
        pair = evaluation.get("intervals", {}).get(name)
        meaning = METRICS[name].meaning
        scale = f" (unit of {esc(unit)})" if METRICS[name].scale == "unit" and len(unit) < 30 else ""
        cells.append(
            f'<div class="tile" title="{esc(meaning)}"><div class="name">{esc(title(name))}{scale}</div>'
            f'<div class="value">{esc(score(name, evaluation["metrics"][name]))}</div>'
            f'<div class="range">{esc(score_range(name, pair) or "no interval")}</div></div>'
        )
    part = "test" if "test" in run.report["evaluation"] else "validation"
    return (
        f'<div class="tiles">{"".join(cells)}</div><p class="soft">On {evaluation["rows"]:,} {part} rows '
        "that were never "
        "trained on. Below each figure its 95 % bootstrap interval: what another draw of test rows could "
        "have given.</p>" + "".join(f'<p class="soft">{esc(note)}</p>' for note in evaluation.get("notes", []))
    )


def baseline_table(run: RunView) -> str:
    """The network beside the baselines: values, intervals on one scale, and what they cost."""
    evaluation, others = run.evaluation(), run.report.get("baselines", [])
    if not evaluation or not others:
        return ""
    network = {
        "title": f"Network ({run.report['asked']['model']})",
        "metrics": evaluation["metrics"],
        "intervals": evaluation.get("intervals", {}),
        "seconds": run.report["training"].get("seconds"),
    }
    names = [name for name in headline(run.task) if name in evaluation["metrics"]]
    first, rows = names[0], [network, *others]
    # The constant answer is usually far off: it would squeeze the others into one point.
    near = [row for row in rows if row.get("name") not in ("majority", "mean")]
    shown = near if len(near) > 1 else rows
    ends = [v for row in shown for v in (*row["intervals"].get(first, ()), row["metrics"].get(first)) if v is not None]
    low, high = min(ends), max(ends)
    axis = (
        f'<span class="ends"><span>{esc(score(first, low))}</span><span>{esc(title(first))}, 95 %</span>'
        f"<span>{esc(score(first, high))}</span></span>"
    )
    body = [
        [
            f"<strong>{esc(row['title'])}</strong>" if row is network else esc(row["title"]),
            f"{esc(score(first, row['metrics'].get(first)))}"
            f'<br><span class="soft">{esc(score_range(first, row["intervals"].get(first)))}</span>',
            _strip(row["metrics"].get(first), row["intervals"].get(first), low, high, row is network),
            *(esc(score(name, row["metrics"].get(name))) for name in names[1:]),
            duration(row["seconds"]) if row.get("seconds") is not None else "",
        ]
        for row in rows
    ]
    head = ["", esc(title(first)), axis, *(esc(title(name)) for name in names[1:]), "Time"]
    notes = "".join(f'<p class="soft">{esc(row["title"])}: {esc(row["note"])}</p>' for row in others if row.get("note"))
    numeric = [1, *range(3, len(head))]
    return section("Does the network earn its keep?", table(head, body, numeric=numeric), notes)


def _strip(value: float | None, pair: Sequence[float] | None, low: float, high: float, ours: bool) -> str:
    if value is None:
        return ""
    width = (high - low) or 1.0
    if value < low or value > high:
        way = "‹ off the scale" if value < low else "off the scale ›"
        return f'<div class="soft" style="text-align:{"left" if value < low else "right"}">{way}</div>'

    def place(v: float) -> float:
        return 3 + 94 * (min(max(v, low), high) - low) / width

    bar = ""
    if pair:
        bar = f'<i style="left:{place(pair[0]):.1f}%;width:{place(pair[1]) - place(pair[0]):.1f}%"></i>'
    return f'<div class="strip{"" if ours else " other"}">{bar}<b style="left:{place(value):.1f}%"></b></div>'


def findings(run: RunView) -> str:
    rows = run.report.get("findings", [])
    if not rows:
        return section("What was found", "<p>Nothing that needs mending.</p>")
    return section("What was found", *(_finding(row) for row in rows))


def _finding(row: Mapping[str, Any]) -> str:
    severity = row["severity"] if row["severity"] in ("problem", "warning", "note") else "note"
    mend = row.get("remedy", {})
    changes = " ".join(_set(key, value) for key, value in mend.get("changes", {}).items())
    return (
        f'<div class="finding {severity}"><h3><span class="badge">{severity}</span>{esc(row["title"])}</h3>'
        f"<p>{esc(row['text'])}</p>"
        + (f"<p><strong>Remedy.</strong> {esc(mend['text'])}</p>" if mend.get("text") else "")
        + (f"<pre><code>{esc(changes)}</code></pre>" if changes else "")
        + "</div>"
    )


def _set(key: str, value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"--set {shlex.quote(f'{key}={text}')}"


def learning(run: RunView) -> str:
    """Loss and the watched metric along training."""
    training = run.report["training"]
    stopped = str(training.get("stopped") or "")
    shown, best = ["loss"], training.get("best_step")
    present = [name for row in run.history for name in row if row.get("kind") == "validation"]
    monitor = str(training.get("monitor", "")).removeprefix("validation_")
    for name in dict.fromkeys([monitor, *headline(run.task)]):
        if name in present and name not in shown and len(shown) < 2:
            shown.append(name)
    drawn = [(name, learning_curve(run.history, name, best)) for name in shown]
    return section(
        "How it learnt",
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


def figures(drawn: Any) -> str:
    body = "".join(f"<figure>{svg(figure, label)}</figure>" for figure, label in drawn)
    return f'<div class="figures">{body}</div>' if body else ""


def classes(run: RunView) -> str:
    """Confusion matrix, each class, ROC, precision-recall and calibration."""
    evaluation = run.evaluation()
    if not evaluation or run.task == "regress":
        return ""
    names, metrics, curves = evaluation["names"], evaluation["metrics"], evaluation["curves"]
    drawn = []
    if evaluation["confusion"]:
        drawn.append((confusion_figure(evaluation["confusion"], names), "Confusion matrix"))
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


def worst(run: RunView) -> str:
    """The rows with the largest loss, with their inputs; of classes the mistakes first."""
    rows = sorted(run.report.get("worst", [])[:MOST_WORST], key=_is_right)
    if not rows:
        return ""
    part = "Test" if "test" in run.report["evaluation"] else "Validation"
    right = sum(map(_is_right, rows))
    wrong = len(rows) - right
    heading, text = "Worst mistakes", f"{part} rows with the largest loss"
    if right:
        heading = "Hardest rows"
        text += f": {wrong} mistake{'' if wrong == 1 else 's'} first, then {right} that came out right, but barely"
    explain = f'<p class="soft">{text}. Look here for wrong labels, odd inputs, missing columns.</p>'
    cards, plain, spent = [], [], 0
    for row in rows:
        image = row.get("image")
        if image and str(image).startswith("data:image/") and spent + len(image) < MOST_IMAGE_BYTES:
            spent += len(image)
            cards.append(
                f'<div><img src="{esc(image)}" alt="{part.lower()} row {esc(row["row"])}">true '
                f"<strong>{esc(_answer(row['target']))}</strong>"
                f"<br>said <strong>{esc(_answer(row['prediction']))}</strong><br>{_sure(row)}</div>"
            )
        elif not image:
            plain.append(row)
    body = [
        [
            esc(row["row"]),
            esc(_answer(row["target"])),
            esc(_answer(row["prediction"])) + _sure(row),
            _chips(row.get("inputs") or {}),
        ]
        for row in plain
    ]
    grid = f'<div class="worst">{"".join(cards)}</div>' if cards else ""
    head = [f"{part} row", "True", "Said", "Inputs"]
    return section(heading, explain, grid, table(head, body) if body else "")


def _is_right(row: Mapping[str, Any]) -> bool:
    """Numbers are never right: they are near or far."""
    return isinstance(row["target"], str) and bool(row["target"] == row["prediction"])


def _answer(value: Any) -> str:
    if value is None:
        return "missing"
    if isinstance(value, (list, tuple)):
        return ", ".join(_answer(part) for part in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_answer(part)}" for key, part in value.items())
    return number(value) if isinstance(value, float) else str(value)


def _sure(row: Mapping[str, Any]) -> str:
    probability = row.get("probability")
    if probability is None:
        return ""
    right = ", right" if _is_right(row) else ""
    return f' <span class="soft">{100 * probability:.1f} % sure{right}</span>'


def _chips(inputs: Mapping[str, Any], most: int = 10) -> str:
    spans = [f"<span><em>{esc(k)}</em> {esc(_answer(v))[:60]}</span>" for k, v in list(inputs.items())[:most]]
    more = len(inputs) - most
    return f'<div class="chips">{"".join(spans)}{f"<span>… {more} more</span>" if more > 0 else ""}</div>'


def next_steps(run: RunView, folder: str) -> str:
    """Commands to paste: the remedies in one go, predict, evaluate elsewhere, compare."""
    asked = run.report["asked"]
    changes: dict[str, Any] = {}
    for row in reversed(run.report.get("findings", [])):  # the gravest finding comes first and wins
        if row["severity"] != "note":
            changes |= row.get("remedy", {}).get("changes", {})
    quoted = shlex.quote(folder)
    steps = []
    if changes:
        flags = " ".join(_set(key, value) for key, value in changes.items())
        steps.append(("Try the remedies above in a new run", f"{again(asked['command'])} {flags}"))
        steps.append(("Then see which of the two is better", f"learnloop compare {quoted} NEW_RUN"))
    steps.append(("Predict new rows", f"learnloop predict {quoted} NEW_DATA"))
    steps.append(("Measure it on other labelled data", f"learnloop evaluate {quoted} OTHER_DATA"))
    return section(
        "What to do next",
        *(f"<p>{esc(text)}:</p><pre><code>{esc(line)}</code></pre>" for text, line in steps),
    )


def data(run: RunView) -> str:
    facts_of = run.report["data"]
    rows = facts_of.get("rows", {})
    counts = ", ".join(f"{part} {number(n)}" for part, n in rows.items())
    schema = facts_of.get("schema", [])
    body = [
        [
            esc(field["name"]),
            esc(field["kind"]),
            esc(field["role"]),
            number(field.get("missing", 0)),
            esc(", ".join(field.get("categories", [])[:6]) + (" …" if len(field.get("categories", [])) > 6 else "")),
            esc(field.get("why", "")),
        ]
        for field in schema[:MOST_FIELDS]
    ]
    columns = table(["Field", "Kind", "Role", "Missing", "Categories", "Why"], body, numeric=(3,))
    more = f'<p class="soft">The first {MOST_FIELDS} of {len(schema):,}.</p>' if len(schema) > MOST_FIELDS else ""
    notes = "".join(f"<li>{esc(note)}</li>" for note in facts_of.get("notes", []))
    return section(
        "The data",
        facts([("Rows", counts), ("Split", facts_of.get("split"))]),
        f"<ul>{notes}</ul>" if notes else "",
        f"<details><summary>The {len(schema):,} fields and what was inferred about "
        f"them</summary>{columns}{more}</details>"
        if schema
        else "",
    )


def reproduce(run: RunView) -> str:
    asked = run.report["asked"]
    recipe = f"<details><summary>recipe.yaml</summary><pre><code>{esc(run.recipe)}</code></pre></details>"
    return section(
        "Reproduce it",
        f"<pre><code>{esc(again(asked['command']))}</code></pre>",
        f'<p class="soft">Seed {esc(asked.get("seed"))}. The resolved recipe holds every setting and where '
        "it came from:</p>"
        if run.recipe
        else "",
        recipe if run.recipe else "",
    )
