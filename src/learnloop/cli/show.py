"""How results look: tables on stdout (rich in a terminal, else aligned text), prose on stderr, JSON."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

Rows = Sequence[Sequence[Any]]


def prose(text: str) -> None:
    """A sentence for people: stderr."""
    print(text, file=sys.stderr, flush=True)


def as_json(value: Any) -> None:
    """One line of JSON on stdout, the last one. NaN and infinity become null: they are no JSON."""
    sys.stdout.write(json.dumps(_plain(value), ensure_ascii=False, allow_nan=False) + "\n")
    sys.stdout.flush()


def table(headers: Sequence[str], rows: Rows, *, right: Sequence[int] = ()) -> None:
    """A table on stdout. right: positions of the columns of figures."""
    cells = [[cell(value) for value in row] for row in rows]
    if _fancy():
        _rich_table(headers, cells, right)
    else:
        print(text_table(headers, cells, right))


def width() -> int:
    """Columns of the terminal; 100 where there is none."""
    return max(60, shutil.get_terminal_size((100, 24)).columns) if sys.stdout.isatty() else 100


def heading(text: str) -> None:
    """A line that stands out in a terminal: bold, in the terminal's own colour."""
    print(f"\x1b[1m{text}\x1b[0m" if _fancy() else text)


def text_table(headers: Sequence[str], rows: Rows, right: Sequence[int] = ()) -> str:
    """Columns aligned with blanks, under their headers."""
    lines = [[str(name) for name in headers], *[[str(value) for value in row] for row in rows]]
    widths = [max(len(line[position]) for line in lines) for position in range(len(headers))]

    def joined(line: Sequence[str]) -> str:
        padded = (
            value.rjust(width) if position in right else value.ljust(width)
            for position, (value, width) in enumerate(zip(line, widths))
        )
        return "  ".join(padded).rstrip()

    return "\n".join(joined(line) for line in lines)


def cell(value: Any) -> str:
    """A value in a table: four significant digits, a dash for nothing."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return number(value)
    return str(value)


def number(value: float) -> str:
    """Four significant digits; large values in full with separators."""
    if math.isnan(value):
        return "-"
    if abs(value) >= 10_000 and math.isfinite(value):
        return f"{value:,.0f}"
    return f"{value:.4g}"


def _fancy() -> bool:
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def _rich_table(headers: Sequence[str], cells: Rows, right: Sequence[int]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for position, name in enumerate(headers):
        shown.add_column(name, justify="right" if position in right else "left", overflow="fold")
    for row in cells:
        shown.add_row(*(str(value).replace("[", "\\[") for value in row))
    Console().print(shown)


def _plain(value: Any) -> Any:
    """Nested JSON values; NumPy's numbers as Python's."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)


WORDS_LEGEND = "blue or [+]: spoke for the answer; orange or [-]: against it"
_MARKED = 0.2
"""Words of less than this share of the largest weight stay as they are."""


def words(before: str, pieces: Sequence[tuple[str, float]]) -> None:
    """A text on stdout with the words that spoke for the answer and against it: in colour where there is any."""
    most = max((abs(weight) for _, weight in pieces), default=0.0)
    colours = _fancy()
    marked = []
    for text, weight in pieces:
        if not most or abs(weight) < _MARKED * most or not text.strip():
            marked.append(text)
        elif colours:
            marked.append(f"\x1b[{'1;' if abs(weight) > most / 2 else ''}{'34' if weight > 0 else '33'}m{text}\x1b[0m")
        else:
            marked.append(f"{text}[{'+' if weight > 0 else '-'}]")
    print(before + " ".join("".join(marked).split()))
