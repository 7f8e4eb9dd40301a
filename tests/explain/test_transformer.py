"""The walk of the transformer: positions, the guide's slip, heads, both forms of the block."""

from __future__ import annotations

import math

import numpy as np
import pytest

from learnloop.explain.topics.transformer import walk
from learnloop.explain.walk import Equation, Table, Walk
from tests.explain.checks import assert_good_walk


@pytest.fixture(scope="module")
def told() -> Walk:
    return walk()


def _results(told: Walk, formula: str) -> list[float]:
    blocks = [b for s in told.sections for b in s.blocks if isinstance(b, Equation) and b.formula.startswith(formula)]
    return [float(np.asarray(b.result)) for b in blocks]


def test_it_is_a_good_walk_of_seven_sections(told: Walk) -> None:
    assert_good_walk(told)
    assert len(told.sections) == 7


def test_its_numbers_are_those_worked_out_by_hand(told: Walk) -> None:
    assert _results(told, "word 2 from head 1") == [pytest.approx(0.327158, abs=2e-6)]
    assert _results(told, "word 2 from head 2") == [pytest.approx(0.891617, abs=2e-6)]
    assert _results(told, "mean of s") == pytest.approx([2.0, math.sqrt(2) / 4], abs=1e-5)
    assert _results(told, "Z(1) =") == [pytest.approx(1.414209, abs=2e-6)]
    assert _results(told, "Y(1) =") == [pytest.approx(1.605907, abs=2e-6)]


def test_the_guides_slip_is_shown_beside_the_equation(told: Walk) -> None:
    (table,) = [b for b in told.sections[1].blocks if isinstance(b, Table)]
    equation, guide = table.rows
    assert equation[1:] == pytest.approx([2, 2, 2, 2])
    # sin^2 1 + cos^2 0.1 + sin^2 0.01 + cos^2 0.001
    assert guide[2] == pytest.approx(math.sin(1) ** 2 + math.cos(0.1) ** 2 + math.sin(0.01) ** 2 + math.cos(0.001) ** 2)
    fit, guide_fit = told.values["fit with place"], told.values["fit with place, guide"]
    np.testing.assert_allclose(fit, fit[::-1], atol=1e-12)
    assert fit.argmax() == 20 and fit[20] == pytest.approx(16)
    assert np.abs(guide_fit - guide_fit[::-1]).max() > 1


def test_the_gradient_keeps_its_length_in_the_pre_form_alone(told: Walk) -> None:
    post, pre = told.values["depth, post"], told.values["depth, pre"]
    assert post[0] == pre[0] == 1
    assert post[3] < 0.6
    assert (pre >= 1).all()
