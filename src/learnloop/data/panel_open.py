"""Anything that holds series -> `Loose`: a file, a catalog name, a frame with a time index, arrays."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from learnloop.data.opening import open_source
from learnloop.data.panel_catalog import SERIES, load_series
from learnloop.data.panel_raw import Loose, counted
from learnloop.data.panel_tables import Roles, from_table
from learnloop.errors import DataError, nearest


def open_series(source: Any, roles: Roles) -> Loose:
    """The series of `source` as they were read. Raises DataError."""
    if isinstance(source, Loose):
        return source
    if isinstance(source, str | os.PathLike):
        return _path(source, roles)
    if isinstance(source, pd.Series):
        frame = source.to_frame("value" if source.name is None else str(source.name))
        return from_table(with_index(frame), "the series", roles)
    if isinstance(source, pd.DataFrame):
        return from_table(with_index(source), "the data frame", roles)
    if isinstance(source, Mapping):
        arrays = [_matrix(values, f"series {name!r}") for name, values in source.items()]
        return _arrays(arrays, tuple(str(name) for name in source), "the dict")
    if isinstance(source, np.ndarray) and source.ndim > 1:
        if source.ndim > 3:
            raise DataError(
                "the array",
                "must be [time], [series, time] or [series, time, variables]",
                found=str(list(source.shape)),
            )
        return _arrays([_matrix(row, "the array") for row in source], None, "the array")
    if isinstance(source, Sequence) and source and np.ndim(source[0]) > 0:
        return _arrays([_matrix(row, f"series {place}") for place, row in enumerate(source)], None, "the list")
    if isinstance(source, np.ndarray | Sequence):
        return _arrays([_matrix(source, "the array")], ("",), "the array")
    raw = open_source(source)
    return replace(from_table(raw.frame, raw.name, roles), origin=dict(raw.origin))


def _path(source: str | os.PathLike[str], roles: Roles) -> Loose:
    text = str(source)
    if text in SERIES and not Path(text).expanduser().is_file():
        loose = load_series(text)
        if roles == Roles():
            return loose
        if loose.counted or not loose.origin.get("path"):
            raise DataError(text, "has no columns to choose from", do="leave --target, --time and --group out")
        raw = open_source(loose.origin["path"])
        given = SERIES[text].roles
        merged = Roles(
            roles.time or given.time,
            roles.target or given.target,
            roles.group or given.group,
            roles.known,
            roles.static,
        )
        other = from_table(raw.frame, text, merged)
        return replace(
            other,
            frequency=loose.frequency,
            season=loose.season,
            horizon=loose.horizon,
            parts=loose.parts,
            origin=loose.origin,
        )
    if not Path(text).expanduser().exists() and not any(mark in text for mark in "/\\.") and nearest(text, SERIES, 1):
        known = nearest(text, SERIES)
        raise DataError(text, "must be a file, or the name of series in the catalog", found="neither", available=known)
    raw = open_source(source)
    if not len(raw.frame.columns):
        raise DataError(text, "must be a table of series", found="no table")
    loose = from_table(raw.frame, text, roles)
    return replace(loose, notes=(*raw.notes, *loose.notes), origin=dict(raw.origin))


def with_index(frame: pd.DataFrame) -> pd.DataFrame:
    """An index of times, or one with a name, becomes a column."""
    if isinstance(frame.index, pd.DatetimeIndex | pd.PeriodIndex):
        name = str(frame.index.name or "time")
        frame = frame.set_axis(
            pd.Index(frame.index, name=name if name not in frame.columns else "time index")
        ).reset_index()
    elif any(label is not None for label in frame.index.names):
        frame = frame.reset_index()
    return frame.set_axis([str(column) for column in frame.columns], axis=1).reset_index(drop=True)


def _matrix(values: Any, where: str) -> np.ndarray:
    """float64 [time, variables]."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(where, "must hold numbers", found=repr(values)[:60]) from None
    if array.ndim not in (1, 2) or np.isinf(array).any():
        raise DataError(where, "must be finite numbers [time] or [time, variables]", found=str(list(array.shape)))
    return array[:, None] if array.ndim == 1 else array


def _arrays(arrays: list[np.ndarray], ids: tuple[str, ...] | None, name: str) -> Loose:
    widths = {array.shape[1] for array in arrays}
    if len(widths) > 1:
        raise DataError(name, "all series must have the same number of variables", found=str(sorted(widths)))
    width = widths.pop()
    variables = ("value",) if width == 1 else tuple(f"x{place}" for place in range(width))
    loose = counted(name, ids or tuple(str(place) for place in range(len(arrays))), tuple(arrays), variables)
    shape = f"{len(arrays)} series" if len(arrays) > 1 else "one series"
    return replace(loose, notes=(f"{shape[0].upper()}{shape[1:]}; steps are counted from 0.",))
