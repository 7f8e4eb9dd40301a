"""Several runs on one picture, and their figures side by side with intervals: page, plain text, JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from learnloop.errors import RunError
from learnloop.report.figures import curves_figure, svg
from learnloop.report.load import RunView
from learnloop.report.page import style
from learnloop.report.text import duration, esc, number, page, score, score_range, section, table, title
from learnloop.scores.names import headline, higher_is_better

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def labels(runs: Sequence[RunView]) -> list[str]:
    """A name for each run: its folder's name, numbered where two are the same."""
    names = [run.name for run in runs]
    return [name if names.count(name) == 1 else f"{name} ({k})" for k, name in enumerate(names, start=1)]


def metric_names(runs: Sequence[RunView]) -> list[str]:
    """The headline metrics that every run has. Raises RunError when the runs are of different tasks."""
    tasks = {run.task for run in runs}
    if len(tasks) > 1:
        raise RunError(
            "compare",
            "must be runs of one task",
            found="; ".join(f"{run.name}: {run.task}" for run in runs),
            do="compare the runs of each task on their own",
        )
    return [
        name for name in headline(next(iter(tasks))) if all(name in run.evaluation().get("metrics", {}) for run in runs)
    ]


def comparison(runs: Sequence[RunView]) -> dict[str, Any]:
    """`{"metrics": [names], "runs": [{"name", "model", "seconds", "parameters", "metrics", "intervals"}],
    "notes": [..]}`."""
    names = metric_names(runs)
    rows = []
    for label, run in zip(labels(runs), runs):
        evaluation, training = run.evaluation(), run.report["training"]
        rows.append(
            {
                "name": label,
                "model": run.report["asked"]["model"],
                "seconds": training.get("total_seconds" if run.task == "forecast" else "seconds"),
                "steps": training.get("steps"),
                "parameters": training.get("parameters") if _answers(run) else 0,
                "metrics": {name: evaluation["metrics"][name] for name in names},
                "intervals": {n: evaluation["intervals"][n] for n in names if n in evaluation["intervals"]},
            }
        )
    return {"metrics": names, "runs": rows, "notes": _notes(runs)}


def _answers(run: RunView) -> bool:
    """Whether the network that was trained is what answers: of a forecast it may be a method instead."""
    found = run.report.get("forecast", {})
    return run.task != "forecast" or found.get("network") in found.get("weights", {})


def _notes(runs: Sequence[RunView]) -> list[str]:
    notes = []
    for key, what in (("data", "data"), ("target", "targets"), ("seed", "seeds")):
        values = {str(run.report["asked"].get(key)) for run in runs}
        if len(values) > 1 and (key != "seed"):
            notes.append(
                f"These runs have different {what}: {', '.join(sorted(values))}. Their figures do not compare."
            )
    horizons = {run.report.get("forecast", {}).get("horizon") for run in runs}
    if len(horizons) > 1:
        steps = ", ".join(f"{one:,}" for one in sorted(one for one in horizons if one is not None))
        notes.append(f"These runs forecast different numbers of steps: {steps}. Their figures do not compare.")
    sizes = {run.evaluation().get("rows") for run in runs}
    if len(sizes) > 1 and not notes:
        notes.append("The runs were measured on test parts of different sizes: not the same split.")
    return notes


def compare_figure(runs: Sequence[RunView], metric: str | None = None) -> Figure:
    """One metric on validation along training, a line a run; default: the first headline metric that all
    record."""
    shown = metric or next(
        (name for name in (*headline(runs[0].task), "loss") if all(_curve(run, name) for run in runs)), "loss"
    )
    curves = {label: points for label, run in zip(labels(runs), runs) if (points := _curve(run, shown))}
    if not curves:
        raise RunError("compare", f"needs runs that recorded {shown} on validation", found="none of them did")
    return curves_figure(curves, shown)


def _curve(run: RunView, name: str) -> list[tuple[float, float]]:
    return [(row["step"], row[name]) for row in run.history if row.get("kind") == "validation" and name in row]


def compare_text(runs: Sequence[RunView]) -> str:
    """A plain table for the terminal; the best value of each column has a star."""
    found = comparison(runs)
    head = ["run", "model", *(title(name) for name in found["metrics"]), "parameters", "time"]
    best = _best(found)
    body = []
    for row in found["runs"]:
        cells = [row["name"], row["model"]]
        for name in found["metrics"]:
            pair = score_range(name, row["intervals"].get(name))
            star = "*" if row["name"] in best[name] else ""
            cells.append(f"{score(name, row['metrics'][name])}{star}" + (f" [{pair}]" if pair else ""))
        body.append([*cells, number(row["parameters"] or 0), duration(row["seconds"] or 0.0)])
    widths = [max(len(line[column]) for line in [head, *body]) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in [head, *body]]
    return "\n".join([*lines, "* best of the column; in brackets the 95 % interval", *found["notes"]])


def _best(found: dict[str, Any]) -> dict[str, set[str]]:
    best = {}
    for name in found["metrics"]:
        worth = [_worth(name, row["metrics"][name]) for row in found["runs"]]
        best[name] = {row["name"] for row, value in zip(found["runs"], worth) if value == max(worth)}
    return best


def _worth(name: str, value: float) -> float:
    """More is better: a coverage is best where it is what the interval promises."""
    if name.startswith("coverage_"):
        return -abs(value - float(name.removeprefix("coverage_")) / 100)
    return value if higher_is_better(name) else -value


def compare_page(runs: Sequence[RunView]) -> str:
    """The comparison as one self-contained HTML page."""
    found = comparison(runs)
    best = _best(found)
    rows = []
    for row in found["runs"]:
        cells = [f"<strong>{esc(row['name'])}</strong>", esc(row["model"])]
        for name in found["metrics"]:
            value = esc(score(name, row["metrics"][name]))
            value = f"<strong>{value}</strong>" if row["name"] in best[name] else value
            cells.append(f'{value}<br><span class="soft">{esc(score_range(name, row["intervals"].get(name)))}</span>')
        rows.append([*cells, number(row["parameters"] or 0), duration(row["seconds"] or 0.0)])
    head = ["Run", "Model", *(esc(title(name)) for name in found["metrics"]), "Parameters", "Time"]
    shown = [name for name in (*found["metrics"][:1], "loss") if any(_curve(run, name) for run in runs)]
    drawn = "".join(
        f"<figure>{svg(compare_figure(runs, name), f'{title(name)} of the runs')}</figure>" for name in shown
    )
    notes = "".join(f'<div class="finding warning"><p>{esc(note)}</p></div>' for note in found["notes"])
    body = (
        f"<h1>{len(runs)} runs compared</h1>{notes}"
        + section(
            "Side by side",
            table(head, rows, numeric=range(2, len(head))),
            '<p class="soft">Bold: best of its column. Small: 95 % bootstrap interval over test rows. Where '
            "intervals "
            "overlap much, the order may be luck.</p>",
        )
        + section("Learning curves", f'<div class="figures">{drawn}</div>' if drawn else "")
    )
    return page("Runs compared", style(), body)


def write_comparison(runs: Sequence[RunView], path: Path) -> Path:
    """compare_page to `path` (.html), or compare_figure to it when it ends in .png or .svg."""
    path = Path(path)
    if path.suffix in (".png", ".svg"):
        compare_figure(runs).savefig(path, dpi=150, facecolor="white")
    else:
        path.write_text(compare_page(runs), encoding="utf-8")
    return path
