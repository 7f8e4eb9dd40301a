"""`conform`: new rows read against the schema of a trained model. What is wrong is said for all
columns at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from learnloop.data.catalog import CATALOG
from learnloop.data.dataset import Dataset
from learnloop.data.folders import FILE
from learnloop.data.freetext import empty_texts_note
from learnloop.data.newrows import open_rows, renamed
from learnloop.data.newsequences import open_sequences, sequence_of
from learnloop.data.raw import Raw
from learnloop.data.retyped import as_schema_error, converted, resized, tidied, without_fit_advice
from learnloop.data.roles import SPLIT_VALUES, refuse_infinities
from learnloop.data.schema import Field, Schema
from learnloop.errors import DataError, ManyErrors, SchemaError, UserError, did_you_mean, nearest, raise_all

PAIRS, JSON_ROWS = "the values given", "the JSON rows"
"""Names of data that was typed in a terminal: there no DataFrame can be mended."""
CARRIED = ("group", "time", "weight", "id")


def conform(source: Any, schema: Schema, *, need_target: bool = False) -> Dataset:
    """Read `source` with the columns and kinds of `schema`; nothing is guessed again.

    Columns are found by name; unnamed arrays by position. Numbers are parsed, categories become text (also
    values never seen in training: the model's encoder gives those the code 0), dates are parsed in the form
    of the training data, images are resized to the trained size with a note. Other columns are left out
    with a note. Columns with the role group, time, weight, id or split come along where they are there.
    `source` may also be one dict (one row), one image, a list of image paths, or a one-dimensional array
    (one row).

    Raises SchemaError, all mistakes at once: missing columns (nearest names), wrong width, values of
    another kind, labels that the model does not know (need_target). Raises DataError for unreadable sources.
    """
    try:
        raw = open_sequences(source, schema, need_target)
        raw = open_rows(source, schema, need_target) if raw is None else raw
    except DataError as error:
        raise without_fit_advice(error) from None
    raw = renamed(raw, schema, need_target)
    wanted = [field for field in schema.fields if _wanted(field, raw, need_target)]
    errors: list[UserError] = list(_missing(raw, wanted))
    frame, notes = tidied(raw, wanted, errors)
    columns: dict[str, pd.Series] = {}
    arrays: dict[str, np.ndarray] = {}
    for field in wanted:
        if field.name not in raw.names:
            continue
        try:
            if field.kind == "image":
                arrays[field.name], more = resized(raw, field)
                notes += more
            elif field.kind in ("series", "audio"):
                arrays[field.name] = sequence_of(raw, field)
            elif field.name in frame:
                columns[field.name] = converted(frame[field.name], field, raw.name)
        except UserError as error:
            errors.append(as_schema_error(error))
    raise_all(errors)
    rows = len(raw)
    data = Dataset(
        name=raw.name,
        schema=Schema(tuple(replace(field, missing=_missing_in(columns, field)) for field in wanted)),
        frame=pd.DataFrame(columns, index=range(rows)),
        arrays=arrays,
        part=_part(raw, schema),
        notes=(*_news(raw), *notes, *_extra(raw, schema)),
        origin=raw.origin,
    )
    data = replace(data, notes=(*data.notes, *empty_texts_note(data)))
    try:
        refuse_infinities(data)
    except ManyErrors as found:
        raise_all([as_schema_error(error) for error in found.errors])
    except DataError as found:
        raise as_schema_error(found) from None
    return data


def _news(raw: Raw) -> list[str]:
    """The reader's notes without what is always so of this data set of the catalog: that was said at fit."""
    entry = CATALOG.get(raw.origin.get("catalog", ""))
    return [note for note in raw.notes if entry is None or note != entry.note]


def _wanted(field: Field, raw: Raw, need_target: bool) -> bool:
    if field.role == "input":
        return True
    if field.role == "target":
        return need_target
    return field.role in CARRIED and field.name in raw.names


def _missing(raw: Raw, wanted: list[Field]) -> list[SchemaError]:
    gone = [field for field in wanted if field.name not in raw.names]
    if not gone:
        return []
    spare = [name for name in raw.names if name not in {field.name for field in wanted}]
    guesses = [(field.name, did_you_mean(field.name, spare)) for field in gone]
    misspelt = [f"{name}: {text}" for name, text in guesses if text]
    targets = [field.name for field in gone if field.role == "target"]
    what = "column" if len(gone) == 1 else "columns"
    renames = {nearest(name, spare, 1)[0]: name for name, text in guesses if text}
    return [
        SchemaError(
            raw.name,
            f"must have the {what} that the model was trained on",
            found=f"no {', '.join(field.name for field in gone)}",
            cause=" ".join(misspelt) or _why_missing(raw, gone, bool(targets), bool(len(wanted) > len(gone))),
            do=_mend_missing(raw, gone, renames),
            available=nearest(gone[0].name, spare or raw.names),
        )
    ]


def _why_missing(raw: Raw, gone: list[Field], target: bool, some_there: bool) -> str:
    for kind, what in (("image", "images"), ("series", "series"), ("audio", "recordings")):
        if any(field.kind == kind and field.role == "input" for field in gone):
            return f"a table; the model was trained on {what}"
    if raw.arrays:
        return "images; the model was trained on a table"
    if target:
        return "the target is needed to evaluate; predict needs none"
    return "a column was dropped or renamed" if some_there else "another table"


def _mend_missing(raw: Raw, gone: list[Field], renames: Mapping[str, str]) -> str | Sequence[str]:
    if renames and raw.name in (PAIRS, JSON_ROWS):
        return [f"{new}=...   # instead of {old}" for old, new in renames.items()]
    if renames:
        return f"df = df.rename(columns={renames!r})"
    if any(field.kind == "image" for field in gone):
        return "learnloop predict RUN picture.png   # or a folder of pictures"
    inputs = [field.name for field in gone if field.role == "input"]
    if not inputs or raw.arrays:
        return ()
    if raw.name == PAIRS:
        return f"{inputs[0]}=...   # or {inputs[0]}= when its value is not known: it counts as missing"
    if raw.name == JSON_ROWS:
        return f'"{inputs[0]}": null   # when its value is not known: it counts as missing'
    return f"df[{inputs[0]!r}] = None   # when its values are not known: they count as missing"


def _missing_in(columns: dict[str, pd.Series], field: Field) -> int:
    return int(columns[field.name].isna().sum()) if field.name in columns else 0


def _part(raw: Raw, schema: Schema) -> np.ndarray | None:
    if raw.part is not None:
        return raw.part
    for field in schema.of("split"):
        if field.name in raw.frame:
            parts = raw.frame[field.name].astype(object).map(lambda text: SPLIT_VALUES.get(str(text).strip().lower()))
            return None if parts.isna().any() else parts.to_numpy(dtype=str)
    return None


def _extra(raw: Raw, schema: Schema) -> list[str]:
    own = {FILE} if "files" in raw.origin else set()  # the reader's own column, not one that the user gave
    extra = [name for name in raw.names if name not in schema and name not in own]
    if not extra:
        return []
    return [f"Columns that the model does not know were left out: {', '.join(extra[:10])}."]
