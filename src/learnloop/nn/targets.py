"""What a layer that starts from the training part reads off its answers."""

from __future__ import annotations

import torch
from torch import Tensor

_FEW = 4.0
"""Rows of mean 0 that a mean of answers counts beside its own."""


def indicators(y: Tensor, outputs: int) -> Tensor:
    """float [rows, outputs]: 1 for a row's class (of two classes with one output: the second), or its numbers.

    y  int64 [rows] classes; float [rows, outputs] 0/1 labels or standardised numbers
    """
    if y.is_floating_point():
        return y.reshape(len(y), -1).float()
    if outputs == 1:
        return (y == 1).float().unsqueeze(1)
    return torch.nn.functional.one_hot(y, outputs).float()


def ratios(counts: Tensor, sums: Tensor, known: Tensor) -> Tensor:
    """What each feature says of each output: [features, outputs].

    counts  [features] rows with the feature;  sums  [features, outputs] of `known` over them
    known   [rows, outputs] of `indicators`

    0/1: the log-count ratio log(p / |p|) - log(q / |q|), p = 1 + sums, q = 1 + counts - sums (Wang and Manning 2012).
    Numbers: the mean of the answers of the rows with the feature, drawn towards 0 where they are few.
    """
    if not bool(((known == 0) | (known == 1)).all()):
        return sums / (counts.unsqueeze(1) + _FEW)
    p, q = 1 + sums, 1 + counts.unsqueeze(1) - sums
    return (p / p.sum(0)).log() - (q / q.sum(0)).log()
