"""Rows of different lengths in one rectangle: how long each is, and the rectangle cut to the longest of them."""

from __future__ import annotations

import torch
from torch import Tensor

from learnloop.contracts import PADDING


def lengths_of(tokens: Tensor) -> Tensor:
    """int64 [batch]: the tokens of each row that are there, counted up to the padding behind its end.

    tokens  integers [batch, time], 0 behind the end of a row and nowhere before it
    """
    return (tokens != PADDING).sum(1)  # [batch]


def longest(length: Tensor, time: int) -> int:
    """Steps that a rectangle of `time` steps must keep: at least 1, and all of them where looking would cost.

    On a GPU reading a number waits for all that was started before it, and a compiled network wants one shape.
    """
    if length.device.type != "cpu" or torch.compiler.is_compiling() or not len(length):
        return time
    return min(max(int(length.max()), 1), time)


def trimmed(tokens: Tensor) -> Tensor:
    """tokens[:, :longest row of the batch], at least one step: padding that no row needs costs nothing.

    tokens  integers [batch, time] -> [batch, longest]
    """
    return tokens[:, : longest(lengths_of(tokens), tokens.shape[1])]  # [batch, longest]


def trimmed_series(x: Tensor, length: Tensor) -> Tensor:
    """x[:, :longest row of the batch], at least one step: [batch, time, features] -> [batch, longest, features]."""
    return x[:, : longest(length, x.shape[1])]  # [batch, longest, features]


def inside(length: Tensor, time: int) -> Tensor:
    """bool [batch, time]: true where a row still is, t < length."""
    return torch.arange(time, device=length.device) < length.unsqueeze(1)  # [batch, time]


def reversal(length: Tensor, time: int) -> Tensor:
    """int64 [batch, time]: where step t of the row read backwards stands; behind the end every step stays.

    p(t) = length - 1 - t for t < length, else t. Its own inverse: p(p(t)) = t.
    """
    steps = torch.arange(time, device=length.device)  # [time]
    back = length.unsqueeze(1) - 1 - steps  # [batch, time]
    return torch.where(back >= 0, back, steps)


def reversed_rows(x: Tensor, places: Tensor) -> Tensor:
    """Each row read backwards, its padding left behind its end: [batch, time, width], places of `reversal`."""
    rows = torch.arange(x.shape[0], device=x.device).unsqueeze(1)  # [batch, 1]
    return x[rows, places]  # [batch, time, width]
