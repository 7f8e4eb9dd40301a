"""Convolutions along a text or a series, and the largest value of each."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from learnloop.contracts import InputSpec
from learnloop.models.config import require
from learnloop.models.sequences import SequenceFields, settings
from learnloop.nn.init import initialise
from learnloop.nn.lengths import inside
from learnloop.nn.pooling import masked_max, masked_mean
from learnloop.nn.sequences import SequenceNet


class TextCNNConfig(SequenceFields):
    """Embedding - convolutions of several widths side by side - ReLU - (more convolutions) - pooling - outputs.

    [batch, time, width] -> [batch, time, maps len(widths)] -> [batch, maps len(widths)] -> [batch, outputs]. Kim 2014,
    Convolutional Neural Networks for Sentence Classification, section 2 (widths 3, 4, 5 with 100 maps each, the
    largest value over time, dropout 0.5; his bound on the norm of the output weights is left out). For series more
    layers follow, each added to what it reads (He et al. 2016), and the mean over time stands beside the maximum.
    """

    inputs: ClassVar[frozenset[str]] = frozenset({"text", "series"})
    title: ClassVar[str] = "convolutions of several widths and the largest value of each (Kim's), also for series"
    numbers: ClassVar[str] = "standard"
    rule: ClassVar[str] = "gradient"

    widths: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (3, 4, 5), min_length=1, description="steps that each kind of filter sees"
    )
    maps: int = Field(100, ge=1, description="filters of each width")
    layers: int = Field(1, ge=1, description="layers; those behind the first see 3 steps, ever further apart")

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        require("textcnn", self.inputs, spec, outputs)
        front = self.front(spec)
        body = Convolutions(front.width, self.widths, self.maps, self.layers, mean=spec.kind == "series")
        return SequenceNet(front, body, outputs, dropout=self.dropout)

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        more: dict[str, Any] = self.vector_advice()
        if spec.kind == "series":
            more |= {"model.dropout": 0.1, "model.layers": 4, "model.maps": 32}
        series = spec.kind == "series"
        return settings(
            rows,
            spec,
            minutes,
            lr=2e-3 if series else 1e-3,
            steps=3000 if series else 2000,
            least=20 if series else 4,
            more=more,
            given=self.model_fields_set,
        )


class Convolutions(nn.Module):
    """y = max over t of h_t, or that and the mean: [batch, time, inputs] and lengths -> [batch, width].

    h = relu(conv_w(x)) side by side for each width w; then h <- h + relu(conv_3(h)) with dilation 2, 4, 8, ...
    Zeros stand before and behind each row, and nothing behind the end of one ever counts.
    """

    def __init__(self, inputs: int, widths: tuple[int, ...], maps: int, layers: int, *, mean: bool) -> None:
        super().__init__()
        self.mean, self.widths = mean, widths
        total = maps * len(widths)
        self.width = 2 * total if mean else total
        self.first = nn.ModuleList(nn.Conv1d(inputs, maps, width) for width in widths)
        self.rest = nn.ModuleList(
            nn.Conv1d(total, total, 3, dilation=2**layer, padding=2**layer) for layer in range(1, layers)
        )
        initialise(self, "auto", "relu")

    def forward(self, x: Tensor, length: Tensor) -> Tensor:
        outside = ~inside(length, x.shape[1]).unsqueeze(1)  # [batch, 1, time]
        x = x.transpose(1, 2)  # [batch, inputs, time], 0 behind the end of each row as it came
        found = []
        for width, layer in zip(self.widths, self.first):
            found.append(layer(F.pad(x, ((width - 1) // 2, width // 2))))  # [batch, maps, time]
        h = torch.cat(found, 1).relu()  # [batch, maps len(widths), time]
        for layer in self.rest:
            h = h + layer(h.masked_fill(outside, 0.0)).relu()
        h = h.transpose(1, 2)  # [batch, time, maps len(widths)]
        if not self.mean:
            return masked_max(h, length)  # [batch, width]
        return torch.cat([masked_max(h, length), masked_mean(h, length)], 1)  # [batch, width]
