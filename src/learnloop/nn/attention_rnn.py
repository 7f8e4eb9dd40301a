"""Attention over the steps of a source, for recurrent decoders: additive, dot and general."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

AttentionName = Literal["none", "additive", "dot", "general"]
FAR = -1e9
"""Added to the score of a step that is not there: finite, so that a row without any step stays a number."""


class Attention(nn.Module):
    """a_ts = softmax over s of score(q_t, m_s), c_t = sum_s a_ts m_s.

    q [n, t, width], m [n, s, width] -> c [n, t, width] and a [n, t, s]; steps where `there` [n, s] is false get 0

    additive  score = v . tanh(W q + b + U m)   Bahdanau, Cho and Bengio 2015, appendix A.1.2
    general   score = q . (U m)                 Luong, Pham and Manning 2015, equation 8
    dot       score = q . m                     the same equation
    """

    def __init__(self, kind: AttentionName, width: int) -> None:
        super().__init__()
        self.kind = kind
        self.key = nn.Identity() if kind == "dot" else nn.Linear(width, width, bias=False)
        self.query = nn.Linear(width, width) if kind == "additive" else nn.Identity()
        self.value = nn.Linear(width, 1, bias=False) if kind == "additive" else None

    def forward(self, query: Tensor, keys: Tensor, memory: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        """keys: `key(memory)`, computed once for all target steps."""
        if self.value is None:
            scores = torch.bmm(query, keys.transpose(1, 2))  # [n, t, s]
        else:
            both = self.query(query).unsqueeze(2) + keys.unsqueeze(1)  # [n, t, s, width]
            scores = self.value(torch.tanh(both)).squeeze(3)  # [n, t, s]
        scores = scores.float().masked_fill(~there.unsqueeze(1), FAR)
        weights = torch.softmax(scores, 2).to(memory.dtype)  # [n, t, s]
        return torch.bmm(weights, memory), weights  # [n, t, width]

    def extra_repr(self) -> str:
        return self.kind
