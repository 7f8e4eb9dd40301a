"""The section `augment`: from a word, a list, single fields and the model's advice to strengths."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from learnloop.contracts import InputSpec
from learnloop.data.augment.config import AugmentConfig
from learnloop.data.augment.presets import (
    MIRRORS,
    OPERATIONS,
    PRESETS,
    WORDS,
    pixels,
    preset,
    usual,
    why_not_mirrored,
)
from learnloop.errors import RecipeError, UserError, raise_all
from learnloop.recipe.checking import unknown
from learnloop.recipe.draft import Given

COLOUR_SIDE = 32
"""Images of three channels and at least this side are taken for photos: mirrored and moved where nobody says else."""
FEW_PASSES = 3.0
"""Under so many passes no image is seen often enough to be learnt by heart; changing them only slows learning."""
NO_PROBABILITIES = ("hinge",)
"""Losses that need one class a row."""

_COLOUR_ONLY = ("saturation", "hue")


@dataclass(frozen=True)
class Augmentation:
    """The resolved section, where each value came from by dotted key, and sentences to be said."""

    config: AugmentConfig
    origins: Mapping[str, str]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Situation:
    """What the augmentation has to suit.

    spec     of the inputs
    classes  their names; None where numbers are learnt
    passes   over the training part, where that is known
    loss, rule  names of the loss and of the way the model learns
    own      a module that was handed over or is foreign: nothing is done to its images unasked
    """

    spec: InputSpec
    classes: Sequence[str] | None
    passes: float | None = None
    loss: str = ""
    rule: str = "gradient"
    own: bool = False

    @property
    def side(self) -> int:
        return min(self.spec.shape[1:])


def check_augment_name(given: Given) -> Iterable[RecipeError]:
    """One error for each word that is neither a preset nor an operation."""
    for word in words_of(given.value):
        if word not in (*WORDS, *OPERATIONS):
            yield unknown(word, given.typed, [*WORDS, *OPERATIONS], "a kind of augmentation, or a list of operations")
    words = words_of(given.value)
    whole = [word for word in words if word in WORDS]
    if whole and len(words) > 1:
        yield RecipeError(
            given.typed,
            "must be one of " + ", ".join(WORDS) + ", or a list of operations",
            found=", ".join(words),
            do=f"--set augment={whole[0]}",
            available=OPERATIONS,
        )


def words_of(value: Any) -> list[str]:
    """`flip,cutout` and `[flip, cutout]` are the same."""
    listed = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else []
    return [str(word).strip() for word in listed]


def augmentation(given: Mapping[str, Given], advice: Mapping[str, Any], by: str, situation: Situation) -> Augmentation:
    """The section from what the user gave, a preset or list, and a model's advice, in this order.

    given   fields of the section that the user set, `name` among them
    advice  the model's own, by field; by: the origin to be noted for it
    Raises RecipeError for tables, for colours of grey images, for labels that cannot be mixed.
    """
    asked = given.get("name", Given("auto", "default", "augment"))
    origins: dict[str, str] = {}
    notes: list[str] = []
    if situation.spec.kind != "image":
        base, origin = dict[str, Any](), "default"
    else:
        base, origin = _base(asked, advice, by, situation)
        base, origins = _mirrored(base, origin, given, asked, situation, notes)
    values = {**base, **{field: item.value for field, item in given.items() if field != "name"}}
    origins |= {field: item.origin for field, item in given.items() if field != "name"}
    config = AugmentConfig(**values, name=_name(asked, values))
    origins["name"] = origin if words_of(asked.value) == ["auto"] else asked.origin
    raise_all(_mistakes(config, given, asked, situation))
    return Augmentation(
        config,
        {f"augment.{field}": origins.get(field, "default") for field in AugmentConfig.model_fields},
        tuple(notes),
    )


def _name(asked: Given, values: Mapping[str, Any]) -> str | tuple[str, ...]:
    """What recipe.yaml says; read again, with all fields, it gives the same."""
    words = words_of(asked.value)
    if words == ["auto"]:
        return "custom" if AugmentConfig(**values).on else "none"
    return words[0] if len(words) == 1 else tuple(words)


def _base(asked: Given, advice: Mapping[str, Any], by: str, situation: Situation) -> tuple[dict[str, Any], str]:
    """The values below what was given field by field, and their origin."""
    words = words_of(asked.value)
    if words == ["auto"]:
        return _advised(advice, by, situation)
    if words[0] in PRESETS:
        return preset(words[0], situation.side), f"augment: {words[0]}"
    base: dict[str, Any] = {}
    for word in words:
        base |= usual(word, situation.side)
    return base, asked.origin


def _advised(advice: Mapping[str, Any], by: str, situation: Situation) -> tuple[dict[str, Any], str]:
    if situation.passes is not None and situation.passes < FEW_PASSES:
        return {}, "default"
    if advice:
        return dict(advice), by
    photos = situation.spec.shape[0] == 3 and situation.side >= COLOUR_SIDE
    if photos and not situation.own and situation.rule == "gradient":
        return {"flip": "alternate", "crop": pixels(situation.side, 16)}, "inferred: colour photos"
    return {}, "default"


def _mirrored(
    base: dict[str, Any], origin: str, given: Mapping[str, Given], asked: Given, situation: Situation, notes: list[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Without the mirroring that would change labels, unless it was asked for by its own name."""
    origins = dict.fromkeys(base, origin)
    found = [field for field in MIRRORS if field not in given and base.get(field) not in (None, False, "none")]
    reason = why_not_mirrored(situation.classes)
    if not found or not reason or words_of(asked.value)[0] not in WORDS:
        return base, origins
    notes.append(f"images are not mirrored: {reason} (--set augment.flip=random mirrors them)")
    origins |= dict.fromkeys(found, "inferred: a mirror image may have another label")
    return {field: value for field, value in base.items() if field not in found}, origins


def _mistakes(config: AugmentConfig, given: Mapping[str, Given], asked: Given, situation: Situation) -> list[UserError]:
    if situation.spec.kind != "image":
        return [] if not config.on and words_of(asked.value)[0] not in ("light", "standard", "strong") else [
            RecipeError(_typed(given, asked), "is for images", found="a table", do="leave it out")
        ]  # fmt: skip
    errors: list[UserError] = []
    channels = situation.spec.shape[0]
    for field in _COLOUR_ONLY:
        if getattr(config, field) and channels != 3:
            errors.append(
                RecipeError(
                    _typed(given, asked, field),
                    f"{field} needs images of three channels (red, green and blue)",
                    found=f"images of {channels} channel{'' if channels == 1 else 's'}",
                    do="--set augment.brightness=0.2",
                )
            )
    if config.crop >= situation.side:
        errors.append(
            RecipeError(
                _typed(given, asked, "crop"),
                f"must be less than the shorter side of the images, {situation.side} pixels",
                found=f"{config.crop}",
                do=f"--set augment.crop={max(1, situation.side // 8)}",
            )
        )
    if config.mixes and (situation.loss in NO_PROBABILITIES or situation.rule == "perceptron"):
        errors.append(_no_mixing(config, given, asked, situation))
    return errors


def _no_mixing(config: AugmentConfig, given: Mapping[str, Given], asked: Given, situation: Situation) -> RecipeError:
    field = "mixup" if config.mixup else "cutmix"
    perceptron = situation.rule == "perceptron"
    off = " ".join(f"--set augment.{name}=0" for name in ("mixup", "cutmix") if getattr(config, name))
    return RecipeError(
        _typed(given, asked, field),
        f"{field} makes probabilities of the labels, and needs a loss that takes them",
        found="the perceptron's rule, which needs one class a row" if perceptron else f"the loss {situation.loss!r}",
        do=["--model linear" if perceptron else "--set task.loss=cross_entropy", off],
    )


def _typed(given: Mapping[str, Given], asked: Given, field: str = "") -> str:
    """What to blame: the field, else the word, else the first field that was given."""
    if field in given:
        return given[field].typed
    if "name" in given and words_of(asked.value) not in (["auto"], ["custom"], ["none"]):
        return asked.typed.removesuffix(".name")
    on = [item.typed for name, item in given.items() if name != "name" and item.value not in (0, False, "none")]
    return on[0] if on else "augment"
