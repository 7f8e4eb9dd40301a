"""The walk of the autoencoder: two numbers through one, and PCA at the end."""

from __future__ import annotations

import numpy as np
import pytest

from learnloop.explain.topics.autoencoder import walk
from learnloop.explain.walk import Equation, Table, Walk
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
    assert _result(told, "L = 1/m") == 6.25
    assert _result(told, "dL/dx_hat(1)") == -0.75
    assert _result(told, "dL/dW_dec(2)") == -6
    assert _result(told, "dL/dz") == -0.375
    assert _result(told, "dL/dW_enc(1)") == -2.5
    assert _result(told, "W_dec(2) :=") == pytest.approx(0.3)
    assert _result(told, "L after one step") == pytest.approx(3.45278125)


def test_training_ends_at_what_pca_leaves_out_and_in_its_direction(told: Walk) -> None:
    losses = told.values["losses"]
    assert losses[0] == 6.25 and (np.diff(losses) < 0).all()
    assert losses[-1] == pytest.approx(2, abs=1e-4)
    column = told.values["W_dec trained"][:, 0]
    np.testing.assert_allclose(column / np.linalg.norm(column), [0.5**0.5, 0.5**0.5], atol=1e-3)
    assert _result(told, "L with W_enc / 2") == pytest.approx(2, abs=1e-4)


def test_the_bent_one_beats_the_line_on_an_arc(told: Walk) -> None:
    (table,) = [b for b in told.sections[-1].blocks if isinstance(b, Table)]
    (_, linear), (_, bent) = table.rows
    assert float(bent) < 0.1 * float(linear)
