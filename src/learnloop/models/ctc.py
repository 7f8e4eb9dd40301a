"""`ctc`: scores for every frame of a series, by a 1-D CNN and a recurrent network that reads both ways."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from learnloop.config import Config
from learnloop.contracts import InputSpec
from learnloop.errors import ModelError
from learnloop.nn.ctc import BLANK
from learnloop.nn.dropout import Dropout
from learnloop.nn.init import initialise_output
from learnloop.nn.lengths import inside, trimmed_series
from learnloop.nn.masking import SeriesMasking
from learnloop.nn.recurrent import CellName, Recurrent

TRANSCRIPT = "transcript"
"""The kind of input of a network that writes down what a series says."""
IMPOSSIBLE = -1e4
"""The logit of all codes but the blank behind the end of a row: e^-10000 is 0 in every precision."""


class CTCNetConfig(Config):
    """A 1-D CNN that makes frames fewer, a recurrent network that reads them both ways, scores of codes for each.

    Graves and Jaitly, "Towards End-to-End Speech Recognition with Recurrent Neural Networks" (ICML 2014), with the
    convolution in front of Amodei et al., "Deep Speech 2" (ICML 2016), section 3.
    """

    stride: Literal[1, 2, 4] = Field(2, description="steps that become one frame, two for each convolution of stride 2")
    channels: int = Field(128, ge=8, le=2048, description="width of the convolutions")
    kernel: int = Field(5, ge=1, le=31, description="steps that a convolution sees")
    cell: CellName = Field("lstm", description="the recurrent cell: rnn, lstm or gru")
    hidden: int = Field(128, ge=8, le=4096, description="width of the recurrent network in each direction")
    layers: int = Field(2, ge=1, le=8, description="recurrent layers")
    dropout: float = Field(0.3, ge=0, lt=1, description="share of values set to 0 between layers, while training")
    mask_bands: int = Field(3, ge=0, description="most neighbouring features hidden at a time, while training")
    mask_steps: int = Field(8, ge=0, description="most steps in a row hidden at a time, while training")

    inputs: ClassVar[frozenset[str]] = frozenset({TRANSCRIPT})
    title: ClassVar[str] = "1-D CNN and a recurrent network both ways, a score of each code at every frame (CTC)"
    numbers: ClassVar[str] = "standard"
    rule: ClassVar[str] = "gradient"

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        """`forward(x, length)` -> logits [batch, frames, outputs]."""
        if spec.kind != "series" or outputs < 2:
            raise ModelError(
                "model 'ctc'",
                "writes down what series say, with at least one code besides the blank",
                found=f"inputs of kind {spec.kind}, {outputs} outputs",
                do="learnloop fit RECORDINGS --task transcribe --target text",
            )
        strides = {1: (1,), 2: (2,), 4: (2, 2)}[self.stride]
        widths = [spec.numbers, *[self.channels] * len(strides)]
        front = [
            Narrowing(before, after, self.kernel, stride) for before, after, stride in zip(widths, widths[1:], strides)
        ]
        body = Recurrent(self.cell, self.channels, self.hidden, self.layers, bidirectional=True, dropout=self.dropout)
        masking = SeriesMasking(min(self.mask_bands, spec.numbers // 2), self.mask_steps)
        return CTCNet(masking, front, body, outputs, self.dropout)

    def frames(self, length: int) -> int:
        """Frames that are left of `length` steps."""
        for _ in range({1: 0, 2: 1, 4: 2}[self.stride]):
            length = -(-length // 2)
        return length

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        """AdamW and a one-cycle schedule; gradients clipped, since CTC begins with a cliff."""
        batch = 16 if rows < 4000 else 32
        advice: dict[str, Any] = {
            "optimiser.name": "adamw",
            "optimiser.lr": 3e-3,
            "optimiser.weight_decay": 0.01,
            "schedule.name": "one_cycle",
            "train.batch_size": batch,
            "train.clip": 1.0,
            # The loss of a few rows that are surely wrong jumps about while ever more characters become right.
            "train.monitor": "cer",
        }
        if minutes is None:
            advice["train.epochs"] = min(max(round(2400 * batch / max(rows, 1)), 10), 200)
        return advice


class Narrowing(nn.Module):
    """y = GELU(LayerNorm(conv(x))), [batch, time, width] -> [batch, ceil(time / stride), after].

    Behind the end of a row x is 0, as at the edge of a batch, and so is y: a row does not see its padding.
    """

    def __init__(self, before: int, after: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.kernel = kernel
        self.conv = nn.Conv1d(before, after, kernel, stride, bias=False)
        self.norm = nn.LayerNorm(after)

    def forward(self, x: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        length = (length + self.stride - 1) // self.stride  # [batch]
        before = (self.kernel - 1) // 2
        wide = nn.functional.pad(x.transpose(1, 2), (before, self.kernel - 1 - before))  # [batch, width, time + ...]
        y = self.conv(wide).transpose(1, 2)  # [batch, frames, after]
        y = nn.functional.gelu(self.norm(y))
        return y * inside(length, y.shape[1]).unsqueeze(2), length


class CTCNet(nn.Module):
    """o_t = W dropout(h_t) + b, h = recurrent(convolutions(x)): logits [batch, frames, codes].

    Behind the end of a row the blank is sure (0, all others IMPOSSIBLE), so that those frames change neither the
    loss nor what is decoded, whatever the rows beside it.
    """

    def __init__(
        self, masking: SeriesMasking, front: list[Narrowing], body: Recurrent, outputs: int, dropout: float
    ) -> None:
        super().__init__()
        self.masking = masking
        self.front = nn.ModuleList(front)
        self.body = body
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(body.width, outputs)
        initialise_output(self.output, "auto")

    def forward(self, x: Tensor, length: Tensor) -> Tensor:
        x = self.masking(trimmed_series(x, length), length)  # [batch, longest, features]
        for layer in self.front:
            x, length = layer(x, length)  # [batch, frames, channels]
        y = self.output(self.dropout(self.body(self.dropout(x), length)))  # [batch, frames, codes]
        over = ~inside(length, y.shape[1]).unsqueeze(2)  # [batch, frames, 1]
        silent = torch.full((y.shape[2],), IMPOSSIBLE, dtype=y.dtype, device=y.device)  # [codes]
        silent[BLANK] = 0.0
        return torch.where(over, silent, y)  # [batch, frames, codes]
