"""The recipe of the task language: which network, which tokens, and every other value, each with its origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from learnloop.contracts import InputSpec
from learnloop.errors import RecipeError, raise_all
from learnloop.models.config import ModelConfig
from learnloop.models.language import LANGUAGE_MODELS
from learnloop.models.table import MODELS
from learnloop.recipe.choose import Choice, checked, origin
from learnloop.recipe.components import component
from learnloop.recipe.draft import Draft
from learnloop.recipe.fill import Filler
from learnloop.recipe.own_jobs import Uses, assemble, foreign_loss, useless
from learnloop.recipe.recipe import (
    OBJECT,
)
from learnloop.recipe.resolve import Resolved
from learnloop.transforms.texts import LEAST, VOCABULARY, TextConfig

TASK, TARGET, LOSS = "language", "stream", "cross_entropy"
VALIDATION, TEST = 0.1, 0.0
"""Shares of the text, its last part, that are held out where nothing else is asked for."""
ENOUGH_TO_CHOOSE_BY = 1_000_000
"""Characters of a validation part; more of them are better trained on."""
BPE_FROM = 20_000_000
"""Characters from which byte pairs are the tokens: of so long a text characters teach little that is new."""

_USES = Uses(
    {
        "data": ("path", "validation", "test", "download"),
        "report": ("baselines", "html"),
        "task": ("name", "loss"),
        "text": ("tokens", "vocabulary", "lower", "least"),
    },
    none=("transfer", "augment"),
    must="is for data with rows; the task language reads one text",
    decided=("data.target", "transfer.mode", "augment.name"),
)


@dataclass(frozen=True)
class TextChoice:
    """What is decided from the draft and the length of the text alone: the network, and how it is tokenised."""

    choice: Choice
    text: TextConfig
    validation: float
    test: float
    origins: Mapping[str, str]


def choose_language(draft: Draft, characters: int) -> TextChoice:
    """Raises RecipeError or ManyErrors for what a text without rows has no use for."""
    raise_all([*useless(draft, _USES), *foreign_loss(draft, "must be the loss of the task language", [LOSS])])
    origins = {"task.name": _why(draft), "task.loss": "the only one of the task"}
    name, origins["model.name"] = _model_name(draft)
    cls = component("language model", name, draft.typed("model.name"))
    given = {field: value for field, value in draft.section("model").items() if field != "name"}
    config = cast(ModelConfig, checked(cls, "language model", name, given, "model"))
    text = _text(draft, characters, origins)
    shares = {}
    enough = ENOUGH_TO_CHOOSE_BY / max(characters, 1)
    for key, share in (("data.validation", min(VALIDATION, enough)), ("data.test", TEST)):
        shares[key] = float(draft.get(key, share))
        why = "the task's default: the last part of the text"
        if key == "data.validation" and enough < VALIDATION:
            why = f"inferred: {ENOUGH_TO_CHOOSE_BY:,} characters are enough to choose by"
        origins[key] = origin(draft, key) if key in draft.values else why
    if shares["data.validation"] + shares["data.test"] >= 1:
        raise RecipeError(
            draft.typed("data.validation"),
            "must leave text to train on: data.validation + data.test < 1",
            found=f"{shares['data.validation']:g} + {shares['data.test']:g}",
        )
    choice = Choice(TASK, TARGET, "text", name, config, LOSS, "none", origins)
    return TextChoice(choice, text, shares["data.validation"], shares["data.test"], origins)


def _why(draft: Draft) -> str:
    if draft.get("task.name", "auto") != "auto":
        return origin(draft, "task.name")
    if draft.get("model.name") in set(LANGUAGE_MODELS) - set(MODELS):
        return f"inferred: {draft.get('model.name')} continues texts"
    return "inferred: one long text, no table"


def _model_name(draft: Draft) -> tuple[str, str]:
    if "model" in draft.objects or draft.get("model.name") == OBJECT:
        raise RecipeError(
            "model",
            "must be the name of a network that continues a text",
            found="a module that was handed over",
            available=list(LANGUAGE_MODELS),
        )
    name = draft.get("model.name", "auto")
    if name == "auto":
        return next(iter(LANGUAGE_MODELS)), "inferred: the default for texts to continue"
    return str(name), origin(draft, "model.name")


def _text(draft: Draft, characters: int, origins: dict[str, str]) -> TextConfig:
    """The section `text`: characters, or byte pairs of long texts; upper and lower case are kept apart."""
    asked = str(draft.get("text.tokens", "auto"))
    tokens = asked
    if asked == "auto":
        tokens = "bpe" if characters >= BPE_FROM else "characters"
        origins["text.tokens"] = f"inferred: {characters:,} characters of text"
    if tokens == "words":
        raise RecipeError(
            draft.typed("text.tokens"),
            "must be characters or bpe: words do not say what stands between them",
            found="words",
            do="--set text.tokens=bpe",
        )
    if tokens == "hf":
        raise RecipeError(draft.typed("text.tokens"), "must be characters or bpe", found="hf", do="leave it out")
    values: dict[str, Any] = {"tokens": tokens, "lower": draft.get("text.lower", False)}
    values["vocabulary"] = draft.get("text.vocabulary") or VOCABULARY[tokens]
    values["least"] = draft.get("text.least") or LEAST[tokens]
    for field in TextConfig.model_fields:
        key = f"text.{field}"
        origins.setdefault(key, origin(draft, key) if draft.get(key) is not None else "the task's default")
    return TextConfig(**values)


def resolve_language(draft: Draft, chosen: TextChoice, spec: InputSpec, tokens: int) -> Resolved:
    """The complete recipe. tokens: of the training part. Raises RecipeError or ManyErrors."""
    choice = chosen.choice
    advice = choice.config.suggest(tokens, spec, spec.vocabulary, draft.minutes)
    fill = Filler(draft, choice, advice, f"suggested by {choice.model}")
    data = {"validation": chosen.validation, "test": chosen.test, "target": ()}
    return assemble(draft, fill, choice, data=data, loss=LOSS, inputs={"text": chosen.text}, origins=chosen.origins)
