"""What becomes of a `Description`: forward, loss, backward, one step. Every number comes from `learnloop.scratch`.

    forward   z = W a + b, n = norm(z), a = g(n), ..., yhat = link(z), L(yhat, y)
    backward  dL/dyhat -> dL/dz -> dL/dW = dL/dz a^T, dL/db = dL/dz, dL/da = W^T dL/dz -> ...
    update    w := w - lr dL/dw

One sample: the columns of `learnloop.scratch.mlp` and the rows of `normalise` and `losses` are laid out here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from learnloop.explain.describe import Activation, BatchNorm, Dense, Description, LayerNorm, Step
from learnloop.explain.goals import LOSSES, link, link_backward
from learnloop.explain.walk import Array
from learnloop.scratch.mlp import affine, affine_backward
from learnloop.scratch.normalise import (
    NormCache,
    batch_norm_eval,
    batch_norm_eval_backward,
    layer_norm,
    layer_norm_backward,
)
from learnloop.scratch.optimisers import sgd


@dataclass(frozen=True)
class Done:
    """One step of a layer: what went in, what came out, and what a norm's backward needs."""

    step: Step
    before: Array
    after: Array
    cache: NormCache | None = None


@dataclass(frozen=True)
class Forward:
    """x [features]; layers: the steps of each layer; yhat [outputs]; loss: None without a target."""

    x: Array
    layers: tuple[tuple[Done, ...], ...]
    yhat: Array
    loss: float | None

    @property
    def z(self) -> Array:
        """The sums of the output layer, before the link."""
        return self.layers[-1][-1].after

    def entering(self, layer: int) -> Array:
        """What layer `layer` sums over."""
        return self.layers[layer][0].before

    def leaving(self, layer: int) -> Array:
        """What layer `layer` hands on; the output layer: the answer."""
        return self.yhat if layer == len(self.layers) - 1 else self.layers[layer][-1].after

    def outcomes(self) -> dict[str, Array]:
        """Step -> what came out of it."""
        return {done.step.name: done.after for layer in self.layers for done in layer}


@dataclass(frozen=True)
class Backward:
    """The slope of the loss.

    yhat        dL/dyhat, [] where the loss is a function of the sums
    x           dL/dx [features]
    after       step -> dL/d(what came out of it)
    parameters  dL/d(each of `Description.parameters`)
    """

    yhat: Array
    x: Array
    after: Mapping[str, Array]
    parameters: Mapping[str, Array]


def forward(network: Description) -> Forward:
    """From x to the loss."""
    a = network.x
    layers = []
    for layer in network.layers:
        steps = []
        for step in layer.steps:
            after, cache = _ahead(step, a)
            steps.append(Done(step, a, after, cache))
            a = after
        layers.append(tuple(steps))
    goal = network.goal
    yhat = link(goal.link, a)
    loss = None if goal.target is None else LOSSES[goal.loss].value(a, yhat, goal.target)
    return Forward(network.x, tuple(layers), yhat, loss)


def _ahead(step: Step, a: Array) -> tuple[Array, NormCache | None]:
    if isinstance(step, Dense):
        b = np.zeros(len(step.W)) if step.b is None else step.b
        return affine(step.W, a[:, None], b[:, None])[:, 0], None  # [inputs] -> [units]
    if isinstance(step, BatchNorm):
        rows, cache = batch_norm_eval(a[None], step.gamma, step.beta, step.mean, step.variance, step.eps)
        return rows[0], cache
    if isinstance(step, LayerNorm):
        rows, cache = layer_norm(a[None], step.gamma, step.beta, step.eps)
        return rows[0], cache
    return link(step.function, a), None


def has_slope(network: Description) -> bool:
    """Whether a gradient can reach every weight: a hidden step unit has slope 0, so nothing passes it."""
    steps = [step for layer in network.layers for step in layer.steps]
    return not any(isinstance(step, Activation) and step.function == "step" for step in steps)


def backward(network: Description, ahead: Forward) -> Backward:
    """From the loss to every weight, for a goal with a target and a loss of LOSSES."""
    goal, rule = network.goal, LOSSES[network.goal.loss]
    assert goal.target is not None
    dyhat = np.zeros(0) if rule.slope is None else rule.slope(ahead.yhat, goal.target)
    if rule.direct is not None:
        d = rule.direct(ahead.z, goal.target)
    else:
        d = link_backward(goal.link, dyhat, ahead.z, ahead.yhat)
    after: dict[str, Array] = {}
    parameters: dict[str, Array] = {}
    for layer in reversed(ahead.layers):
        for done in reversed(layer):
            after[done.step.name] = d
            d, slopes = _back(done, d)
            parameters |= {f"{done.step.name}.{name}": slope for name, slope in slopes.items()}
    parameters |= {f"embedding.{part.name}": d[part.start : part.start + part.width] for part in network.embeddings}
    return Backward(dyhat, d, after, parameters)


def _back(done: Done, d: Array) -> tuple[Array, dict[str, Array]]:
    """(dL/d before, the step's own parameters) from d = dL/d after."""
    step = done.step
    if isinstance(step, Dense):
        da, dW, db = affine_backward(d[:, None], step.W, done.before[:, None])
        return da[:, 0], {"weight": dW} if step.b is None else {"weight": dW, "bias": db[:, 0]}
    if isinstance(step, BatchNorm | LayerNorm):
        assert done.cache is not None
        norm_backward = batch_norm_eval_backward if isinstance(step, BatchNorm) else layer_norm_backward
        rows, dgamma, dbeta = norm_backward(d[None], done.cache)
        return rows[0], {"weight": dgamma, "bias": dbeta}
    return link_backward(step.function, d, done.before, done.after), {}


def updated(network: Description, slopes: Mapping[str, Array]) -> Description:
    """The network after w := w - lr dL/dw on every learnt number, embeddings included."""

    def moved(name: str, w: Array) -> Array:
        return sgd(w, slopes[name], alpha=network.learning_rate)[0]

    return with_parameters(network, {name: moved(name, w) for name, w in network.parameters()})


def with_parameters(network: Description, new: Mapping[str, Array]) -> Description:
    """The same network and input with these learnt numbers, by the names of `Description.parameters`."""

    def changed(step: Step) -> Step:
        if isinstance(step, Dense):
            return replace(step, W=new[f"{step.name}.weight"], b=new.get(f"{step.name}.bias"))
        if isinstance(step, BatchNorm | LayerNorm):
            return replace(step, gamma=new[f"{step.name}.weight"], beta=new[f"{step.name}.bias"])
        return step

    layers = tuple(replace(layer, steps=tuple(map(changed, layer.steps))) for layer in network.layers)
    features = list(network.features)
    for part in network.embeddings:
        for place, value in enumerate(new[f"embedding.{part.name}"], part.start):
            features[place] = replace(features[place], value=float(value))
    return replace(network, layers=layers, features=tuple(features))
