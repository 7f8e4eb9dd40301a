"""MAML on quadratics: the closed form against torch's double backward and differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from learnloop.scratch import maml
from tests.scratch.checks import Array, assert_differences, differences, torch64

ALPHA = 0.13


def a_quadratic(rng: np.random.Generator, parameters: int) -> maml.Quadratic:
    root = rng.normal(size=(parameters, parameters))
    return maml.Quadratic(root @ root.T / parameters + 0.1 * np.eye(parameters), rng.normal(size=parameters))


def some_tasks(rng: np.random.Generator, tasks: int, parameters: int) -> list[maml.Task]:
    return [maml.Task(a_quadratic(rng, parameters), a_quadratic(rng, parameters)) for _ in range(tasks)]


def torch_outer(theta: Array, tasks: list[maml.Task], steps: int, second_order: bool) -> Array:
    """The outer gradient by autograd through the inner steps; create_graph=False cuts the path: first order."""

    def loss(at: torch.Tensor, quadratic: maml.Quadratic) -> torch.Tensor:
        away = at - torch64(quadratic.c)
        return 0.5 * away @ torch64(quadratic.H) @ away

    start = torch64(theta).requires_grad_()
    total = torch.zeros((), dtype=torch.float64)
    for task in tasks:
        adapted = start
        for _ in range(steps):
            (slope,) = torch.autograd.grad(loss(adapted, task.support), adapted, create_graph=second_order)
            adapted = adapted - ALPHA * slope
        total = total + loss(adapted, task.query)
    return torch.autograd.grad(total, start)[0].numpy()


def test_the_worked_example_has_the_numbers_of_the_hand() -> None:
    e = maml.example()
    # flat: 1 - 0.2 * 1 (1 - 0); steep: 1 - 0.2 * 4 (1 - 3)
    np.testing.assert_allclose([e["flat_adapted"], e["steep_adapted"]], [[0.8], [2.6]], atol=1e-15)
    np.testing.assert_allclose(e["flat_loss"], [0.5, 0.32], atol=1e-15)
    np.testing.assert_allclose(e["steep_loss"], [8, 0.32], atol=1e-14)
    # I - alpha H, then times the gradient at the adapted parameters: 0.8 * 0.8 and 0.2 * (-1.6)
    np.testing.assert_allclose([e["flat_jacobian"], e["steep_jacobian"]], [[[0.8]], [[0.2]]], atol=1e-15)
    np.testing.assert_allclose([e["flat_first"], e["steep_first"]], [[0.8], [-1.6]], atol=1e-14)
    np.testing.assert_allclose([e["flat_outer"], e["steep_outer"]], [[0.64], [-0.32]], atol=1e-14)
    # the two gradients of the sum point in opposite directions
    np.testing.assert_allclose([e["outer"], e["first"]], [[0.32], [-0.8]], atol=1e-14)
    # weights M^2 H = 0.64 and 0.16 against H = 1 and 4
    np.testing.assert_allclose([e["best_start"], e["compromise"]], [[0.6], [2.4]], atol=1e-14)


@pytest.mark.parametrize("tasks, parameters, steps", [(1, 1, 1), (3, 2, 1), (2, 5, 3)])
def test_the_outer_gradient_equals_torch_and_differences(tasks: int, parameters: int, steps: int) -> None:
    rng = np.random.default_rng(parameters)
    theta, some = rng.normal(size=parameters), some_tasks(rng, tasks, parameters)
    outer = maml.meta_gradient(theta, some, ALPHA, steps)
    np.testing.assert_allclose(outer, torch_outer(theta, some, steps, second_order=True), atol=1e-9)
    assert_differences(lambda theta: maml.meta_loss(theta, some, ALPHA, steps), [theta], 1.0, [outer])


@pytest.mark.parametrize("steps", [1, 3])
def test_the_first_order_gradient_is_what_torch_gives_without_create_graph(steps: int) -> None:
    rng = np.random.default_rng(0)
    theta, some = rng.normal(size=3), some_tasks(rng, 2, 3)
    first = maml.first_order_gradient(theta, some, ALPHA, steps)
    np.testing.assert_allclose(first, torch_outer(theta, some, steps, second_order=False), atol=1e-9)
    assert np.abs(first - maml.meta_gradient(theta, some, ALPHA, steps)).max() > 0.1


def test_the_gradient_of_one_task_equals_differences() -> None:
    rng = np.random.default_rng(5)
    theta, quadratic = rng.normal(size=4), a_quadratic(rng, 4)
    found = differences(lambda theta: maml.loss(theta, quadratic), theta.copy())
    np.testing.assert_allclose(maml.gradient(theta, quadratic), found, atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), parameters=st.integers(1, 4), steps=st.integers(0, 4))
def test_adapting_is_the_matrix_m_in_closed_form(seed: int, parameters: int, steps: int) -> None:
    rng = np.random.default_rng(seed)
    theta, quadratic = rng.normal(size=parameters), a_quadratic(rng, parameters)
    adapted = maml.adapt(theta, quadratic, ALPHA, steps)
    away = maml.jacobian(quadratic, ALPHA, steps) @ (theta - quadratic.c)
    np.testing.assert_allclose(adapted - quadratic.c, away, atol=1e-10)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), tasks=st.integers(1, 3), steps=st.integers(0, 2))
def test_at_the_best_start_the_outer_gradient_is_zero(seed: int, tasks: int, steps: int) -> None:
    rng = np.random.default_rng(seed)
    some = some_tasks(rng, tasks, 2)
    alpha = 0.05  # below 1 / the largest eigenvalue that is met, so that no M is singular
    best = maml.best_start(some, alpha, steps)
    scale = 1 + np.abs(best).max()
    assert np.abs(maml.meta_gradient(best, some, alpha, steps)).max() < 1e-9 * scale


def test_training_ends_at_the_best_start_and_first_order_somewhere_else() -> None:
    flat, steep = (maml.Quadratic(np.array([[H]]), np.array([c])) for H, c in ((1.0, 0.0), (4.0, 3.0)))
    tasks = [maml.Task(flat, flat), maml.Task(steep, steep)]
    path = maml.meta_train(np.array([1.0]), tasks, 0.2, beta=0.5, rounds=100)
    assert path.shape == (101, 1)
    np.testing.assert_allclose(path[1], 1 - 0.5 * 0.32, atol=1e-14)
    np.testing.assert_allclose(path[-1], 0.6, atol=1e-12)
    # first order stops where M H (theta - c) adds up to 0: 0.8 theta + 0.8 (theta - 3) = 0
    first = maml.meta_train(np.array([1.0]), tasks, 0.2, beta=0.5, rounds=100, first_order=True)
    np.testing.assert_allclose(first[-1], 1.5, atol=1e-12)
    losses = [maml.meta_loss(theta, tasks, 0.2) for theta in (path[-1], first[-1], np.array([2.4]))]
    assert losses == sorted(losses)
    # equation 79 alone, on both tasks together, ends at the compromise
    assert maml.meta_loss(path[-1], tasks, 0.0) > maml.meta_loss(np.array([2.4]), tasks, 0.0)


def test_without_inner_steps_both_gradients_are_that_of_the_summed_loss() -> None:
    rng = np.random.default_rng(6)
    theta, some = rng.normal(size=2), some_tasks(rng, 3, 2)
    plain = sum(maml.gradient(theta, task.query) for task in some)
    np.testing.assert_allclose(maml.meta_gradient(theta, some, ALPHA, 0), plain, atol=1e-12)
    np.testing.assert_allclose(maml.first_order_gradient(theta, some, ALPHA, 0), plain, atol=1e-12)


def test_shapes_that_do_not_fit_are_named_with_the_equation() -> None:
    with pytest.raises(ValueError) as error:
        maml.gradient(np.zeros(3), maml.Quadratic(np.eye(2), np.zeros(3)))
    wanted = (
        "L = 1/2 (theta - c)^T H (theta - c): theta is [3], c is [3], H is [2, 2]; "
        "c must have theta's shape and H be [3, 3]"
    )
    assert str(error.value) == wanted
