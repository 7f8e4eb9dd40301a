"""What networks of texts and series share: the front that makes vectors of steps, and the head behind the body."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from learnloop.contracts import SPECIAL, UNKNOWN
from learnloop.nn.dropout import Dropout
from learnloop.nn.init import initialise_output
from learnloop.nn.lengths import lengths_of, trimmed, trimmed_series
from learnloop.nn.vectors import take_vectors


class TokenFront(nn.Module):
    """x_t = dropout(E[token_t]): integers [batch, time] -> float [batch, longest, width], int64 [batch] lengths.

    E             [vocabulary, width], N(0, scale^2), the row of padding 0 and held there
    word_dropout  share of the words that are read as unknown ones in each training step, whole words rather than
                  single numbers of their vectors (Iyyer et al. 2015, section 2.3; Dai and Le 2015)

    vectors       file of word vectors that E starts from (`learnloop.nn.vectors`); tune=False: they stay

    A row without any token counts as one step of padding.
    """

    def __init__(
        self,
        vocabulary: int,
        width: int,
        *,
        scale: float = 0.1,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
        vectors: str | None = None,
        tune: bool = True,
    ) -> None:
        super().__init__()
        self.vectors = vectors
        self.width = width
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=0)
        nn.init.normal_(self.embedding.weight, 0.0, scale)
        with torch.no_grad():
            self.embedding.weight[0] = 0.0
        self.embedding.weight.requires_grad_(tune or vectors is None)
        self.dropout = Dropout(dropout)
        self.word_dropout = word_dropout

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        tokens = trimmed(tokens)  # [batch, longest]
        length = lengths_of(tokens).clamp_min(1)  # [batch]
        if self.training and self.word_dropout:
            tokens = hidden_words(tokens, self.word_dropout)
        return self.dropout(self.embedding(tokens)), length  # [batch, longest, width]

    def take_words(self, words: Sequence[str]) -> tuple[str, ...]:
        """Start from the vectors of a file, where one was named."""
        return (take_vectors(self.embedding.weight, self.vectors, words),) if self.vectors else ()


class SeriesFront(nn.Module):
    """x_t as it is: float [batch, time, features] -> [batch, longest, features], and the lengths, at least 1."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.width = features

    def forward(self, x: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
        x = trimmed_series(x, length)  # [batch, longest, features]
        return x, length.clamp_min(1)


class SequenceNet(nn.Module):
    """y = W dropout(body(front(...))) + b.

    front  (tokens) or (x, length) -> vectors [batch, time, width], length [batch]
    body   (vectors, length) -> [batch, body.width]
    """

    def __init__(self, front: TokenFront | SeriesFront, body: nn.Module, outputs: int, *, dropout: float) -> None:
        super().__init__()
        self.front = front
        self.body = body
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(int(body.width), outputs)  # type: ignore[arg-type]
        initialise_output(self.output, "auto")

    def forward(self, first: Tensor, length: Tensor | None = None) -> Tensor:
        vectors, steps = self.front(first) if length is None else self.front(first, length)
        pooled = self.body(vectors, steps)  # [batch, body.width]
        return self.output(self.dropout(pooled))  # [batch, outputs]


def hidden_words(tokens: Tensor, share: float) -> Tensor:
    """`share` of the words replaced by UNKNOWN at random; padding, BEGIN and END stay: [batch, time]."""
    hide = (torch.rand(tokens.shape, device=tokens.device) < share) & (tokens >= SPECIAL)
    return tokens.masked_fill(hide, UNKNOWN)
