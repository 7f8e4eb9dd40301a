"""The walk of the variational autoencoder: the cloud, its price, both pulls, three pictures on a line."""

from __future__ import annotations

import math

import numpy as np
import pytest

from learnloop.explain.topics.vae import walk
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
    assert _result(told, "mu = W_mu") == 0.5
    assert _result(told, "log sigma^2 =") == pytest.approx(2 * math.log(0.5))
    assert _result(told, "z = mu") == pytest.approx(0.75)
    p, q = 1 / (1 + math.exp(-1.5)), 1 / (1 + math.exp(0.75))
    assert _result(told, "log p(x|z)") == pytest.approx(math.log(p) + math.log(1 - q))
    assert _result(told, "KL = ") == pytest.approx(0.443147, abs=5e-7)
    assert _result(told, "ELBO = ") == pytest.approx(-1.031431, abs=2e-6)
    assert _result(told, "dz = ") == pytest.approx(2 * (p - 1) - q)
    assert _result(told, "dmu = ") == pytest.approx(-0.185672, abs=1e-6)
    assert _result(told, "dlog sigma^2") == pytest.approx(-0.460709, abs=1e-6)
    assert _result(told, "ELBO after") == pytest.approx(-0.750171, abs=1e-6)


def test_the_dice_come_to_the_closed_form_and_the_price_is_least_at_one(told: Walk) -> None:
    assert told.values["KL by dice"][-1] == pytest.approx(0.443147, abs=0.05)
    sigmas, price = told.values["sigmas"], told.values["KL, mu = 0"]
    assert sigmas[price.argmin()] == pytest.approx(1, abs=0.02) and price.min() < 1e-3
    np.testing.assert_allclose(told.values["KL, mu = 1"] - price, 0.5, atol=1e-12)


def test_three_pictures_find_three_places_on_the_line(told: Walk) -> None:
    v = told.values
    np.testing.assert_allclose(v["log p(x|z)"] - v["KL"], v["ELBO"], atol=1e-12)
    assert v["ELBO"][0] < -3 and -2.3 < v["ELBO"][-1] < -math.log(3)
    order = np.sort(v["trained mu"])
    assert (np.diff(order) > 2 * v["trained sigma"].max()).all()
    # At the middle of its own cloud, each picture's first pixel is lit and the others' are not.
    for picture, mu in enumerate(v["trained mu"]):
        there = v["decoded"][np.abs(v["z grid"] - mu).argmin(), ::2]
        assert (np.round(there) == np.eye(3)[picture]).all()
