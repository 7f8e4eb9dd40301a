"""Where the optimisers go: their paths through a narrow valley, through the same valley turned, and off a saddle.

    valley  f(w) = (w1^2 + 100 w2^2) / 2            df/dw = (w1, 100 w2)        lowest at (0, 0)
    saddle  f(w) = w1^2/2 - w2^2/2 + w2^4/4         df/dw = (w1, -w2 + w2^3)    flat at (0, 0), lowest at (0, +-1)
    turned  f(R' w), R the rotation by an angle     df/dw = R grad f(R' w)

The valley is 100 times steeper across than along (condition number 100): SGD must keep alpha below 2/100 or it climbs
the walls, and at that pace the way along the floor is slow. Near the saddle's flat point the gradient is as small
as the distance: SGD leaves it by the factor 1 + alpha a step. Rules that divide by the size of the gradient are held up
by neither, as long as the steep direction is an axis: they scale each axis by itself. Turn the valley by 45 degrees and
both axes see the same steepness; SGD and momentum do not notice a turn, the others do.

| here                 | PyTorch                                                  |
|----------------------|----------------------------------------------------------|
| path(rule, gradient) | loss.backward(); optimizer.step() in a loop              |
| RULES                | the classes of torch.optim, weights [2] as one parameter |

Source: Goodfellow, Bengio and Courville 2016, Deep Learning, sections 8.2.1 (conditioning) and 8.2.3 (saddles); Dauphin
et al. 2014, Identifying and attacking the saddle point problem. The alphas are ours, chosen so that the pictures can be
read: the paths show how each rule moves, they are no ranking.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from learnloop.scratch.adam import adam, adamw, amsgrad
from learnloop.scratch.adaptive import adadelta, adagrad, rmsprop
from learnloop.scratch.optimisers import Gradient, momentum, momentum_classic, nesterov, path, sgd

Array: TypeAlias = NDArray[np.float64]
Rule: TypeAlias = Callable[[Array, Array, Any], tuple[Array, Any]]

STEEPNESS = 100.0
VALLEY_START = (-4.0, 0.5)
SADDLE_START = (1.0, 0.001)

RULES: dict[str, Rule] = {
    "sgd": partial(sgd, alpha=0.018),
    "momentum": partial(momentum, alpha=0.2),
    "momentum_classic": partial(momentum_classic, alpha=0.02),
    "nesterov": partial(nesterov, alpha=0.01),
    "adagrad": partial(adagrad, alpha=0.5),
    "adadelta": partial(adadelta, alpha=20.0),
    "rmsprop": partial(rmsprop, alpha=0.1),
    "adam": partial(adam, alpha=0.2),
    "amsgrad": partial(amsgrad, alpha=0.2),
    "adamw": partial(adamw, alpha=0.2),
}
"""momentum and momentum_classic have alphas 10 apart: one path (see `optimisers`)."""


def valley(w: Array) -> Array:
    """w [..., 2] -> f [...]"""
    return np.asarray((w[..., 0] ** 2 + STEEPNESS * w[..., 1] ** 2) / 2)


def valley_gradient(w: Array) -> Array:
    return np.stack([w[..., 0], STEEPNESS * w[..., 1]], axis=-1)


def saddle(w: Array) -> Array:
    """w [..., 2] -> f [...]"""
    return np.asarray(w[..., 0] ** 2 / 2 - w[..., 1] ** 2 / 2 + w[..., 1] ** 4 / 4)


def saddle_gradient(w: Array) -> Array:
    return np.stack([w[..., 0], -w[..., 1] + w[..., 1] ** 3], axis=-1)


def rotation(angle: float) -> Array:
    """R [2, 2]: R w is w turned by `angle` (radians) against the clock."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def turned(gradient: Gradient, angle: float) -> Gradient:
    """The gradient of the surface turned by `angle`, for one point [2]."""
    R = rotation(angle)
    # d f(R' w) / dw = R (grad f)(R' w)
    return lambda w: R @ gradient(R.T @ w)


def paths(gradient: Gradient, start: Array, steps: int) -> dict[str, Array]:
    """The path [steps + 1, 2] of every rule."""
    return {name: path(rule, gradient, start, steps) for name, rule in RULES.items()}


def example() -> dict[str, Array]:
    """Three steps of SGD through the valley and off the saddle, and what f is at each place."""
    rule = RULES["sgd"]
    down = path(rule, valley_gradient, np.array(VALLEY_START), 3)  # [4, 2]
    off = path(rule, saddle_gradient, np.array(SADDLE_START), 3)  # [4, 2]
    return {"valley_path": down, "valley_f": valley(down), "saddle_path": off, "saddle_f": saddle(off)}
