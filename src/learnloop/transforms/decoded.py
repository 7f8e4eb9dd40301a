"""Decoded rows of numbers -> the user's own columns: the way back through an `InputEncoder`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from learnloop.data.schema import Field, Schema
from learnloop.transforms.calendar import Calendar
from learnloop.transforms.categories import Boolean, Categories
from learnloop.transforms.columns import NumberColumn
from learnloop.transforms.inputs import InputEncoder
from learnloop.transforms.targets import restored

_CODED = ("category", "boolean")


def decoded_rows(
    encoder: InputEncoder, schema: Schema, values: np.ndarray, draws: np.ndarray | None = None
) -> pd.DataFrame:
    """One column a field that the encoder uses, in its order, in the user's units and categories.

    values  float [n, numbers + all codes], as networks that make rows give them: the columns of `x`, then for each
            column of `x_cat` the share of each of its codes, 0 included
    draws   float in 0..1 [n, columns of x_cat]: by which a code is drawn by its share; None: the likeliest code
    Numbers are taken back through their scaling; whole numbers stay whole; where "is missing" is above one half the
    value is missing. Dates come from the days elapsed. Code 0 is None where values were missing in training, else it is
    never taken. Turned coordinates of places are left out: they say nothing that latitude and longitude do not.
    """
    state = encoder.state_dict()
    columns, codes = iter(state["columns"]), iter(state["codes"])
    numbers = len(encoder.number_names)
    found: dict[str, Any] = {}
    start, code, place = 0, numbers, 0
    for field in encoder.fields:
        dtype = schema[field.name].dtype if field.name in schema else "float"
        if field.kind in _CODED:
            shares = values[:, code : code + encoder.spec.cardinalities[place]]
            drawn = None if draws is None else draws[:, place]
            found[field.name] = _category(field, dtype, next(codes), shares, drawn)
            code, place = code + shares.shape[1], place + 1
            continue
        part = next(columns)
        width, value = (_date if field.kind == "date" else _number)(part, values[:, start:], dtype)
        found[field.name] = value
        start += width
    return pd.DataFrame(found)


def _number(part: dict[str, Any], values: np.ndarray, dtype: str) -> tuple[int, np.ndarray]:
    """Columns used, and the field's values [n]."""
    column = NumberColumn.from_state(part["column"])
    value = _undone(column, values)
    if dtype == "int":
        value = np.round(value)
        if not np.isnan(value).any() and np.abs(value).max(initial=0) < 2**62:
            value = value.astype(np.int64)
    return len(column.names), value


def _date(part: dict[str, Any], values: np.ndarray, dtype: str) -> tuple[int, np.ndarray]:
    calendar = Calendar()
    calendar.load_state_dict(part["calendar"])
    columns = [NumberColumn.from_state(column) for column in part["columns"]]
    *before, last = columns  # the days elapsed, which alone say the date
    start = sum(len(column.names) for column in before)
    elapsed = _undone(last, values[:, start:])
    whole = elapsed if calendar.hours else np.round(elapsed)
    return start + len(last.names), calendar.invert(whole[:, None])


def _undone(column: NumberColumn, values: np.ndarray) -> np.ndarray:
    """float64 [n], NaN where it says that the value is missing."""
    median = np.full(len(values), column.impute.median)
    value = np.asarray(column.scale.invert(values[:, 0]), np.float64) if column.varies else median
    if not column.impute.indicator:
        return value
    return np.where(values[:, len(column.names) - 1] > 0.5, np.nan, value)


def _category(
    field: Field, dtype: str, state: dict[str, Any], shares: np.ndarray, drawn: np.ndarray | None
) -> np.ndarray:
    """The values [n] of codes with these shares [n, codes], in the user's type."""
    codes: Categories | Boolean = Boolean() if field.kind == "boolean" else Categories()
    codes.load_state_dict(state["codes"])
    if not state["had_missing"]:  # nothing was missing in training: nothing is missing in what is made
        shares = np.concatenate([np.zeros((len(shares), 1)), shares[:, 1:]], axis=1)
    names = np.array([None, *restored(list(codes.categories), dtype).tolist()], dtype=object)
    if drawn is None:
        return names[shares.argmax(1)]
    bounds = np.cumsum(np.asarray(shares, np.float64), axis=1)  # [n, codes]
    return names[np.minimum((bounds <= drawn[:, None] * bounds[:, -1:]).sum(1), len(names) - 1)]
