"""A sum written out with its numbers, functions and all, is evaluated and held against the result beside it."""

from __future__ import annotations

import math
import re

import numpy as np

from learnloop.explain.walk import Equation, Walk

FUNCTIONS = {
    "tanh": math.tanh,
    "sigmoid": lambda z: 1 / (1 + math.exp(-z)),
    "floor": math.floor,
    "max": max,
    "min": min,
    "sqrt": math.sqrt,
}
_NUMBER = re.compile(r"(?<![A-Za-z_0-9.])\d+\.?\d*(?:e[-+]?\d+)?")
_ROUNDED = 3
"""A number with fewer digits is taken as exact: four digits are printed, and a rounded one seldom ends in two zeros."""


def equations(walk: Walk) -> list[Equation]:
    return [block for section in walk.sections for block in section.blocks if isinstance(block, Equation)]


def assert_spelled_out_sums_give_their_results(walk: Walk, at_least: int) -> None:
    """Every Equation with plain numbers and known functions, at least so many of them."""
    checked = [_assert_gives_its_result(equation) for equation in equations(walk) if equation.numbers]
    assert len(checked) >= at_least, f"{len(checked)} sums are written out"


def _assert_gives_its_result(equation: Equation) -> None:
    assert equation.result is not None and np.ndim(equation.result) == 0, equation.formula
    value = _value(equation.numbers)
    slack = 1e-9 + 1.1 * sum(abs(_value(moved) - value) for moved in _moved(equation.numbers))
    # The result is exact, the numbers have four digits: each may be off by half a unit in its last one
    gap = abs(value - float(equation.result))
    assert gap <= slack, f"{equation.formula}: {equation.numbers} is {value}, not {equation.result} (slack {slack})"


def _value(text: str) -> float:
    return float(eval(text, {"__builtins__": {}}, FUNCTIONS))


def _moved(text: str) -> list[str]:
    """The text with one of its rounded numbers moved by half a unit in its fourth digit, for each of them."""
    found = []
    for match in _NUMBER.finditer(text):
        digits = match[0].split("e")[0].replace(".", "").lstrip("0")
        if len(digits) >= _ROUNDED:
            value = float(match[0])
            half = 0.5 * 10.0 ** (math.floor(math.log10(value)) - 3)
            found.append(f"{text[: match.start()]}{value + half!r}{text[match.end() :]}")
    return found
