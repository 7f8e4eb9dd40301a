"""What a network that answers token by token offers, and what it remembers between two tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import torch
from pydantic import Field
from torch import Tensor

from learnloop.config import Config
from learnloop.contracts import BEGIN


class DecodeConfig(Config):
    """How a text is written, token by token, once the network is trained."""

    beam: int = Field(
        4, ge=1, le=64, description="beginnings that are kept at each token; 1: always the likeliest next"
    )
    length_penalty: float = Field(
        0.6, ge=0, le=2, description="alpha: a text's log probability is divided by ((5 + tokens) / 6)^alpha"
    )
    longest: int | None = Field(
        None, ge=1, description="most tokens of an answer; null: half as many again as the longest training target"
    )


@dataclass
class DecoderState:
    """What a decoder remembers of n hypotheses, n = rows * width; those of one row lie side by side.

    fixed     of the source, [n, ...]: the same for all hypotheses of a row
    moving    of what was written so far, [n, ...]: goes with its hypothesis
    position  tokens written so far
    """

    fixed: dict[str, Tensor]
    moving: dict[str, Tensor] = field(default_factory=dict)
    position: int = 0

    def reorder(self, parents: Tensor) -> None:
        """Hypothesis i goes on from `parents[i]`, one of its own row."""
        self.moving = {name: tensor.index_select(0, parents) for name, tensor in self.moving.items()}

    def keep(self, hypotheses: Tensor) -> None:
        """Only these are left."""
        self.reorder(hypotheses)
        self.fixed = {name: tensor.index_select(0, hypotheses) for name, tensor in self.fixed.items()}


class Decoder(Protocol):
    """A network that turns source tokens into target tokens."""

    def begin(self, source: Tensor, width: int) -> DecoderState:
        """Read the source [rows, time]; remember it for `width` hypotheses a row."""
        ...

    def step(self, codes: Tensor, state: DecoderState) -> Tensor:
        """The logits [n, outputs] of the token after `codes` [n], the last one written (BEGIN at first)."""
        ...


def shifted(target: Tensor) -> Tensor:
    """What the decoder is shown in training: BEGIN, then the target without its last code. [batch, time]"""
    return torch.cat([torch.full_like(target[:, :1], BEGIN), target[:, :-1]], 1)
