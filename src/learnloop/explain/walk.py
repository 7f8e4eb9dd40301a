"""What an explanation is made of: a `Walk` has sections, a section has blocks. Plain data, drawn by others.

Every number in a block comes from `learnloop.scratch`; texts are written from those numbers, never typed in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Say:
    """One to three sentences. `code` in backticks; no other markup."""

    text: str


@dataclass(frozen=True)
class Equation:
    """formula = numbers = result.

    formula  in symbols, as the scratch file writes it: "z = w . x + b"
    numbers  the same with the numbers put in: "0.5*1 + (-0.2)*0 + 0.3*1 + 0" ("" where it would say nothing)
    result   what comes out; an array is written in brackets
    meaning  a few words beside it: "the spam unit fires"
    """

    formula: str
    numbers: str = ""
    result: float | Array | None = None
    meaning: str = ""


@dataclass(frozen=True)
class Grid:
    """A vector [n] or matrix [rows, columns] drawn as cells coloured by value (a picture, a filter, a weight matrix).

    rows, columns  labels, empty = none
    marked         cells (row, column) to frame: the patch under the filter, the winner of a pool
    """

    name: str
    values: Array
    rows: Sequence[str] = ()
    columns: Sequence[str] = ()
    marked: frozenset[tuple[int, int]] = frozenset()
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table of words and numbers: the first row names the columns. Numbers are formatted by `number`."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | float | int]]
    note: str = ""


@dataclass(frozen=True)
class Node:
    """One unit in a picture of a network: its name and the value on it (None: not shown)."""

    name: str
    value: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Edge:
    """A connection from layers[layer][start] to layers[layer + 1][end]: its weight and, perhaps, its gradient."""

    layer: int
    start: int
    end: int
    weight: float
    gradient: float | None = None


@dataclass(frozen=True)
class Network:
    """The picture of a network with the values on it, input layer first."""

    titles: Sequence[str]
    layers: Sequence[Sequence[Node]]
    edges: Sequence[Edge]
    note: str = ""


@dataclass(frozen=True)
class Curves:
    """Lines on one pair of axes. Each line: (x [n], y [n]).

    points  names of lines of which only the points are drawn: samples, which nothing connects
    square  a step along x is as long as one along y, so that a circle is one (pages; a terminal has too few dots)
    """

    title: str
    x: str
    y: str
    lines: Mapping[str, tuple[Array, Array]]
    log_y: bool = False
    note: str = ""
    points: frozenset[str] = frozenset()
    square: bool = False


Block: TypeAlias = Say | Equation | Grid | Table | Network | Curves


@dataclass(frozen=True)
class Section:
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Walk:
    """An explanation.

    values  every number that the walk computed, by name: what the tests compare with the real model, what --json prints
    source  where the equations come from
    next    commands to try after this one
    """

    title: str
    sections: Sequence[Section]
    values: Mapping[str, Array] = field(default_factory=dict)
    source: str = ""
    next: Sequence[str] = ()


def number(value: float) -> str:
    """Four significant digits; an exact zero is 0; a minus is written with the hyphen that can be pasted."""
    value = float(value)
    if value == 0:
        return "0"
    return f"{value:.4g}"


def factor(value: float) -> str:
    """A number as a factor or term: negative ones stand in brackets."""
    text = number(value)
    return f"({text})" if text.startswith("-") else text


def weighted_sum(weights: Sequence[float] | Array, inputs: Sequence[float] | Array, bias: float | None = None) -> str:
    """ "0.5*1 + (-0.2)*0 + 0.3*1 + 0.1": sum over i of weights[i] inputs[i], plus the bias when there is one."""
    terms = [f"{factor(w)}*{factor(x)}" for w, x in zip(weights, inputs, strict=True)]
    if bias is not None:
        terms.append(factor(bias))
    return " + ".join(terms)


def listed(values: Sequence[float] | Array) -> str:
    """ "[0.8, -0.1]"; nested brackets for a matrix."""
    array = np.asarray(values, float)
    if array.ndim == 0:
        return number(float(array))
    return "[" + ", ".join(listed(part) for part in array) + "]"


def says_more(equation: Equation) -> bool:
    """Whether the numbers are not just the result again."""
    scalar = equation.result is not None and np.ndim(equation.result) == 0
    return bool(equation.numbers) and not (scalar and equation.numbers.strip() == number(float(equation.result or 0)))
