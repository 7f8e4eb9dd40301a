"""A table of series -> `Loose`: which column is the time, which the series, which are values; long and wide files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from learnloop.data.columns import find_date_format, is_textual, tidy
from learnloop.data.panel_raw import Loose, counted
from learnloop.data.stamps import TIME_NAMES, looks_like_time, parse_stamps
from learnloop.errors import DataError, did_you_mean, nearest

WIDE_LEAST = 8
"""A table with fewer value columns than this beside its names is not taken for one series a row."""


@dataclass(frozen=True)
class Roles:
    """What the user said about columns.

    time, group  one column each; target, known, static  several
    """

    time: str | None = None
    target: tuple[str, ...] = ()
    group: str | None = None
    known: tuple[str, ...] = ()
    static: tuple[str, ...] = ()


def from_table(frame: pd.DataFrame, name: str, roles: Roles) -> Loose:
    """The series of a table. Raises DataError for unknown columns, no numbers, and doubtful times."""
    _check_columns(frame, name, roles)
    frame = frame.loc[:, [column for column in frame.columns if not frame[column].isna().all()]]
    if roles.time is None and roles.group is None:
        if "values" in frame.columns and is_textual(frame["values"]):
            return _one_text_a_series(frame, name)
        if _is_wide(frame):
            return _wide(frame, name)
    return _long(frame, name, roles)


def _check_columns(frame: pd.DataFrame, name: str, roles: Roles) -> None:
    names = [str(column) for column in frame.columns]
    asked = [("time", roles.time), ("group", roles.group)]
    asked += [(role, one) for role in ("target", "known", "static") for one in getattr(roles, role)]
    for role, column in asked:
        if column is not None and column not in names:
            raise DataError(
                f"{'--' if role in ('time', 'group', 'target') else 'series.'}{role}",
                f"must be one of the columns of {name}",
                found=repr(column),
                cause=did_you_mean(column, names),
                available=nearest(column, names),
            )


# --- one series a row


def _is_wide(frame: pd.DataFrame) -> bool:
    """Names in the first column, then numbers under names that count (V2, V3, ...) or are dates."""
    columns = [str(column) for column in frame.columns]
    if len(columns) <= WIDE_LEAST or looks_like_time(frame[columns[0]]) or not frame[columns[0]].is_unique:
        return False
    rest = columns[1:]
    if not all(frame[column].dtype.kind in "iuf" for column in rest):
        return False
    return _numbered(rest) or find_date_format(rest)[0] != ""


def _numbered(names: list[str]) -> bool:
    stem = names[0].rstrip("0123456789")
    numbers = [name.removeprefix(stem) for name in names]
    if not all(name.startswith(stem) and number.isdigit() for name, number in zip(names, numbers, strict=True)):
        return False
    return all(int(number) == int(numbers[0]) + place for place, number in enumerate(numbers))


def _wide(frame: pd.DataFrame, name: str) -> Loose:
    """M4's form: V1 the name, V2, V3, ... the values, empty behind the end. Dates as column names are the times."""
    first, *rest = [str(column) for column in frame.columns]
    matrix = frame[rest].to_numpy(np.float64)  # [series, steps]
    ids = tuple(str(one) for one in frame[first])
    loose = counted(name, ids, tuple(row[:, None] for row in matrix), ("value",))
    note = f"One series a row: {len(ids):,} series, named by column {first}."
    if find_date_format(rest)[0]:
        stamps = parse_stamps(pd.Series(rest, name="the column names", dtype="str"), name)
        times = tuple(stamps.times for _ in ids)
        rows = tuple(np.arange(1, len(rest) + 1) for _ in ids)
        whole = tuple(row[:, None] for row in matrix)
        loose = replace(loose, times=times, values=whole, rows=rows, zone=stamps.zone, counted=False)
        note += " The column names are the times."
    return replace(loose, notes=(note,))


def _one_text_a_series(frame: pd.DataFrame, name: str) -> Loose:
    """The M3 form: one series a row, its numbers in the text column `values`, separated by spaces."""
    values = []
    for place, text in enumerate(frame["values"].astype(str)):
        try:
            values.append(np.array(text.split(), dtype=np.float64)[:, None])
        except ValueError:
            raise DataError(
                f"{name}, column values",
                "must hold numbers separated by spaces",
                found=f"{text[:40]!r} in row {place + 1} (rows are counted from 1)",
            ) from None
    others = [str(column) for column in frame.columns if column != "values"]
    named = next((column for column in others if frame[column].is_unique), None)
    ids = tuple(" ".join(str(one).split()) for one in (frame[named] if named else np.arange(1, len(frame) + 1)))
    static = {column: _plain(frame[column]) for column in others if column != named}
    loose = counted(name, ids, tuple(values), ("value",))
    return replace(
        loose, static=static, notes=(f"One series a row, its numbers in column values: {len(ids):,} series.",)
    )


def _plain(series: pd.Series) -> np.ndarray:
    """float64 where the column holds numbers, else text."""
    if series.dtype.kind in "iufb":
        return series.to_numpy(np.float64)
    return series.astype(str).to_numpy(dtype=str)


# --- one row a step


def _long(frame: pd.DataFrame, name: str, roles: Roles) -> Loose:
    notes: list[str] = []
    time = roles.time or _find_time(frame, name, roles)
    stamps = parse_stamps(frame[time], name) if time is not None else None
    if time is None:
        notes.append("No column of times was found: the rows are steps, counted from 0.")
    times = stamps.times if stamps else np.arange(len(frame), dtype=np.int64)
    group, note = (roles.group, "") if roles.group else _find_group(frame, times, time, roles)
    notes += [*(stamps.notes if stamps else ()), *([note] if note else [])]
    special = {time, group, *roles.static}
    rest = frame[[column for column in frame.columns if str(column) not in special]]
    kinds = dict.fromkeys((*roles.target, *roles.known), "number")
    rest, tidied = tidy(rest, kinds, name)
    notes += tidied
    variables, targets, aside = _variables(rest, name, roles)
    notes += aside
    table = rest[list(variables)].to_numpy(np.float64, na_value=np.nan) if variables else np.empty((len(rest), 0))
    known = {column: rest[column].to_numpy(np.float64, na_value=np.nan) for column in roles.known}
    ids, members = _members(frame, group, name)
    return Loose(
        name,
        ids,
        tuple(times[rows] for rows in members),
        tuple(table[rows] for rows in members),
        tuple(rows + 1 for rows in members),
        variables,
        targets,
        known={column: tuple(values[rows] for rows in members) for column, values in known.items()},
        static={column: _static(frame[column], members, ids, name) for column in roles.static},
        zone=stamps.zone if stamps else "",
        counted=stamps is None,
        notes=tuple(notes),
    )


def _find_time(frame: pd.DataFrame, name: str, roles: Roles) -> str | None:
    """The column of times: one called so, else the only one that looks so. None for a table of numbers alone."""
    taken = {roles.group, *roles.target, *roles.known, *roles.static}
    free = [str(column) for column in frame.columns if str(column) not in taken]
    likely = [column for column in free if looks_like_time(frame[column])]
    called = [column for column in likely if column.strip().lower() in TIME_NAMES]
    if called or len(likely) == 1:
        return (called or likely)[0]
    if likely:
        raise DataError(
            "--time",
            f"must say which column of {name} is the time",
            found=f"{len(likely)} columns hold dates: {', '.join(likely)}",
            do=f"--time {likely[0]}",
            available=likely,
        )
    named = [column for column in free if column.strip().lower() in TIME_NAMES and is_textual(frame[column])]
    if named:
        return named[0]  # its stamps cannot be read, which the parser says with row numbers
    if any(frame[column].dtype.kind in "iuf" for column in free) or roles.target:
        return None
    raise DataError(name, "must have a column of times or of numbers", available=[str(one) for one in frame.columns])


def _find_group(frame: pd.DataFrame, times: np.ndarray, time: str | None, roles: Roles) -> tuple[str | None, str]:
    """The text column that names the series, where times repeat and it alone makes them unique; and a sentence."""
    if time is None or len(np.unique(times)) > 0.95 * len(times):
        return None, ""
    taken = {time, *roles.target, *roles.known, *roles.static}
    for column in frame.columns:
        if str(column) in taken or not is_textual(frame[column]):
            continue
        pairs = pd.DataFrame({"id": frame[column].astype(str), "time": times})
        if not pairs.duplicated().mean() > 0.01:
            return str(column), f"Times repeat: column {column} names the series ({frame[column].nunique():,} of them)."
    return None, ""


def _variables(rest: pd.DataFrame, name: str, roles: Roles) -> tuple[tuple[str, ...], int, list[str]]:
    """(names, number of targets, sentences): the targets, then the other columns of numbers."""
    numbers = [
        str(column) for column in rest.columns if rest[column].dtype.kind in "iufb" and str(column) not in roles.known
    ]
    texts = [str(column) for column in rest.columns if rest[column].dtype.kind not in "iufb"]
    wrong = [column for column in (*roles.target, *roles.known) if column in texts]
    if wrong:
        raise DataError(f"{name}, column {wrong[0]}", "must hold numbers to be forecast", found="text or dates")
    if not numbers:
        raise DataError(
            name,
            "must have a column of numbers to forecast",
            found=f"columns {', '.join(str(one) for one in rest.columns[:8]) or 'of times only'}",
        )
    notes = [f"Set aside, as they hold no numbers: {', '.join(texts)}."] if texts else []
    if roles.target:
        others = [column for column in numbers if column not in roles.target]
        if others:
            notes.append(f"Known up to now only: {', '.join(others[:8])}{' and more' if len(others) > 8 else ''}.")
        return (*roles.target, *others), len(roles.target), notes
    if len(numbers) > 1:
        notes.append(f"No target was named: all {len(numbers)} columns of numbers are forecast.")
    return tuple(numbers), len(numbers), notes


def _members(frame: pd.DataFrame, group: str | None, name: str) -> tuple[tuple[str, ...], list[np.ndarray]]:
    """(ids in the order of their first rows, positions of the rows of each)."""
    if group is None:
        return ("",), [np.arange(len(frame))]
    empty = np.flatnonzero(frame[group].isna().to_numpy()) + 1
    if len(empty):
        raise DataError(
            f"{name}, column {group}",
            "every row must name its series",
            found=f"{len(empty)} empty, the first in row {empty[0]} (rows are counted from 1)",
        )
    codes, names = pd.factorize(frame[group].astype(str))
    order = np.argsort(codes, kind="stable")
    cuts = np.flatnonzero(np.diff(codes[order])) + 1
    return tuple(str(one) for one in names), list(np.split(order, cuts))


def _static(series: pd.Series, members: Sequence[np.ndarray], ids: Sequence[str], name: str) -> np.ndarray:
    """One value a series. Raises DataError where it varies within one."""
    for rows, one in zip(members, ids, strict=True):
        if series.iloc[rows].nunique(dropna=False) > 1:
            raise DataError(
                f"{name}, column {series.name}",
                "must be the same in all rows of a series to be static",
                found=f"{series.iloc[rows].nunique(dropna=False)} values in series {one!r}",
                do=f"--set series.known={series.name}   # if its future is known",
            )
    return _plain(series.iloc[[int(rows[0]) for rows in members]])
