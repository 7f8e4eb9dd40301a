"""A grid in a terminal: cells on a coloured ground with their numbers, or a picture of shades where they are many.

The ground is painted with its own ink, so that a dark and a light terminal show the same. Without colour the numbers
say everything: a marked cell stands in brackets, a picture uses characters of growing weight.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.text import Text

from learnloop.explain.text.lines import SOFT, STRONG, prose
from learnloop.explain.walk import Array, Grid, number

PAPER = (247, 247, 247)
POSITIVE = (0, 114, 178)
NEGATIVE = (213, 94, 0)
SHADES = " ░▒▓█"
MOST_CELLS = 240
"""Past so many cells, numbers would be a wall: a picture."""
MOST_FOLDS = 3
LABEL = 12


def grid(block: Grid, width: int) -> list[Text]:
    """The name and size, then the cells; folded when there are too many columns for the width."""
    values = np.atleast_2d(np.asarray(block.values, float))
    lines = prose(block.name, width - LABEL, STRONG)
    lines[-1].append(f"  [{' x '.join(map(str, np.shape(block.values)))}]", f"not bold {SOFT}")
    room = width - 2 - max((len(_cut(name)) + 1 for name in block.rows), default=0)
    size = _cell_size(values, block.columns)
    folds = -(-size * values.shape[1] // room)
    if values.size > MOST_CELLS or (len(values) > 1 and folds > MOST_FOLDS and not block.columns):
        return lines + _picture(block, values, room)
    across = max(1, room // size)
    for start in range(0, values.shape[1], across):
        lines += _numbers(block, values, slice(start, start + across), size)
    return lines


def _numbers(block: Grid, values: Array, columns: slice, size: int) -> list[Text]:
    largest = float(np.max(np.abs(values[np.isfinite(values)]), initial=0.0))
    names = [_cut(name) for name in block.rows]
    margin = max((len(name) + 1 for name in names), default=0)
    lines = []
    if block.columns:
        heads = (_cut(name)[: size - 1].rjust(size - 1) + " " for name in block.columns[columns])
        lines.append(Text("  " + " " * margin + "".join(heads).rstrip(), SOFT))
    shown = range(*columns.indices(values.shape[1]))
    for place, row in enumerate(values):
        line = Text("  ")
        if names:
            line.append(names[place].rjust(margin - 1) + " ", SOFT)
        for column in shown:
            value, marked = float(row[column]), (place, column) in block.marked
            text = f"[{number(value):>{size - 2}}]" if marked else f" {number(value):>{size - 2}} "
            line.append(text, f"{ground(value, largest)}{' bold' if marked else ''}")
        lines.append(line)
    return lines


def _cell_size(values: Array, columns: Sequence[str]) -> int:
    longest = max(len(number(value)) for value in values.flat) if values.size <= MOST_CELLS else 7
    return max([longest + 2, *(len(_cut(name)) + 1 for name in columns)])


def _picture(block: Grid, values: Array, room: int) -> list[Text]:
    """Two characters a cell, or one; cut at the width, and said."""
    finite = values[np.isfinite(values)]
    largest = float(np.max(np.abs(finite), initial=0.0))
    across = 2 if 2 * values.shape[1] <= room else 1
    shown = values[:, : room // across]
    names = [_cut(name) for name in block.rows]
    margin = max((len(name) + 1 for name in names), default=0)
    lines = []
    for place, row in enumerate(shown):
        line = Text("  " + (names[place].rjust(margin - 1) + " " if names else ""))
        for column, value in enumerate(row):
            marked = (place, column) in block.marked
            sign, mark = _shade(float(value), largest, across, marked)
            style = ground(float(value), largest)
            line.append(sign, style)
            # The mark takes the colour of its ground: it is for those who see no colour.
            line.append(mark, f"{style.rpartition(' ')[2]} {style.partition(' ')[2]}")
        lines.append(line)
    low, high = (number(float(finite.min())), number(float(finite.max()))) if finite.size else ("-", "-")
    said = f"from {low} to {high}; heavier is larger" + (", - is negative" if finite.size and finite.min() < 0 else "")
    lines += [Text(f"  {line.plain}", SOFT) for line in prose(said + (", [] is marked" if block.marked else ""), room)]
    if shown.shape[1] < values.shape[1]:
        lines.append(Text(f"  the first {shown.shape[1]} of {values.shape[1]} columns", SOFT))
    return lines


def _shade(value: float, largest: float, across: int, marked: bool) -> tuple[str, str]:
    """What is read on the cell (a minus, a frame), and the weight that stands for colour."""
    share = 0.0 if not largest or not np.isfinite(value) else abs(value) / largest
    mark = SHADES[min(len(SHADES) - 1, round(share * (len(SHADES) - 1)))]
    if marked and across == 2:
        return "[]", ""
    return ("-", mark) if value < 0 and mark != " " and across == 2 else ("", mark * across)


def ground(value: float, largest: float) -> str:
    """The style of a cell: paper mixed with blue for positive, orange for negative; ink that can be read on it."""
    share = 0.0 if not largest or not np.isfinite(value) else min(1.0, abs(value) / largest)
    end = POSITIVE if value >= 0 else NEGATIVE
    mixed = [round(a + share * (b - a)) for a, b in zip(PAPER, end)]
    ink = "#ffffff" if share > 0.75 else "#101418"
    return f"{ink} on #{mixed[0]:02x}{mixed[1]:02x}{mixed[2]:02x}"


def _cut(name: str) -> str:
    return name if len(name) <= LABEL else name[: LABEL - 1] + "…"
