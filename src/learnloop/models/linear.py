"""The linear model: logistic (softmax) regression for classes, linear regression for numbers."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, ClassVar

from torch import nn

from learnloop.config import Config
from learnloop.contracts import InputSpec
from learnloop.models.config import adamw, dense_network, require


class LinearConfig(Config):
    """y = W x + b, x [batch, features], y [batch, outputs] logits or values.

    With cross-entropy this is logistic (softmax) regression, with the squared error linear regression. The
    weights start at zero: the loss is convex, so any start leads to the same place, and the first answer is
    "undecided". Categories are one-hot whatever their number (an embedding would make it a product of two
    matrices). Bishop 2006, Pattern Recognition and Machine Learning, 3.1 and 4.3.
    """

    inputs: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    title: ClassVar[str] = "linear or logistic (softmax) regression"
    numbers: ClassVar[str] = "standard"
    rule: ClassVar[str] = "gradient"

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        require("linear", self.inputs, spec, outputs)

        def stack(width: int) -> OrderedDict[str, nn.Module]:
            layer = nn.Linear(width, outputs)
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
            return OrderedDict[str, nn.Module](output=layer)

        return dense_network(spec, stack, embed_above=None)

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        return adamw(rows, minutes, lr=1e-2, steps=3000, least=20, weight_decay=0.0)
