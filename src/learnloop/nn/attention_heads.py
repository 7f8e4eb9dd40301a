"""Multi-head attention of a Transformer that translates: within a text, and from the target to the source."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from learnloop.nn.dropout import drop


class Heads(nn.Module):
    """y = W_o [head_1; ...; head_h], head_i = softmax(q_i k_i^T / sqrt(d)) v_i, d = width / heads.

    asking [n, t, width], seen [n, s, width] -> y [n, t, width]
    there  bool, broadcast to [n, heads, t, s]: which keys a query may look at; causal: none behind its own step
    Vaswani et al. 2017, section 3.2.2.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.output = nn.Linear(width, width)
        for layer in (self.query, self.key_value, self.output):
            nn.init.zeros_(layer.bias)
        for weight in (self.query.weight, *self.key_value.weight.detach().chunk(2), self.output.weight):
            nn.init.xavier_uniform_(weight)

    def queries(self, asking: Tensor) -> Tensor:
        return self._split(self.query(asking))  # [n, heads, t, d]

    def keys_values(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        keys, values = self.key_value(seen).chunk(2, 2)  # each [n, s, width]
        return self._split(keys), self._split(values)  # each [n, heads, s, d]

    def look(
        self, query: Tensor, keys: Tensor, values: Tensor, there: Tensor | None = None, causal: bool = False
    ) -> Tensor:
        y = F.scaled_dot_product_attention(query, keys, values, attn_mask=there, is_causal=causal)  # [n, heads, t, d]
        return self.output(y.transpose(1, 2).flatten(2))  # [n, t, width]

    def weights(self, query: Tensor, keys: Tensor, there: Tensor) -> Tensor:
        """What `look` weighs the values with, the mean over the heads [n, t, s]."""
        scores = query @ keys.transpose(2, 3) * query.shape[3] ** -0.5  # [n, heads, t, s]
        return torch.softmax(scores.float().masked_fill(~there, float("-inf")), 3).mean(1)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)  # [n, t, width] -> [n, heads, t, d]

    def extra_repr(self) -> str:
        return f"heads={self.heads}"


class Feed(nn.Module):
    """y = W_2 drop(relu(W_1 x + b_1)) + b_2, at each step by itself. [n, t, width] -> [n, t, width]"""

    def __init__(self, width: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(width, inner), nn.Linear(inner, width)
        self.dropout = dropout
        for layer in (self.inner, self.outer):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.outer(drop(F.relu(self.inner(x)), self.dropout, self.training))


def sines(steps: int, width: int, first: int, like: Tensor) -> Tensor:
    """p_{t, 2i} = sin(t / 10000^(2i / width)), p_{t, 2i+1} = cos of the same; t = first, first + 1, ... [steps, width]

    Vaswani et al. 2017, section 3.5; here all sines stand before all cosines, which is the same up to the order.
    """
    time = torch.arange(first, first + steps, device=like.device, dtype=torch.float32)  # [steps]
    rates = torch.exp(torch.arange(0, width, 2, device=like.device) * (-math.log(1e4) / width))
    angles = time[:, None] * rates  # [steps, width / 2]
    return torch.cat([angles.sin(), angles.cos()], 1).to(like.dtype)
