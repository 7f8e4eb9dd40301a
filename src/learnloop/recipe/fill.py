"""Takes each value from the user, the model's advice or the default, and notes which it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from learnloop.config import Config
from learnloop.contracts import InputSpec
from learnloop.data.dataset import Dataset
from learnloop.errors import LearnloopError, RecipeError, did_you_mean
from learnloop.models.config import ModelConfig
from learnloop.recipe.augmenting import Augmentation, Situation, augmentation
from learnloop.recipe.choose import Choice, checked, origin
from learnloop.recipe.components import component, field_names, is_foreign
from learnloop.recipe.draft import Draft, Given
from learnloop.recipe.recipe import LIMITS, OBJECT, SECTIONS, Root
from learnloop.tasks.table import TASKS

DEFAULT_NAMES = {"optimiser": "adamw", "schedule": "cosine"}
DEFAULT_EPOCHS = 20
MONITORS = {
    "class": ("loss", "accuracy"),
    "labels": ("loss", "accuracy"),
    "numbers": ("loss", "rmse", "mae"),
    "text": ("loss", "token_accuracy"),
    "transcript": ("loss", "cer"),
    "steps": ("loss", "rmse", "mae"),
}
MONITORS["stream"] = ("loss",)  # a text without rows
MONITORS["windows"] = ("loss", "mae")  # series to be forecast
MONITORS["codes"] = ("loss",)  # an autoencoder
MONITORS["pictures"] = ("fid_classifier", "fid", "frechet_pixels")  # that were made; by who judges them
"""Validation figures that are known while training, by the kind of target."""


class Filler:
    """Fills sections. `origins` collects where each value came from."""

    def __init__(self, draft: Draft, choice: Choice, advice: Mapping[str, Any], by: str) -> None:
        self.draft = draft
        self.choice = choice
        self.origins: dict[str, str] = {}
        self._advice = dict(advice)
        self._by = by
        self._check_advice()

    def component(self, section: str) -> tuple[str, Config]:
        """The optimiser or schedule. Advice for another one than was chosen does not leak into it."""
        key = f"{section}.name"
        advised = self._advice.get(key)
        asked = self.draft.get(key, "auto")
        if asked != "auto":
            name, self.origins[key] = str(asked), origin(self.draft, key)
        else:
            name = str(advised or DEFAULT_NAMES[section])
            self.origins[key] = self._by if advised else "default"
        cls = component(section, name, self.draft.typed(key))
        advice = self._advised(section) if advised in (None, name) else {}
        given = {field: value for field, value in self.draft.section(section).items() if field != "name"}
        return name, self._make(cls, section, name, {**advice, **given})

    def model(self) -> ModelConfig:
        """The model's Config with its own advice (`model.*`) where the user said nothing."""
        self.origins["model.name"] = self.choice.origins["model.name"]
        config = self.choice.config
        if not isinstance(config, Config):
            return config
        given = {field: value for field, value in self.draft.section("model").items() if field != "name"}
        fields = {**self._advised("model"), **given}
        return cast(ModelConfig, self._make(type(config), "model", self.choice.model, fields))

    def loss(self) -> Config | None:
        """The loss; None for a function that was handed over. Its own fields stand beside `task.loss`."""
        name = self.choice.loss
        self.origins["task.loss"] = self.choice.origins["task.loss"]
        if "loss" in self.draft.objects:
            return None
        cls = component("loss", name, self.draft.typed("task.loss"))
        given = self.draft.section("task")
        fixed = SECTIONS["task"].model_fields
        # Advice for another loss than was chosen (a smoothing, say, for a loss without labels) does not apply.
        advice = {field: value for field, value in self._advised("task").items() if field in cls.model_fields}
        fields = {**advice, **{field: value for field, value in given.items() if field not in fixed}}
        weights = given.get("class_weights")
        if weights is not None and weights.value != "none" and self.choice.target in ("text", "transcript"):
            raise RecipeError(weights.typed, "is for classes", found="texts that are written", do="leave it out")
        if (
            weights is not None
            and weights.value != "none"
            and not {"class_weights", "pos_weights"} & set(cls.model_fields)
        ):
            raise RecipeError(
                weights.typed,
                "needs a loss that knows class weights",
                found=f"the loss is {name!r}",
                do="--set task.loss=cross_entropy" if self.choice.target == "class" else (),
            )
        return self._make(cls, "task", name, fields, kind="loss")

    def augment(self, dataset: Dataset, spec: InputSpec, rows: int) -> Augmentation:
        """How training images are changed."""
        targets = dataset.schema.targets
        names = [item.name for item in targets] if self.choice.target == "labels" else list(targets[0].categories)
        situation = Situation(
            spec,
            None if self.choice.target == "numbers" else names,
            passes=self._passes(rows),
            loss=self.choice.loss,
            rule=getattr(self.choice.config, "rule", "gradient"),
            own=self.choice.model == OBJECT or is_foreign(self.choice.model) or self._features_once,
        )
        advice = {field: given.value for field, given in self._advised("augment").items()}
        return augmentation(self.draft.section("augment"), advice, self._by, situation)

    @property
    def _features_once(self) -> bool:
        """Whether the base is frozen: what it makes of an image is then computed once, unless images change."""
        return bool(self.draft.get("transfer.mode") == "features")

    def _passes(self, rows: int) -> float | None:
        """Over the training part, as far as it is known before the first step: not with a limit in minutes."""
        if self.draft.minutes is not None:
            return None
        values = {key: self.draft.get(key, self._advice.get(key)) for key in ("train.epochs", "train.steps")}
        if self.draft.get("train.steps") is not None:
            default = SECTIONS["train"].model_fields["batch_size"].default
            batch = self.draft.get("train.batch_size", self._advice.get("train.batch_size", default))
            return float(values["train.steps"] * min(batch, rows) / max(rows, 1))
        return None if values["train.epochs"] is None else float(values["train.epochs"])

    def section(self, name: str, decided: Mapping[str, Any]) -> Config:
        """A section with fixed fields: `decided`, else the user's, the advice, the default."""
        cls = SECTIONS[name]
        values: dict[str, Any] = {}
        given = self.draft.section(name)
        for field in cls.model_fields:
            key = f"{name}.{field}"
            if field in decided:
                values[field] = decided[field]
                self.origins.setdefault(key, self.choice.origins.get(key, origin(self.draft, key)))
            elif field in given:
                values[field], self.origins[key] = given[field].value, given[field].origin
            elif key in self._advice:
                values[field], self.origins[key] = self._advice[key], self._by
            else:
                self.origins[key] = "default"
        return cls(**values)

    def encoded(self, name: str, config: Config) -> Config:
        """A section of `INPUTS` as its encoder filled it in, which left what was asked for as it was."""
        given = self.draft.section(name)
        for field, info in type(config).model_fields.items():
            value = getattr(config, field)
            if field in given and given[field].value == value:
                told = given[field].origin
            else:
                told = "default" if value == info.default else "inferred: from the training part"
            self.origins[f"{name}.{field}"] = told
        return config

    def limit(self) -> None:
        """A limit that the user gave drops the advised one; without any there are DEFAULT_EPOCHS passes."""
        if self.draft.limit is not None:
            for key in LIMITS:
                self._advice.pop(key, None)
        elif not any(self._advice.get(key) is not None for key in LIMITS):
            self._advice["train.epochs"] = DEFAULT_EPOCHS

    def monitor(self) -> str:
        """What chooses the best weights. Raises RecipeError for a figure that this task does not have."""
        known = MONITORS[self.choice.target]
        key = "train.monitor"
        asked = str(self.draft.get(key, "auto"))
        if asked == "auto":
            advised = str(self._advice.get(key, "auto"))
            self.origins[key] = "inferred: the usual one of the task" if advised == "auto" else self._by
            return TASKS[self.choice.task].monitor if advised == "auto" else advised
        self.origins[key] = origin(self.draft, key)
        if asked not in known:
            close = did_you_mean(asked, known)
            raise RecipeError(
                self.draft.typed(key),
                f"must be a figure that is known while training ({self.choice.task})",
                found=repr(asked),
                cause=f"a spelling mistake. {close}" if close else "",
                available=known,
            )
        return asked

    def root(self) -> Root:
        """`seed` and `out`."""
        values = {}
        for key in Root.model_fields:
            self.origins[key] = origin(self.draft, key)
            if key in self.draft.values:
                values[key] = self.draft.get(key)
        return Root(**values)

    def _advised(self, section: str) -> dict[str, Given]:
        prefix = f"{section}."
        return {
            key[len(prefix) :]: Given(value, self._by, key)
            for key, value in self._advice.items()
            if key.startswith(prefix) and key != f"{section}.name"
        }

    def _make(self, cls: type[Config], section: str, name: str, fields: Mapping[str, Given], kind: str = "") -> Config:
        config = checked(cls, kind or section, name, fields, section)
        for field in field_names(cls):
            if f"{section}.{field}" == "task.class_weights":
                continue  # it is TaskSection's; the loss gets the numbers from `weights.weighted`
            self.origins[f"{section}.{field}"] = fields[field].origin if field in fields else "default"
        return config

    def _check_advice(self) -> None:
        """A model that advises what no recipe holds is a mistake in the model."""
        for key in self._advice:
            section, _, field = key.partition(".")
            fixed = SECTIONS.get(section)
            known = section in ("model", "task", *DEFAULT_NAMES) or (fixed is not None and field in fixed.model_fields)
            if not known:
                raise LearnloopError(f"{self.choice.model}: suggest() names {key!r}, which no recipe holds")
