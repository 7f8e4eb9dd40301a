"""Lines of styled text: wrapping, aligned equations, tables. Every function returns lines no wider than asked for."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

import numpy as np
from rich.text import Text

from learnloop.explain.walk import Array, Equation, Table, listed, number, says_more

STRONG, SOFT, CODE = "bold", "dim", "cyan"
MOST_LEFT = 20
"""The longest left side that the equals signs of a group line up behind."""
_CODE = re.compile(r"`([^`]+)`")
_OPERATOR = re.compile(r" (?=(?:[-+*/=<>|.]|->|<=|>=) )")


def prose(text: str, width: int, style: str = "") -> list[Text]:
    """A paragraph; what stands in backticks is coloured, and keeps them for those who see no colour."""
    lines = [Text(line, style) for line in textwrap.wrap(text, width, break_long_words=True) or [""]]
    for line in lines:
        line.highlight_regex(_CODE, CODE)
    return lines


def broken(text: str, width: int) -> list[str]:
    """A formula in lines that begin with an operator where possible."""
    lines = [""]
    for term in _OPERATOR.split(text):
        joined = f"{lines[-1]} {term}".strip()
        if len(joined) <= width:
            lines[-1] = joined
            continue
        pieces = textwrap.wrap(term, width, break_on_hyphens=False) or [""]
        lines = [*lines, *pieces] if lines[-1] else pieces
    return lines


def equations(group: Sequence[Equation], width: int) -> list[Text]:
    """Equations one under the other, their equals signs in one column: formula, numbers, result."""
    sides = [_sides(equation.formula) for equation in group]
    left = max([len(side) for side, _ in sides if len(side) <= MOST_LEFT], default=0)
    sign = 2 if any(" := " in equation.formula for equation in group) else 1
    lines: list[Text] = []
    for equation, (side, rest) in zip(group, sides):
        if lines:
            lines.append(Text())
        lines += _equation(equation, side, rest, left, sign, width)
    return lines


def _sides(formula: str) -> tuple[str, str]:
    """Left side and right side, without the sign between them: x = 1, w := w - 1; the whole when there is no sign."""
    side, _, rest = formula.partition(" = ")
    if ":= " in side:
        side, _, rest = formula.partition(" := ")
    return side, rest


def _equation(equation: Equation, side: str, rest: str, left: int, sign: int, width: int) -> list[Text]:
    """Each part on lines of its own, with its sign in the common column; a part that is missing takes no line."""
    first = ":=" if f"{side} := " in equation.formula else "="
    room = width - left - sign - 2
    parts = [(line, STRONG) for line in _part(rest, room)]
    if says_more(equation):
        parts += [(line, "") for line in _part(equation.numbers, room)]
    if equation.result is not None:
        parts += [(line, f"{STRONG} green") for line in _signed(result_lines(equation.result, room))]
    lines = []
    if len(side) > left or not parts:
        lines, side = [Text(line, STRONG) for line in broken(side, width)], ""
    for place, ((line, style), shown) in enumerate(zip(parts, [side, *[""] * len(parts)])):
        middle = (first if place == 0 else "=") if line.startswith("=") else ""
        lines.append(
            Text.assemble((f"{shown:>{left}}", STRONG), f" {middle:>{sign}} ", (line.removeprefix("="), style))
        )
    return _with_meaning(lines, equation, width)


def _part(text: str, room: int) -> list[str]:
    return _signed(broken(text, room)) if text else []


def _signed(lines: Sequence[str]) -> list[str]:
    """The first line of a part carries the sign."""
    return [f"={lines[0]}", *lines[1:]]


def _with_meaning(lines: list[Text], equation: Equation, width: int) -> list[Text]:
    if not equation.meaning:
        return lines
    if lines[-1].cell_len + 4 + len(equation.meaning) <= width:
        lines[-1].append(f"    {equation.meaning}", SOFT)
        return lines
    indent = "    "
    return [*lines, *(Text(indent + line, SOFT) for line in textwrap.wrap(equation.meaning, width - len(indent)))]


def result_lines(result: float | Array, width: int) -> list[str]:
    """A number, a vector in brackets, or a matrix with a line for each row."""
    array = np.asarray(result, float)
    if array.ndim == 2 and len(array) > 1:
        cells = [[number(value) for value in row] for row in array]
        size = max(len(cell) for row in cells for cell in row)
        rows = ["[" + ", ".join(f"{cell:>{size}}" for cell in row) + "]" for row in cells]
        rows = [f"{'[' if place == 0 else ' '}{row}" for place, row in enumerate(rows)]
        rows[-1] += "]"
        if max(len(row) for row in rows) <= width:
            return rows
    return textwrap.wrap(listed(array), width, break_on_hyphens=False)


def table(block: Table, width: int) -> list[Text]:
    """Columns under their names; numbers stand right, texts are wrapped when the table would be too wide."""
    right = [all(not isinstance(row[place], str) for row in block.rows) for place in range(len(block.columns))]
    cells = [[value if isinstance(value, str) else _cell(value) for value in row] for row in block.rows]
    widths = _widths([list(block.columns), *cells], width)
    lines = _row(block.columns, widths, right, STRONG)
    lines.append(Text("  ".join("─" * size for size in widths), SOFT))
    for row in cells:
        lines += _row(row, widths, right, "")
    return lines


def _cell(value: float | int) -> str:
    return str(value) if isinstance(value, int) else number(value)


def _widths(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """The width of each column; the widest ones give way until the line fits."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    while sum(widths) + 2 * (len(widths) - 1) > width and max(widths) > 4:
        widths[widths.index(max(widths))] -= 1
    return widths


def _row(row: Sequence[str], widths: Sequence[int], right: Sequence[bool], style: str) -> list[Text]:
    parts = [textwrap.wrap(cell, size) or [""] for cell, size in zip(row, widths)]
    lines = []
    for place in range(max(len(part) for part in parts)):
        found = [part[place] if place < len(part) else "" for part in parts]
        aligned = [cell.rjust(size) if end else cell.ljust(size) for cell, size, end in zip(found, widths, right)]
        lines.append(Text("  ".join(aligned).rstrip(), style))
    return lines
