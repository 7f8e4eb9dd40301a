"""A Transformer that reads a text or a series as a whole."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from learnloop.contracts import InputSpec
from learnloop.errors import ModelError
from learnloop.models.config import require
from learnloop.models.sequences import SequenceFields, settings
from learnloop.nn.encoder import Encoder, PositionName
from learnloop.nn.pooling import masked_mean
from learnloop.nn.sequences import SequenceNet


class TransformerConfig(SequenceFields):
    """Embedding (of series: a dense layer) - layers of attention and feed-forward, pre-norm - pooling - outputs.

    tokens [batch, time] or x [batch, time, features] -> [batch, time, width] -> [batch, width] -> [batch, outputs].
    Vaswani et al. 2017; one vector in front of the row that stands for all of it: Devlin et al. 2019. The layers and
    the kinds of positions: `learnloop.nn.encoder`.
    """

    inputs: ClassVar[frozenset[str]] = frozenset({"text", "series"})
    title: ClassVar[str] = "Transformer encoder for texts and series"
    numbers: ClassVar[str] = "standard"
    rule: ClassVar[str] = "gradient"

    width: int = Field(128, ge=2, description="numbers of a step in each layer: a multiple of heads")
    layers: int = Field(2, ge=1, description="layers of attention and feed-forward")
    heads: int = Field(4, ge=1, description="heads of attention")
    inner: int = Field(256, ge=1, description="units inside the feed-forward part")
    positions: PositionName = Field(
        "sinusoidal", description="how a step knows its place: fixed waves, learnt vectors, or turned queries and keys"
    )
    pooling: Literal["mean", "cls"] = Field(
        "mean", description="what becomes of the steps: their mean, or a learnt step in front that looks at all others"
    )
    between: float = Field(0.1, ge=0, lt=1, description="share of numbers switched off within the layers")

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        require("transformer", self.inputs, spec, outputs)
        parts = 2 * self.heads if self.positions == "rotary" else self.heads
        if self.width % parts or self.width % 2:
            raise ModelError(
                "model.width",
                f"must be even and a multiple of {'2 x ' if parts != self.heads else ''}model.heads",
                found=f"{self.width}, and {self.heads} heads",
                do=f"--set model.width={2 * parts * max(1, round(self.width / 2 / parts))}",
            )
        front = self.front(spec)
        encoder = Encoder(
            self.width, self.layers, self.heads, self.inner, self.between, self.positions, max(spec.length, 1) + 1
        )
        body = PooledEncoder(front.width, encoder, cls=self.pooling == "cls", words=spec.kind == "text")
        return SequenceNet(front, body, outputs, dropout=self.dropout)

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        more: dict[str, Any] = self.vector_advice()
        if spec.kind == "series":
            more |= {"model.dropout": 0.0}
        return settings(
            rows,
            spec,
            minutes,
            lr=1e-3,
            steps=2000 if spec.kind == "text" else 4000,
            least=4 if spec.kind == "text" else 20,
            more=more,
            given=self.model_fields_set,
        )


class PooledEncoder(nn.Module):
    """pool(encoder(P x)): [batch, time, inputs] and lengths -> [batch, width].

    P    a dense layer; for words of the right width a factor sqrt(width) alone (Vaswani et al. 2017, section 3.4)
    cls  a learnt step stands in front of each row, and the answer is what became of it; else the mean over the row
    """

    def __init__(self, inputs: int, encoder: Encoder, *, cls: bool, words: bool) -> None:
        super().__init__()
        self.width = encoder.width
        self.project = None if words and inputs == encoder.width else nn.Linear(inputs, encoder.width)
        self.first = nn.Parameter(torch.randn(encoder.width)) if cls else None
        self.encoder = encoder

    def forward(self, x: Tensor, length: Tensor) -> Tensor:
        x = x * math.sqrt(self.width) if self.project is None else self.project(x)  # [batch, time, width]
        if self.first is None:
            return masked_mean(self.encoder(x, length), length)  # [batch, width]
        first = self.first.to(x.dtype).expand(len(x), 1, -1)  # [batch, 1, width]
        return self.encoder(torch.cat([first, x], 1), length + 1)[:, 0]  # [batch, width]
