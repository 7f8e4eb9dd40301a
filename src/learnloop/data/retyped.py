"""Values of new rows as the types that the trained schema says: numbers, dates, categories, images of its size."""

from __future__ import annotations

import numpy as np
import pandas as pd

from learnloop.data.columns import is_textual, tidy, to_category, to_dates, to_number
from learnloop.data.images import resize_array
from learnloop.data.raw import Raw
from learnloop.data.schema import Field
from learnloop.errors import DataError, ManyErrors, SchemaError, UserError, did_you_mean, nearest


def tidied(raw: Raw, wanted: list[Field], errors: list[UserError]) -> tuple[pd.DataFrame, list[str]]:
    """The wanted columns as plain types, with notes; what cannot be read is added to `errors`."""
    names = [field.name for field in wanted if field.name in raw.frame.columns]
    kinds: dict[str, str] = {
        field.name: "category" if field.kind in ("category", "boolean", "text", "id") else field.kind
        for field in wanted
    }
    notes: list[str] = []
    columns = {}
    for name in names:
        try:
            column, more = tidy(raw.frame[[name]], kinds, raw.name)
        except UserError as error:
            errors.append(as_schema_error(error))
            continue
        columns[name] = column[name]
        notes += more
    return pd.DataFrame(columns, index=range(len(raw)), copy=False), notes


def converted(series: pd.Series, field: Field, where: str) -> pd.Series:
    """A tidied column as the kind of `field`. Raises DataError, or SchemaError for labels that are not known."""
    if field.kind == "number":
        return to_number(series, where)
    if field.kind == "date":
        return to_dates(series, field.format or "ISO8601", where)
    if field.kind in ("category", "boolean"):
        column = to_category(_spelt(series, field))
        if field.role == "target":
            _known_labels(column, field, where)
        return column
    return series


def _spelt(series: pd.Series, field: Field) -> pd.Series:
    """The same value in another type: 1 and 0 for True and False, "3.0" for 3."""
    categories = set(field.categories)
    if field.dtype == "bool" and categories <= {"True", "False"}:
        other = {
            "1": "True",
            "0": "False",
            "true": "True",
            "false": "False",
            "TRUE": "True",
            "FALSE": "False",
        }
    elif field.dtype in ("int", "float"):
        other = {f"{text}.0": text for text in categories} | {"True": "1", "False": "0"}
    else:
        return series
    if not is_textual(series):
        series = to_category(series)
    texts = series.astype(object)
    return texts.map(lambda text: text if text in categories else other.get(text, text), na_action="ignore")


def _known_labels(column: pd.Series, field: Field, where: str) -> None:
    unknown = [str(text) for text in column.cat.categories if text not in field.categories]
    if not unknown:
        return
    count = int(column.isin(unknown).sum())
    raise SchemaError(
        f"{where}, target {field.name}",
        "must hold labels that the model was trained on",
        found=f"{', '.join(repr(text) for text in unknown[:10])} in {count} rows",
        cause=did_you_mean(unknown[0], field.categories) or "classes that were not in the training data",
        do="drop these rows, or train again with data that has these labels",
        available=nearest(unknown[0], field.categories),
    )


def resized(raw: Raw, field: Field) -> tuple[np.ndarray, list[str]]:
    """Images in the size of the training images, with a note where they had another. Raises SchemaError."""
    if field.name not in raw.arrays:
        raise SchemaError(f"{raw.name}, {field.name}", "must hold images", found="plain values")
    images = raw.arrays[field.name]
    height, width, channels = field.shape
    if images.shape[1:] == field.shape:
        return images, []
    if channels not in (1, 3) and images.shape[3] != channels:
        raise SchemaError(
            f"{raw.name}, {field.name}", f"must have {channels} channels", found=f"{images.shape[3]} channels"
        )
    found = " x ".join(map(str, images.shape[1:]))
    size = f"{height} x {width} x {channels}"
    note = f"Images of {found} were converted to {size}, the size of the training images."
    return resize_array(images, (height, width, channels)), [note]


def as_schema_error(error: UserError) -> UserError:
    """A DataError in the terms of a trained model; every other error as it is."""
    if isinstance(error, SchemaError) or not isinstance(error, DataError):
        return error
    plain = without_fit_advice(error)
    return SchemaError(
        plain.where, plain.must, found=plain.found, cause=plain.cause, do=plain.do, available=plain.available
    )


def without_fit_advice(error: UserError) -> UserError:
    """Without advice that only `fit` can follow."""
    if isinstance(error, SchemaError | ManyErrors) or not any("--set" in line for line in error.do):
        return error
    do = [line for line in error.do if "--set" not in line]
    return type(error)(error.where, error.must, found=error.found, cause=error.cause, do=do, available=error.available)
