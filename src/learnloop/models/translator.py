"""The Transformer as it was published: an encoder reads a text, a decoder writes another."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from learnloop.config import Config
from learnloop.contracts import InputSpec
from learnloop.errors import ModelError
from learnloop.models.pairs import PAIRS, advice, embedding, need_pairs, spelt
from learnloop.models.translator_layers import ReadLayer, WriteLayer
from learnloop.nn.attention_heads import sines
from learnloop.nn.decoding import DecoderState, shifted
from learnloop.nn.dropout import drop
from learnloop.nn.lengths import inside, lengths_of, trimmed

LETTERS = {
    "model.width": 96,
    "model.inner": 192,
    "model.encoder_layers": 2,
    "model.decoder_layers": 2,
    "model.dropout": 0.05,
}
"""What suits texts that are spelt: dates, numbers, names."""
FEW_PAIRS = 100_000
SMALL = {
    "model.width": 128,
    "model.inner": 256,
    "model.encoder_layers": 4,
    "model.decoder_layers": 4,
    "model.dropout": 0.2,
}
"""What suits fewer pairs than that: the size that Wu, Kong, Bi, Li and Kao 2021 (Good for Misconceived Reasons, section
4.1) found best on the 29,000 pairs of Multi30k, with less dropout, for shorter runs than theirs."""

MUON = {"optimiser.name": "muon", "optimiser.other_lr": 3e-3}
"""On Multi30k after 450 steps the validation loss was 3.24 with it and 3.56 with AdamW at 3e-3."""


class TranslatorConfig(Config):
    """p(y_t | y_<t, x) = softmax(W z_t): z from the decoder, which looks at y_<t and at the encoder's m_1 ... m_s.

    Vaswani et al. 2017, with the norm before each part instead of behind it, so that it trains without a long warm-up
    (Xiong et al. 2020), and W the target embedding itself (Press and Wolf 2017) where `tie` says so.
    """

    inputs: ClassVar[frozenset[str]] = frozenset({PAIRS})
    title: ClassVar[str] = "Transformer encoder-decoder: text to text"
    numbers: ClassVar[str] = "standard"
    rule: ClassVar[str] = "gradient"

    width: int = Field(256, ge=2, description="numbers that stand for a token; even, a multiple of heads")
    heads: int = Field(4, ge=1, description="heads of each attention")
    encoder_layers: int = Field(3, ge=1, le=24, description="layers that read the source")
    decoder_layers: int = Field(3, ge=1, le=24, description="layers that write the target")
    inner: int = Field(512, ge=1, description="units of the dense layer inside each layer")
    dropout: float = Field(0.3, ge=0, lt=1, description="share of units switched off in each step")
    positions: Literal["sinusoidal", "learned"] = Field("sinusoidal", description="how a token knows its place")
    most: int = Field(256, ge=2, description="places that there are learned positions for")
    tie: bool = Field(True, description="the output layer is the target embedding")

    @model_validator(mode="after")
    def _fits(self) -> TranslatorConfig:
        if self.width % self.heads or self.width % 2:
            raise ValueError(f"width even and a multiple of heads; found width {self.width} and {self.heads} heads")
        return self

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        need_pairs("translator", spec, outputs)
        if self.positions == "learned" and spec.length > self.most:
            raise ModelError(
                "model.most",
                "must be a place for every token of a source text",
                found=f"{self.most} places, texts of {spec.length} tokens",
                do=[f"--set model.most={spec.length}", "--set model.positions=sinusoidal"],
            )
        return Translator(self, spec.vocabulary, outputs)

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        if spelt(spec, outputs):
            return {**advice(rows, True, minutes, lr=2e-3), **LETTERS}
        small = SMALL if rows < FEW_PAIRS else {}
        return {**advice(rows, False, minutes, lr=0.02), **MUON, **small}


class Translator(nn.Module):
    """The module of `TranslatorConfig`. forward(source [batch, s], target [batch, t]) -> logits [batch, t', outputs].

    Teacher forcing: logits at step t are for target[:, t], given the target up to t - 1. Both rectangles are cut to
    the longest row of the batch: t' <= t.
    """

    def __init__(self, config: TranslatorConfig, vocabulary: int, outputs: int) -> None:
        super().__init__()
        width, heads, inner, dropout = config.width, config.heads, config.inner, config.dropout
        self.width, self.dropout, self.most = width, dropout, config.most
        self.source, self.target = embedding(vocabulary, width), embedding(outputs, width)
        learned = config.positions == "learned"
        self.places = nn.Parameter(torch.randn(2, config.most, width) * width**-0.5) if learned else None
        self.encoder = nn.ModuleList([ReadLayer(width, heads, inner, dropout) for _ in range(config.encoder_layers)])
        self.decoder = nn.ModuleList(
            [WriteLayer(width, heads, inner, dropout, number) for number in range(config.decoder_layers)]
        )
        self.norm_read, self.norm_write = nn.LayerNorm(width), nn.LayerNorm(width)
        self.output = None if config.tie else nn.Linear(width, outputs)
        self.shift = nn.Parameter(torch.zeros(outputs)) if config.tie else None

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        state = self.begin(source, 1)
        x = self._embedded(self.target, shifted(trimmed(target)), 1, 0)  # [batch, t', width]
        for layer in self.decoder:
            x = layer(x, state, alone=False)
        return self._logits(x)  # [batch, t', outputs]

    @torch.no_grad()
    def attention(self, source: Tensor, target: Tensor) -> Tensor | None:
        """How much each target step looks at each source step in the last layer, mean of its heads [batch, t', s']."""
        state = self.begin(source, 1)
        x = self._embedded(self.target, shifted(trimmed(target)), 1, 0)
        for layer in self.decoder[:-1]:
            x = layer(x, state, alone=False)
        return self.decoder[-1].weights(x, state)  # type: ignore[operator]

    def begin(self, source: Tensor, width: int) -> DecoderState:
        source = trimmed(source)  # [batch, s']
        there = inside(lengths_of(source).clamp_min(1), source.shape[1])[:, None, None]  # [batch, 1, 1, s']
        x = self._embedded(self.source, source, 0, 0)  # [batch, s', width]
        for layer in self.encoder:
            x = layer(x, there)
        memory = self.norm_read(x)
        fixed = {"there": there}
        for layer in self.decoder:
            fixed |= layer.remember(memory)  # type: ignore[operator]
        if width > 1:
            fixed = {name: value.repeat_interleave(width, 0) for name, value in fixed.items()}
        return DecoderState(fixed)

    def step(self, codes: Tensor, state: DecoderState) -> Tensor:
        x = self._embedded(self.target, codes[:, None], 1, state.position)  # [n, 1, width]
        for layer in self.decoder:
            x = layer(x, state, alone=True)
        state.position += 1
        return self._logits(x).squeeze(1)  # [n, outputs]

    def _embedded(self, table: nn.Embedding, codes: Tensor, side: int, first: int) -> Tensor:
        """sqrt(width) E[codes] + positions. side: 0 source, 1 target."""
        steps = codes.shape[1]
        x = table(codes) * self.width**0.5  # [n, steps, width]
        if self.places is None:
            x = x + sines(steps, self.width, first, x)
        else:
            if first + steps > self.most:
                raise ModelError(
                    "model.most",
                    "must be a place for every token",
                    found=f"a text of {first + steps} tokens, {self.most} places",
                    do=[f"--set model.most={first + steps}", "--set model.positions=sinusoidal"],
                )
            x = x + self.places[side, first : first + steps] * self.width**0.5
        return drop(x, self.dropout, self.training)

    def _logits(self, x: Tensor) -> Tensor:
        x = self.norm_write(x)
        return self.output(x) if self.output is not None else F.linear(x, self.target.weight, self.shift)
