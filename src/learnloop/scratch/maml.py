"""MAML: learn a starting point from which one gradient step on a new task goes far.

    inner step       theta_i = theta - alpha grad L_i(theta)                    (the support examples of task i)
    meta-loss        F(theta) = sum over tasks i of L_i(theta_i)                (the query examples of task i)
    outer step       theta := theta - beta grad F(theta)
    chain rule       grad F = sum_i (I - alpha H_i)^T grad L_i(theta_i),  H_i = Hessian of the support loss at theta
    first order      the same with I in place of (I - alpha H_i)

On a quadratic L(theta) = 1/2 (theta - c)^T H (theta - c), H symmetric, all is in closed form:
    gradient H (theta - c);  after k inner steps theta_i - c = M (theta - c) with M = (I - alpha H)^k;
    outer gradient M^T H_query (theta_i - c_query).

    here              shape                     PyTorch
    theta             [parameters]              a leaf tensor with requires_grad=True
    theta_i           [parameters]              theta - alpha * grad(support, theta, create_graph=True)[0]
    outer gradient    [parameters]              grad(query, theta)[0] (torch.autograd.grad): differentiates twice
    first order       [parameters]              the same with create_graph=False
    c, H              [parameters], [parameters, parameters]  of each task's support and query loss

Source: Finn, Abbeel and Levine, Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks, 2017, equation 1 and
algorithm 1 (the sum over tasks, as here); first order: their section 5.2. Guide "Deep Learning & Neural Networks",
section 13.2, equation 79.

Where the guide differs. Its equation 79 is the inner step alone and calls the result theta*. That is plain gradient
descent on one task; what makes it MAML is the outer step, which moves the start theta.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]


class Quadratic(NamedTuple):
    """L(theta) = 1/2 (theta - c)^T H (theta - c). H [parameters, parameters] symmetric, c [parameters]."""

    H: Array
    c: Array


class Task(NamedTuple):
    """The loss to adapt with, and the loss that judges the adapted parameters."""

    support: Quadratic
    query: Quadratic


def loss(theta: Array, quadratic: Quadratic) -> float:
    """1/2 (theta - c)^T H (theta - c).

    Raises ValueError where the shapes do not fit."""
    _check(theta, quadratic)
    away = theta - quadratic.c  # [parameters]
    return float(0.5 * away @ quadratic.H @ away)


def gradient(theta: Array, quadratic: Quadratic) -> Array:
    """H (theta - c). [parameters]"""
    _check(theta, quadratic)
    return quadratic.H @ (theta - quadratic.c)


def adapt(theta: Array, quadratic: Quadratic, alpha: float, steps: int = 1) -> Array:
    """theta_i: `steps` times theta := theta - alpha grad L(theta). [parameters]"""
    for _ in range(steps):
        theta = theta - alpha * gradient(theta, quadratic)
    return theta


def jacobian(quadratic: Quadratic, alpha: float, steps: int = 1) -> Array:
    """M = d theta_i / d theta = (I - alpha H)^steps. [parameters, parameters]"""
    return np.linalg.matrix_power(np.eye(len(quadratic.c)) - alpha * quadratic.H, steps)


def meta_loss(theta: Array, tasks: Sequence[Task], alpha: float, steps: int = 1) -> float:
    """F(theta) = sum over tasks of the query loss after the inner steps on the support loss."""
    return sum(loss(adapt(theta, task.support, alpha, steps), task.query) for task in tasks)


def meta_gradient(theta: Array, tasks: Sequence[Task], alpha: float, steps: int = 1) -> Array:
    """dF/dtheta = sum over tasks of M^T grad L_query(theta_i): through the inner steps. [parameters]"""
    total = np.zeros_like(theta)
    for task in tasks:
        # dL/dtheta = (dtheta_i/dtheta)^T dL/dtheta_i
        at_adapted = gradient(adapt(theta, task.support, alpha, steps), task.query)
        total = total + jacobian(task.support, alpha, steps).T @ at_adapted
    return total


def first_order_gradient(theta: Array, tasks: Sequence[Task], alpha: float, steps: int = 1) -> Array:
    """sum over tasks of grad L_query(theta_i), as though theta_i moved with theta one to one. [parameters]"""
    return np.sum([gradient(adapt(theta, task.support, alpha, steps), task.query) for task in tasks], axis=0)


def meta_train(
    theta: Array, tasks: Sequence[Task], alpha: float, beta: float, rounds: int, first_order: bool = False
) -> Array:
    """`rounds` outer steps over all tasks at once. The path of theta, [rounds + 1, parameters]."""
    slope = first_order_gradient if first_order else meta_gradient
    path = [theta]
    for _ in range(rounds):
        path.append(path[-1] - beta * slope(path[-1], tasks, alpha))
    return np.stack(path)


def best_start(tasks: Sequence[Task], alpha: float, steps: int = 1) -> Array:
    """Where dF/dtheta = 0: (sum_i M_i^T Q_i M_i) theta = sum_i M_i^T Q_i (M_i c_i - c_i + q_i). [parameters]

    c_i of the support loss; Q_i, q_i are H, c of the query loss. steps=0 (M = I) is the best compromise without any
    adaptation."""
    left, right = [], []
    for support, query in tasks:
        M = jacobian(support, alpha, steps)
        # theta_i - q = M (theta - c) + c - q
        left.append(M.T @ query.H @ M)
        right.append(M.T @ query.H @ (M @ support.c - support.c + query.c))
    return np.linalg.solve(np.sum(left, axis=0), np.sum(right, axis=0))


def _check(theta: Array, quadratic: Quadratic) -> None:
    if quadratic.c.shape != theta.shape or quadratic.H.shape != (len(theta), len(theta)):
        raise ValueError(
            f"L = 1/2 (theta - c)^T H (theta - c): theta is {list(theta.shape)}, c is {list(quadratic.c.shape)}, "
            f"H is {list(quadratic.H.shape)}; c must have theta's shape and H be [{len(theta)}, {len(theta)}]"
        )


def example() -> dict[str, Array]:
    """One parameter, a flat task (H = 1, c = 0) and a steep one (H = 4, c = 3), from theta = 1 with alpha = 0.2."""
    flat, steep = (Quadratic(np.array([[H]]), np.array([c])) for H, c in ((1.0, 0.0), (4.0, 3.0)))
    tasks, theta, alpha = [Task(flat, flat), Task(steep, steep)], np.array([1.0]), 0.2
    values = {"theta": theta, "alpha": np.array(alpha)}
    for name, task in zip(("flat", "steep"), tasks):
        adapted = adapt(theta, task.support, alpha)
        values |= {f"{name}_H": task.support.H, f"{name}_c": task.support.c}
        values |= {f"{name}_gradient": gradient(theta, task.support), f"{name}_adapted": adapted}
        values |= {f"{name}_loss": np.array([loss(theta, task.support), loss(adapted, task.query)])}
        values |= {f"{name}_jacobian": jacobian(task.support, alpha), f"{name}_first": gradient(adapted, task.query)}
        values |= {f"{name}_outer": meta_gradient(theta, [task], alpha)}
    values |= {"outer": meta_gradient(theta, tasks, alpha), "first": first_order_gradient(theta, tasks, alpha)}
    return values | {"best_start": best_start(tasks, alpha), "compromise": best_start(tasks, alpha, steps=0)}
