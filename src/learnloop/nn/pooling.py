"""One vector a row from one vector a step, padding left out."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from learnloop.nn.lengths import inside

PoolingName = Literal["last", "max", "mean", "attention"]


def masked_max(x: Tensor, length: Tensor) -> Tensor:
    """y = max of x_t over t < length: [batch, time, width] -> [batch, width]."""
    there = inside(length, x.shape[1]).unsqueeze(2)  # [batch, time, 1]
    return x.masked_fill(~there, float("-inf")).amax(1)  # [batch, width]


def masked_mean(x: Tensor, length: Tensor) -> Tensor:
    """y = sum of x_t over t < length / length, summed in float32: [batch, time, width] -> [batch, width]."""
    there = inside(length, x.shape[1]).unsqueeze(2)  # [batch, time, 1]
    total = x.masked_fill(~there, 0.0).sum(1, dtype=torch.promote_types(x.dtype, torch.float32))  # [batch, width]
    return total / length.unsqueeze(1)  # [batch, width]


class AttentionPooling(nn.Module):
    """y = sum_t a_t x_t, a = softmax over t < length of q^T tanh(W x_t + b): [batch, time, width] -> [batch, width].

    W [width, width], b and q [width], all learnt. Yang et al. 2016, Hierarchical Attention Networks, section 2.2.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(width, width)
        self.query = nn.Linear(width, 1, bias=False)
        nn.init.xavier_uniform_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def weights(self, x: Tensor, length: Tensor) -> Tensor:
        """a [batch, time], float32; 0 behind the end."""
        scores = self.query(self.project(x).tanh()).squeeze(2).float()  # [batch, time]
        return scores.masked_fill(~inside(length, x.shape[1]), float("-inf")).softmax(1)

    def forward(self, x: Tensor, length: Tensor) -> Tensor:
        share = self.weights(x, length).to(x.dtype).unsqueeze(1)  # [batch, 1, time]
        # What stands behind the end has share 0, but 0 times infinity is not 0.
        there = inside(length, x.shape[1]).unsqueeze(2)  # [batch, time, 1]
        return (share @ x.masked_fill(~there, 0.0)).squeeze(1)  # [batch, width]
