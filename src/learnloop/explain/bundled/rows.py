"""Which row a trained network is explained on: one that was given, or one that it was measured on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from learnloop.bundle.bundle import Bundle
from learnloop.data.conform import JSON_ROWS, PAIRS, conform
from learnloop.data.dataset import PARTS, Dataset
from learnloop.data.infer import set_task
from learnloop.data.schema import Schema
from learnloop.data.split import Split
from learnloop.data.tables import from_rows
from learnloop.errors import DataError, SchemaError, UserError
from learnloop.recipe.draft import Draft
from learnloop.recipe.text import from_yaml
from learnloop.runs.folder import RunFolder
from learnloop.verbs.prepare import load_data

_PAIR = re.compile(r"^([^=/\\{}\[\]]+)=(.*)$", re.DOTALL)
_PART_WORDS = {
    "train": "the training part: the network has learnt from it",
    "validation": "the validation part: it chose the weights, but was not learnt from",
    "test": "the test part: the network has never seen it",
}


@dataclass(frozen=True)
class Chosen:
    """One row, with its target when `known`; told: sentences about where it comes from."""

    data: Dataset
    known: bool
    told: tuple[str, ...]


def draft_of(folder: RunFolder | None) -> Draft | None:
    """The recipe of the run, where there is one that can be read."""
    if folder is None:
        return None
    try:
        return from_yaml(folder.recipe)
    except UserError:
        return None


# --- a row that was given ---------------------------------------------------------------------------------------


def given_row(bundle: Bundle, inputs: Sequence[str], row: int | None) -> Chosen:
    """Row `row` of the inputs: a file, images, a catalog name, JSON rows, or name=value pairs.

    Its own target counts when it has the target's columns. Raises DataError and SchemaError as `learnloop predict`.
    """
    source = _source(list(inputs))
    schema = bundle.about.schema
    plain = conform(source(), schema)
    try:
        data, known = conform(source(), schema, need_target=True), True
    except SchemaError as error:
        if _has_targets(source(), schema):
            raise error from None  # there is a target, and something is wrong with it
        data, known = plain, False
    place = _checked(row, len(data), "INPUT")
    picked = data.take(np.array([place]))
    known = known and not any(_missing(picked, field.name) for field in schema.targets)
    what = inputs[0] if len(inputs) == 1 else f"the {len(inputs)} inputs"
    where = f"Row {place} of {what}." if len(data) > 1 else "The input: the row given."
    return Chosen(picked, known, (where, *plain.notes))


def _source(texts: list[str]) -> Callable[[], Any]:
    """What the inputs stand for, made anew for each reading."""
    if all(Path(text).exists() for text in texts):
        return lambda: texts[0] if len(texts) == 1 else texts
    if all(text.lstrip().startswith(("{", "[")) for text in texts):
        rows = [row for text in texts for row in _json_rows(text)]
        return lambda: from_rows(rows, JSON_ROWS)
    pairs = [_PAIR.match(text) for text in texts]
    if all(pairs):
        values = {pair.group(1).strip(): pair.group(2) or None for pair in pairs if pair}
        return lambda: from_rows([values], PAIRS)
    if len(texts) == 1:
        return lambda: texts[0]  # a catalog name, or a path that does not exist: the reader says so
    raise DataError(
        "INPUT",
        "must be a file, images, one catalog name, JSON rows, or name=value pairs",
        found=", ".join(texts[:4]),
        do=("learnloop explain RUN new.csv --row 3", "learnloop explain RUN age=30 sex=female"),
    )


def _json_rows(text: str) -> list[Any]:
    try:
        found = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError("INPUT", "must be JSON: an object, or a list of objects", found=str(error)) from None
    return found if isinstance(found, list) else [found]


def _has_targets(source: Any, schema: Schema) -> bool:
    """Whether the targets' columns are there: then reading them alone must not fail for want of a column."""
    if isinstance(source, str | list):
        try:
            conform(source, Schema(tuple(field.with_role("input") for field in schema.targets)))
        except SchemaError as error:
            return not error.must.startswith("must have the column")
        except DataError:
            return False
        return True
    return all(field.name in source.names for field in schema.targets)


def _missing(data: Dataset, name: str) -> bool:
    return bool(pd.isna(data.frame[name].iloc[0]))


# --- a row that it was measured on --------------------------------------------------------------------------------


class _Gone(Exception):
    """The rows that were held out cannot be had; the text says why."""


def held_out_row(bundle: Bundle, folder: RunFolder | None, bundle_path: Path, row: int | None) -> Chosen:
    """Row `row` of the run's test part (else validation, else training part), with its target.

    Where the data is not to be had as it was, a row of the bundle's own exam, whose answer nobody kept.
    """
    try:
        data, told = _part(bundle, folder)
    except _Gone as reason:
        return _exam_row(bundle, bundle_path, row, str(reason))
    place = _checked(row, len(data), "the rows held out")
    return Chosen(data.take(np.array([place])), True, (f"Row {place} of {told}.",))


def _part(bundle: Bundle, folder: RunFolder | None) -> tuple[Dataset, str]:
    """The rows held out, and what to call them."""
    draft = draft_of(folder)
    if folder is None or draft is None:
        raise _Gone("the bundle lies outside of its run, which knows the data")
    path = draft.get("data.path")
    if path is None:
        raise _Gone("it was trained on an object in memory, which is gone")
    try:
        data = set_task(load_data(draft), bundle.about.task)  # type: ignore[arg-type]
        kept = folder.read_json(folder.environment).get("data", {})
        parts = Split.load(folder.splits)
    except UserError as error:
        raise _Gone(f"{path} cannot be read as it was: {error.found or error.must}") from None
    if kept.get("sha256") != data.origin.get("sha256"):
        raise _Gone(f"{path} has changed since it was trained on")
    name = next((name for name in reversed(PARTS) if len(getattr(parts, name))), "train")
    return data.take(getattr(parts, name)), _PART_WORDS[name]


def _exam_row(bundle: Bundle, path: Path, row: int | None, reason: str) -> Chosen:
    """A row of probe.json, which has the inputs of a few held-out rows but not their true answers."""
    exam = json.loads((path / "probe.json").read_text(encoding="utf-8"))["inputs"]
    schema = bundle.about.schema
    images = [field.name for field in schema.inputs if field.kind == "image"]
    rows: Any = pd.DataFrame({name: values for name, values in exam.items() if name not in images})
    if images:
        rows = {name: np.asarray(exam[name], np.uint8) for name in images} | {n: rows[n].to_numpy() for n in rows}
    data = conform(rows, schema)
    place = _checked(row, len(data), "the rows that the bundle keeps")
    told = (
        f"Row {place} of the {len(data)} that the bundle keeps for its own exam, without their true answers: {reason}."
    )
    return Chosen(data.take(np.array([place])), False, (told,))


def _checked(row: int | None, rows: int, what: str) -> int:
    if rows == 0:
        raise DataError(what, "must have a row", found="none")
    if row is not None and not 0 <= row < rows:
        raise DataError(f"--row {row}", f"must be a row of {what}, counted from 0", found=f"{rows} rows", do="--row 0")
    return row or 0
