"""A rate for every weight, from the gradients it has seen: Adagrad, Adadelta, RMSprop. (Adam is in `adam`.)

    adagrad    s := s + g^2                            w := w - alpha g / (sqrt(s) + epsilon)
    adadelta   s := rho s + (1 - rho) g^2              d  = sqrt(u + epsilon) / sqrt(s + epsilon) g
               u := rho u + (1 - rho) d^2              w := w - alpha d
    rmsprop    s := beta s + (1 - beta) g^2    (21)    w := w - alpha / sqrt(s + epsilon) g            (22)

s and u start at 0. Squares, roots and quotients are taken entry by entry.

| here            | PyTorch (torch.optim.Adagrad, Adadelta, RMSprop)                   |
|-----------------|--------------------------------------------------------------------|
| alpha, epsilon  | lr, eps                                                            |
| beta            | RMSprop(alpha=beta): its `alpha` is the decay, its `lr` our alpha  |
| rho             | Adadelta(rho)                                                      |
| s               | Adagrad: sum; RMSprop, Adadelta: square_avg                        |
| u               | Adadelta: acc_delta                                                |

Where the forms differ. Guide 004 prints RMSprop with epsilon under the root (22); PyTorch adds it outside, which is
`inside_root=False`. With g near 0 the first multiplies g by alpha / sqrt(epsilon), the second by alpha / epsilon: ten
thousand times more at epsilon = 1e-8. Adadelta: Zeiler has no alpha; alpha = 1 is his.

Source: guide 004, section 3.2.2; guide 003, "Adaptive learning rate optimizers"; Duchi, Hazan and Singer 2011, Adaptive
Subgradient Methods (Adagrad); Zeiler 2012, ADADELTA, algorithm 1; Tieleman and Hinton 2012, Neural Networks for Machine
Learning, lecture 6.5 (RMSprop).
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from learnloop.scratch.optimisers import same_shape

Array: TypeAlias = NDArray[np.float64]


class Squares(NamedTuple):
    """s: the sum (adagrad) or the fading average (rmsprop) of the squared gradients."""

    s: Array


class SquaresAndSteps(NamedTuple):
    """s: average of the squared gradients. u: average of the squared steps d."""

    s: Array
    u: Array


def adagrad(
    w: Array, g: Array, state: Squares | None = None, alpha: float = 0.01, epsilon: float = 1e-10
) -> tuple[Array, Squares]:
    """s only grows, so that the rate of every weight only falls."""
    s = np.zeros_like(w) if state is None else state.s
    same_shape("s := s + g^2", {"w": w, "g": g, "s": s})
    s = s + g**2
    return w - alpha * g / (np.sqrt(s) + epsilon), Squares(s)


def adadelta(
    w: Array,
    g: Array,
    state: SquaresAndSteps | None = None,
    alpha: float = 1.0,
    rho: float = 0.9,
    epsilon: float = 1e-6,
) -> tuple[Array, SquaresAndSteps]:
    """The step has the unit of w: sqrt(u) over sqrt(s), so that it needs no alpha (Zeiler has none: alpha = 1)."""
    s, u = (np.zeros_like(w), np.zeros_like(w)) if state is None else state
    same_shape("s := rho s + (1 - rho) g^2", {"w": w, "g": g, "s": s, "u": u})
    s = rho * s + (1 - rho) * g**2
    d = np.sqrt(u + epsilon) / np.sqrt(s + epsilon) * g
    u = rho * u + (1 - rho) * d**2
    return w - alpha * d, SquaresAndSteps(s, u)


def rmsprop(
    w: Array,
    g: Array,
    state: Squares | None = None,
    alpha: float = 0.01,
    beta: float = 0.9,
    epsilon: float = 1e-8,
    inside_root: bool = True,
) -> tuple[Array, Squares]:
    """Adagrad that forgets: s is about the square of a recent gradient, and the step about alpha."""
    s = np.zeros_like(w) if state is None else state.s
    same_shape("s := beta s + (1 - beta) g^2", {"w": w, "g": g, "s": s})
    s = beta * s + (1 - beta) * g**2
    root = np.sqrt(s + epsilon) if inside_root else np.sqrt(s) + epsilon
    return w - alpha / root * g, Squares(s)


def example() -> dict[str, Array]:
    """Two steps of each rule from w = (1, 1) along the gradients (3, 0.3) and (4, 0.4): ten times apart."""
    start, g = np.array([1.0, 1.0]), np.array([[3.0, 0.3], [4.0, 0.4]])
    w, sums = adagrad(start, g[0], None, alpha=0.1, epsilon=0.0)
    adagrad_w, sums = adagrad(w, g[1], sums, alpha=0.1, epsilon=0.0)
    w, averages = rmsprop(start, g[0], None, alpha=0.1, beta=0.9, epsilon=0.0)
    rmsprop_w, averages = rmsprop(w, g[1], averages, alpha=0.1, beta=0.9, epsilon=0.0)
    w, state = adadelta(start, g[0], None, rho=0.9, epsilon=1e-6)
    adadelta_w, state = adadelta(w, g[1], state, rho=0.9, epsilon=1e-6)
    values = {"w": start, "g": g, "adagrad": adagrad_w, "adagrad_s": sums.s}
    values |= {"rmsprop": rmsprop_w, "rmsprop_s": averages.s}
    return values | {"adadelta": adadelta_w, "adadelta_s": state.s, "adadelta_u": state.u}
