"""A network of series that answers at every step instead of once a row."""

from __future__ import annotations

from torch import Tensor, nn

from learnloop.contracts import InputSpec
from learnloop.errors import ModelError
from learnloop.models.config import ModelConfig
from learnloop.nn.recurrent import Recurrent
from learnloop.nn.sequences import SequenceNet

STEPWISE = ("rnn", "lstm", "gru")
"""Names of the models that have a vector for every step."""


class EveryStepNet(nn.Module):
    """y_t = W dropout(h_t) + b, h = layers(front(x)): float [batch, time, features] -> [batch, longest, outputs].

    What `net` would pool into one vector a row is answered with step by step. In one direction h_t has seen the steps
    up to t; in both it has seen those to come too, which a forecast must not.
    """

    def __init__(self, net: SequenceNet) -> None:
        super().__init__()
        self.front = net.front
        self.layers: nn.Module = net.body.layers  # type: ignore[assignment]
        self.dropout = net.dropout
        self.output = net.output

    def forward(self, x: Tensor, length: Tensor) -> Tensor:
        vectors, steps = self.front(x, length)  # [batch, longest, features]
        return self.output(self.dropout(self.layers(vectors, steps)))  # [batch, longest, outputs]


def build_network(config: ModelConfig, spec: InputSpec, outputs: int, target: str) -> nn.Module:
    """`config.build`, and for targets of kind "steps" an answer at every step.

    Raises ModelError for a model that has only one vector a row.
    """
    net = config.build(spec, outputs)
    if target != "steps":
        return net
    if isinstance(net, SequenceNet) and isinstance(getattr(net.body, "layers", None), Recurrent):
        return EveryStepNet(net)
    raise ModelError(
        "--model",
        "must be a model that answers at every step: the target has a number at every step",
        found=type(config).__name__.removesuffix("Config").lower(),
        do=f"--model {STEPWISE[1]}",
        available=STEPWISE,
    )
