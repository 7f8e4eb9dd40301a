"""The end of a network: the link that turns sums into answers, and `LOSSES`, what the answers are measured by.

    yhat = link(z)     L(yhat, y)     dL/dz = dL/dyhat * link'(z)

All for one sample: z, yhat, y [outputs]. The functions are those of `learnloop.scratch`, whose rows are samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from learnloop.explain.walk import Array
from learnloop.scratch import losses, perceptron
from learnloop.scratch.activations import ACTIVATIONS, softmax, softmax_backward, step

ELEMENTWISE = tuple(ACTIVATIONS)
LINKS = (*ELEMENTWISE, "softmax", "step")
"""What may stand behind a layer, the last one included. (Behind a perceptron of several classes: "argmax".)"""


def link(name: str, z: Array) -> Array:
    """yhat [outputs] from the sums z of the output layer; also any activation a = g(z)."""
    if name == "softmax":
        return softmax(z)
    if name == "step":
        return step(z)
    if name == "argmax":
        return np.eye(len(z))[int(np.argmax(z))]
    return ACTIVATIONS[name][0](z)


def link_prime(name: str, z: Array) -> Array:
    """g'(z) of an elementwise function, [outputs]."""
    return ACTIVATIONS[name][1](z)


def link_backward(name: str, dy: Array, z: Array, y: Array) -> Array:
    """dL/dz from dy = dL/dy and y = g(z)."""
    return softmax_backward(dy, y) if name == "softmax" else dy * link_prime(name, z)


@dataclass(frozen=True)
class Loss:
    """One loss of one sample.

    title, formula  how it is called and written
    value           (z, yhat, y) -> L
    slope           (yhat, y) -> dL/dyhat; None: the loss is a function of the sums z
    direct          (z, y) -> dL/dz where a short form is exact at any z, else None: by the link's derivative
    links           the links that it goes with
    over            of several outputs the "mean" or the "sum" of their losses; "" where they make one loss together
    """

    title: str
    formula: str
    value: Callable[[Array, Array, Array], float]
    slope: Callable[[Array, Array], Array] | None
    direct: Callable[[Array, Array], Array] | None
    links: tuple[str, ...]
    over: str = ""


def _sign(y: Array) -> Array:
    """0 and 1 as hinge counts them: -1 and +1."""
    return 2 * y - 1


def _criterion(z: Array, yhat: Array, y: Array) -> float:
    return perceptron.criterion(z[:, None], y, np.ones(1), 0.0)


def _criterion_slope(z: Array, y: Array) -> Array:
    """dL/dz = -(y - yhat): that of the unit's bias, one unit after the other."""
    return np.array([perceptron.criterion_backward(z[[k], None], y[[k]], np.ones(1), 0.0)[1] for k in range(len(z))])


_ANY = (*ELEMENTWISE, "softmax")
LOSSES: dict[str, Loss] = {
    "binary_cross_entropy": Loss(
        "binary cross-entropy",
        "L = -[y log yhat + (1 - y) log(1 - yhat)]",
        lambda z, yhat, y: losses.binary_cross_entropy_from_logits(z[None], y[None]),
        lambda yhat, y: losses.binary_cross_entropy_backward(yhat[None], y[None])[0],
        lambda z, y: losses.binary_cross_entropy_from_logits_backward(z[None], y[None])[0],
        ("sigmoid",),
        "mean",
    ),
    "cross_entropy": Loss(
        "categorical cross-entropy",
        "L = -sum_k y_k log yhat_k",
        lambda z, yhat, y: losses.categorical_cross_entropy_from_logits(z[None], y[None]),
        lambda yhat, y: losses.categorical_cross_entropy_backward(yhat[None], y[None])[0],
        lambda z, y: losses.categorical_cross_entropy_from_logits_backward(z[None], y[None])[0],
        ("softmax",),
    ),
    "kl": Loss(
        "Kullback-Leibler divergence",
        "L = sum_k y_k log(y_k / yhat_k)",
        lambda z, yhat, y: losses.kl(y[None], yhat[None]),
        lambda yhat, y: losses.kl_backward(y[None], yhat[None])[1][0],
        None,
        ("softmax",),
    ),
    "mse": Loss(
        "mean squared error",
        "L = (yhat - y)^2",
        lambda z, yhat, y: losses.mse(yhat[None], y[None]),
        lambda yhat, y: losses.mse_backward(yhat[None], y[None])[0],
        None,
        _ANY,
        "mean",
    ),
    "mae": Loss(
        "mean absolute error",
        "L = |yhat - y|",
        lambda z, yhat, y: losses.mae(yhat[None], y[None]),
        lambda yhat, y: losses.mae_backward(yhat[None], y[None])[0],
        None,
        _ANY,
        "mean",
    ),
    "huber": Loss(
        "Huber loss, delta = 1",
        "L = e^2 / 2 where |e| <= 1, else |e| - 1/2; e = yhat - y",
        lambda z, yhat, y: losses.huber(yhat[None], y[None]),
        lambda yhat, y: losses.huber_backward(yhat[None], y[None])[0],
        None,
        _ANY,
        "mean",
    ),
    "hinge": Loss(
        "hinge loss",
        "L = max(0, 1 - t z), t = 2 y - 1 is -1 or +1",
        lambda z, yhat, y: losses.hinge(z[None], _sign(y)[None]),
        None,
        lambda z, y: losses.hinge_backward(z[None], _sign(y)[None])[0],
        ("identity", "sigmoid"),
        "mean",
    ),
    "perceptron": Loss(
        "perceptron's criterion",
        "L = max(0, -t z), t = 2 y - 1 is -1 or +1",
        _criterion,
        None,
        _criterion_slope,
        ("step",),
        "sum",
    ),
    # The largest of several sums answers (Duda and Hart 1973, section 5.12): its weights move away, the truth's nearer.
    "perceptron_classes": Loss(
        "perceptron's criterion for several classes",
        "L = max_k z_k - z_y",
        lambda z, yhat, y: float(z.max() - z[int(np.argmax(y))]),
        None,
        lambda z, y: link("argmax", z) - y,
        ("argmax",),
    ),
}


def usual_loss(name: str) -> str:
    """The loss that goes with a link unless another is asked for."""
    return {"sigmoid": "binary_cross_entropy", "softmax": "cross_entropy", "step": "perceptron"}.get(name, "mse")
