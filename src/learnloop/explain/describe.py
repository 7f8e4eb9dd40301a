"""`Description`: one small network and one input as plain float64 arrays with names. Everything is told from it.

    x -> layer 1: z = W x + b, norms, a = g(z) -> ... -> output layer: z -> yhat = link(z) -> L(yhat, y)

A description comes from a YAML file (`network`) or from a trained bundle (`trained`); what becomes of it is computed
in `compute`, by `learnloop.scratch` alone, and told in `tell`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from learnloop.explain.walk import Array


@dataclass(frozen=True)
class Feature:
    """One number that the network takes.

    raw  what stood in the file ("37.5", "missing", "red")
    how  how the value came from it ("(37.5 - 30.1) / 12.2"); both "" where there is nothing to tell
    """

    name: str
    value: float
    raw: str = ""
    how: str = ""


@dataclass(frozen=True)
class Embedding:
    """The features start .. start + width - 1 are a learned vector, the row of one category: weights, too."""

    name: str
    category: str
    start: int
    width: int


@dataclass(frozen=True)
class Dense:
    """z = W a + b; W [units, inputs], b [units] or None."""

    name: str
    W: Array
    b: Array | None = None


@dataclass(frozen=True)
class BatchNorm:
    """n = gamma (z - mean) / sqrt(variance + eps) + beta, each [units]: the statistics that training left behind."""

    name: str
    gamma: Array
    beta: Array
    mean: Array
    variance: Array
    eps: float


@dataclass(frozen=True)
class LayerNorm:
    """n = gamma (z - mu) / sqrt(var + eps) + beta: mu and var over the units of this layer; gamma, beta [units]."""

    name: str
    gamma: Array
    beta: Array
    eps: float


@dataclass(frozen=True)
class Activation:
    """a = g(z); function is a name in `learnloop.scratch.activations.ACTIVATIONS`, "softmax" or "step"."""

    name: str
    function: str


Step: TypeAlias = Dense | BatchNorm | LayerNorm | Activation


@dataclass(frozen=True)
class Layer:
    """One row of units: what is done to the numbers of the layer before, in order, beginning with Dense.

    units  a name for each
    """

    title: str
    units: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def dense(self) -> Dense:
        first = self.steps[0]
        assert isinstance(first, Dense)
        return first


@dataclass(frozen=True)
class Goal:
    """What the outputs mean and what they are measured by.

    kind      "class": one of several; "labels": each output is a yes or no; "numbers": each is a quantity
    link      the function that turns the sums z of the output layer into yhat: one of `goals.LINKS`, or "argmax"
    loss      a key of `goals.LOSSES`
    target    what yhat should be, [outputs], in the network's terms; None: nobody knows, so nothing goes backwards
    opposite  the class that a single output means when it is below 1/2 ("" = "not <unit>")
    mean, std of each number: value = mean + std * yhat (empty: yhat is the value)
    exact     the target as the user wrote it: a class, labels or numbers
    notes     sentences about the loss, told where it is computed
    """

    kind: Literal["class", "labels", "numbers"]
    link: str
    loss: str
    target: Array | None = None
    opposite: str = ""
    mean: Array = field(default_factory=lambda: np.zeros(0))
    std: Array = field(default_factory=lambda: np.zeros(0))
    exact: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Picture:
    """The image whose pixels the features are: raw values [height, width], and the place of each feature in it."""

    values: Array
    places: tuple[tuple[int, int], ...]
    note: str = ""


@dataclass(frozen=True)
class Description:
    """A network and its input.

    about          sentences that begin the walk: which network, which input
    learning_rate  of the one step of gradient descent at the end
    no_target      what to do when there is no target: a sentence with the command
    """

    title: str
    features: tuple[Feature, ...]
    layers: tuple[Layer, ...]
    goal: Goal
    learning_rate: float
    about: tuple[str, ...] = ()
    embeddings: tuple[Embedding, ...] = ()
    picture: Picture | None = None
    no_target: str = ""
    next: tuple[str, ...] = ()

    @property
    def x(self) -> Array:
        """What goes in, [features]."""
        return np.array([feature.value for feature in self.features], np.float64)

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.layers[-1].units

    @property
    def weights(self) -> int:
        """How many numbers training could change, those of this input's embeddings included."""
        return sum(array.size for _, array in self.parameters())

    def parameters(self) -> Sequence[tuple[str, Array]]:
        """Every learnt array by its name: "linear1.weight", "linear1.bias", "norm1.weight", "embedding.colour"."""
        found: list[tuple[str, Array]] = [
            (f"embedding.{part.name}", self.x[part.start : part.start + part.width]) for part in self.embeddings
        ]
        for layer in self.layers:
            for step in layer.steps:
                if isinstance(step, Dense):
                    found.append((f"{step.name}.weight", step.W))
                    if step.b is not None:
                        found.append((f"{step.name}.bias", step.b))
                elif isinstance(step, BatchNorm | LayerNorm):
                    found += [(f"{step.name}.weight", step.gamma), (f"{step.name}.bias", step.beta)]
        return found
