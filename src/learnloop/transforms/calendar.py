"""A date as numbers: what repeats (month, weekday, hour) and what does not (year, elapsed days)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from learnloop.contracts import State

_DAY = 86400.0


class Calendar:
    """date [n] -> float64 [n, 7 or 8]: the columns in `.names`.

    year, month 1..12, day_of_week 0 (Monday)..6, day_of_year_sin and _cos = sin, cos(2 pi (d - 1) / 365.25),
    hour 0..24 with minutes as a fraction (only where a training date has a time of day other than midnight),
    elapsed_days since the earliest training date, with the time of day as a fraction.

    Dates with a time zone are read as wall-clock time. NaT, and text that is no date, become NaN in every
    column. `invert` returns datetimes rounded to a millisecond, from elapsed_days.
    """

    def __init__(self) -> None:
        self.origin = "1970-01-01T00:00:00"
        self.hours = False

    @property
    def names(self) -> list[str]:
        names = ["year", "month", "day_of_week", "day_of_year_sin", "day_of_year_cos"]
        return [*names, *(["hour"] if self.hours else []), "elapsed_days"]

    def fit(self, values: Any) -> None:
        seconds = as_seconds(values)
        seconds = seconds[~np.isnan(seconds)]
        first = float(seconds.min()) if len(seconds) else 0.0
        self.origin = str(np.datetime64(round(first * 1000), "ms"))
        self.hours = bool((seconds % _DAY != 0).any())

    def apply(self, values: Any) -> np.ndarray:
        seconds = as_seconds(values)
        missing = np.isnan(seconds)
        days = np.floor(np.where(missing, 0.0, seconds) / _DAY)
        date = days.astype("datetime64[D]")
        year = date.astype("datetime64[Y]")
        month = date.astype("datetime64[M]")
        turn = (date - year.astype("datetime64[D]")).astype(np.float64) * (2 * np.pi / 365.25)
        columns = {
            "year": year.astype(np.int64) + 1970.0,
            "month": month.astype(np.int64) % 12 + 1.0,
            "day_of_week": (days + 3) % 7,  # 1 January 1970 was a Thursday
            "day_of_year_sin": np.sin(turn),
            "day_of_year_cos": np.cos(turn),
            "hour": (seconds - days * _DAY) / 3600.0,
            "elapsed_days": (seconds - self._origin_seconds()) / _DAY,
        }
        result = np.empty((len(seconds), len(self.names)))
        for position, name in enumerate(self.names):
            result[:, position] = columns[name]
        result[missing] = np.nan
        return result

    def invert(self, values: Any) -> np.ndarray:
        elapsed = np.asarray(values, dtype=np.float64)[:, -1]
        missing = np.isnan(elapsed)
        milliseconds = np.where(missing, 0.0, (elapsed * _DAY + self._origin_seconds()) * 1000)
        dates = np.round(milliseconds).astype(np.int64).astype("datetime64[ms]")
        dates[missing] = np.datetime64("NaT")
        return dates

    def _origin_seconds(self) -> float:
        return float(np.datetime64(self.origin, "ms").astype(np.int64)) / 1000

    def state_dict(self) -> State:
        return {"origin": self.origin, "hours": self.hours}

    def load_state_dict(self, state: State) -> None:
        self.origin, self.hours = str(state["origin"]), bool(state["hours"])


def as_seconds(values: Any) -> np.ndarray:
    """Wall-clock seconds since 1970-01-01 as float64 [n], NaN where there is no date."""
    series = values if isinstance(values, pd.Series) else pd.Series(np.asarray(values))
    if isinstance(series.dtype, pd.DatetimeTZDtype):
        series = series.dt.tz_localize(None)
    elif series.dtype.kind != "M":
        series = pd.to_datetime(series, errors="coerce")
    milliseconds = series.to_numpy().astype("datetime64[ms]")
    seconds = milliseconds.astype(np.int64) / 1000.0
    seconds[np.isnat(milliseconds)] = np.nan
    return seconds
