"""The perceptron: the textbook step unit."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from learnloop.config import Config
from learnloop.contracts import InputSpec
from learnloop.models.config import require
from learnloop.nn.inputs import ImageInput, TableInput


class Perceptron(nn.Module):
    """score = w . x + b, and the unit fires (1) where the score is at least 0, else it does not (0).

    x, x_cat   as in `InputSpec`; `features` joins them to [batch, features]
    weight     [outputs, features], zeros at first (a single layer has no symmetry to break)
    bias       [outputs]
    forward    the scores [batch, outputs]; `step` gives the units' answers

    Its learning rule, w += lr (y - y_hat) x and b += lr (y - y_hat), is in `learnloop.tasks.perceptron`; it
    ends after finitely many mistakes if and only if a plane separates the classes (Novikoff 1962), so it
    learns AND and OR and cannot learn XOR (Minsky and Papert 1969). Rosenblatt 1958, The Perceptron.
    """

    rule: ClassVar[str] = "perceptron"
    """How a bundle knows which task serves it."""

    def __init__(self, inputs: nn.Module, features: int, outputs: int) -> None:
        super().__init__()
        self.inputs = inputs
        self.weight = nn.Parameter(torch.zeros(outputs, features))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def features(self, x: Tensor, x_cat: Tensor | None = None) -> Tensor:
        """What the rule multiplies with: [batch, features]."""
        joined = self.inputs(x) if x_cat is None else self.inputs(x, x_cat)
        return joined.flatten(1)  # [batch, features]

    def scores(self, x: Tensor, x_cat: Tensor | None = None) -> Tensor:
        """w . x + b: [batch, outputs]."""
        return nn.functional.linear(self.features(x, x_cat), self.weight, self.bias)  # [batch, outputs]

    def step(self, x: Tensor, x_cat: Tensor | None = None) -> Tensor:
        """1 where the score is at least 0, else 0: float [batch, outputs]."""
        return (self.scores(x, x_cat) >= 0).to(self.weight.dtype)

    def forward(self, x: Tensor, x_cat: Tensor | None = None) -> Tensor:
        return self.scores(x, x_cat)  # [batch, outputs]


class PerceptronConfig(Config):
    """One layer of step units, learning by the perceptron rule."""

    inputs: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    title: ClassVar[str] = "the textbook step unit with its own learning rule; separates classes by a plane"
    numbers: ClassVar[str] = "standard"
    rule: ClassVar[str] = "perceptron"

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        require("perceptron", self.inputs, spec, outputs)
        if spec.kind == "image":
            channels, height, width = spec.shape
            return Perceptron(ImageInput(spec.mean, spec.std), channels * height * width, outputs)
        # One-hot only: the rule has no gradient with which to learn an embedding.
        table = TableInput(spec.numbers, spec.cardinalities, embed_above=None)
        return Perceptron(table, table.width, outputs)

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        values: dict[str, Any] = {
            "optimiser.name": "sgd",
            "optimiser.lr": 0.1,
            "schedule.name": "constant",
            "train.batch_size": 1 if rows <= 2000 else 32,
        }
        if minutes is None:
            values["train.epochs"] = 100 if rows <= 64 else 20 if rows <= 20_000 else 5
            values["train.patience"] = None
        return values
