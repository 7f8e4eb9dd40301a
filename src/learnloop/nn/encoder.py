"""The encoder half of a Transformer: every step looks at every other one that is there."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from learnloop.nn.attention_heads import Feed, Heads, sines
from learnloop.nn.dropout import Dropout, drop
from learnloop.nn.lengths import inside
from learnloop.nn.rotary import rotary_table, turned

PositionName = Literal["sinusoidal", "learned", "rotary"]


class EncoderLayer(nn.Module):
    """x <- x + drop(heads(norm(x))); x <- x + drop(feed(norm(x))): [batch, time, width], pre-norm.

    there  bool [batch, 1, 1, time]: the steps that may be looked at.   turn  cos and sin [time, width / heads] by which
           queries and keys are turned (rotary positions), or None
    Vaswani et al. 2017, section 3.1; the norm before each part rather than behind it: Xiong et al. 2020.
    """

    def __init__(self, width: int, heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.norm_heads, self.norm_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.heads, self.feed = Heads(width, heads), Feed(width, inner, dropout)

    def forward(self, x: Tensor, there: Tensor, turn: tuple[Tensor, Tensor] | None) -> Tensor:
        y = self.norm_heads(x)
        query, (keys, values) = self.heads.queries(y), self.heads.keys_values(y)  # [batch, heads, time, d] each
        if turn is not None:
            query, keys = turned(query, *turn).to(values.dtype), turned(keys, *turn).to(values.dtype)
        x = x + drop(self.heads.look(query, keys, values, there), self.dropout, self.training)
        return x + drop(self.feed(self.norm_feed(x)), self.dropout, self.training)


class Encoder(nn.Module):
    """x_0 = drop(x + position) (rotary: no position is added), then layers, then a norm.

    x [batch, time, width], length int64 [batch] -> [batch, time, width]; what stands behind the end has no meaning.

    positions  "sinusoidal": fixed waves (Vaswani et al. 2017, section 3.5); "learned": a vector for each step up to
               `longest`, the last one for all behind it; "rotary": queries and keys are turned (Su et al. 2021)
    """

    position: nn.Parameter | None

    def __init__(
        self, width: int, layers: int, heads: int, inner: int, dropout: float, positions: PositionName, longest: int
    ) -> None:
        super().__init__()
        self.width, self.heads, self.positions = width, heads, positions
        self.position = nn.Parameter(torch.randn(longest, width) * 0.02) if positions == "learned" else None
        self.layers = nn.ModuleList(EncoderLayer(width, heads, inner, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, length: Tensor) -> Tensor:
        time = x.shape[1]
        there = inside(length, time)[:, None, None]  # [batch, 1, 1, time]
        turn = None
        if self.positions == "rotary":
            cos, sin = rotary_table(time, self.width // self.heads)
            turn = cos.to(x.device), sin.to(x.device)  # [time, width / heads]
        elif self.position is not None:
            places = torch.arange(time, device=x.device).clamp_max(len(self.position) - 1)
            x = x + self.position[places]
        else:
            x = x + sines(time, self.width, 0, x)
        x = self.dropout(x)
        for layer in self.layers:
            x = layer(x, there, turn)
        return self.norm(x)
