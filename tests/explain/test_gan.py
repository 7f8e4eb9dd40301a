"""The walk of the adversarial pair: both steps, the pulls, the best judge, a game."""

from __future__ import annotations

import math

import numpy as np
import pytest

from learnloop.explain.topics.gan import walk
from learnloop.explain.walk import Equation, Walk
from tests.explain.checks import assert_good_walk


@pytest.fixture(scope="module")
def told() -> Walk:
    return walk()


def _result(told: Walk, formula: str) -> float:
    (found,) = [b for s in told.sections for b in s.blocks if isinstance(b, Equation) and b.formula.startswith(formula)]
    return float(np.asarray(found.result))


def test_it_is_a_good_walk_of_six_sections(told: Walk) -> None:
    assert_good_walk(told)
    assert len(told.sections) == 6


def test_its_numbers_are_those_worked_out_by_hand(told: Walk) -> None:
    assert _result(told, "V = mean log D(x)") == pytest.approx(-0.785025, abs=1e-6)
    assert _result(told, "da(real 1)") == pytest.approx(-0.188770, abs=1e-6)
    assert _result(told, "da(made 2)") == 0.25
    assert _result(told, "dw = sum of da * x") == pytest.approx(-0.613588, abs=1e-6)
    assert _result(told, "db = sum of da") == pytest.approx(0.061230, abs=1e-6)
    assert _result(told, "w := w") == pytest.approx(0.561359, abs=1e-6)
    assert _result(told, "V after") > _result(told, "V = mean log D(x)")
    assert _result(told, "minimax: da(made 1)") == pytest.approx(-0.086288, abs=1e-6)
    assert _result(told, "non-saturating: da(made 1)") == pytest.approx(-0.413712, abs=1e-6)
    assert _result(told, "dw of G") == pytest.approx(-0.032094, abs=1e-6)


def test_the_pulls_are_d_and_one_minus_d(told: Walk) -> None:
    a, minimax, other = (told.values[name] for name in ("logits", "pull, minimax", "pull, non-saturating"))
    np.testing.assert_allclose(minimax, 1 / (1 + np.exp(-a)), atol=1e-12)
    np.testing.assert_allclose(minimax + other, 1, atol=1e-12)


def test_the_best_judge_reaches_the_bound(told: Walk) -> None:
    v = told.values
    assert float(v["V at D*"]) == pytest.approx(2 * float(v["JS"]) - math.log(4), abs=1e-6)
    # Halfway between two equal bells the judge cannot tell.
    assert v["D*"][np.abs(v["places"] - 2).argmin()] == pytest.approx(0.5)


def test_in_the_game_the_mean_arrives_sooner_by_the_other_loss_and_the_spread_does_not(told: Walk) -> None:
    v = told.values
    assert v["mean, non-saturating"][99] > 4 > 3 > v["mean, minimax"][99]
    for name in ("minimax", "non-saturating"):
        assert v[f"mean, {name}"][-200:].mean() == pytest.approx(4, abs=0.15)
        assert v[f"spread, {name}"][-1] < 0.25
