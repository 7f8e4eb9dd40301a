"""What the configs of networks for texts and series share: fronts, fields for words, and settings by rows."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pydantic import Field

from learnloop.contracts import InputSpec
from learnloop.models.config import adamw
from learnloop.models.vectors import TextFields
from learnloop.nn.sequences import SeriesFront, TokenFront

TRAINING_SHARE = 0.6
"""Of `minutes`: reading, baselines, evaluations and the report take the rest."""
USUAL_LENGTH = 1 / 3
"""Tokens of a usual text over those of the longest one that is kept."""


class SequenceFields(TextFields):
    """A part of the configs of networks that read one step after another."""

    embedding: int = Field(128, ge=1, description="width of the vector of a token (texts)")
    dropout: float = Field(0.5, ge=0, lt=1, description="share of numbers switched off before the outputs")
    input_dropout: float = Field(
        0.3, ge=0, lt=1, description="share of the numbers of the tokens' vectors switched off in each step (texts)"
    )
    word_dropout: float = Field(
        0.1, ge=0, lt=1, description="share of tokens that are read as unknown ones in each step (texts)"
    )

    def front(self, spec: InputSpec) -> TokenFront | SeriesFront:
        """What makes vectors of the steps."""
        if spec.kind == "series":
            return SeriesFront(spec.numbers)
        return TokenFront(
            spec.vocabulary,
            self.embedding,
            dropout=self.input_dropout,
            word_dropout=self.word_dropout,
            vectors=self.vectors,
            tune=self.tune_vectors,
        )


def slower(passes: float, rows: int, spec: InputSpec, minutes: float | None, cost: float) -> float:
    """A factor on the learning rate: where `minutes` hold more passes than are wanted, each goes less far.

    passes  that are best at the usual rate: a reader of texts knows its rows by heart after some more
    cost    seconds that a token takes in training

    The product of rate and passes decides how closely rows are learnt; many short steps end where few long ones do. The
    factor is the root of passes over those expected, because a machine that is busy, or slower than the one that `cost`
    was measured on, makes fewer of them; where it makes more, early stopping keeps the best.
    """
    if minutes is None:
        return 1.0
    expected = TRAINING_SHARE * 60 * minutes / max(rows * spec.length * USUAL_LENGTH * cost, 1e-9)
    return min(1.0, max((passes / expected) ** 0.5, 0.1))


def settings(
    rows: int,
    spec: InputSpec,
    minutes: float | None,
    *,
    lr: float,
    steps: int,
    least: int,
    batch: int = 64,
    more: dict[str, Any],
    given: Collection[str],
) -> dict[str, Any]:
    """AdamW with a one-cycle schedule, gradients clipped to norm 1 (Pascanu et al. 2013), and `more`.

    A reader of texts knows its few thousand rows by heart after some passes: there are few of them, and early
    stopping. given: fields of the model that the user set, on which nothing is advised.
    """
    values = adamw(rows, minutes, lr=lr, steps=steps, least=least, batch=batch)
    values["train.clip"] = 1.0
    if spec.kind == "text" and rows >= 200:
        values["train.patience"] = 8
        if minutes is None:
            values["train.epochs"] = min(values["train.epochs"], 12 if rows >= 2000 else 60)
    values |= more
    return {key: value for key, value in values.items() if key.removeprefix("model.") not in given}
