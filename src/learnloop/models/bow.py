"""Bags of words and word n-grams: the strongest simple reader of texts, and by far the fastest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from learnloop.contracts import InputSpec
from learnloop.models.config import require
from learnloop.models.sequences import slower
from learnloop.models.vectors import TextFields
from learnloop.nn.bayes import BayesLinear
from learnloop.nn.dropout import Dropout
from learnloop.nn.init import initialise_output
from learnloop.nn.lengths import trimmed
from learnloop.nn.ngrams import ngram_keys, ngram_presence, slots_of
from learnloop.nn.sequences import hidden_words
from learnloop.nn.vectors import take_vectors

_COST = 1e-6
"""Seconds that a token takes in training (two cores, AMD Zen 4)."""

ENOUGH = 500
"""Rows to choose the best of a few passes by. Each text that is held out costs words: with 15 % of them held out
rt-polarity comes to 77.8 %, with 3 % to 78.8 (three folds)."""


class BagOfWordsConfig(TextFields):
    """y = s sum_f r_f * w_f + W dropout(mean_t E[f_t]) + b: a linear layer over the words and n-grams of a text that
    Naive Bayes weighs, and beside it the mean of embeddings of words and hashed n-grams.

    tokens [batch, time] -> [batch, outputs]. The first part is NB-SVM's (Wang and Manning 2012) learnt by gradient
    (`learnloop.nn.bayes`), the second fastText's (Joulin et al. 2016, section 2).
    """

    inputs: ClassVar[frozenset[str]] = frozenset({"text"})
    title: ClassVar[str] = "bag of words and n-grams, weighed by Naive Bayes, and averaged embeddings"
    numbers: ClassVar[str] = "standard"
    rule: ClassVar[str] = "gradient"
    enough: ClassVar[int] = ENOUGH

    ngrams: int = Field(2, ge=1, le=5, description="words in a row that count as one feature, at most")
    slots: int = Field(
        1 << 16, ge=2, le=1 << 26, description="n-grams that have a weight of their own, at most: a power of two"
    )
    embedding: int = Field(32, ge=0, description="width of the averaged embeddings; 0: the linear part alone")
    buckets: int = Field(0, ge=0, description="embeddings that n-grams share by their hash, beside those of words")
    bayes: bool = Field(True, description="weigh features by Naive Bayes; false: fastText's form")
    dropout: float = Field(0.5, ge=0, lt=1, description="share of the averaged embedding switched off in each step")
    word_dropout: float = Field(0.3, ge=0, lt=1, description="share of words left out of the average in each step")

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        require("bow", self.inputs, spec, outputs)
        slots = 1 << (self.slots - 1).bit_length()
        return BagOfWords(
            BayesLinear(spec.vocabulary, outputs, orders=self.ngrams, slots=slots) if self.bayes else None,
            Averaged(
                spec.vocabulary,
                self.embedding,
                outputs,
                orders=self.ngrams,
                buckets=self.buckets,
                dropout=self.dropout,
                word_dropout=self.word_dropout,
                vectors=self.vectors,
                tune=self.tune_vectors,
            )
            if self.embedding
            else None,
        )

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        values: dict[str, Any] = {
            "optimiser.name": "adamw",
            "optimiser.lr": 1e-3 * slower(passes_for(rows), rows, spec, minutes, _COST),
            "optimiser.weight_decay": 0.0,
            "schedule.name": "linear",
            "train.batch_size": min(64, max(rows, 1)),
            "model.slots": slots_for(rows, spec.length, outputs),
            "model.ngrams": orders_for(rows, spec.length),
            **self.vector_advice(),
        }
        if minutes is None:
            values["train.epochs"] = passes_for(rows)
        if rows >= 200:
            values["train.patience"] = 8
        return {key: value for key, value in values.items() if key.removeprefix("model.") not in self.model_fields_set}


class BagOfWords(nn.Module):
    """y = linear(tokens) + averaged(tokens), either of which may be missing: [batch, time] -> [batch, outputs].

    presence  how much of each token is there [batch, time], set from outside to see which words count; None: all. An
              n-gram is there as its words are on average
    """

    def __init__(self, linear: BayesLinear | None, averaged: Averaged | None) -> None:
        super().__init__()
        self.linear = linear
        self.averaged = averaged
        self.presence: Tensor | None = None

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = trimmed(tokens)  # [batch, longest]
        presence = None if self.presence is None else self.presence[:, : tokens.shape[1]]
        parts = [part(tokens, presence) for part in (self.linear, self.averaged) if part is not None]
        return parts[0] if len(parts) == 1 else parts[0] + parts[1]  # [batch, outputs]


class Averaged(nn.Module):
    """y = W dropout(mean of E[f] over the words and hashed n-grams of a row): [batch, time] -> [batch, outputs].

    E [vocabulary + buckets, width]; an n-gram's row is vocabulary + hash mod buckets (Joulin et al. 2016, section 2.2).
    """

    def __init__(
        self,
        vocabulary: int,
        width: int,
        outputs: int,
        *,
        orders: int,
        buckets: int,
        dropout: float,
        word_dropout: float,
        vectors: str | None = None,
        tune: bool = True,
    ) -> None:
        super().__init__()
        self.vectors = vectors
        self.vocabulary, self.orders = vocabulary, orders
        self.buckets = 1 << (buckets - 1).bit_length() if buckets else 0
        self.embedding = nn.EmbeddingBag(vocabulary + self.buckets, width, mode="mean", padding_idx=0)
        nn.init.normal_(self.embedding.weight, 0.0, 0.1)
        with torch.no_grad():
            self.embedding.weight[0] = 0.0
        self.embedding.weight.requires_grad_(tune or vectors is None)
        self.dropout = Dropout(dropout)
        self.word_dropout = word_dropout
        self.output = nn.Linear(width, outputs)
        initialise_output(self.output, "auto")

    def forward(self, tokens: Tensor, presence: Tensor | None = None) -> Tensor:
        if self.training and self.word_dropout:
            tokens = hidden_words(tokens, self.word_dropout)
        places = tokens.long()  # [batch, time]
        if self.buckets:
            keys = ngram_keys(tokens, self.orders)  # [batch, n-grams]
            places = torch.cat([places, torch.where(keys != 0, self.vocabulary + slots_of(keys, self.buckets), 0)], 1)
        if presence is None:
            return self.output(self.dropout(self.embedding(places)))  # [batch, outputs]
        there = torch.cat([presence, ngram_presence(presence, self.orders)], 1) if self.buckets else presence
        vectors = F.embedding(places, self.embedding.weight) * there.unsqueeze(2)  # [batch, places, width]
        return self.output(self.dropout(vectors.sum(1) / (places != 0).sum(1, keepdim=True).clamp_min(1)))

    def take_words(self, words: Sequence[str]) -> tuple[str, ...]:
        """Start from the vectors of a file, where one was named."""
        return (take_vectors(self.embedding.weight, self.vectors, words),) if self.vectors else ()


def passes_for(rows: int) -> int:
    """4 over 10,000 texts (rt-polarity), 20 over 4,500 (SMS spam, of which one in eight is), at most 60."""
    return min(max(round(4 * (10_000 / max(rows, 1)) ** 2), 3), 60)


def orders_for(rows: int, length: int) -> int:
    """3 words in a row where there are millions of tokens to learn them from (IMDB: 91.7 % against 91.3), else 2
    (rt-polarity: 79.1 % against 78.6)."""
    return 3 if rows * length >= 5_000_000 else 2


def slots_for(rows: int, length: int, outputs: int) -> int:
    """About as many as n-grams come twice in `rows` texts; no more than 2 million weights."""
    wanted = min(rows * min(length, 256) // 4, (1 << 21) // max(outputs, 1))
    return 1 << max(wanted.bit_length() - 1, 8)
