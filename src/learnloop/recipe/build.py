"""From flags, `--set`, YAML and arguments to a checked `Draft`: every mistake at once, as it was typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from learnloop.config import Config
from learnloop.errors import RecipeError, UserError, raise_all
from learnloop.recipe.augmenting import check_augment_name
from learnloop.recipe.checking import check_values, errors_by_field, unknown
from learnloop.recipe.collect import (
    COMPONENTS,
    add_sets,
    declared,
    from_file,
    from_flags,
    merge,
    one_limit,
)
from learnloop.recipe.components import TABLES, component, field_names, is_foreign, model_kinds, owners
from learnloop.recipe.draft import Draft, Given
from learnloop.recipe.recipe import OBJECT, ORDER, SECTIONS, Root
from learnloop.scores.names import METRICS


def build(
    *,
    file: Path | None = None,
    flags: Mapping[str, Any] | None = None,
    sets: Sequence[str] = (),
    objects: Mapping[str, Any] | None = None,
    origin: str = "command line",
) -> Draft:
    """The draft of a run.

    file     recipe.yaml, overruled by the rest
    flags    values by dotted key; None means not given. Text is read as YAML when `origin` is "command line"
    sets     `key.path=value`, the value as YAML
    objects  in-memory data, model, loss: kept as they are
    origin   "command line" or "argument": where `flags` came from
    Raises RecipeError for one mistake, ManyErrors for several.
    """
    errors: list[UserError] = []
    filed = from_file(file, errors)
    handed, rest = declared(objects or {})
    given = from_flags({**handed, **(flags or {})}, origin)
    add_sets(given, sets, errors)
    values = _beside(merge(filed, given), file)
    values, notes = one_limit(values, filed, given, errors)
    errors.extend(_check_all(values))
    raise_all(errors)
    return Draft(values, file, rest, (*notes, *_doubts(values)))


def _beside(values: dict[str, Given], file: Path | None) -> dict[str, Given]:
    """A relative path of a recipe file is looked for in the working folder, then in the file's own folder."""
    path = values.get("data.path")
    if file is None or path is None or path.origin != file.name or not isinstance(path.value, str):
        return values
    beside = file.parent / path.value
    if Path(path.value).exists() or not beside.exists():
        return values
    return {**values, "data.path": Given(str(beside), path.origin, path.typed)}


def all_keys() -> list[str]:
    """Every dotted key that some recipe may hold."""
    keys = list(Root.model_fields)
    for section in ORDER:
        keys.extend(f"{section}.{name}" for name in _fields_of(section))
    return keys


def _fields_of(section: str) -> list[str]:
    names = list(SECTIONS[section].model_fields) if section in SECTIONS else ["name"]
    for cls in _possible(section):
        names.extend(name for name in cls.model_fields if name not in names)
    return names


def _possible(section: str) -> list[type[Config]]:
    """The components whose fields may stand in a section."""
    kinds = {"task": ("loss",), "model": model_kinds("auto")}.get(section, (section,))
    return [cls for kind in kinds for cls in TABLES.get(kind, {}).values()]


def _check_all(values: Mapping[str, Given]) -> Iterable[UserError]:
    sections: dict[str, dict[str, Given]] = {}
    for key, given in values.items():
        section, dot, field = key.partition(".")
        if key in Root.model_fields:
            yield from check_values(Root, {key: given})
        elif section in SECTIONS or section in COMPONENTS:
            if not dot:
                yield RecipeError(given.typed, f"must be a mapping of the fields of {section}", found=repr(given.value))
            sections.setdefault(section, {})[field] = given
        elif dot:
            yield unknown(key, given.typed, all_keys(), "a key of the recipe")
        else:
            yield unknown(key, given.typed, [*ORDER, *Root.model_fields], "a section of the recipe")
    for section, fields in sections.items():
        fields.pop("", None)
        if section == "model":
            yield from _check_model(values, fields)
        else:
            yield from (_check_component(section, fields) if section in COMPONENTS else _check_section(section, fields))


def _check_section(section: str, given: dict[str, Given]) -> Iterable[UserError]:
    cls = SECTIONS[section]
    yield from check_values(cls, given)
    extra = {name: value for name, value in given.items() if name not in cls.model_fields}
    if section == "task":
        yield from _check_task(given, extra)
    else:
        for name, value in extra.items():
            yield unknown(
                f"{section}.{name}",
                value.typed,
                [f"{section}.{field}" for field in cls.model_fields],
                f"a field of {section}",
            )
    monitor = given.get("monitor") if section == "train" else None
    if monitor is not None and isinstance(monitor.value, str) and monitor.value not in ("auto", *METRICS):
        yield unknown(monitor.value, monitor.typed, ["auto", *METRICS], "the name of a metric")
    if section == "augment" and "name" in given:
        yield from check_augment_name(given["name"])


def _check_task(given: Mapping[str, Given], extra: Mapping[str, Given]) -> Iterable[UserError]:
    loss = given.get("loss")
    if loss is not None and not isinstance(loss.value, str):
        return
    name = "auto" if loss is None else loss.value
    yield from _check_fields("loss", "task", name, loss.typed if loss else "task.loss", extra)


def _check_model(values: Mapping[str, Given], given: Mapping[str, Given]) -> Iterable[UserError]:
    """While the task is open, a model of either table will do: the one with fewer mistakes is meant."""
    task = values.get("task.name")
    kinds = model_kinds(task.value if task is not None and isinstance(task.value, str) else "auto")
    return min((list(_check_component("model", given, kind)) for kind in kinds), key=len)


def _check_component(section: str, given: Mapping[str, Given], kind: str = "") -> Iterable[UserError]:
    """kind: the table in TABLES; empty where it is called as the section is."""
    kind = kind or section
    name = given.get("name")
    rest = {field: value for field, value in given.items() if field != "name"}
    if name is not None and not isinstance(name.value, str):
        yield RecipeError(name.typed, f"must be the name of a {section}", found=repr(name.value))
        return
    yield from _check_fields(kind, section, name.value if name else "auto", name.typed if name else section, rest)


def _check_fields(
    kind: str, section: str, name: str, typed_name: str, given: Mapping[str, Given]
) -> Iterable[UserError]:
    """Fields against the named component; against all of its kind while the name is open."""
    if name in ("auto", OBJECT):
        yield from _check_any(kind, section, given)
        return
    try:
        cls = component(kind, name, typed_name)
    except RecipeError as error:
        yield error
        if not is_foreign(name):
            yield from _check_any(kind, section, given)
        return
    yield from check_values(cls, given)
    names = [f"{section}.{known}" for known in field_names(cls)]
    for field, value in given.items():
        if field not in field_names(cls):
            what = f"a field of the {kind} {name!r}"
            yield unknown(f"{section}.{field}", value.typed, names, what, owners(kind, field))


def _check_any(kind: str, section: str, given: Mapping[str, Given]) -> Iterable[UserError]:
    """Some component of the kind must know the field, and one that does must accept the value."""
    for field, value in given.items():
        owners = [cls for cls in TABLES[kind].values() if field in cls.model_fields]
        if not owners:
            names = [f"{section}.{name}" for name in _fields_of(section)]
            yield unknown(f"{section}.{field}", value.typed, names, f"a field of {section}")
            continue
        verdicts = [errors_by_field(cls, {field: value}).get(field) for cls in owners]
        if verdicts[0] is not None and all(verdicts):
            yield verdicts[0]


def _doubts(values: Mapping[str, Given]) -> Iterable[str]:
    """Legal, but almost surely a mistake."""
    lr = values.get("optimiser.lr")
    name = values.get("optimiser.name")
    # Adadelta's own scale is 1; the others diverge far below it
    most = 10 if name is not None and name.value == "adadelta" else 1
    if lr is not None and isinstance(lr.value, int | float) and lr.value > most:
        yield (f"{lr.typed} = {lr.value:g} is very large: training will most likely diverge (usual: 0.0001 to 0.1).")
    batch = values.get("train.batch_size")
    if batch is not None and isinstance(batch.value, int) and batch.value == 1:
        yield f"{batch.typed} = 1: batch normalisation cannot work on one row, and steps are noisy."
