"""What every walk must hold, whatever its topic."""

from __future__ import annotations

import re

import numpy as np

from learnloop.explain.walk import Curves, Equation, Grid, Network, Say, Table, Walk

_SUM = re.compile(r"^[-+*/() .0-9e]+$")


def assert_good_walk(walk: Walk) -> None:
    """Titles, blocks, finite values; a sum that is written out in plain numbers gives the result beside it."""
    assert walk.title and walk.sections and walk.values and walk.source
    for name, array in walk.values.items():
        assert np.isfinite(np.asarray(array, float)).all(), f"values[{name!r}] is not finite"
    for section in walk.sections:
        assert section.title and section.blocks, section.title
        for block in section.blocks:
            _assert_block(block)


def _assert_block(block: object) -> None:
    if isinstance(block, Say):
        assert block.text.strip()
    elif isinstance(block, Equation):
        assert block.formula
        _assert_sum(block)
    elif isinstance(block, Grid):
        values = np.atleast_2d(block.values)
        assert values.ndim == 2
        assert not block.columns or len(block.columns) == values.shape[1], block.name
        assert not block.rows or len(block.rows) == values.shape[0], block.name
        assert all(0 <= r < values.shape[0] and 0 <= c < values.shape[1] for r, c in block.marked), block.name
    elif isinstance(block, Table):
        assert block.rows and all(len(row) == len(block.columns) for row in block.rows)
    elif isinstance(block, Network):
        assert len(block.titles) == len(block.layers)
        for edge in block.edges:
            assert edge.start < len(block.layers[edge.layer]) and edge.end < len(block.layers[edge.layer + 1])
    else:
        assert isinstance(block, Curves) and block.lines
        assert block.points <= set(block.lines), block.title
        for name, (x, y) in block.lines.items():
            assert len(x) == len(y) > (0 if name in block.points else 1), name


def _assert_sum(equation: Equation) -> None:
    """Four printed digits a term: the sum may be off by half a unit in the last of each."""
    if not equation.numbers or not _SUM.match(equation.numbers) or np.ndim(equation.result or 0) != 0:
        return
    value = float(eval(equation.numbers))
    assert equation.result is not None
    terms = [abs(float(term)) for term in re.findall(r"[0-9.]+(?:e[-+]?[0-9]+)?", equation.numbers)]
    slack = 1e-3 * max([1e-3, abs(value), *terms]) * max(1, len(terms))
    assert abs(value - float(equation.result)) <= slack, (
        f"{equation.formula}: {equation.numbers} is {value}, not {equation.result}"
    )
