"""Recurrent networks over texts and series: plain, LSTM and GRU."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field
from torch import Tensor, nn

from learnloop.contracts import InputSpec
from learnloop.models.config import require
from learnloop.models.sequences import SequenceFields, settings
from learnloop.nn.pooling import AttentionPooling, PoolingName, masked_max, masked_mean
from learnloop.nn.recurrent import CellName, Recurrent
from learnloop.nn.sequences import SequenceNet


class _RecurrentConfig(SequenceFields):
    """Embedding - recurrent layers - pooling - dropout - outputs.

    tokens [batch, time] or x [batch, time, features] -> [batch, time, hidden or 2 hidden] -> [batch, hidden or 2
    hidden] -> [batch, outputs]. The layers and their sources: `learnloop.nn.recurrent`.
    """

    inputs: ClassVar[frozenset[str]] = frozenset({"text", "series"})
    numbers: ClassVar[str] = "standard"
    rule: ClassVar[str] = "gradient"
    cell: ClassVar[CellName]

    hidden: int = Field(128, ge=1, description="units of a layer, in each direction")
    layers: int = Field(1, ge=1, description="layers, one on top of the other")
    bidirectional: bool = Field(True, description="read each row backwards too")
    pooling: PoolingName = Field(
        "max", description="what becomes of the steps: the last one, the largest value, the mean, or learnt weights"
    )
    between: float = Field(0.2, ge=0, lt=1, description="share of numbers switched off between two layers")

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        require(self.cell, self.inputs, spec, outputs)
        front = self.front(spec)
        layers = Recurrent(
            self.cell,
            front.width,
            self.hidden,
            self.layers,
            bidirectional=self.bidirectional,
            dropout=self.between,
        )
        return SequenceNet(front, PooledRecurrent(layers, self.pooling), outputs, dropout=self.dropout)

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        more: dict[str, Any] = self.vector_advice()
        if spec.kind == "series":
            more |= {"model.dropout": 0.0, "model.pooling": "last", "model.bidirectional": False}
        return settings(
            rows,
            spec,
            minutes,
            lr=2e-3 if spec.kind == "text" else 5e-3,
            steps=2000 if spec.kind == "text" else 4000,
            least=4 if spec.kind == "text" else 20,
            more=more,
            given=self.model_fields_set,
        )


class RNNConfig(_RecurrentConfig):
    """A plain recurrent network, h_t = tanh(W x_t + U h_{t-1} + b): the textbook's, which forgets after some steps."""

    title: ClassVar[str] = "recurrent network: one tanh layer that feeds itself, for texts and series"
    cell: ClassVar[CellName] = "rnn"


class LSTMConfig(_RecurrentConfig):
    """Long short-term memory: a cell state that gates add to, so that gradients reach far back."""

    title: ClassVar[str] = "LSTM, one way or both ways, for texts and series"
    cell: ClassVar[CellName] = "lstm"


class GRUConfig(_RecurrentConfig):
    """Gated recurrent unit: as the LSTM with two gates and no cell state of its own."""

    title: ClassVar[str] = "GRU, one way or both ways, for texts and series"
    cell: ClassVar[CellName] = "gru"


class PooledRecurrent(nn.Module):
    """pool(layers(x)): [batch, time, inputs] and lengths -> [batch, width]."""

    def __init__(self, layers: Recurrent, pooling: PoolingName) -> None:
        super().__init__()
        self.layers = layers
        self.width = layers.width
        self.pooling = pooling
        self.attention = AttentionPooling(layers.width) if pooling == "attention" else None

    def forward(self, x: Tensor, length: Tensor) -> Tensor:
        y = self.layers(x, length)  # [batch, time, width]
        if self.attention is not None:
            return self.attention(y, length)  # [batch, width]
        if self.pooling == "last":
            return self.layers.last(y, length)  # [batch, width]
        return masked_max(y, length) if self.pooling == "max" else masked_mean(y, length)  # [batch, width]
