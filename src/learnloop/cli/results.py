"""The results of a run for people, from its report.json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from learnloop.cli import show

Report = Mapping[str, Any]
_PARTS = {"language": "characters", "forecast": "values"}
"""What the parts of the data of a task are counted in, where it is not rows."""
_SCORED = {"language": "characters", "forecast": "forecasts"}
"""What its figures are means over."""


def best_part(report: Report) -> str:
    """The part whose figures count: test where it was held out, else validation, else training."""
    return next(part for part in ("test", "validation", "train") if part in report["evaluation"])


def shown_metrics(report: Report) -> list[str]:
    """The metrics that are shown first, of those that were measured."""
    from learnloop.scores.names import headline

    metrics = report["evaluation"][best_part(report)]["metrics"]
    task = report["asked"]["task"]
    several = task == "classify" and len(report["asked"].get("target", [])) > 1
    return [name for name in headline("labels" if several else task) if name in metrics]


def show_fit(folder: Path, report: Report) -> None:
    """The summary on stdout: figures of the network beside the baselines, the verdict, and where to go on."""
    from learnloop.report.text import duration

    part, names = best_part(report), shown_metrics(report)
    training, evaluation = report["training"], report["evaluation"][part]
    rows = report["data"]["rows"].get(part, "?")
    what = _PARTS.get(report["asked"]["task"], "rows")
    show.heading(f"{part}: {rows} {what}" + ("" if part == "train" else " never trained on"))
    served = [row for row in report.get("forecast", {}).get("table", []) if row["served"]]
    seconds = served[0]["seconds"] if served else training["seconds"]
    name = f"{served[0]['title']} (served)" if served else report["asked"]["model"]
    lines = [[name, *_figures(evaluation, names), duration(seconds)]]
    for item in report.get("baselines", []):
        lines.append([item["title"], *_figures(item, names), duration(item["seconds"])])
    show.table(["model", *names, "time"], lines)
    if report.get("verdict"):
        print(report["verdict"])
    for finding in report.get("findings", [])[:5]:
        print(f"- {finding.get('title', '')}")
    print(f"run: {folder}")
    if (folder / "report.html").exists():
        print(f"report: {folder / 'report.html'}")


def show_evaluation(found: Mapping[str, Any], names: list[str], rows: int | None = None) -> None:
    """All metrics of one evaluation with their intervals; `names` first."""
    from learnloop.scores.names import METRICS

    metrics = found["metrics"]
    ordered = [*names, *(name for name in metrics if name not in names)]
    lines = [
        [name, figure, METRICS[name].meaning if name in METRICS else ""]
        for name, figure in zip(ordered, _figures(found, ordered))
        if metrics[name] is not None
    ]
    if rows is not None:
        what = _SCORED.get(found["task"], "rows")
        show.heading(f"{rows} {what if rows != 1 else what[:-1]}")
    show.table(["metric", "value [95 % interval]", "meaning"], lines)


def _figures(found: Mapping[str, Any], names: list[str]) -> list[str]:
    """`97.2 % [95.1 – 98.4 %]` for each metric, a dash for one that was not measured."""
    from learnloop.report.text import score, score_range

    metrics, intervals = found["metrics"], found.get("intervals", {})
    figures = []
    for name in names:
        between = score_range(name, intervals.get(name))
        figures.append(score(name, metrics.get(name)) + (f" [{between}]" if between else ""))
    return figures
