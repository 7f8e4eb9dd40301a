from __future__ import annotations

import numpy as np

from learnloop.explain.topics.schedules import walk
from tests.explain.checks import assert_good_walk
from tests.explain.spelled import assert_spelled_out_sums_give_their_results


def test_the_walk_is_whole_and_its_sums_are_right() -> None:
    assert_good_walk(walk())
    assert_spelled_out_sums_give_their_results(walk(), at_least=10)


def test_the_numbers_are_those_worked_out_by_hand() -> None:
    values = walk().values
    np.testing.assert_allclose(values["exponential"], [0.1, 0.1 * 0.5**0.5, 0.05, 0.025], rtol=1e-12)
    np.testing.assert_allclose(values["staircase"], [0.1, 0.1, 0.05, 0.025], rtol=1e-12)
    np.testing.assert_allclose(values["curve exponential"][[0, 10, 40]], [0.1, 0.05, 0.1 / 16], rtol=1e-12)
    np.testing.assert_allclose(values["curve milestones"][[19, 20, 29, 30]], [0.1, 0.01, 0.01, 0.001], rtol=1e-12)
    np.testing.assert_allclose(values["curve linear"][[10, 20, 40]], [0.075, 0.05, 0], atol=1e-15)
    np.testing.assert_allclose(values["curve cosine"][[10, 20, 40]], [0.0853553391, 0.05, 0], atol=1e-10)
    np.testing.assert_allclose(values["curve warm-up, then cosine"][[0, 2, 5, 40]], [0, 0.04, 0.1, 0], atol=1e-15)
    np.testing.assert_allclose(values["curve one cycle"][[0, 40]], [0.004, 4e-7], rtol=1e-9)


def test_the_claims_of_the_text_hold() -> None:
    values = walk().values
    kept, falls = (values[name][-50:] for name in ("alpha stays", "alpha falls"))
    # the same noise, and less of it is left: a stationary spread of 2 sqrt(0.3 / 1.7) = 0.84 against one that shrinks
    assert np.sqrt((falls**2).mean()) < 0.5 * np.sqrt((kept**2).mean())
    cosine, linear = values["curve cosine"], values["curve linear"]
    assert (cosine[1:20] > linear[1:20]).all() and (cosine[21:40] < linear[21:40]).all()
