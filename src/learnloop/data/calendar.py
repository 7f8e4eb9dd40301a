"""Calendar features of any time, past or to come: they are functions of the stamp alone and cannot leak."""

from __future__ import annotations

import numpy as np
import pandas as pd

from learnloop.errors import DataError, MissingExtraError

DAY = 86_400


def calendar_features(times: np.ndarray, zone: str = "", country: str = "") -> tuple[tuple[str, ...], np.ndarray]:
    """(names, float64 [n, features]) of datetime64[s] [n]; no feature for counts.

    year; month 1..12; day_of_week 0 (Monday)..6; hour 0..24 with minutes as a fraction; year_sin, year_cos = sin and
    cos of 2 pi times the share of the year that is over; week_ and day_ likewise, of the week and of the day. Those
    that cannot vary at this distance of stamps are left out: no hour for days, no day of the week for months. zone:
    the times are UTC, the features those of this zone's clocks. country: one more, holiday 0 or 1 (a code as "DE").

    Raises MissingExtraError where `country` is asked for without the library `holidays`, DataError for a country that
    it does not know.
    """
    if times.dtype.kind != "M" or not len(times):
        return (), np.empty((len(times), 0))
    local = _local(times, zone)
    day, month, year = (local.astype(f"datetime64[{unit}]") for unit in "DMY")
    second = (local - day.astype("datetime64[s]")).astype(np.float64)
    begin, end = year.astype("datetime64[s]"), (year + 1).astype("datetime64[s]")
    turn = (local - begin).astype(np.float64) / (end - begin).astype(np.float64)
    weekday = ((day.astype(np.int64) + 3) % 7).astype(np.float64)
    columns = {"year": year.astype(np.int64) + 1970.0, "month": month.astype(np.int64) % 12 + 1.0}
    columns |= _circle("year", turn)
    if _smallest(times) < 28 * DAY:
        columns |= {"day_of_week": weekday} | _circle("week", (weekday + second / DAY) / 7)
    if _smallest(times) < DAY:
        columns |= {"hour": second / 3600} | _circle("day", second / DAY)
    if country:
        columns["holiday"] = _holidays(day, country)
    return tuple(columns), np.column_stack(list(columns.values()))


def _circle(name: str, share: np.ndarray) -> dict[str, np.ndarray]:
    return {f"{name}_sin": np.sin(2 * np.pi * share), f"{name}_cos": np.cos(2 * np.pi * share)}


def _smallest(times: np.ndarray) -> int:
    return int(np.diff(times.astype("datetime64[s]").astype(np.int64)).min()) if len(times) > 1 else DAY


def _local(times: np.ndarray, zone: str) -> np.ndarray:
    seconds = times.astype("datetime64[s]")
    if zone in ("", "UTC"):
        return seconds
    index = pd.DatetimeIndex(seconds).tz_localize("UTC").tz_convert(zone).tz_localize(None)
    return np.asarray(index.to_numpy().astype("datetime64[s]"))


def _holidays(day: np.ndarray, country: str) -> np.ndarray:
    """1.0 on public holidays. The library is asked for the years that occur, once."""
    try:
        import holidays
    except ImportError:
        raise MissingExtraError.of("holidays", "forecast", f"holidays of {country!r}") from None
    years = range(
        int(day.min().astype("datetime64[Y]").astype(int)) + 1970,
        int(day.max().astype("datetime64[Y]").astype(int)) + 1971,
    )
    try:
        found = holidays.country_holidays(country, years=years)
    except NotImplementedError:
        raise DataError(
            "holidays", "must be the code of a country that the library knows", found=repr(country)
        ) from None
    free = np.array(sorted(np.datetime64(date, "D") for date in found), dtype="datetime64[D]")
    return np.isin(day, free).astype(np.float64)
