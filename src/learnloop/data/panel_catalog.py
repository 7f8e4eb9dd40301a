"""Series known by name, with the parts and the horizon of their published protocols."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from learnloop.data.delimited import read_delimited
from learnloop.data.download import find, folders, sha256_of
from learnloop.data.panel_raw import Loose
from learnloop.data.panel_tables import Roles, from_table
from learnloop.errors import DataError

NOTHING_SAID = Roles()


@dataclass(frozen=True)
class SeriesEntry:
    """One set of series. files: names it may have, beside each other where a set has several."""

    name: str
    title: str
    source: str
    files: tuple[str, ...]
    load: Callable[[SeriesEntry], Loose]
    roles: Roles = NOTHING_SAID
    season: int | None = None
    horizon: int = 0


def load_series(name: str) -> Loose:
    """The series `name` of SERIES. Raises DataError where its files are not there."""
    entry = SERIES[name]
    loose = entry.load(entry)
    origin = {**loose.origin, "catalog": name}
    return replace(loose, name=name, season=entry.season, horizon=entry.horizon, origin=origin)


def _path(entry: SeriesEntry, file: str) -> Path:
    path = find((f"timeseries/{file}", file, file.removesuffix(".gz")))
    if path is None:
        looked = " and ".join(str(folder) for folder in folders())
        raise DataError(
            entry.name,
            "needs its file",
            found=f"no {file} in {looked}",
            do="export LEARNLOOP_DATA=FOLDER   # a folder that holds it",
        )
    return path


def _frame(entry: SeriesEntry, file: str) -> tuple[pd.DataFrame, dict[str, str]]:
    path = _path(entry, file)
    return read_delimited(path).frame, {"path": str(path), "sha256": sha256_of(path)}


def table(entry: SeriesEntry) -> Loose:
    """A CSV with one row a step."""
    frame, origin = _frame(entry, entry.files[0])
    return replace(from_table(frame, entry.name, entry.roles), origin=origin)


def ett(entry: SeriesEntry) -> Loose:
    """Months of 30 days: 12 to train, 4 to validate, 4 to test; the rest is not used, as in the papers.

    Source: Zhou et al., Informer, AAAI 2021, section 5.1, and the loader of its code; every later paper keeps it.
    """
    loose = table(entry)
    month = 30 * 24 * (4 if entry.name == "ettm1" else 1)
    ends = {"train": 12, "validation": 16, "test": 20}
    return replace(loose, parts={part: np.array([months * month]) for part, months in ends.items()})


def m4(entry: SeriesEntry) -> Loose:
    """Training and test file put together; `parts` says where the test part begins."""
    train, origin = _frame(entry, entry.files[0])
    test, _ = _frame(entry, entry.files[1])
    past, future = from_table(train, entry.name, Roles()), from_table(test, entry.name, Roles())
    if past.ids != future.ids:
        raise DataError(
            entry.name, "must have the same series in both files", found=f"{entry.files[0]}, {entry.files[1]}"
        )
    values = tuple(np.concatenate(pair) for pair in zip(past.values, future.values, strict=True))
    steps = tuple(np.arange(len(series), dtype=np.int64) for series in values)
    ends = {
        "train": np.array([len(series) for series in past.values]),
        "test": np.array([len(series) for series in values]),
    }
    rows = tuple(step + 1 for step in steps)
    return replace(past, values=values, times=steps, rows=rows, parts=ends, origin=origin)


M3_STEPS = {"yearly": ("YS", 12), "quarterly": ("QS", 3), "monthly": ("MS", 1), "other": ("", 0)}
"""kind -> (frequency, months a step)."""


def m3(entry: SeriesEntry) -> Loose:
    """The series of one frequency. The last `horizon` values are the test part."""
    frame, origin = _frame(entry, entry.files[0])
    kind = entry.name.removeprefix("m3_")
    frame = frame[frame["freq"].astype(str) == kind].reset_index(drop=True)
    loose = from_table(frame, entry.name, Roles())
    frequency, months = M3_STEPS[kind]
    lengths = np.array([len(values) for values in loose.values])
    parts = {"train": lengths - entry.horizon, "test": lengths}
    category = {"category": loose.static["category"]}
    loose = replace(loose, parts=parts, static=category, origin=origin)
    if not months:
        return loose
    year, period = frame["start_year"].to_numpy(np.int64), frame["start_period"].to_numpy(np.int64)
    known = (year > 1500) & (period >= 1) & (period <= 12 // months)
    start = np.where(known, (year - 1970) * 12 + (period - 1) * months, -70 * 12)
    times = tuple(
        (first + months * np.arange(length)).astype("datetime64[M]").astype("datetime64[s]")
        for first, length in zip(start, lengths, strict=True)
    )
    lost = int((~known).sum())
    note = f"{lost} series do not say when they begin: their stamps count from 1900-01 and say nothing of the calendar."
    return replace(
        loose, times=times, counted=False, frequency=frequency, notes=(*loose.notes, *([note] if lost else []))
    )


def stocks(entry: SeriesEntry) -> Loose:
    """Trading days: every row is a step, since prices of holidays would have to be made up."""
    return replace(table(entry), frequency="rows")


_ENTRIES = (
    SeriesEntry(
        "airline_passengers",
        "Passengers of airlines, a month (1949 to 1960)",
        "Box and Jenkins 1970",
        ("airline_passengers.csv",),
        table,
    ),
    SeriesEntry(
        "daily_min_temperatures",
        "Lowest temperature of the day, Melbourne (1981 to 1990)",
        "Australian Bureau of Meteorology",
        ("daily_min_temperatures.csv",),
        table,
    ),
    SeriesEntry(
        "monthly_sunspots",
        "Sunspots, a month (1749 to 1983)",
        "Zurich observatory",
        ("monthly_sunspots.csv",),
        table,
    ),
    SeriesEntry(
        "etth1",
        "Oil temperature and loads of a transformer, by the hour",
        "Zhou et al. 2021",
        ("ETTh1.csv.gz",),
        ett,
        Roles(time="date"),
        season=24,
        horizon=96,
    ),
    SeriesEntry(
        "ettm1",
        "Oil temperature and loads of a transformer, by 15 minutes",
        "Zhou et al. 2021",
        ("ETTm1.csv.gz",),
        ett,
        Roles(time="date"),
        season=96,
        horizon=96,
    ),
    SeriesEntry(
        "stocks_daily",
        "Prices of four shares, trading days (1995 to 2015)",
        "Yahoo",
        ("stocks_daily.csv.gz",),
        stocks,
        Roles(time="Date", group="Ticker", target=("Close",)),
        season=1,
    ),
    SeriesEntry(
        "m4_hourly",
        "M4 competition, hourly series",
        "Makridakis et al. 2020",
        ("m4_hourly_train.csv.gz", "m4_hourly_test.csv.gz"),
        m4,
        season=24,
        horizon=48,
    ),
    *(
        SeriesEntry(
            f"m3_{kind}",
            f"M3 competition, {words} series",
            "Makridakis and Hibon 2000",
            ("m3.csv.gz",),
            m3,
            season=season,
            horizon=horizon,
        )
        for kind, words, season, horizon in (
            ("yearly", "yearly", 1, 6),
            ("quarterly", "quarterly", 4, 8),
            ("monthly", "monthly", 12, 18),
            ("other", "other", 1, 8),
        )
    ),
)

SERIES: dict[str, SeriesEntry] = {entry.name: entry for entry in _ENTRIES}
