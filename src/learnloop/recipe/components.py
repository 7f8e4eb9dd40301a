"""The tables that a recipe picks from, and foreign components named by import path `pkg.mod:Name`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, cast

from pydantic import Field
from torch import Tensor

from learnloop.config import Config
from learnloop.errors import RecipeError, did_you_mean, nearest
from learnloop.models.classical.config import METHOD_CONFIGS
from learnloop.models.forecasting.table import FORECAST_MODELS
from learnloop.models.generative.table import GENERATIVE_MODELS
from learnloop.models.language import LANGUAGE_MODELS
from learnloop.models.own import OwnConfig, import_object
from learnloop.models.table import MODELS, find_model
from learnloop.optim.optimisers import OPTIMISERS
from learnloop.optim.schedules import SCHEDULES
from learnloop.scores.losses import LOSSES

GENERATIVE_TASKS = ("autoencode", "gan", "diffusion")
"""Tasks of networks that make data; each names its own part of `GENERATIVE_MODELS`."""

TABLES: dict[str, Mapping[str, type[Config]]] = {
    "model": cast(Mapping[str, type[Config]], MODELS),
    "optimiser": cast(Mapping[str, type[Config]], OPTIMISERS),
    "schedule": cast(Mapping[str, type[Config]], SCHEDULES),
    "loss": cast(Mapping[str, type[Config]], LOSSES),
    "language model": cast(Mapping[str, type[Config]], LANGUAGE_MODELS),
    "forecast model": {**cast(Mapping[str, type[Config]], FORECAST_MODELS), **METHOD_CONFIGS},
    **{
        f"{task} model": {name: cls for name, cls in GENERATIVE_MODELS.items() if cls.task == task}
        for task in GENERATIVE_TASKS
    },
}
"""Section (or "loss", which lives in `task`) -> name -> Config class. The section `model` picks from "language model"
where the task is language, from "forecast model" where it is forecast, and so on."""

MODEL_KINDS = {task: f"{task} model" for task in ("language", "forecast", *GENERATIVE_TASKS)}
"""task -> the table that the section `model` picks from, where that is one of its own."""


def model_kinds(task: str) -> tuple[str, ...]:
    """The tables that the section `model` may pick from: one, or all while the task is open ("auto")."""
    return ("model", *MODEL_KINDS.values()) if task == "auto" else (MODEL_KINDS.get(task, "model"),)


class OwnLoss(Config):
    """A function of yours, `(outputs, y, weight or None) -> scalar`, named by import path."""

    path: str = Field(description="import path pkg.mod:Name")

    def build(self) -> Callable[[Tensor, Tensor, Tensor | None], Tensor]:
        return cast(Callable[[Tensor, Tensor, "Tensor | None"], Tensor], import_object(self.path))


WRAPPERS = (OwnConfig, OwnLoss)
"""Their `path` is the component's name in a recipe and is not written a second time."""


def is_foreign(name: str) -> bool:
    """Whether `name` is an import path."""
    return ":" in name


def component(kind: str, name: str, where: str) -> type[Config]:
    """The Config class called `name`; raises RecipeError with the nearest names, where = `where`."""
    if is_foreign(name):
        return _foreign(kind, name, where)
    known = TABLES[kind]
    if name in known:
        return known[name]
    close = did_you_mean(name, known)
    raise RecipeError(
        where,
        f"must be the name of a {kind}, or an import path pkg.mod:Name",
        found=repr(name),
        cause=f"a spelling mistake. {close}" if close else "",
        available=nearest(name, known),
    )


def _foreign(kind: str, path: str, where: str) -> type[Config]:
    if kind == "model":
        return cast(type[Config], find_model(path))
    found = import_object(path)
    if inspect.isclass(found) and issubclass(found, Config):
        return found
    if kind == "loss" and callable(found):
        return OwnLoss
    raise RecipeError(
        where,
        "must name a subclass of learnloop.config.Config" + (", or a function" if kind == "loss" else ""),
        found=f"{path} is a {type(found).__name__}",
    )


def make(cls: type[Config], name: str, fields: Mapping[str, Any]) -> Config:
    """A component from the fields that stand beside its name."""
    return cls(**({"path": name} if issubclass(cls, WRAPPERS) else {}), **fields)


def plain_fields(config: Config) -> dict[str, Any]:
    """The fields that stand beside a component's name, as JSON values."""
    return config.model_dump(mode="json", exclude={"path"} if isinstance(config, WRAPPERS) else None)


def field_names(cls: type[Config]) -> list[str]:
    """The fields that may stand beside a component's name."""
    return [name for name in cls.model_fields if not (name == "path" and issubclass(cls, WRAPPERS))]


def owners(kind: str, field: str) -> str:
    """Where else a field would fit: "it belongs to sgd, rmsprop"; "" where nowhere."""
    names = [name for name, cls in TABLES[kind].items() if field in cls.model_fields]
    return f"it belongs to {', '.join(names)}" if names else ""


def name_of(kind: str, config: Config) -> str:
    """The name in its table of a component that was handed over as a Config, else its import path."""
    if isinstance(config, WRAPPERS):
        return config.path
    for table in model_kinds("auto") if kind == "model" else (kind,):
        for name, cls in TABLES[table].items():
            if type(config) is cls:
                return name
    return f"{type(config).__module__}:{type(config).__qualname__}"
