"""Several readers of texts that vote: each is wrong in its own way."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from learnloop.contracts import InputSpec
from learnloop.models.bow import ENOUGH, BagOfWordsConfig, orders_for, passes_for, slots_for
from learnloop.models.config import require
from learnloop.models.recurrent import LSTMConfig
from learnloop.models.sequences import TRAINING_SHARE, USUAL_LENGTH, SequenceFields, settings, slower
from learnloop.models.textcnn import TextCNNConfig
from learnloop.nn.lengths import trimmed

MemberName = Literal["bow", "textcnn", "lstm"]

_COSTS: dict[MemberName, float] = {"bow": 1e-6, "lstm": 12e-6, "textcnn": 8e-6}
"""Seconds that a token takes in training, forward, backward and update, on two cores (AMD Zen 4, bfloat16)."""
_PASSES = 4.0
"""A member is worth its time when it sees every text so often."""
_UNASKED = 4.0
"""Minutes that nobody minds where no limit was given."""
_LSTM_SPEED = 2.0
"""The learning rate of an LSTM over that of the others."""


class BlendConfig(SequenceFields):
    """y = [bow(tokens), bow(tokens), lstm(tokens)]: members that share nothing and are trained side by side.

    tokens [batch, time] -> [batch, votes, outputs]: the training loss is the mean of the members' losses, the
    prediction the mean of their probabilities, in which the bag has `votes` votes and every other member one. Averages
    of Naive-Bayes bags of n-grams and recurrent networks beat both: Mesnil et al. 2014, arXiv:1412.5335, section 4.
    The members: `models/bow.py`, `recurrent.py`, `textcnn.py`.
    """

    inputs: ClassVar[frozenset[str]] = frozenset({"text"})
    title: ClassVar[str] = "bag of words and an LSTM that vote; the bag alone where time is short"
    numbers: ClassVar[str] = "standard"
    rule: ClassVar[str] = "gradient"
    enough: ClassVar[int] = ENOUGH

    members: tuple[MemberName, ...] = Field(("bow", "lstm"), min_length=1, description="who votes")
    votes: int = Field(2, ge=1, description="votes of the bag of words; every other member has one")
    ngrams: int = Field(2, ge=1, le=5, description="words in a row that count as one feature of the bag, at most")
    slots: int = Field(1 << 16, ge=2, le=1 << 26, description="n-grams that have a weight of their own, at most")
    maps: int = Field(100, ge=1, description="filters of each of the convolutions' three widths")
    hidden: int = Field(128, ge=1, description="units of the LSTM, in each direction")

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        require("blend", self.inputs, spec, outputs)
        members = {str(name): self._member(name, spec, outputs) for name in dict.fromkeys(self.members)}
        votes = {name: self.votes if name == "bow" and len(members) > 1 else 1 for name in members}
        return Blend(members, votes)

    def _member(self, name: MemberName, spec: InputSpec, outputs: int) -> nn.Module:
        if name == "bow":
            width = self.embedding if self.vectors else BagOfWordsConfig.model_fields["embedding"].default
            words = {"vectors": self.vectors, "tune_vectors": self.tune_vectors, "embedding": width}
            return BagOfWordsConfig.model_validate({"ngrams": self.ngrams, "slots": self.slots, **words}).build(
                spec, outputs
            )
        shared = {field: getattr(self, field) for field in SequenceFields.model_fields}
        if name == "textcnn":
            return TextCNNConfig.model_validate({**shared, "maps": self.maps}).build(spec, outputs)
        net = LSTMConfig.model_validate({**shared, "hidden": self.hidden}).build(spec, outputs)
        for module in net.modules():
            module.lr_factor = _LSTM_SPEED  # type: ignore[assignment]
        return net

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        members = members_for(rows, spec.length, minutes)
        wanted = max(passes_for(rows), 6 if rows < 20_000 else 4)
        cost = sum(_COSTS[name] for name in members)
        more: dict[str, Any] = {
            "model.members": list(members),
            "model.slots": slots_for(rows, spec.length, outputs),
            "model.ngrams": orders_for(rows, spec.length),
            "optimiser.lr": 1e-3 * slower(wanted, rows, spec, minutes, cost),
            **self.vector_advice(),
        }
        advice = settings(rows, spec, minutes, lr=1e-3, steps=1000, least=4, more=more, given=self.model_fields_set)
        if "train.epochs" in advice and rows >= 2000:
            advice["train.epochs"] = wanted
        return advice


class Blend(nn.Module):
    """What each member makes of the tokens, as often as it has votes.

    [batch, time] -> float [batch, votes of all, outputs]
    """

    def __init__(self, members: dict[str, nn.Module], votes: dict[str, int]) -> None:
        super().__init__()
        self.members = nn.ModuleDict(members)
        self.votes = votes

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = trimmed(tokens)  # [batch, longest]
        found: list[Tensor] = []
        for name, member in self.members.items():
            found += [member(tokens).float()] * self.votes[name]
        return torch.stack(found, 1)  # [batch, votes, outputs]


def members_for(rows: int, length: int, minutes: float | None) -> tuple[MemberName, ...]:
    """Those that, cheapest first, see every text `_PASSES` times within their share of the time; at least the bag."""
    left = TRAINING_SHARE * 60 * (_UNASKED if minutes is None else minutes)
    chosen: list[MemberName] = []
    usual: tuple[MemberName, ...] = BlendConfig.model_fields["members"].default
    for name in usual:
        left -= _PASSES * rows * length * USUAL_LENGTH * _COSTS[name]
        if left > 0 or not chosen:
            chosen.append(name)
    return tuple(chosen)
