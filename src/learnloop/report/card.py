"""`run_html`: a run in a notebook, as a compact card with its own colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from learnloop.report.text import duration, esc, number, score, score_range, title
from learnloop.scores.names import headline

CELL = "padding:2px 14px 2px 0;text-align:left;border:0;background:none"


def run_html(report: Mapping[str, Any]) -> str:
    """`_repr_html_` of a run: what, verdict, headline figures beside the best baseline, findings. report:
    report.json.

    Colours are inherited from the notebook, so that light and dark themes both work.
    """
    asked, training = report["asked"], report["training"]
    found = report.get("evaluation", {})
    part = "test" if "test" in found else next(iter(found), None)
    evaluation = found[part] if part else {"metrics": {}, "intervals": {}, "rows": 0, "task": asked["task"]}
    names = [name for name in headline(evaluation["task"]) if name in evaluation["metrics"]]
    others = report.get("baselines", [])
    head = "".join(f'<th style="{CELL}">{esc(title(name))}</th>' for name in names)
    rows = _row(f"{asked['model']} (this run)", evaluation, names, strong=True)
    rows += "".join(_row(row["title"], row, names) for row in others)
    problems = [row for row in report.get("findings", []) if row["severity"] != "note"]
    said = "; ".join(row["title"] for row in problems)
    return (
        '<div style="border:1px solid #8886;border-radius:8px;padding:10px '
        '14px;max-width:820px;line-height:1.45">'
        f"<strong>{esc(asked['model'])}</strong> on {esc(asked['data'])} → "
        f"{esc(', '.join(asked.get('target', [])))}"
        f'<div style="opacity:.75;font-size:.9em">{_trained(asked, training)} · '
        f"{evaluation['rows']:,} {part or ''} {'forecasts' if asked['task'] == 'forecast' else 'rows'}</div>"
        f'<div style="margin:6px 0">{esc(report.get("verdict", ""))}</div>'
        '<table style="border-collapse:collapse;font-size:.95em;border:0"><tr><th '
        f'style="{CELL}"></th>{head}</tr>'
        f"{rows}</table>" + (f'<div style="margin-top:6px">Found: {esc(said)}.</div>' if said else "") + "</div>"
    )


def _trained(asked: Mapping[str, Any], training: Mapping[str, Any]) -> str:
    if asked["task"] == "forecast" and not training.get("steps"):
        return "no network was trained"
    return (
        f"{number(training.get('parameters', 0))} parameters · {number(training.get('steps', 0))} steps in "
        f"{duration(training.get('seconds', 0.0))}"
    )


def _row(name: str, row: Mapping[str, Any], names: list[str], strong: bool = False) -> str:
    cells = ""
    for metric in names:
        pair = score_range(metric, row.get("intervals", {}).get(metric))
        shown = esc(score(metric, row["metrics"].get(metric)))
        small = f'<span style="opacity:.65;font-size:.85em;white-space:nowrap">{esc(pair)}</span>'
        cells += f'<td style="{CELL}">{shown}<br>{small}</td>'
    weight = ";font-weight:600" if strong else ""
    return f'<tr><td style="{CELL}{weight}">{esc(name)}</td>{cells}</tr>'
