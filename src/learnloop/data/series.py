"""Series: one array column float32 [rows, time, features], NaN behind the end of a row. Arrays are read here.

`series_tables.py` folds tables into this form, `series_new.py` new rows for a trained model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from learnloop.data.pixels import is_image_shape, to_images
from learnloop.data.raw import Raw
from learnloop.data.schema import Field
from learnloop.errors import DataError

SERIES = "series"
"""The name of the field."""
LONG = 2
"""Pictures are hardly ever longer than this many times their width; series nearly always are."""
STEPS = "y"
"""The name of a target that has a value at every step."""


def lengths_of(values: np.ndarray) -> np.ndarray:
    """int64 [rows]: one more than the last step of which anything is known; values [rows, time, ...]."""
    there = ~np.isnan(values).reshape(*values.shape[:2], -1).all(axis=2)  # [rows, time]
    last = values.shape[1] - there[:, ::-1].argmax(axis=1)
    return np.where(there.any(axis=1), last, 0).astype(np.int64)


def padded(rows: Sequence[np.ndarray]) -> np.ndarray:
    """[time_i, features] each -> float32 [rows, longest, features], NaN behind the end."""
    longest = max((len(row) for row in rows), default=0)
    values = np.full((len(rows), longest, rows[0].shape[1]), np.nan, dtype=np.float32)
    for place, row in enumerate(rows):
        values[place, : len(row)] = row
    return values


def field_of(values: np.ndarray, layout: str, columns: Sequence[str], why: str, name: str = SERIES) -> Field:
    """The field of series that were laid out in this way. values [rows, time, features]."""
    shape = tuple(int(size) for size in values.shape[1:])
    return Field(name, "series", dtype="float", shape=shape, why=why, format=layout, columns=tuple(columns))


def is_series(array: np.ndarray) -> bool:
    """Whether numbers [rows, time, features] are surely no pictures.

    So they are with fewer than four features or steps, or when one side is more than LONG times the other and no bytes
    could hold them. Images of 28 x 28 that were standardised stay images, which are refused with a way out.
    """
    if array.ndim != 3 or array.dtype.kind not in "iuf" or array.dtype == np.uint8:
        return False
    if not is_image_shape(array.shape):
        return True
    if max(array.shape[1:]) <= LONG * min(array.shape[1:]):
        return False
    try:
        to_images(array, "")
    except DataError:
        return True
    return False


def is_ragged(x: Any) -> bool:
    """A list of arrays [time] or [time, features] of different lengths."""
    if not isinstance(x, list | tuple) or len(x) < 2 or not all(hasattr(row, "shape") for row in x):
        return False
    shapes = {tuple(row.shape) for row in x}
    return len(shapes) > 1 and len({shape[1:] for shape in shapes}) == 1 and len(next(iter(shapes))) in (1, 2)


def from_ragged(x: Sequence[Any], name: str) -> Raw:
    """A list of arrays [time_i] or [time_i, features]."""
    rows = [np.asarray(row, dtype=np.float32).reshape(len(row), -1) for row in x]
    return from_array(padded(rows), name)


def from_array(array: np.ndarray, name: str, length: Any = None) -> Raw:
    """[rows, time] or [rows, time, features]; the steps of each row that count, or NaN behind the end.

    Raises DataError for values that are no numbers, for lengths that do not fit and for rows without any step.
    """
    if array.ndim not in (2, 3) or array.dtype.kind not in "iufb":
        raise DataError(
            name,
            "series must be numbers [rows, time] or [rows, time, features]",
            found=f"{array.dtype} {list(array.shape)}",
        )
    values = array.astype(np.float32)
    values = values[..., None] if values.ndim == 2 else values
    if length is not None:
        values = _cut(values, np.asarray(length), name)
    values = checked(values, name)
    features = [f"x{place}" for place in range(values.shape[2])]
    why = f"{_layout(array)} numbers: series of {values.shape[1]} steps."
    field = field_of(values, "array", features, why)
    return Raw(
        name=name,
        frame=pd.DataFrame(index=range(len(values))),
        arrays={SERIES: values},
        fields={SERIES: field},
        plain=True,
    )


def with_steps(raw: Raw, y: np.ndarray) -> Raw:
    """`raw` with the target `y`, a number (or several) at every step: [rows, time] or [rows, time, targets]."""
    values = y.astype(np.float32)
    values = values[..., None] if values.ndim == 2 else values
    field = field_of(values, "array", [], "A number at every step of the series.", STEPS)
    return replace(
        raw,
        arrays={**raw.arrays, STEPS: values},
        fields={**raw.fields, STEPS: field},
        target=(STEPS,),
    )


def has_steps(raw: Raw, y: Any) -> bool:
    """Whether `y` has numbers for every step of the series in `raw`."""
    series = raw.arrays.get(SERIES) if SERIES in raw.fields else None
    return (
        series is not None
        and getattr(y, "ndim", 0) in (2, 3)
        and tuple(y.shape[:2]) == series.shape[:2]
        and y.dtype.kind in "iuf"
    )


def checked(values: np.ndarray, name: str) -> np.ndarray:
    """`values` as they are. Raises DataError for infinities and for rows without any step."""
    if np.isinf(values).any():
        row, step, feature = (int(place) for place in np.argwhere(np.isinf(values))[0])
        raise DataError(
            name,
            "series must hold finite numbers, or NaN behind the end",
            found=f"{values[row, step, feature]:g} in row {row}, step {step}, feature {feature} (counted from 0)",
            cause="a division by zero, or a number too large for its type",
        )
    lengths = lengths_of(values)
    empty = np.flatnonzero(lengths == 0)
    if len(empty):
        more = f" and {len(empty) - 5} more" if len(empty) > 5 else ""
        raise DataError(
            name,
            "every series must have at least one step",
            found=f"nothing in row {', '.join(str(int(row)) for row in empty[:5])}{more} (counted from 0)",
            do="leave these rows out",
        )
    return values


def _cut(values: np.ndarray, length: np.ndarray, name: str) -> np.ndarray:
    """NaN behind `length` steps of each row."""
    rows, time = values.shape[:2]
    whole = length.shape == (rows,) and length.dtype.kind in "iu"
    if not whole or not len(length) or length.min() < 1 or length.max() > time:
        found = f"{length.dtype} {list(length.shape)}"
        if whole and len(length):
            found = f"{int(length.min())} to {int(length.max())}"
        raise DataError(f"{name}, length", f"must be [{rows}] whole numbers from 1 to {time}", found=found)
    values[np.arange(time)[None, :] >= length[:, None]] = np.nan
    return values


def _layout(array: np.ndarray) -> str:
    return "[rows, time]" if array.ndim == 2 else "[rows, time, features]"
