"""Values from flags, `--set`, a YAML file and arguments, by dotted key, before any of them is checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from learnloop.config import Config
from learnloop.errors import RecipeError, UserError
from learnloop.recipe.components import TABLES, name_of
from learnloop.recipe.draft import Given
from learnloop.recipe.reading import parse_value, read_file
from learnloop.recipe.recipe import LIMITS, ORDER

FLAGS = {
    "data.path": "DATA",
    "data.target": "--target",
    "data.group": "--group",
    "data.time": "--time",
    "data.weight": "--weight",
    "data.download": "--download",
    "forecast.horizon": "--horizon",
    "task.name": "--task",
    "model.name": "--model",
    "train.epochs": "--epochs",
    "train.steps": "--steps",
    "train.minutes": "--minutes",
    "train.batch_size": "--batch-size",
    "optimiser.lr": "--lr",
    "seed": "--seed",
    "out": "--out",
}
"""How a key is called on the command line; the others are set with --set."""

MAPPINGS = ("data.columns", "task.class_weights", "model.options")
"""Values that are mappings themselves: `--set data.columns.zip=category` adds one entry."""

COMPONENTS = ("model", "optimiser", "schedule")
NAMED = (*COMPONENTS, "task", "plan", "augment")
"""Sections for which `plan: plain` or `--set plan=plain` means `plan.name`."""


ALIASES = {"model.weights": "transfer.weights", "transfer": "transfer.mode"}
"""Other names of keys."""


def from_file(file: Path | None, errors: list[UserError]) -> dict[str, Given]:
    if file is None:
        return {}
    try:
        entries = read_file(file)
    except UserError as error:
        errors.append(error)
        return {}
    found: dict[str, Given] = {}
    for path, value, line in entries:
        if len(path) == 1 and path[0] in ORDER and value is None:
            continue  # an empty section
        key = _key(".".join(path))
        found[key] = Given(value, file.name, f"{file.name} line {line}: {key}")
    return found


def from_flags(flags: Mapping[str, Any], origin: str) -> dict[str, Given]:
    found = {}
    for name, value in flags.items():
        if value is None:
            continue
        key = _key(name)
        typed = FLAGS.get(key, key) if origin == "command line" else key
        found[key] = Given(_read(key, value) if origin == "command line" else value, origin, typed)
    return found


def declared(objects: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A Config that was handed over (`model=MLPConfig(hidden=(32,))`) is as good as its name and fields."""
    values: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for kind, item in objects.items():
        if kind in TABLES and isinstance(item, Config):
            section = "task" if kind == "loss" else kind
            values["task.loss" if kind == "loss" else f"{kind}.name"] = name_of(kind, item)
            values.update(
                {f"{section}.{name}": getattr(item, name) for name in item.model_fields_set if name != "path"}
            )
        else:
            rest[kind] = item
    return values, rest


def _read(key: str, value: Any) -> Any:
    """A flag's text as YAML, except where the text itself is meant."""
    if not isinstance(value, str) or key in ("data.path", "data.target", "out", "task.name", "model.name"):
        return value
    try:
        return parse_value(value)
    except yaml.YAMLError:
        return value


def add_sets(given: dict[str, Given], sets: Sequence[str], errors: list[UserError]) -> None:
    for text in sets:
        name, equals, right = text.partition("=")
        name = name.strip()
        if not equals or not name:
            errors.append(
                RecipeError("--set", "must be key.path=value", found=repr(text), do="--set train.batch_size=128")
            )
            continue
        try:
            value = parse_value(right)
        except yaml.YAMLError:
            errors.append(
                RecipeError(
                    f"--set {name}",
                    "the value must be YAML",
                    found=repr(right),
                    cause="a bracket or quote is not closed",
                )
            )
            continue
        key, value = _nested(_key(name), value)
        before = given.get(key)
        if before is not None and isinstance(before.value, dict) and isinstance(value, dict) and key != name:
            given[key] = Given({**before.value, **value}, "--set", f"--set {key}")
        elif before is not None and before.value != value:
            errors.append(
                RecipeError(
                    f"--set {name}",
                    "must not contradict another value",
                    found=f"{value!r}, and {before.typed} says {before.value!r}",
                )
            )
        else:
            given[key] = Given(value, "--set", name)


def _key(name: str) -> str:
    """`plan` means `plan.name`, and `model.weights` `transfer.weights`."""
    return ALIASES.get(name, f"{name}.name" if name in NAMED else name)


def _nested(key: str, value: Any) -> tuple[str, Any]:
    """`data.columns.zip=category` is an entry of `data.columns`; the rest of the key is one name."""
    for mapping in MAPPINGS:
        if key.startswith(f"{mapping}."):
            return mapping, {key[len(mapping) + 1 :]: value}
    return key, value


def merge(filed: Mapping[str, Given], given: Mapping[str, Given]) -> dict[str, Given]:
    """The file's values, overruled. Another component by name drops the file's fields of the old one."""
    values = dict(filed)
    for section in (*COMPONENTS, "task", "augment"):
        name = f"{section}.name"
        if name in given and name in filed and given[name].value != filed[name].value:
            values = {key: value for key, value in values.items() if not key.startswith(f"{section}.")}
    for key, value in given.items():
        old = values.get(key)
        if key == "data.columns" and old and isinstance(old.value, dict) and isinstance(value.value, dict):
            value = Given({**old.value, **value.value}, value.origin, value.typed)
        values[key] = value
    if "data.target" in values:
        values["data.target"] = _as_tuple(values["data.target"])
    for key in ("data.ignore", "series.known", "series.static", "forecast.methods"):
        if key in values:
            values[key] = _as_tuple(values[key])
    if "data.path" in values and isinstance(values["data.path"].value, Path):
        old = values["data.path"]
        values["data.path"] = Given(str(old.value), old.origin, old.typed)
    return values


def _as_tuple(given: Given) -> Given:
    """One column name stands for a list of one; a number in YAML may be a column's name."""
    value = given.value
    if isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
        return Given((str(value),), given.origin, given.typed)
    if isinstance(value, list | tuple):
        return Given(tuple(str(name) if isinstance(name, int) else name for name in value), given.origin, given.typed)
    return given


def one_limit(
    values: dict[str, Given],
    filed: Mapping[str, Given],
    given: Mapping[str, Given],
    errors: list[UserError],
) -> tuple[dict[str, Given], list[str]]:
    """At most one limit. One on the command line overrules those of the file, and says so."""
    for source in (given, filed):
        named = [key for key in LIMITS if key in source and source[key].value is not None]
        if len(named) > 1:
            shown = ", ".join(source[key].typed for key in named)
            errors.append(
                RecipeError(
                    shown,
                    "at most one of epochs, steps and minutes may be given",
                    found=", ".join(f"{key.split('.')[1]} = {source[key].value}" for key in named),
                )
            )
            return values, []
        if named:
            dropped = [key for key in LIMITS if key != named[0] and values.get(key) and values[key].value is not None]
            kept = {key: value for key, value in values.items() if key not in dropped}
            notes = [
                f"{key} = {values[key].value} of {values[key].origin} gives way to {source[named[0]].typed}."
                for key in dropped
            ]
            return kept, notes
    return values, []
