"""Columns of free text: which one is the input, and rows whose text is empty."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pandas as pd

from learnloop.data.dataset import Dataset
from learnloop.data.imagecache import Corrupt
from learnloop.data.schema import Field, Schema
from learnloop.errors import DataError, raise_all

_SAMPLE = 1000


def text_if_alone(data: Dataset, aside: Collection[str]) -> Dataset:
    """Free text is the input when nothing else is; of several columns of text the one with the longest texts.

    aside  names that were set aside by somebody who knows: the user, the catalog
    """
    if data.schema.inputs:
        return data
    texts = [field for field in data.schema.fields if field.kind == "text" and field.role == "ignore"]
    texts = [field for field in texts if field.name not in aside and field.name in data.frame]
    if not texts:
        return data
    chosen = max(texts, key=lambda field: _mean_length(data.frame[field.name]))
    changed = {field.name: replace(field, why=_shorter(field.name, chosen.name)) for field in texts}
    why = "Free text, and the only column to learn from." if len(texts) == 1 else "The longest free text."
    changed[chosen.name] = replace(chosen, role="input", why=why)
    fields = tuple(changed.get(field.name, field) for field in data.schema.fields)
    return replace(data, schema=Schema(fields))


def _shorter(name: str, chosen: str) -> str:
    return f"Free text beside {chosen!r}, which is longer; set aside (instead of it: --set data.columns.{name}=text)."


def no_empty_texts(data: Dataset, corrupt: Corrupt) -> Dataset:
    """Rows whose text (input or target) is missing or blank: refused, or dropped and said where `corrupt` is "skip".

    Raises DataError naming the first such rows of each column.
    """
    fields = [field for field in (*data.schema.inputs, *data.schema.targets) if field.kind == "text"]
    empty = {field.name: _blank(data.frame[field.name]) for field in fields if field.name in data.frame}
    empty = {name: blank for name, blank in empty.items() if blank.any()}
    if not empty:
        return data
    gone = np.logical_or.reduce(list(empty.values()))
    if corrupt == "refuse" or gone.all():
        raise_all([_empty_texts(data, name, blank) for name, blank in empty.items()])
    kept = data.take(np.flatnonzero(~gone))
    rest = tuple(_without_missing(field, empty) for field in data.schema.fields)
    text = f"{int(gone.sum())} of {len(data)} rows have an empty {' or '.join(empty)}; they were dropped."
    return kept.with_schema(Schema(rest), text)


def empty_texts_note(data: Dataset) -> tuple[str, ...]:
    """Sentences about empty texts among rows to be predicted: a model says something of them all the same."""
    notes = []
    for field in data.schema.inputs:
        if field.kind == "text" and field.name in data.frame:
            rows = np.flatnonzero(_blank(data.frame[field.name])) + 1
            shown = ", ".join(map(str, rows[:8])) + (", ..." if len(rows) > 8 else "")
            if len(rows):
                notes.append(
                    f"Column {field.name}: {len(rows)} of {len(data)} texts are empty (rows {shown}, counted from 1); "
                    "the answer for them is the one for an unknown word."
                )
    return tuple(notes)


def _without_missing(field: Field, empty: Collection[str]) -> Field:
    return replace(field, missing=0) if field.name in empty else field


def _empty_texts(data: Dataset, name: str, blank: np.ndarray) -> DataError:
    rows = np.flatnonzero(blank) + 1
    shown = ", ".join(map(str, rows[:8])) + (", ..." if len(rows) > 8 else "")
    many = "1 empty text, in row" if len(rows) == 1 else f"{len(rows)} empty texts, in rows"
    whole = blank.all()
    return DataError(
        f"{data.name}, column {name}",
        "must hold a text in every row",
        found=f"no text in any of {len(data)} rows" if whole else f"{many} {shown} (counted from 1)",
        cause="the wrong column" if whole else "cells left empty, or a mark for a missing value such as NA or null",
        do=() if whole else "--set data.corrupt=skip   # leaves these rows out",
    )


def _blank(column: pd.Series) -> np.ndarray:
    """bool [rows]: no text, or nothing but spaces."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        blank = np.array([not str(text).strip() for text in column.cat.categories] + [True])  # the last: missing
        return blank[column.cat.codes.to_numpy()]
    missing = column.isna().to_numpy()
    texts = column.astype(object).tolist()
    return np.array([gone or not str(text).strip() for gone, text in zip(missing, texts, strict=True)], bool)


def _mean_length(column: pd.Series) -> float:
    some = column.dropna().astype(object).iloc[:: max(1, len(column) // _SAMPLE)]
    return float(np.mean([len(str(text)) for text in some])) if len(some) else 0.0
