"""Curves in a terminal: braille dots between two axes, each line with its own letter so that colour is not needed."""

from __future__ import annotations

import math

import numpy as np
from rich.text import Text

from learnloop.explain.text.lines import SOFT, STRONG, prose
from learnloop.explain.walk import Array, Curves, number

ROWS = 12
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b98100", "#3d9fd6")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bit of the dot in row r (four a character) and column c (two a character) of a braille character."""

Cells = dict[tuple[int, int], tuple[int, int]]
"""(row, column) of a character -> (bits of its dots, the line drawn last)."""


def plot(block: Curves, width: int) -> list[Text]:
    """Title, the lines between axes, the ends of both axes, and which letter is which line."""
    lines = [(x, _scaled(y, block.log_y)) for x, y in ((np.asarray(x), np.asarray(y)) for x, y in block.lines.values())]
    kept = [(x[np.isfinite(x) & np.isfinite(y)], y[np.isfinite(x) & np.isfinite(y)]) for x, y in lines]
    upwards = f"{block.y}{' (log scale)' if block.log_y else ''}"
    head = [*prose(block.title, width, STRONG), *prose(upwards, width, SOFT)]
    if not any(len(x) for x, _ in kept):
        return [*head, Text("no finite values to draw", SOFT)]
    left, right = _range(np.concatenate([x for x, _ in kept]))
    low, high = _range(np.concatenate([y for _, y in kept]))
    ticks = [_tick(high - (high - low) * row / (ROWS - 1), block.log_y) for row in (0, (ROWS - 1) // 2, ROWS - 1)]
    margin = max(len(tick) for tick in ticks)
    across = max(20, min(70, width - margin - 2))
    cells: Cells = {}
    letters: dict[tuple[int, int], int] = {}
    for place, (name, (x, y)) in enumerate(zip(block.lines, kept)):
        dots = _dots((x - left) / (right - left), (high - y) / (high - low), across, joined=name not in block.points)
        _draw(cells, dots, place)
        if len(kept) > 1 and dots:
            marks = _cells(dots) if name in block.points else _marks(dots, place, len(kept))
            letters.update(dict.fromkeys(marks, place))
    named = dict(zip((0, (ROWS - 1) // 2, ROWS - 1), ticks))
    body = [_line(row, named.get(row, ""), margin, across, cells, letters) for row in range(ROWS)]
    return [*head, *body, *_feet(block, left, right, margin, across), *_legend(block, width)]


def _scaled(y: Array, log: bool) -> Array:
    if not log:
        return y
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log10(y), float)


def _range(values: Array) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    room = 0.5 * abs(low) or 0.5
    return (low, high) if high > low else (low - room, high + room)


def _tick(value: float, log: bool) -> str:
    return f"{10**value if log else value:.3g}"


def _dots(x: Array, y: Array, across: int, joined: bool) -> list[tuple[int, int]]:
    """Dots (row, column) along the line, or of its points alone; x and y are shares of the width and height, from the
    upper left."""
    columns, rows = x * (2 * across - 1), y * (4 * ROWS - 1)
    if not joined:
        return [(round(float(row)), round(float(column))) for row, column in zip(rows, columns)]
    found = [(round(float(rows[0])), round(float(columns[0])))] if len(x) else []
    for place in range(1, len(x)):
        down, side = rows[place] - rows[place - 1], columns[place] - columns[place - 1]
        steps = max(1, math.ceil(max(abs(down), abs(side))))
        for step in range(1, steps + 1):
            share = step / steps
            found.append(
                (round(float(rows[place - 1] + share * down)), round(float(columns[place - 1] + share * side)))
            )
    return found


def _draw(cells: Cells, dots: list[tuple[int, int]], place: int) -> None:
    for row, column in dots:
        cell = (row // 4, column // 2)
        bits, _ = cells.get(cell, (0, place))
        cells[cell] = (bits | _DOTS[row % 4][column % 2], place)


def _marks(dots: list[tuple[int, int]], place: int, lines: int) -> list[tuple[int, int]]:
    """The characters that a line's letter replaces: three along it, each line at places of its own."""
    cells = _cells(dots)
    shares = ((third + (place + 0.5) / lines) / 3 for third in range(3))
    return [cells[int(share * (len(cells) - 1))] for share in shares]


def _cells(dots: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return list(dict.fromkeys((row // 4, column // 2) for row, column in dots))


def _line(row: int, tick: str, margin: int, across: int, cells: Cells, letters: dict[tuple[int, int], int]) -> Text:
    line = Text(f"{tick:>{margin}} ")
    line.append("┤" if tick else "│", SOFT)
    for column in range(across):
        cell = (row, column)
        if cell in letters:
            line.append(LETTERS[letters[cell] % 26], f"bold {COLOURS[letters[cell] % len(COLOURS)]}")
        elif cell in cells:
            bits, place = cells[cell]
            line.append(chr(0x2800 + bits), COLOURS[place % len(COLOURS)])
        else:
            line.append(" ")
    line.rstrip()
    return line


def _feet(block: Curves, left: float, right: float, margin: int, across: int) -> list[Text]:
    first, last = number(left), number(right)
    name = block.x[: max(0, across - len(first) - len(last) - 2)]
    room = across - len(first) - len(last) - len(name)
    named = first + " " * (room // 2) + name + " " * (room - room // 2) + last
    return [Text(" " * (margin + 1) + "└" + "─" * across, SOFT), Text(" " * (margin + 2) + named, SOFT)]


def _legend(block: Curves, width: int) -> list[Text]:
    if len(block.lines) < 2:
        return []
    lines = [Text("  ")]
    for place, name in enumerate(block.lines):
        shown = name if len(name) <= width - 4 else f"{name[: width - 5]}…"
        entry = Text.assemble((LETTERS[place % 26], f"bold {COLOURS[place % len(COLOURS)]}"), f" {shown}   ")
        if lines[-1].cell_len + entry.cell_len > width + 3 and lines[-1].plain.strip():
            lines.append(Text("  "))
        lines[-1].append_text(entry)
    for line in lines:
        line.rstrip()
    return lines
