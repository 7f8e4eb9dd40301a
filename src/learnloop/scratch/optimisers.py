"""Descent by the gradient and its memory: SGD, momentum in two forms, Nesterov in two forms.

    sgd                w := w - alpha g                                                (16)
    momentum           v := beta v + (1 - beta) g        w := w - alpha v              (19), (20)
    momentum_classic   v := beta v + g                   w := w - alpha v
    nesterov           v := beta v + g                   w := w - alpha (g + beta v)
    nesterov_ahead     v := beta v + gradient(w - alpha beta v)        w := w - alpha v

g = dLoss/dw at w, of the whole data set (16), of one sample (17) or the mean over a mini-batch (18): the rule is the
same. v starts at 0.

| here             | PyTorch (torch.optim.SGD)                                                    |
|------------------|------------------------------------------------------------------------------|
| alpha            | lr                                                                           |
| beta             | momentum                                                                     |
| v                | momentum_buffer                                                              |
| momentum         | SGD(lr=alpha (1 - beta), momentum=beta): the buffer is v / (1 - beta)        |
| momentum_classic | SGD(lr=alpha, momentum=beta)                                                 |
| nesterov         | SGD(lr=alpha, momentum=beta, nesterov=True)                                  |
| nesterov_ahead   | the same path, seen from the point ahead: PyTorch's w is w - alpha beta v    |

Where the forms differ. A constant g drives v to g in the averaging form and to g / (1 - beta) in the classic one, ten
times as far with beta = 0.9. With alpha_classic = (1 - beta) alpha the two take the same path; with the same alpha they
do not. PyTorch's `dampening=beta` looks like the averaging form, but its first step sets v = g, not (1 - beta) g.
Sutskever et al. keep alpha inside the velocity (u = -alpha v, w := w + u): the same as long as alpha does not change;
after a drop of alpha their u still carries the old one.

Source: guide 004, sections 3.1 and 3.2.1; Polyak 1964 (momentum); Nesterov 1983; Sutskever, Martens, Dahl and Hinton
2013, On the importance of initialization and momentum, equations 1 to 4; Bengio, Boulanger-Lewandowski and Pascanu
2013, Advances in Optimizing Recurrent Networks, section 3.5 (Nesterov seen from the point ahead).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Gradient: TypeAlias = Callable[[Array], Array]
State = TypeVar("State")


class Velocity(NamedTuple):
    """v, with the shape of w. No state (None) stands for v = 0."""

    v: Array


def sgd(w: Array, g: Array, state: None = None, alpha: float = 0.01) -> tuple[Array, None]:
    """It remembers nothing: the state is None."""
    same_shape("w := w - alpha g", {"w": w, "g": g})
    return w - alpha * g, None


def momentum(
    w: Array, g: Array, state: Velocity | None = None, alpha: float = 0.01, beta: float = 0.9
) -> tuple[Array, Velocity]:
    """v is the exponential average of the gradients: weights (1 - beta) beta^k on the gradient k steps ago."""
    v = np.zeros_like(w) if state is None else state.v
    same_shape("v := beta v + (1 - beta) g", {"w": w, "g": g, "v": v})
    v = beta * v + (1 - beta) * g
    return w - alpha * v, Velocity(v)


def momentum_classic(
    w: Array, g: Array, state: Velocity | None = None, alpha: float = 0.01, beta: float = 0.9
) -> tuple[Array, Velocity]:
    """v is the sum of the gradients, each fading by beta a step."""
    v = np.zeros_like(w) if state is None else state.v
    same_shape("v := beta v + g", {"w": w, "g": g, "v": v})
    v = beta * v + g
    return w - alpha * v, Velocity(v)


def nesterov(
    w: Array, g: Array, state: Velocity | None = None, alpha: float = 0.01, beta: float = 0.9
) -> tuple[Array, Velocity]:
    """The gradient counts once more than in the classic form: g + beta v instead of v."""
    v = np.zeros_like(w) if state is None else state.v
    same_shape("v := beta v + g", {"w": w, "g": g, "v": v})
    v = beta * v + g
    return w - alpha * (g + beta * v), Velocity(v)


def nesterov_ahead(
    w: Array, gradient: Gradient, state: Velocity | None = None, alpha: float = 0.01, beta: float = 0.9
) -> tuple[Array, Velocity]:
    """The textbook's form: go where the velocity leads, and take the gradient there. It needs the function."""
    v = np.zeros_like(w) if state is None else state.v
    ahead = w - alpha * beta * v
    g = gradient(ahead)
    same_shape("v := beta v + gradient(w - alpha beta v)", {"w": w, "g": g, "v": v})
    v = beta * v + g
    return w - alpha * v, Velocity(v)


def path(
    rule: Callable[[Array, Array, State | None], tuple[Array, State]], gradient: Gradient, start: Array, steps: int
) -> Array:
    """[steps + 1, *w.shape]: the start and where each step leads. Set alpha and the like with functools.partial."""
    w, state = start, None
    places = [w]
    for _ in range(steps):
        w, state = rule(w, gradient(w), state)
        places.append(w)
    return np.stack(places)  # [steps + 1, *w.shape]


def same_shape(equation: str, arrays: Mapping[str, Array]) -> None:
    """ValueError when one of the arrays has another shape than the first."""
    (first, reference), *others = arrays.items()
    for name, array in others:
        if array.shape != reference.shape:
            raise ValueError(
                f"{equation}: {first} is {list(reference.shape)}, {name} is {list(array.shape)}; "
                f"{name} needs one entry for each entry of {first}"
            )


def example() -> dict[str, Array]:
    """Two steps of each rule from w = (1, -2) along the gradients (0.5, -1) and (1, 0), alpha = 0.1, beta = 0.9."""
    start, g = np.array([1.0, -2.0]), np.array([[0.5, -1.0], [1.0, 0.0]])
    w, _ = sgd(start, g[0], alpha=0.1)
    w, _ = sgd(w, g[1], alpha=0.1)
    values = {"w": start, "g": g, "sgd": w}
    for rule in (momentum, momentum_classic, nesterov):
        w, state = rule(start, g[0], None, 0.1, 0.9)
        w, state = rule(w, g[1], state, 0.1, 0.9)
        values |= {rule.__name__: w, f"{rule.__name__}_v": state.v}
    return values
