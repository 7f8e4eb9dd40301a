"""The multi-layer perceptron."""

from __future__ import annotations

from collections import OrderedDict
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from torch import nn

from learnloop.config import Config
from learnloop.contracts import InputSpec
from learnloop.models.config import adamw, dense_network, require
from learnloop.nn.activations import ActivationName
from learnloop.nn.init import InitName
from learnloop.nn.stack import dense_stack


class MLPConfig(Config):
    """h_l = dropout(f(norm(W_l h_{l-1} + b_l))), y = W h_L + b; h_0 = x [batch, features], y [batch,
    outputs].

    Images are standardised and flattened; categories become one-hot columns (up to 16 codes) or embeddings.
    Rumelhart, Hinton and Williams 1986; norms: Ioffe and Szegedy 2015, Ba, Kiros and Hinton 2016; dropout:
    Srivastava et al. 2014. Order in a layer: Linear, norm, activation, dropout.
    """

    inputs: ClassVar[frozenset[str]] = frozenset({"table", "image"})
    title: ClassVar[str] = "multi-layer perceptron: dense layers with an activation between them"
    numbers: ClassVar[str] = "standard"
    rule: ClassVar[str] = "gradient"

    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (128, 64), description="units of each hidden layer, from the input on; empty = a linear model"
    )
    activation: ActivationName = Field("relu", description="function after each hidden layer")
    initialisation: InitName | Literal["auto"] = Field(
        "auto", description="how weights start; auto = what suits the activation, with small output weights"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="share of hidden units switched off in each step")
    batch_norm: bool = Field(False, description="standardise each hidden unit over the batch")
    layer_norm: bool = Field(False, description="standardise each row over the units of a hidden layer")

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        require("mlp", self.inputs, spec, outputs)

        def stack(width: int) -> OrderedDict[str, nn.Module]:
            return dense_stack(
                width,
                self.hidden,
                outputs,
                activation=self.activation,
                initialisation=self.initialisation,
                dropout=self.dropout,
                batch_norm=self.batch_norm,
                layer_norm=self.layer_norm,
            )

        return dense_network(spec, stack)

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        return adamw(rows, minutes, lr=1e-3, steps=4000, least=20)
