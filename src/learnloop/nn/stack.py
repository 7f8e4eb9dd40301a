"""Stacks of dense layers as plain `nn.Sequential` parts with readable names."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from learnloop.nn.activations import ACTIVATIONS
from learnloop.nn.init import initialise, initialise_output


def dense_stack(
    width: int,
    hidden: Sequence[int],
    outputs: int,
    *,
    activation: str = "relu",
    initialisation: str = "auto",
    dropout: float = 0.0,
    batch_norm: bool = False,
    layer_norm: bool = False,
) -> OrderedDict[str, nn.Module]:
    """h_l = dropout(f(norm(W_l h_{l-1} + b_l))) for each hidden width, then y = W h + b.

    [batch, width] -> [batch, hidden[0]] -> ... -> [batch, outputs]. Order: Linear, norm, activation, dropout.
    A layer before a batch norm has no bias: the norm subtracts the mean and with it any bias.
    """
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    for number, size in enumerate(hidden, start=1):
        parts[f"linear{number}"] = nn.Linear(width, size, bias=not batch_norm)
        if batch_norm:
            parts[f"norm{number}"] = nn.BatchNorm1d(size)
        if layer_norm:
            parts[f"layer_norm{number}"] = nn.LayerNorm(size)
        parts[f"{activation}{number}"] = ACTIVATIONS[activation]()
        if dropout:
            parts[f"dropout{number}"] = nn.Dropout(dropout)
        width = size
    for layer in parts.values():
        initialise(layer, initialisation, activation)
    output = nn.Linear(width, outputs)
    initialise_output(output, initialisation)
    parts["output"] = output
    return parts
