"""Newer rows of a run that forecasts, opened by the options that its own data was read by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from learnloop.data.columns import is_textual
from learnloop.data.gaps import Fill
from learnloop.data.opening import open_source
from learnloop.data.panel import Panel
from learnloop.data.panel_catalog import SERIES
from learnloop.data.panel_open import open_series, with_index
from learnloop.data.panel_raw import Loose
from learnloop.data.panel_tables import Roles, from_table
from learnloop.data.stamps import TIME_NAMES, looks_like_time
from learnloop.errors import SchemaError, nearest

_UNSAID = Roles()


@dataclass(frozen=True)
class Reading:
    """What was said about columns when the run was fitted. time, group: None where they were found; others: whether
    variables that are no targets must be there, as a network reads them."""

    time: str | None = None
    group: str | None = None
    fill: Fill = "auto"
    known: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    others: bool = True

    @classmethod
    def from_json(cls, data: Mapping[str, Any], *, others: bool = True) -> Reading:
        """Of the options that a bundle keeps; what else is among them is passed over."""
        return cls(
            data.get("time"),
            data.get("group"),
            data.get("fill") or "auto",
            tuple(data.get("known") or ()),
            tuple(data.get("static") or ()),
            others,
        )


def read_newer(panel: Panel, source: Any, reading: Reading) -> Loose:
    """The series of `source` with the variables of `panel` in its order. Raises SchemaError and DataError."""
    if isinstance(source, str) and source in SERIES and not Path(source).is_file():
        return _checked(panel, open_series(source, _UNSAID))
    if isinstance(source, pd.Series):
        source = source.to_frame(panel.variables[0] if source.name is None else str(source.name))
    if isinstance(source, pd.DataFrame):
        return _checked(panel, _of_frame(panel, with_index(source), "the newer rows", reading))
    if isinstance(source, Path | str) or _is_rows(source):
        raw = open_source(source)
        name = str(source) if isinstance(source, Path | str) else "the newer rows"
        if not len(raw.frame.columns):
            raise SchemaError(name, "must be a table of series", found="no table")
        loose = _of_frame(panel, raw.frame, name, reading)
        return _checked(panel, replace(loose, notes=(*raw.notes, *loose.notes)))
    return _checked(panel, open_series(source, _UNSAID))


def _is_rows(source: Any) -> bool:
    return isinstance(source, list | tuple) and bool(source) and isinstance(source[0], dict)


def _of_frame(panel: Panel, frame: pd.DataFrame, name: str, reading: Reading) -> Loose:
    names = [str(column) for column in frame.columns]
    if not set(panel.variables) & set(names) and panel.variables == ("value",) and reading.time is None:
        return from_table(frame, name, _UNSAID)  # one series a row, as M3 and M4 are written
    time = reading.time or _time(panel, frame)
    group = reading.group or _group(panel, frame, time)
    needed = [*panel.variables, *panel.known, *([reading.time] if reading.time else [])]
    needed += [reading.group] if reading.group else []
    spare = () if reading.others else panel.variables[panel.targets :]
    absent = [column for column in spare if column not in names]
    gone = [column for column in needed if column not in names and column not in absent]
    if gone or (time is None and panel.times[0].dtype.kind == "M"):
        raise _lacking(name, gone, names)
    if group is None and len(panel) > 1:
        raise SchemaError(
            name,
            f"must say which of the {len(panel):,} series each row belongs to",
            found=f"columns {', '.join(names[:8])}, none of which names series of the run",
            available=panel.ids,
        )
    frame = frame[[column for column in names if column in {*needed, time, group}]]
    frame = frame.assign(**dict.fromkeys(absent, np.nan))
    empty = [column for column in needed if frame[column].isna().all() and column not in (time, group)]
    roles = Roles(time, panel.variables, group, tuple(panel.known))
    if not empty:
        return from_table(frame, name, roles)
    return _with_empty(panel, frame, name, roles, empty)


def _with_empty(panel: Panel, frame: pd.DataFrame, name: str, roles: Roles, empty: list[str]) -> Loose:
    """Columns without any value, as the plans of steps ahead have them; a reader of tables would refuse them."""
    zeros = dict.fromkeys(empty, 0.0)
    loose = from_table(frame.assign(**zeros), name, roles)
    columns = [panel.variables.index(column) for column in empty if column in panel.variables]
    values = [table.copy() for table in loose.values]
    for table in values:
        table[:, columns] = np.nan
    known = {
        column: tuple(np.full_like(one, np.nan) for one in series) if column in empty else series
        for column, series in loose.known.items()
    }
    return replace(loose, values=tuple(values), known=known)


def _time(panel: Panel, frame: pd.DataFrame) -> str | None:
    """The column of times where nobody named it: one called so, else the only one that looks so."""
    free = [str(column) for column in frame.columns if str(column) not in {*panel.variables, *panel.known}]
    likely = [column for column in free if looks_like_time(frame[column])]
    called = [column for column in free if column.strip().lower() in TIME_NAMES]
    return next(iter([column for column in likely if column in called] or likely or called), None)


def _group(panel: Panel, frame: pd.DataFrame, time: str | None) -> str | None:
    """The column of texts that are names of the run's series; the one with most of them. None for a single series."""
    if panel.ids == ("",):
        return None
    ids, best, most = set(panel.ids), None, 0.0
    for column in frame.columns:
        if str(column) in {time, *panel.variables, *panel.known}:
            continue
        texts = frame[column].dropna()
        if not is_textual(texts) and not all(name.lstrip("-").isdigit() for name in panel.ids[:50]):
            continue
        share = float(texts.astype(str).isin(ids).mean()) if len(texts) else 0.0
        if share > most:
            best, most = str(column), share
    return best


def _checked(panel: Panel, loose: Loose) -> Loose:
    """With the panel's variables, covariates and sense of time. Raises SchemaError."""
    width = loose.values[0].shape[1]
    if width != len(panel.variables):
        raise SchemaError(
            loose.name,
            f"must hold {len(panel.variables)} variables at each step: {', '.join(panel.variables[:8])}",
            found=f"{width}: {', '.join(loose.variables[:8])}",
        )
    stamped = panel.times[0].dtype.kind == "M"
    if (loose.times[0].dtype.kind == "M") != stamped and not (loose.counted and not stamped):
        raise SchemaError(
            loose.name,
            f"must have {'dates' if stamped else 'numbers of steps'} as times, as the run's data has",
            found="numbers of steps" if stamped else "dates",
        )
    if bool(panel.zone) != bool(loose.zone) and stamped:
        raise SchemaError(
            loose.name,
            "must give its times as the run's data does: " + (f"with a time zone ({panel.zone})" if panel.zone else
            "without a time zone"),
            found=f"times with a time zone ({loose.zone})" if loose.zone else "times without a time zone",
            cause="another program wrote these rows",
            do="df['time'] = df['time'].dt.tz_localize(ZONE)   # once you know it" if panel.zone else
            "df['time'] = df['time'].dt.tz_localize(None)",
        )  # fmt: skip
    missing = [column for column in panel.known if column not in loose.known]
    if missing:
        raise _lacking(loose.name, missing, list(loose.variables))
    return loose


def _lacking(name: str, gone: list[str], names: list[str]) -> SchemaError:
    wanted = gone[0] if gone else "time"
    return SchemaError(
        name,
        "must have the columns that the run's data has",
        found=f"no {', '.join(gone)}" if gone else "no column of times",
        cause="a column was renamed or left out",
        available=nearest(wanted, names),
    )
