"""Words and word n-grams of token codes as places in a table, by integer arithmetic alone."""

from __future__ import annotations

import torch
from torch import Tensor

from learnloop.contracts import PADDING
from learnloop.nn.lengths import lengths_of, longest

_STEP = 0x9E3779B97F4A7C15 - (1 << 64)
_MIX = 0xBF58476D1CE4E5B9 - (1 << 64)
"""Odd numbers of 64 bits, as signed ones: the golden ratio's, and one of SplitMix64's (Steele et al. 2014)."""


def ngram_keys(tokens: Tensor, orders: int) -> Tensor:
    """int64 [batch, places]: a key for each n-gram of 2 ... `orders` tokens in a row, 0 where a row has none.

    key(t_1 ... t_n) = mix(sum_i (t_i + 1) STEP^(n - i)) mod 2^64: equal n-grams have equal keys in every row, others
    hardly ever (one pair in 2^64). places = (time - 1) + (time - 2) + ...
    """
    found, sums = [], tokens.long() + 1  # [batch, time]
    for order in range(2, orders + 1):
        ends = tokens[:, order - 1 :]  # [batch, time - order + 1]
        sums = sums[:, : ends.shape[1]] * _STEP + (ends + 1)
        mixed = (sums ^ (sums >> 31)) * _MIX
        found.append((mixed ^ (mixed >> 29)).masked_fill(ends == PADDING, 0))
    return torch.cat(found, 1) if found else tokens.new_zeros(len(tokens), 0, dtype=torch.int64)


def ngram_presence(presence: Tensor, orders: int) -> Tensor:
    """How much of each n-gram of `ngram_keys` is there, the mean over its words: [batch, time] -> [batch, places]."""
    found, sums = [], presence
    for order in range(2, orders + 1):
        ends = presence[:, order - 1 :]  # [batch, time - order + 1]
        sums = sums[:, : ends.shape[1]] + ends
        found.append(sums / order)
    return torch.cat(found, 1) if found else presence[:, :0]


def slots_of(keys: Tensor, slots: int) -> Tensor:
    """The last bits of each key, 0 ... slots - 1; slots is a power of two. Slot 0 stands for no n-gram."""
    return keys & (slots - 1)


def prints_of(keys: Tensor) -> Tensor:
    """int32: 31 other bits of each key, by which the n-grams of one slot are told apart."""
    return ((keys >> 33) & 0x7FFFFFFF).int()


def once(places: Tensor) -> Tensor:
    """Each row's places in order, what comes again replaced by 0: [batch, places] -> [batch, most of a row].

    Zeros come first and count for nothing: columns that hold nothing else are left out.
    """
    ordered = places.sort(1).values
    most = longest(lengths_of(ordered), ordered.shape[1])
    ordered = ordered[:, ordered.shape[1] - most :]  # [batch, most]
    again = ordered[:, 1:] == ordered[:, :-1]  # [batch, most - 1]
    return torch.cat([ordered[:, :1], ordered[:, 1:].masked_fill(again, 0)], 1)


def share_of_each(places: Tensor) -> Tensor:
    """1 / how often a place comes in its row, 0 for place 0: [batch, places] -> float [batch, places].

    Summed with these weights a row counts what it holds once, as `once` does, and each stays where it stands.
    """
    ordered, order = places.sort(1)
    new = torch.ones_like(ordered)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    group = new.cumsum(1) - 1  # [batch, places]: numbers of the different places of a row
    counts = torch.zeros_like(group).scatter_add_(1, group, torch.ones_like(group))
    share = 1 / counts.gather(1, group)
    return torch.zeros_like(share).scatter_(1, order, share).masked_fill(places == 0, 0.0)
