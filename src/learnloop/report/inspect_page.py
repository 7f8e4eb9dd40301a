"""One self-contained HTML page about data: sentences first, then pictures of every column."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from learnloop.data.dataset import Dataset
from learnloop.data.profile_series import series_text
from learnloop.data.profile_text import MEASURES, figure, mean_of, size, values_of
from learnloop.data.profile_words import sentences
from learnloop.report.augmented import AugmentedSheet, sheet_section
from learnloop.report.inspect_style import STYLE
from learnloop.report.thumbnail import thumbnail

_MOST_CARDS = 120
_MOST_CLASSES = 40
_MOST_ALONE = 20


def inspect_page(facts: dict[str, Any], dataset: Dataset, sheets: Sequence[AugmentedSheet] = ()) -> str:
    """`facts` of `data.profile.profile`; `dataset` for the images; `sheets` of augmented ones. No script, no outside
    file."""
    short = facts["name"].rstrip("/").rpartition("/")[2] or facts["name"]
    body = [
        f"<header><h1>{escape(short)}</h1><p>{escape(size(facts))}</p></header>",
        _warnings(facts),
        *[_target(target) for target in facts["targets"]],
        _alone(facts),
        *[_images(row, dataset) for row in facts["images"]],
        *[_texts(row) for row in facts["texts"]],
        *[_section(row["kind"].capitalize(), _lines(series_text(row))) for row in facts["series"]],
        *[sheet_section(sheet) for sheet in sheets],
        _fields(facts),
        _notes(facts),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(facts['name'])} - learnloop inspect</title>"
        f"<style>{STYLE}</style></head>\n<body><main>"
        + "\n".join(part for part in body if part)
        + "</main></body></html>\n"
    )


def _section(title: str, inner: str, hint: str = "") -> str:
    small = f'<p class="hint">{escape(hint)}</p>' if hint else ""
    return f"<section><h2>{escape(title)}</h2>{small}{inner}</section>"


def _warnings(facts: dict[str, Any]) -> str:
    rows = facts["warnings"]
    if not rows:
        text = "Nothing stands out: no leak, no constant or repeated column, no repeated row."
        return f'<ul class="warnings"><li class="fine">{text}</li></ul>'
    items = "".join(
        f'<li class="{row["severity"]}"><b>{"Check" if row["severity"] == "warning" else "Note"}</b>'
        f"<span>{escape(row['text'])}</span></li>"
        for row in rows
    )
    return f'<ul class="warnings">{items}</ul>'


def _target(target: dict[str, Any]) -> str:
    if target["task"] == "regress":
        picture = f'<div class="wide">{_histogram(target)}</div>'
        return _section(f"Target: {target['name']}", picture, values_of(target).replace("   ", "; "))
    shown = target["classes"][:_MOST_CLASSES]
    largest = max((row["share"] for row in shown), default=1.0)
    rows = [(row["value"], row["share"] / largest, f"{row['count']:,}", f"{row['share']:.1%}", False) for row in shown]
    more = target["distinct"] - len(shown)
    hint = f"{target['distinct']} classes"
    if shown:
        hint += f"; always answering {shown[0]['value']!r} would be {shown[0]['share']:.1%} accurate"
    tail = f'<p class="hint">and {more} more classes</p>' if more > 0 else ""
    return _section(f"Target: {target['name']}", _bars(rows) + tail, hint)


def _alone(facts: dict[str, Any]) -> str:
    shown = facts["alone"][:_MOST_ALONE]
    if not shown:
        return ""
    first = shown[0]
    span = max(1e-9, 1 - first["chance"])
    rows = [
        (
            row["column"],
            max(0.0, row["score"] - row["chance"]) / span,
            f"{row['score']:.3f}",
            "",
            row["leaks"],
        )
        for row in shown
    ]
    more = len(facts["alone"]) - len(shown)
    hint = (
        f"{MEASURES[first['measure']]}, five-fold cross-validated on {first['rows']:,} rows; "
        f"a column that says nothing scores {first['chance']:.2f}, a perfect one 1."
        + (f" {more} more columns are not shown." if more > 0 else "")
    )
    return _section(f"What each column predicts of {first['target']} by itself", _bars(rows), hint)


def _bars(rows: list[tuple[str, float, str, str, bool]]) -> str:
    """Rows of (label, length 0..1, figure, second figure, striking)."""
    items = "".join(
        f'<tr><th>{escape(label)}</th><td class="bar"><i{" class=hot" if hot else ""} '
        f'style="width:{max(0.4, 100 * min(1.0, length)):.1f}%"></i></td><td class="num">{one}</td>'
        + (f'<td class="num">{two}</td>' if two else "")
        + "</tr>"
        for label, length, one, two, hot in rows
    )
    return f'<table class="bars">{items}</table>'


def _lines(lines: list[str]) -> str:
    return f"<pre>{escape(chr(10).join(lines).strip())}</pre>"


def _fields(facts: dict[str, Any]) -> str:
    plain = [field for field in facts["fields"] if field["kind"] not in ("image", "series", "audio")]
    fields = [field for field in plain if field["role"] != "target"]
    if not fields:
        return ""
    fields.sort(key=lambda field: field["role"] != "input")
    cards = "".join(_card(field, facts["rows"]) for field in fields[:_MOST_CARDS])
    more = len(fields) - _MOST_CARDS
    hint = f"The first {_MOST_CARDS}; {more} more are in the JSON (learnloop inspect --json)." if more > 0 else ""
    return _section("Columns", f'<div class="cards">{cards}</div>', hint)


def _card(field: dict[str, Any], rows: int) -> str:
    picture = ""
    if field["kind"] != "constant":
        picture = _histogram(field) if field.get("histogram") else _top(field)
    known = rows - field["missing"]
    gap = ""
    if field["missing"]:
        share = field["missing_share"]
        filled = f'<i style="width:{100 * (1 - share):.1f}%"></i>'
        gap = (
            f'<div class="gap" title="{known:,} of {rows:,} known">{filled}</div>'
            f'<p class="stat">{field["missing"]:,} missing ({share:.1%})</p>'
        )
    lines = [f"{field['distinct']:,} distinct"]
    if "mean" in field and field["kind"] != "constant":
        lines.append(f"median {figure(field['median'])}, mean {figure(mean_of(field))}, std {figure(field['std'])}")
        if field["outliers"] and field["outliers"]["count"]:
            lines.append(f"{field['outliers']['count']:,} far values ({field['outliers']['share']:.1%})")
    aside = field["role"] != "input"
    word = "set aside" if field["role"] in ("ignore", "id") else field["role"]
    role = f'<span class="chip">{escape(word)}</span>'
    return (
        f"<article{' class=aside' if aside else ''}><h3>{escape(field['name'])}</h3>"
        f'<p class="chips"><span class="chip kind">{field["kind"]}</span>{role if aside else ""}</p>'
        f"{picture}{gap}<p class=stat>{escape('; '.join(lines))}</p>"
        f'<p class="why">{escape(field["why"])}</p></article>'
    )


def _histogram(field: dict[str, Any]) -> str:
    """Bars as SVG, the range below it, and how many values lie outside the drawn range."""
    histogram = field.get("histogram")
    if not histogram:
        return ""
    counts, edges = histogram["counts"], histogram["edges"]
    tallest = max([*counts, 1])
    step = 240 / max(1, len(counts))
    bars = "".join(
        f'<rect x="{position * step + 0.5:.2f}" y="{60 - 58 * count / tallest:.2f}" '
        f'width="{max(0.8, step - 1):.2f}" height="{58 * count / tallest:.2f}">'
        f"<title>{_between(edges, position)}: {count:,}</title></rect>"
        for position, count in enumerate(counts)
        if count
    )
    outside = [
        f"{histogram['below']:,} below" if histogram["below"] else "",
        f"{histogram['above']:,} above" if histogram["above"] else "",
    ]
    note = ", ".join(text for text in outside if text)
    whole = _whole(edges)
    low, high = (edges[0] + 0.5, edges[-1] - 0.5) if whole else (edges[0], edges[-1])
    label = escape(f"histogram of {field['name']} from {figure(low)} to {figure(high)}")
    return (
        f'<svg viewBox="0 0 240 62" preserveAspectRatio="none" role="img" aria-label="{label}">{bars}'
        '<line x1="0" x2="240" y1="61" y2="61"/></svg>'
        f'<p class="axis"><span>{_date(low)}</span><span class="out">{note}</span>'
        f"<span>{_date(high)}</span></p>"
    )


def _whole(edges: list[Any]) -> bool:
    """Bins of one whole number each."""
    return all(isinstance(edge, float) for edge in edges) and all(edge % 1 == 0.5 for edge in edges)


def _between(edges: list[Any], position: int) -> str:
    if _whole(edges):
        return figure(edges[position] + 0.5)
    return f"{_date(edges[position])} to {_date(edges[position + 1])}" if len(edges) > 1 else _date(edges[0])


def _date(value: Any) -> str:
    return escape(figure(value))


def _top(field: dict[str, Any]) -> str:
    rows = field.get("top", [])
    if field["kind"] in ("text", "id"):
        examples = "".join(f"<li>{escape(row['value'])}</li>" for row in rows[:3])
        return f'<ul class="examples">{examples}</ul>'
    largest = max((row["share"] for row in rows), default=1.0)
    bars = [(row["value"], row["share"] / largest, f"{row['share']:.1%}", "", False) for row in rows[:6]]
    more = (field["distinct"] or 0) - len(bars)
    return _bars(bars) + (f'<p class="stat">and {more:,} more</p>' if more > 0 else "")


def _images(row: dict[str, Any], dataset: Dataset) -> str:
    images = dataset.column(row["name"])
    groups = "".join(
        '<div class="sheet">'
        + (f"<h3>{escape(group['label'])}</h3>" if group["label"] else "")
        + "".join(thumbnail(np.asarray(images[index]), f"row {index}") for index in group["rows"])
        + "</div>"
        for group in row["sheet"]
    )
    mean = ", ".join(f"{value:.3f}" for value in row["mean"])
    std = ", ".join(f"{value:.3f}" for value in row["std"])
    hint = (
        f"{row['count']:,} images of {row['width']} x {row['height']} pixels, {row['channels']} "
        f"channel{'' if row['channels'] == 1 else 's'}; mean {mean}, std {std} (0 to 1). Drawn at random:"
    )
    return _section(f"Images: {row['name']}", groups, hint)


def _texts(row: dict[str, Any]) -> str:
    length = row["length"]
    said = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences(row))
    words = "".join(
        f"<h3>{escape(('More often in ' + group['label']) if group['label'] else 'Most frequent')}</h3>"
        f"<p>{escape(', '.join(group['words']))}</p>"
        for group in row["words"]
    )
    hint = (
        f"{row['count']:,} texts of {length['min']:,} to {length['max']:,} words, half of them below "
        f"{length['median']:,}; 99 % have at most {length['q99']:,}:"
    )
    bars = _histogram({"name": f"words of {row['name']}", "histogram": length["histogram"]})
    inner = bars + (f'<ul class="plain">{said}</ul>' if said else "") + words
    return _section(f"Texts: {row['name']}", inner, hint)


def _notes(facts: dict[str, Any]) -> str:
    notes = [*facts["notes"], *facts["sampled"]]
    if not notes:
        return ""
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return _section("How it was read", f'<ul class="plain">{items}</ul>')
