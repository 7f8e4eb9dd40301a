"""A column of times as stamps: dates in any one form, whole numbers, years; time zones in one sense or not at all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from learnloop.data.columns import ALWAYS_MISSING, DATE_FORMATS, find_date_format, is_textual, parse_dates, to_text
from learnloop.errors import DataError

TIME_NAMES = (
    "time",
    "date",
    "datetime",
    "timestamp",
    "ds",
    "day",
    "month",
    "week",
    "quarter",
    "year",
    "period",
    "when",
)
ZONE = re.compile(r"(Z|[+-]\d{2}:?\d{2})$")
QUARTER = re.compile(r"^(\d{4})[- ]?[Qq]([1-4])$")
SHOWN = 5


@dataclass(frozen=True)
class Stamps:
    """The times of all rows.

    times  datetime64[s] [n] (wall-clock, or UTC where `zone` is set), or int64 [n] where rows are numbered
    zone   "" for times without a zone; a name of the time zone database, or "UTC"
    notes  sentences to show once
    """

    times: np.ndarray
    zone: str = ""
    notes: tuple[str, ...] = ()


def rows_text(rows: Sequence[int] | np.ndarray, most: int = SHOWN) -> str:
    """ "row 3", "rows 3, 4 and 9", "rows 3, 4, 9 and 7 more"; rows are numbered from 1."""
    shown = [str(int(row)) for row in rows[:most]]
    more = len(rows) - len(shown)
    if len(rows) == 1:
        return f"row {shown[0]}"
    return f"rows {', '.join(shown)} and {more} more" if more else f"rows {', '.join(shown[:-1])} and {shown[-1]}"


def looks_like_time(series: pd.Series) -> bool:
    """Dates, text that is dates, or numbers under a name of time that could be years or seconds since 1970."""
    if pd.api.types.is_datetime64_any_dtype(series) or isinstance(series.dtype, pd.PeriodDtype):
        return True
    if is_textual(series):
        texts = _distinct(series)[:200]
        return len(texts) > 0 and bool((forms_of(texts) != "").mean() > 0.5)
    named = str(series.name).strip().lower() in TIME_NAMES
    return named and series.dtype.kind in "iu" and bool(series.is_unique or (series >= 1500).all())


def parse_stamps(series: pd.Series, where: str) -> Stamps:
    """The times of a column. Raises DataError, with row numbers, for missing or unreadable stamps, for dates in more
    than one form, and for time zones that are mixed.
    """
    place = f"{where}, column {series.name}"
    if isinstance(series.dtype, pd.PeriodDtype):
        series = series.dt.to_timestamp()
    missing = np.flatnonzero(series.isna().to_numpy()) + 1
    if len(missing):
        raise DataError(
            place,
            "every row must have a time",
            found=f"{len(missing)} empty, {rows_text(missing)} (rows are counted from 1)",
            do="leave these rows out, or write their time",
        )
    if pd.api.types.is_datetime64_any_dtype(series):
        return _of_dates(series)
    if not is_textual(series):
        return _of_numbers(series, place)
    return _of_texts(series.astype(str), place)


def _distinct(series: pd.Series) -> list[str]:
    return [text for text in (to_text(value).strip() for value in series.dropna().unique()) if text]


def _of_dates(series: pd.Series) -> Stamps:
    zone = getattr(series.dtype, "tz", None)
    if zone is None:
        return Stamps(series.to_numpy().astype("datetime64[s]"))
    plain = series.dt.tz_convert("UTC").dt.tz_localize(None)
    note = f"The times were taken to UTC, where no hour comes twice; calendar features are those of {zone}."
    return Stamps(plain.to_numpy().astype("datetime64[s]"), str(zone), () if str(zone) == "UTC" else (note,))


def _of_numbers(series: pd.Series, place: str) -> Stamps:
    values = series.to_numpy(np.float64)
    broken = np.flatnonzero(values != np.floor(values)) + 1
    if len(broken):
        raise DataError(
            place,
            "must hold dates or whole numbers",
            found=f"{values[broken[0] - 1]:g} in row {broken[0]} (rows are counted from 1)",
        )
    whole, name = values.astype(np.int64), str(series.name).lower()
    if "year" in name and len(whole) and whole.min() >= 1500 and whole.max() <= 2500:
        return Stamps((whole - 1970).astype("datetime64[Y]").astype("datetime64[s]"))
    if len(whole) and whole.min() >= 10**8:
        unit = next(
            unit for unit, most in (("s", 10**11), ("ms", 10**14), ("us", 10**17), ("ns", 2**63)) if whole.max() < most
        )
        note = f"{place}: whole numbers of this size were read as {unit} since 1970 (UTC)."
        return Stamps(whole.astype(f"datetime64[{unit}]").astype("datetime64[s]"), "UTC", (note,))
    return Stamps(whole)


def _of_texts(series: pd.Series, place: str) -> Stamps:
    texts = series.str.strip()
    blank = np.flatnonzero(texts.isin(list(ALWAYS_MISSING)).to_numpy()) + 1
    if len(blank):
        raise DataError(
            place,
            "every row must have a time",
            found=f"{len(blank)} empty, {rows_text(blank)} (rows are counted from 1)",
            do="leave these rows out, or write their time",
        )
    codes, uniques = pd.factorize(texts)
    distinct = [str(text) for text in uniques]
    quarters = _quarters(distinct)
    if quarters is not None:
        return Stamps(quarters[codes])
    form, notes = _form_of(texts, distinct, place)
    zoned = False
    if form == "ISO8601" and any(":" in text and ZONE.search(text) for text in distinct):
        notes, zoned = (*notes, *_zones(texts, place)), True
    times = parse_dates(pd.Series(distinct, dtype=object), form).to_numpy().astype("datetime64[s]")[codes]
    return Stamps(times, "UTC" if zoned else "", notes)


def _quarters(texts: list[str]) -> np.ndarray | None:
    """ "2024Q1", "2024-Q1" and "2024 Q1" as the first day of the quarter; None for other texts."""
    months = []
    for text in texts:
        found = QUARTER.match(text)
        if found is None:
            return None
        months.append((int(found[1]) - 1970) * 12 + (int(found[2]) - 1) * 3)
    return np.array(months).astype("datetime64[M]").astype("datetime64[s]")


def forms_of(texts: list[str]) -> np.ndarray:
    """The first form of dates that reads each text, "" for none; object [n]."""
    found = np.full(len(texts), "", dtype=object)
    left = np.array([any(mark in text for mark in "-/.: ") and sum(c.isdigit() for c in text) >= 4 for text in texts])
    for form in ("ISO8601", *DATE_FORMATS):
        places = np.flatnonzero(left)
        if not len(places):
            break
        read = parse_dates(pd.Series([texts[place] for place in places], dtype=object), form).notna().to_numpy()
        found[places[read]] = form
        left[places[read]] = False
    return found


def _form_of(texts: pd.Series, distinct: list[str], place: str) -> tuple[str, tuple[str, ...]]:
    """(form, notes). One form must read all texts; together they decide whether day or month is first."""
    form, ambiguous = find_date_format(distinct)
    if form and len(distinct) > 2000 and parse_dates(pd.Series(distinct, dtype=object), form).isna().any():
        form = ""
    if form:
        note = f"{place}: day and month could be exchanged; read as {form}." if ambiguous else ""
        return form, (note,) if note else ()
    forms = pd.Series(forms_of(distinct), index=distinct)
    counts = forms[texts].value_counts()
    dates = [str(name) for name in counts.index if name]
    bad = np.flatnonzero((forms[texts] == "").to_numpy()) + 1
    if len(bad) or not dates:
        first = texts.iloc[int(bad[0]) - 1]
        raise DataError(
            place,
            "must hold dates that can be read",
            found=f"{first!r} in row {int(bad[0])}; {len(bad)} such, {rows_text(bad)} (rows are counted from 1)",
            cause="a typing mistake, a line of totals, or a form of dates that is not known here",
            do="write dates like 2024-01-31 or 2024-01-31 13:00",
        )
    day_first = [name for name in dates if name.startswith("%d/%m")]
    month_first = [name for name in dates if name.startswith("%m/%d")]
    if len(dates) == 2 and len(day_first) == 1 and len(month_first) == 1:
        dates = month_first if (counts[month_first[0]] > counts[day_first[0]]) else day_first
    examples = []
    for name in counts.index[:3]:
        rows = np.flatnonzero((forms[texts] == name).to_numpy()) + 1
        examples.append(f"{texts.iloc[int(rows[0]) - 1]!r} in {rows_text(rows, 3)}")
    raise DataError(
        place,
        "must hold dates in one form",
        found="; ".join(examples) + " (rows are counted from 1)",
        cause="two files with different settings were joined: day and month may be exchanged in some rows",
        do="write all dates like 2024-01-31",
    )


def _zones(texts: pd.Series, place: str) -> tuple[str, ...]:
    """What there is to say of stamps of which some name a zone: all must, and offsets may differ by an hour at most."""
    zones = texts.str.extract(ZONE)[0].where(texts.str.contains(":", regex=False))
    has = zones.notna().to_numpy()
    if not has.all():
        without = np.flatnonzero(~has) + 1
        raise _mixed(place, f"{int(has.sum())} stamps with a time zone, {len(without)} without ({rows_text(without)})")
    minutes = zones.map(_minutes).to_numpy(np.int64)
    values, first = np.unique(minutes, return_index=True)
    if values[-1] - values[0] > 60:
        examples = [f"{zones.iloc[int(row)]} in row {int(row) + 1}" for row in np.sort(first)[:4]]
        raise _mixed(place, ", ".join(examples))
    if len(values) == 1:
        note = "" if values[0] == 0 else f"{place}: times were taken from {zones.iloc[0]} to UTC."
    else:
        note = f"{place}: two offsets an hour apart (summer time); times were taken to UTC, which has no jump."
    return (note,) if note else ()


def _minutes(zone: str) -> int:
    if zone == "Z":
        return 0
    digits = zone[1:].replace(":", "")
    return (-1 if zone[0] == "-" else 1) * (int(digits[:2]) * 60 + int(digits[2:]))


def _mixed(place: str, found: str) -> DataError:
    return DataError(
        place,
        "all times must be in one time zone, or all without",
        found=f"{found} (rows are counted from 1)",
        cause="files of several places or programs were joined",
        do="df['time'] = pd.to_datetime(df['time'], utc=True)   # once you know the zone of every row",
    )
