"""The layers of `Translator`, pre-norm: x + f(norm(x))."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from learnloop.nn.attention_heads import Feed, Heads
from learnloop.nn.decoding import DecoderState
from learnloop.nn.dropout import drop


class ReadLayer(nn.Module):
    """x <- x + self attention of norm(x); x <- x + feed(norm(x)). [n, s, width], there [n, 1, 1, s]"""

    def __init__(self, width: int, heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.norm_self, self.norm_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.self_heads, self.feed = Heads(width, heads), Feed(width, inner, dropout)

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        y = self.norm_self(x)
        y = self.self_heads.look(self.self_heads.queries(y), *self.self_heads.keys_values(y), there)
        x = x + drop(y, self.dropout, self.training)
        return x + drop(self.feed(self.norm_feed(x)), self.dropout, self.training)


class WriteLayer(nn.Module):
    """x <- x + causal self attention; x <- x + attention to the source; x <- x + feed; each of norm(x). [n, t, width]

    number  of the layer, the name of its keys and values in a DecoderState
    """

    def __init__(self, width: int, heads: int, inner: int, dropout: float, number: int) -> None:
        super().__init__()
        self.dropout, self.number = dropout, number
        self.norm_self, self.norm_cross, self.norm_feed = (nn.LayerNorm(width) for _ in range(3))
        self.self_heads, self.cross_heads = Heads(width, heads), Heads(width, heads)
        self.feed = Feed(width, inner, dropout)

    def remember(self, memory: Tensor) -> dict[str, Tensor]:
        """Keys and values of the source, once for all target steps: [n, heads, s, d] each."""
        keys, values = self.cross_heads.keys_values(memory)
        return {f"cross_keys_{self.number}": keys, f"cross_values_{self.number}": values}

    def forward(self, x: Tensor, state: DecoderState, alone: bool) -> Tensor:
        """alone: x [n, 1, width] is one step more, and what came before it is in `state`; else x are all steps."""
        y = self._own(self.norm_self(x), state, alone)
        x = x + drop(y, self.dropout, self.training)
        x = x + drop(self._cross(self.norm_cross(x), state), self.dropout, self.training)
        return x + drop(self.feed(self.norm_feed(x)), self.dropout, self.training)

    def weights(self, x: Tensor, state: DecoderState) -> Tensor:
        """How much each step looks at each source step [n, t, s], given the layer's input."""
        y = self._own(self.norm_self(x), state, alone=False)
        query = self.cross_heads.queries(self.norm_cross(x + y))
        return self.cross_heads.weights(query, state.fixed[f"cross_keys_{self.number}"], state.fixed["there"])

    def _own(self, y: Tensor, state: DecoderState, alone: bool) -> Tensor:
        keys, values = self.self_heads.keys_values(y)  # [n, heads, t, d]
        if not alone:
            return self.self_heads.look(self.self_heads.queries(y), keys, values, causal=True)
        for name, new in ((f"keys_{self.number}", keys), (f"values_{self.number}", values)):
            before = state.moving.get(name)
            state.moving[name] = new if before is None else torch.cat([before, new], 2)  # [n, heads, t + 1, d]
        past = state.moving
        return self.self_heads.look(
            self.self_heads.queries(y), past[f"keys_{self.number}"], past[f"values_{self.number}"]
        )

    def _cross(self, y: Tensor, state: DecoderState) -> Tensor:
        fixed = state.fixed
        keys, values = fixed[f"cross_keys_{self.number}"], fixed[f"cross_values_{self.number}"]
        return self.cross_heads.look(self.cross_heads.queries(y), keys, values, fixed["there"])
