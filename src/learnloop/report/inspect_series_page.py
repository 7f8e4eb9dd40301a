"""One self-contained HTML page about series: sentences first, then the series taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from learnloop.report import inspect_series_text as text
from learnloop.report.inspect_style import STYLE
from learnloop.report.series_svg import lines, stems

SERIES_STYLE = """
svg.chart { height:auto; min-width:600px; } .pair svg.chart { min-width:0; } .figure { overflow-x:auto; }
svg.chart text { fill:var(--soft); font-size:12px; font-variant-numeric:tabular-nums; }
svg.chart polyline { fill:none; stroke:var(--bar); stroke-width:1.4; stroke-linejoin:round; }
svg.chart polyline.trend { stroke:var(--hot); stroke-width:1.8; } svg.chart circle { fill:var(--hot); }
svg.chart .rule { stroke:var(--line); } svg.chart .break { stroke:var(--ink); stroke-dasharray:5 4; stroke-width:1.4; }
svg.chart rect.bound { fill:var(--line); opacity:.6; } svg.chart .stem { stroke:var(--soft); stroke-width:2; }
svg.chart .stem.far { stroke:var(--bar); } .figure { background:var(--card); border:1px solid var(--line);
  border-radius:9px; padding:12px 14px 8px; margin:8px 0; } .figure h3 { font-weight:500; font-size:14px; }
.pair { display:grid; grid-template-columns:1fr 1fr; gap:12px; } @media (max-width:720px) { .pair {
  grid-template-columns:1fr; } } .facts { border-collapse:collapse; font-variant-numeric:tabular-nums; margin-top:8px; }
.facts th, .facts td { text-align:left; padding:4px 22px 4px 0; border-bottom:1px solid var(--line); }
.facts th { font-weight:500; color:var(--soft); font-size:13px; } .facts .num { text-align:right; }
.scroll { overflow-x:auto; }
"""


def series_page(facts: dict[str, Any]) -> str:
    """`facts` of `verbs.inspect_series.series_facts`. No script, no outside file."""
    short = facts["name"].rstrip("/").rpartition("/")[2] or facts["name"]
    body = [
        f"<header><h1>{escape(short)}</h1><p>{escape(text.headline(facts))}</p></header>",
        _said(facts),
        _plot(facts),
        _parts(facts),
        _correlations(facts),
        _stationarity(facts),
        _bar(facts),
        _far(facts),
        _section("How it was read", _list(facts["notes"])),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(facts['name'])} - learnloop inspect</title>"
        f"<style>{STYLE}{SERIES_STYLE}</style></head>\n<body><main>"
        + "\n".join(part for part in body if part)
        + "</main></body></html>\n"
    )


def _section(title: str, inner: str, hint: str = "") -> str:
    small = f'<p class="hint">{escape(hint)}</p>' if hint else ""
    return f"<section><h2>{escape(title)}</h2>{small}{inner}</section>"


def _list(items: Sequence[str]) -> str:
    return '<ul class="plain">' + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"


def _said(facts: dict[str, Any]) -> str:
    items = "".join(
        f'<li class="{css}"><b>{word}</b><span>{escape(row)}</span></li>'
        for css, word, row in [
            *[("note", "Note", row) for row in text.sentences(facts)],
            ("fine", "Beat", text.bar_sentence(facts)),
        ]
    )
    return f'<ul class="warnings">{items}</ul>'


def _figure(title: str, inner: str) -> str:
    return f'<div class="figure"><h3>{escape(title)}</h3>{inner}</div>'


def _plot(facts: dict[str, Any]) -> str:
    parts = facts["parts"]
    marks = [(row["step"], row["value"]) for row in facts["outliers"]["farthest"]]
    breaks = [row["step"] for row in facts["breaks"]["found"]]
    label = f"{facts['variable']} from {facts['from']} to {facts['to']}"
    inner = lines(
        label,
        parts["step"],
        parts["time"],
        [("value", parts["values"]), ("trend", parts["trend"])],
        height=280,
        marks=marks,
        breaks=breaks,
    )
    name = f"{facts['variable']}{', ' + facts['shown'] if facts['shown'] else ''}"
    hint = "Blue: the values. Red line: the trend. Red points: the farthest values. Dashed: breaks."
    return _section(name, f'<div class="figure">{inner}</div>', hint)


def _parts(facts: dict[str, Any]) -> str:
    parts = facts["parts"]
    strength = facts["strength"]
    names = [("trend", f"Trend (strength {strength['trend']:.2f} of 1)"), ("remainder", "Remainder")]
    hint = "A running median is the trend; there is no season."
    if facts["season"] > 1:
        names.insert(1, ("season", f"Season of {facts['season']} steps (strength {strength['season']:.2f} of 1)"))
        hint = "By robust STL: values = trend + season + remainder."
    inner = "".join(
        _figure(title, lines(title, parts["step"], parts["time"], [("value", parts[name])], height=150))
        for name, title in names
    )
    return _section("Taken apart", inner, hint)


def _correlations(facts: dict[str, Any]) -> str:
    rows = []
    after = " + ".join(facts["transform"]["names"])
    for key, title in (("series", "the series"), ("stationary", f"after {after}")):
        if key == "stationary" and not after:
            continue
        found = facts["correlation"][key]
        for kind, name in (("acf", "Autocorrelation"), ("pacf", "Partial autocorrelation")):
            heading = f"{name}, {title}"
            rows.append(_figure(heading, stems(heading, found[kind], found["bound"], facts["season"])))
    hint = (
        "How far a value hangs together with the one so many steps before; partial: beyond what the steps between "
        "explain. Strokes inside the band could be chance (95 %)."
    )
    return _section("Correlation with the past", f'<div class="pair">{"".join(rows)}</div>', hint)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int]) -> str:
    def line(cells: Sequence[str], tag: str) -> str:
        return (
            "<tr>"
            + "".join(
                f"<{tag}{' class=num' if place in numbers else ''}>{escape(cell)}</{tag}>"
                for place, cell in enumerate(cells)
            )
            + "</tr>"
        )

    body = line(head, "th") + "".join(line(row, "td") for row in rows)
    return f'<div class="scroll"><table class="facts">{body}</table></div>'


def _stationarity(facts: dict[str, Any]) -> str:
    found = facts["stationarity"]
    if not found:
        return ""
    head = ("test", "null hypothesis", "statistic", "p", "at 5 %")
    hint = found["meaning"] + (" The season was taken out before the tests." if found["adjusted"] else "")
    return _section("Stationarity", _table(head, text.tests(facts), (2, 3)), hint)


def _bar(facts: dict[str, Any]) -> str:
    bar = facts["bar"]
    hint = f"{bar['horizon']} steps ahead from {bar['origins']} origins in the last third; each saw its past only."
    return _section("The error to beat", _table(("forecast", "MAE", "sMAPE"), text.bar(facts), (1, 2)), hint)


def _far(facts: dict[str, Any]) -> str:
    if not facts["outliers"]["count"]:
        return ""
    head = ("time", "value", "expected", "distance")
    hint = f"Values farthest from {facts['outliers']['of']}, in robust standard deviations of what is left."
    return _section("Farthest values", _table(head, text.far(facts), (1, 2)), hint)
