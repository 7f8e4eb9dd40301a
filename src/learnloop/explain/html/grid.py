"""A grid as SVG: cells coloured by value (SVG, because browsers print no background), numbers, frames, labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from learnloop.explain.html.formula import with_code
from learnloop.explain.html.svg import cut, drawing, number_that_fits, opacity, text_at, text_width
from learnloop.explain.walk import Array, Grid, number
from learnloop.report.text import esc

MOST_COLUMNS, MOST_CELLS = 12, 200
"""Past these the cells carry no numbers."""
MOST_DRAWN = 96
"""Rows and columns of a picture; what is beyond is said."""
PICTURE = 460.0
"""The side of a picture, in pixels."""
LABEL = 110.0
SIGN = "−"


def grid(block: Grid) -> str:
    """A figure: name and size above, cells, range and note below."""
    values = np.atleast_2d(np.asarray(block.values, float))
    shown = values[:MOST_DRAWN, :MOST_DRAWN]
    numbered = values.shape[1] <= MOST_COLUMNS and values.size <= MOST_CELLS
    width, height = _sizes(block, shown, numbered)
    left = max((min(LABEL, text_width(name, 12)) for name in block.rows[: len(shown)]), default=0.0)
    left, top = (left + 10 if left else 3.0), (22.0 if block.columns and width >= 18 else 3.0)
    body = _cells(block, shown, numbered, left, top, width, height) + _labels(block, shown, left, top, width, height)
    body += _frame(block.marked, left, top, width, height)
    size = " × ".join(str(length) for length in np.shape(block.values)) or "one number"
    picture = drawing(
        left + shown.shape[1] * width + 4,
        top + shown.shape[0] * height + 4,
        f"{block.name}, {size}",
        _description(values, numbered),
        body,
        shrinks=0.8 if numbered else 0.5,
    )
    return (
        f'<figure class="grid"><figcaption><b>{with_code(block.name)}</b> <span>{size}</span></figcaption>'
        f'<div class="pan" tabindex="0">{picture}</div>{_remarks(block, values, shown, numbered)}</figure>'
    )


def _sizes(block: Grid, shown: Array, numbered: bool) -> tuple[float, float]:
    if not numbered:
        side = min(24.0, max(6.0, PICTURE / max(shown.shape)))
        return side, side
    longest = max(text_width(number(float(value)), 14) for value in shown.flat)
    labels = max((min(LABEL, text_width(name, 12)) for name in block.columns), default=0.0)
    return max(42.0, longest + 14, labels + 8), 36.0


def _cells(block: Grid, shown: Array, numbered: bool, left: float, top: float, width: float, height: float) -> str:
    largest = float(np.max(np.abs(shown[np.isfinite(shown)]), initial=0.0))
    parts = []
    for row, values in enumerate(shown):
        for column, value in enumerate(values):
            x, y = left + column * width, top + row * height
            kind = "neg" if value < 0 else "pos"
            shade = opacity(float(value), largest, 0.0, 0.55 if numbered else 1.0)
            hint = "" if numbered else f"<title>{_place(block, row, column)}: {number(float(value))}</title>"
            parts.append(
                f'<rect class="cell {kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
                f' fill-opacity="{shade:.2f}">{hint}</rect>'
            )
            text = number_that_fits(float(value)) if numbered else SIGN if value < 0 and width >= 11 else ""
            size = 14 if numbered else 9
            middle = (x + width / 2, y + height / 2 + size * 0.36)
            parts.append(text_at(text, *middle, "middle", size, "" if numbered else "on"))
    return "".join(parts)


def _place(block: Grid, row: int, column: int) -> str:
    first = esc(block.rows[row]) if block.rows else f"row {row}"
    return f"{first}, {esc(block.columns[column]) if block.columns else f'column {column}'}"


def _labels(block: Grid, shown: Array, left: float, top: float, width: float, height: float) -> str:
    parts = []
    for row, name in enumerate(block.rows[: shown.shape[0]] if height >= 11 else ()):
        y = top + (row + 0.5) * height + 4
        parts.append(text_at(cut(name, LABEL, 12), left - 8, y, "end", 12, "dim"))
    for column, name in enumerate(block.columns[: shown.shape[1]] if width >= 18 else ()):
        parts.append(text_at(cut(name, width - 4, 12), left + (column + 0.5) * width, top - 8, "middle", 12, "dim"))
    return "".join(parts)


def _frame(marked: frozenset[tuple[int, int]], left: float, top: float, width: float, height: float) -> str:
    """One outline around all marked cells that touch: the sides that no other marked cell shares."""
    path = []
    for row, column in sorted(marked):
        x, y = left + column * width, top + row * height
        sides = {
            (row - 1, column): f"M{x:.1f} {y:.1f}h{width:.1f}",
            (row + 1, column): f"M{x:.1f} {y + height:.1f}h{width:.1f}",
            (row, column - 1): f"M{x:.1f} {y:.1f}v{height:.1f}",
            (row, column + 1): f"M{x + width:.1f} {y:.1f}v{height:.1f}",
        }
        path += [line for neighbour, line in sides.items() if neighbour not in marked]
    return f'<path class="frame" d="{"".join(path)}"/>' if path else ""


def _description(values: Array, numbered: bool) -> str:
    if numbered:
        return "; ".join("row " + ", ".join(number(value) for value in row) for row in values)
    return f"{values.shape[0]} rows and {values.shape[1]} columns, {_range(values)}"


def _range(values: Array) -> str:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return "no finite value"
    return f"from {number(float(finite.min()))} to {number(float(finite.max()))}".replace("-", SIGN)


def _remarks(block: Grid, values: Array, shown: Array, numbered: bool) -> str:
    parts: list[str] = [block.note] if block.note else []
    if not numbered:
        negative = bool(np.any(values < 0))
        signs = ", blue above zero, orange with a minus below" if negative else ""
        parts.append(f"{_range(values)}; deeper is larger{signs}".capitalize() + ".")
    if shown.shape != values.shape:
        parts.append(f"Drawn: the first {shown.shape[0]} rows and {shown.shape[1]} columns.")
    return _captions(parts)


def _captions(parts: Sequence[str]) -> str:
    return "".join(f"<figcaption>{with_code(part)}</figcaption>" for part in parts)
