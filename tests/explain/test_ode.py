from __future__ import annotations

import numpy as np

from learnloop.explain.topics.ode import walk
from learnloop.explain.walk import Table
from tests.explain.checks import assert_good_walk
from tests.explain.spelled import assert_spelled_out_sums_give_their_results


def test_the_walk_is_whole_and_its_sums_are_right() -> None:
    found = walk()
    assert_good_walk(found)
    assert_spelled_out_sums_give_their_results(found, at_least=21)


def test_its_numbers_are_the_example_by_hand() -> None:
    values = walk().values
    np.testing.assert_array_equal(values["decay_euler"], [1, 0.5, 0.25])
    np.testing.assert_allclose(values["k"], [-1, -0.75, -0.8125, -0.59375], atol=1e-15)
    np.testing.assert_allclose(values["decay_rk4"][1], 233 / 384, atol=1e-15)
    np.testing.assert_allclose(values["path"][2, 0], [0.639833, -0.664037], atol=5e-7)


def test_halving_the_step_is_worth_two_and_sixteen() -> None:
    values = walk().values
    euler, rk4 = values["errors, Euler"], values["errors, RK4"]
    np.testing.assert_allclose(euler[:-1] / euler[1:], 2, rtol=0.15)
    np.testing.assert_allclose(rk4[:-1] / rk4[1:], 16, rtol=0.25)
    np.testing.assert_allclose([euler[-2] / euler[-1], rk4[-2] / rk4[-1]], [2, 16], rtol=0.03)
    assert rk4[0] < euler[-1]
    table = next(block for block in walk().sections[3].blocks if isinstance(block, Table))
    assert [row[0] for row in table.rows] == [2, 4, 8, 16, 32]


def test_euler_leaves_the_circle_and_runge_kutta_stays() -> None:
    values = walk().values
    radius = np.linalg.norm(values["turn, Euler"], axis=1)
    # each step is at a right angle: it lengthens by sqrt(1 + dt^2)
    np.testing.assert_allclose(radius[-1], (1 + (np.pi / 10) ** 2) ** 10, rtol=1e-12)
    assert (np.diff(radius) > 0).all()
    np.testing.assert_allclose(values["turn, RK4"][-1], [1, 0], atol=2e-3)
    np.testing.assert_allclose(np.linalg.norm(values["turn, exact"], axis=1), 1, atol=1e-12)


def test_the_steps_one_by_one_end_where_the_whole_backward_ends() -> None:
    values = walk().values
    np.testing.assert_allclose(values["dh_0"], values["dh0"], atol=1e-15)
    np.testing.assert_allclose(values["dW of step 1"] + values["dW of step 2"], values["dW"], atol=1e-15)
    np.testing.assert_allclose(values["dh0"], [[-0.559055, 0.860236]], atol=1e-6)


def test_the_adjoint_agrees_with_the_steps_as_they_shrink() -> None:
    values = walk().values
    through, adjoint = values["dh_0 through the steps"], values["dh_0 by the adjoint"]
    np.testing.assert_allclose(through[0], values["dh0"][0], atol=1e-15)
    apart = np.abs(through - adjoint)[:, 0]
    assert apart[0] > 0.01
    np.testing.assert_allclose(apart[-2] / apart[-1], 2, rtol=0.02)
