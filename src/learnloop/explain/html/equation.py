"""An equation as HTML: formula, numbers and result in three columns, which stand below each other on a phone."""

from __future__ import annotations

import numpy as np

from learnloop.explain.html.formula import formula, with_code
from learnloop.explain.html.svg import shown
from learnloop.explain.walk import Array, Equation, listed, says_more

MOST_ROWS, MOST_COLUMNS, MOST_VALUES = 8, 8, 60
"""The largest matrix and vector that a result shows in full."""
BESIDE = 44
"""The longest meaning, in letters, that stands beside a result; a longer one has a line of its own."""
SHORT = 3
"""Numbers of a result that fit into the column of results."""


def equation(block: Equation) -> str:
    array = None if block.result is None else np.asarray(block.result, float)
    wide = " wide" if array is not None and array.size > SHORT else ""
    meaning = f'<span class="meaning">{with_code(block.meaning)}</span>' if block.meaning else ""
    beside = array is not None and len(block.meaning) <= BESIDE
    parts = [_formula(block, wide), _numbers(block, wide)]
    if array is not None:
        parts.append(_result(array, wide, meaning if beside else ""))
    if meaning and not beside:
        parts.append(f'<div class="remark">{meaning}</div>')
    return f'<div class="equation">{"".join(parts)}</div>'


def _formula(block: Equation, wide: str) -> str:
    """It takes the columns of what is missing; a wide result stands beside it."""
    over = "" if says_more(block) or wide else " wide" if block.result is None else " alone"
    return f'<div class="formula{over}">{formula(block.formula)}</div>'


def _numbers(block: Equation, wide: str) -> str:
    if not says_more(block):
        return ""
    over = wide or ("" if block.result is not None else " wide")
    return f'<div class="numbers{over}">{formula(block.numbers)}</div>'


def _result(array: Array, wide: str, meaning: str) -> str:
    if array.ndim == 2 and array.shape[0] <= MOST_ROWS and array.shape[1] <= MOST_COLUMNS:
        rows = "".join("<tr>" + "".join(f"<td>{shown(value)}</td>" for value in row) + "</tr>" for row in array)
        return f'<div class="result matrix{wide}"><table>{rows}</table>{meaning}</div>'
    return f'<div class="result{wide}">{_value(array)} {meaning}</div>'


def _value(array: Array) -> str:
    if array.ndim == 0:
        return f"<b>{shown(float(array))}</b>"
    if array.size <= MOST_VALUES:
        return f"<b>{formula(listed(array))}</b>"
    size = " × ".join(str(length) for length in array.shape)
    some = formula(listed(array.ravel()[:MOST_COLUMNS])).rstrip("]")
    return f'<b>{some}, …]</b> <span class="meaning">{size} numbers</span>'
