"""The walk of attention: three words, the weights of `cat`, and what the root is for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from learnloop.explain.topics.attention import walk
from learnloop.explain.walk import Curves, Equation, Network, Walk
from tests.explain.checks import assert_good_walk


@pytest.fixture(scope="module")
def told() -> Walk:
    return walk()


def _result(told: Walk, formula: str) -> float:
    (found,) = [b for s in told.sections for b in s.blocks if isinstance(b, Equation) and b.formula.startswith(formula)]
    return float(np.asarray(found.result))


def test_it_is_a_good_walk_of_seven_sections(told: Walk) -> None:
    assert_good_walk(told)
    assert len(told.sections) == 7


def test_its_numbers_are_those_worked_out_by_hand(told: Walk) -> None:
    assert [_result(told, f"S({word})") for word in ("the", "cat", "sat")] == [0, 2, 1]
    total = 1 + math.exp(2) + math.e
    assert _result(told, "A(cat) =") == pytest.approx(math.exp(2) / total)
    assert _result(told, "O(cat, 1)") == pytest.approx((10 * 1 + 5 * math.e) / total)
    assert _result(told, "A(cat, the)") == pytest.approx(1 / (1 + math.exp(2)))
    assert _result(told, "mean = A . dA") == pytest.approx(2.123948, abs=5e-7)
    assert _result(told, "dS(cat)") == pytest.approx(-1.412937, abs=5e-7)
    assert _result(told, "dq(1) =") == pytest.approx(0.706469, abs=5e-7)
    assert _result(told, "e_2 =") == pytest.approx(2 * math.tanh(1))
    assert _result(told, "c(1) =") == pytest.approx(0.642355, abs=5e-7)


def test_the_picture_carries_the_weights_of_attention(told: Walk) -> None:
    (picture,) = [b for s in told.sections for b in s.blocks if isinstance(b, Network)]
    assert [edge.weight for edge in picture.edges] == pytest.approx([0.090031, 0.665241, 0.244728], abs=5e-7)
    assert picture.layers[1][0].value == pytest.approx(2.123948, abs=5e-7)


def test_without_the_root_wide_keys_leave_one_winner(told: Walk) -> None:
    (curves,) = [b for s in told.sections for b in s.blocks if isinstance(b, Curves)]
    plain, scaled = curves.lines["q . k"][1], curves.lines["q . k / sqrt(d_k)"][1]
    assert plain[-1] > 0.9 and (np.diff(plain) > 0).all()
    assert plain[0] == scaled[0] and scaled.max() < 0.4
