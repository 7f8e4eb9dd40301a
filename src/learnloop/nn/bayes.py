"""A linear layer over the words and n-grams of a text, each weighed by what Naive Bayes says of it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from learnloop.contracts import TOKENS, Batch, Y
from learnloop.nn.lengths import trimmed
from learnloop.nn.ngrams import ngram_keys, ngram_presence, once, prints_of, share_of_each, slots_of
from learnloop.nn.targets import indicators, ratios

LEAST = 2
"""Rows that an n-gram must be in to be kept: of one that comes once only that row would be learnt."""
_CHUNK = 256
_SIEVE = 1 << 22
_STRENGTH = 16.0
"""Sum of |r| of a usual text after scaling: a step of the optimiser then moves the outputs of long texts no further
than those of short ones."""
_NONE, _ANY = -1, -2
"""Marks of a slot that no n-gram holds, and of one that is shared by all that fall into it."""


class BayesLinear(nn.Module):
    """y = s sum over f in set(row) of r_f * w_f + b, f the words and n-grams of the row, each counted once.

    tokens  integers [batch, time], 0 behind the end of a row
    y       float [batch, outputs]
    w       [features, outputs], learnt, starts at 0.   b  [outputs], learnt
    r       [features, outputs], from the training part (`start_from`): for classes the log-count ratio
            log((p_f / |p|) / (q_f / |q|)), p = 1 + rows of the class with f, q = 1 + the others with f
            (Wang and Manning 2012, section 2.1, binarised; they learn w by an SVM). 1 before that
    s       makes s sum |r_f| the same for a usual text of any length

    features = vocabulary + slots. An n-gram of 2 ... `orders` words stands in the slot that its hash names; a slot
    belongs to the n-gram of those with that hash that says most, and other hashes of the key tell whether a text
    really has that one: n-grams never seen in training add nothing. What comes in one row alone is left out.
    """

    ratio: Tensor
    prints: Tensor
    scale: Tensor
    no_weight_decay = ("weight",)

    def __init__(self, vocabulary: int, outputs: int, *, orders: int, slots: int, speed: float = 5.0) -> None:
        super().__init__()
        self.vocabulary, self.orders, self.slots = vocabulary, orders, slots if orders > 1 else 0
        self.lr_factor = speed
        features = vocabulary + self.slots
        self.weight = nn.Parameter(torch.zeros(features, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        ratio = torch.ones(features, outputs)
        ratio[0] = 0.0  # padding
        self.register_buffer("ratio", ratio)
        self.register_buffer("prints", torch.full((self.slots,), _ANY, dtype=torch.int32))
        self.register_buffer("scale", torch.tensor(1 / _STRENGTH))

    def forward(self, tokens: Tensor, presence: Tensor | None = None) -> Tensor:
        """presence: how much of each token is there [batch, time]; None: all of all."""
        places = self.places(tokens)  # [batch, time + n-grams]
        share = None
        if presence is None:
            places = once(places)  # [batch, most]: n-grams without a slot, the larger part, are cut away
        else:
            there = torch.cat([presence, ngram_presence(presence, self.orders)], 1) if self.slots else presence
            share = (there * share_of_each(places)).unsqueeze(2)  # [batch, time + n-grams, 1]
        parts = F.embedding(places, self.ratio) * F.embedding(places, self.weight)  # [batch, features, outputs]
        total = parts.sum(1) if share is None else (parts * share).sum(1)  # [batch, outputs]
        return self.scale * total + self.bias

    def places(self, tokens: Tensor) -> Tensor:
        """int64 [batch, time + n-grams]: the rows of `weight` that words and n-grams have, 0 for those without."""
        words = tokens.long()  # [batch, time]
        return torch.cat([words, self._ngrams(tokens)], 1) if self.slots else words

    def _ngrams(self, tokens: Tensor) -> Tensor:
        keys = ngram_keys(tokens, self.orders)  # [batch, n-grams]
        slots = slots_of(keys, self.slots)
        holder = self.prints[slots]
        held = ((holder == prints_of(keys)) | (holder == _ANY)) & (slots != 0) & (keys != 0)
        return torch.where(held, self.vocabulary + slots, 0)  # [batch, n-grams]

    @torch.no_grad()
    def start_from(self, batch: Batch) -> None:
        """Set r, the n-grams that have a slot, and s from all rows of the training part."""
        tokens, known = batch[TOKENS].cpu(), indicators(batch[Y].cpu(), self.weight.shape[1])  # [rows, outputs]
        self.prints.fill_(_ANY)
        counts, sums = _count_words(tokens, known, self.vocabulary)
        keys, key_counts, key_sums = _count_keys(tokens, known, self.orders) if self.slots else _nothing(known)
        ratio = ratios(torch.cat([counts, key_counts]), torch.cat([sums, key_sums]), known)  # [words + keys, outputs]
        self.ratio.zero_()
        self.ratio[: self.vocabulary] = ratio[: self.vocabulary].to(self.ratio)
        self.ratio[0] = 0.0
        self.prints.fill_(_NONE)
        rest = ratio[self.vocabulary :]
        chosen = _owners(slots_of(keys, self.slots), rest.abs().amax(1) * key_counts.sqrt()) if len(keys) else keys
        slots = slots_of(keys[chosen], self.slots) if len(keys) else keys
        self.prints[slots] = prints_of(keys[chosen]).to(self.prints.device)
        self.ratio[self.vocabulary + slots] = rest[chosen].to(self.ratio)
        self.scale.fill_(_STRENGTH / max(self._strength(tokens), 1e-6))

    def _strength(self, tokens: Tensor) -> float:
        """The mean over some rows of the sum of |r_f|, of the output where it is largest."""
        some = trimmed(tokens[: 4 * _CHUNK]).to(self.ratio.device)
        parts = F.embedding(once(self.places(some)), self.ratio).abs().sum(1)  # [rows, outputs]
        return float(parts.mean(0).max())

    def extra_repr(self) -> str:
        return f"words={self.vocabulary}, orders={self.orders}, slots={self.slots}, outputs={self.weight.shape[1]}"


def _nothing(known: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return torch.zeros(0, dtype=torch.int64), known.new_zeros(0), known.new_zeros(0, known.shape[1])


def _count_words(tokens: Tensor, known: Tensor, vocabulary: int) -> tuple[Tensor, Tensor]:
    """Rows with each word [vocabulary], and the sums of their answers [vocabulary, outputs]."""
    counts, sums = known.new_zeros(vocabulary), known.new_zeros(vocabulary, known.shape[1])
    for rows, part in _chunks(tokens):
        words = once(part.long())
        there = words != 0
        row, word = there.nonzero()[:, 0] + rows, words[there]
        counts.index_add_(0, word, torch.ones(len(word)))
        sums.index_add_(0, word, known[row])
    return counts, sums


def _count_keys(tokens: Tensor, known: Tensor, orders: int) -> tuple[Tensor, Tensor, Tensor]:
    """Keys of the n-grams in at least `LEAST` rows, the rows with each, and the sums of their answers.

    Two passes: the first counts by some bits of the keys, which sieves out most n-grams that come once; what is left
    is sorted. So memory is needed for those alone.
    """
    sieve = torch.zeros(_SIEVE, dtype=torch.int32)
    for _, part in _chunks(tokens):
        keys = once(ngram_keys(part, orders))
        bits = slots_of(keys[keys != 0], _SIEVE)
        sieve.index_add_(0, bits, torch.ones(len(bits), dtype=torch.int32))
    kept_keys, kept_rows = [], []
    for rows, part in _chunks(tokens):
        keys = once(ngram_keys(part, orders))
        there = (keys != 0) & (sieve[slots_of(keys, _SIEVE)] >= LEAST)
        kept_keys.append(keys[there])
        kept_rows.append(there.nonzero()[:, 0] + rows)
    keys, order = torch.cat(kept_keys).sort()
    found, group, counts = torch.unique_consecutive(keys, return_inverse=True, return_counts=True)
    sums = known.new_zeros(len(found), known.shape[1]).index_add_(0, group, known[torch.cat(kept_rows)[order]])
    often = counts >= LEAST
    return found[often], counts[often].to(known.dtype), sums[often]


def _chunks(tokens: Tensor) -> list[tuple[int, Tensor]]:
    """(number of the first row, some rows cut to their longest)."""
    return [(start, trimmed(tokens[start : start + _CHUNK])) for start in range(0, len(tokens), _CHUNK)]


def _owners(slots: Tensor, strength: Tensor) -> Tensor:
    """For each slot other than 0 the n-gram with the largest strength, the first of several: their numbers."""
    order = np.lexsort((-strength.numpy(), slots.numpy()))
    ordered = slots.numpy()[order]
    first = np.r_[True, ordered[1:] != ordered[:-1]] & (ordered != 0)
    return torch.from_numpy(order[first])
