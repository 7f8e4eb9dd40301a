"""How often a series was measured: found from its stamps, and the even grid of times that goes with it.

A frequency is a pandas offset alias. What this file knows are seconds ("s", "15min", "h", "2h", "D", "W-SUN"), months
("MS", "ME", "QS", "QE", "YS", "YE", with a number in front) and working days ("B"); "" counts plain steps.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from learnloop.errors import DataError, nearest

DAY = 86_400
UNITS = {"s": 1, "min": 60, "h": 3600, "D": DAY, "W": 7 * DAY}
MONTHS = {"MS": 1, "ME": 1, "QS": 3, "QE": 3, "YS": 12, "YE": 12}
OLD_NAMES = {"S": "s", "T": "min", "H": "h", "d": "D", "w": "W", "b": "B", "M": "ME", "Q": "QE", "A": "YE", "Y": "YE"}
"""Aliases that pandas used before version 2.2, and small letters where no other unit has them."""
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
WORDS = {
    "s": "second",
    "min": "minute",
    "h": "hour",
    "D": "day",
    "B": "working day",
    "W": "week",
    "MS": "month",
    "ME": "month",
    "QS": "quarter",
    "QE": "quarter",
    "YS": "year",
    "YE": "year",
}
NICE = (1, 5, 10, 15, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10_800, 14_400, 21_600, 43_200, DAY, 7 * DAY)
"""Steps in seconds that irregular stamps are gathered into."""


@dataclass(frozen=True)
class Step:
    """One step of a frequency.

    kind   "seconds", "months", "workdays" or "count"
    size   so many of them
    end    months: the stamp is the last day of the month
    """

    kind: Literal["seconds", "months", "workdays", "count"]
    size: int
    end: bool = False


def parse(frequency: str, where: str = "frequency") -> Step:
    """The step of an alias. Raises DataError for one that is not known."""
    if frequency == "":
        return Step("count", 1)
    match = re.fullmatch(r"(\d*)([A-Za-z]+)(-[A-Z]{3})?", frequency.strip())
    number, unit = (int(match[1] or 1), OLD_NAMES.get(match[2], match[2])) if match else (0, "")
    if number and unit in UNITS:
        return Step("seconds", number * UNITS[unit])
    if number and unit in MONTHS:
        return Step("months", number * MONTHS[unit], end=unit.endswith("E"))
    if number == 1 and unit == "B":
        return Step("workdays", 1)
    raise DataError(
        where,
        "must be a frequency: a number and a unit",
        found=repr(frequency),
        do="15min, h, D, W, MS (months by their first day), QS, YS",
        available=nearest(frequency, ("s", "15min", "h", "D", "B", "W", "MS", "ME", "QS", "QE", "YS", "YE", "rows")),
    )


def standard(frequency: str, where: str = "frequency") -> str:
    """The alias as pandas 2.2 and later spells it: "H" becomes "h", "M" becomes "ME"."""
    parse(frequency, where)
    match = re.fullmatch(r"(\d*)([A-Za-z]+)(-[A-Z]{3})?", frequency.strip())
    if not match:
        return ""
    return f"{'' if match[1] in ('', '1') else match[1]}{OLD_NAMES.get(match[2], match[2])}{match[3] or ''}"


def words(frequency: str) -> str:
    """In words: "every month", "every 15 minutes"; "one row a step" for plain counts."""
    if not frequency:
        return "one row a step"
    match = re.fullmatch(r"(\d*)([A-Za-z]+)(-[A-Z]{3})?", frequency)
    if match is None or match[2] not in WORDS:
        return frequency
    return f"every {WORDS[match[2]]}" if not match[1] else f"every {match[1]} {WORDS[match[2]]}s"


def infer(times: np.ndarray) -> tuple[str, float]:
    """The alias of sorted, distinct stamps datetime64[s] [n], and the share of neighbours exactly one step apart.

    The step is the commonest distance, where at least half of all distances are it or a multiple of it; otherwise the
    stamps are irregular, and the step is the first of a ladder (seconds to weeks) that is not below their median
    distance. A share below 1 means gaps or irregular stamps; `gaps.regular` says which.
    """
    if len(times) < 2:
        return "", 1.0
    months = _months(times)
    if months is not None:
        return months
    seconds = np.diff(times.astype("datetime64[s]").astype(np.int64)).astype(np.int64)
    sizes, counts = np.unique(seconds, return_counts=True)
    step = int(sizes[np.argmax(counts)])
    if step == DAY and _workdays(times):
        return "B", float(np.mean(np.diff(_workday_numbers(times)) == 1))
    if np.mean(seconds % step == 0) < 0.5:
        step = next((nice for nice in NICE if nice >= np.median(seconds)), NICE[-1])
    return _alias(step, times), float(np.mean(seconds == step))


def _months(times: np.ndarray) -> tuple[str, float] | None:
    """Months, quarters or years: midnight, always the same day of the month or always its last one, 4 weeks apart."""
    days = times.astype("datetime64[D]")
    if (days.astype("datetime64[s]") != times.astype("datetime64[s]")).any():
        return None
    if np.diff(days.astype(np.int64)).min() < 28:
        return None
    month = days.astype("datetime64[M]")
    place = (days - month.astype("datetime64[D]")).astype(np.int64)
    last = ((days + 1).astype("datetime64[M]") == month + 1).all()
    if not last and (place != place[0]).any():
        return None
    between = np.diff(month.astype(np.int64))
    sizes, counts = np.unique(between, return_counts=True)
    step = int(sizes[np.argmax(counts)])
    unit, number = ("Y", step // 12) if step % 12 == 0 else ("Q", step // 3) if step % 3 == 0 else ("M", step)
    alias = f"{'' if number == 1 else number}{unit}{'E' if last else 'S'}"
    return alias, float(np.mean(between == step))


def _workdays(times: np.ndarray) -> bool:
    """Days, of which none falls on a weekend although there were at least two weekends between them."""
    days = times.astype("datetime64[D]")
    if (days.astype("datetime64[s]") != times.astype("datetime64[s]")).any():
        return False
    weekday = (days.astype(np.int64) + 3) % 7
    return bool((weekday < 5).all()) and int((days[-1] - days[0]).astype(np.int64)) >= 14


def _workday_numbers(times: np.ndarray) -> np.ndarray:
    days = times.astype("datetime64[D]")
    return np.asarray(np.busday_count(np.datetime64("1970-01-01"), days), dtype=np.int64)


def _alias(seconds: int, times: np.ndarray) -> str:
    if seconds % (7 * DAY) == 0:
        weekday = WEEKDAYS[int((times[0].astype("datetime64[D]").astype(np.int64) + 3) % 7)]
        return f"{'' if seconds == 7 * DAY else seconds // (7 * DAY)}W-{weekday}"
    unit = next(unit for unit in ("D", "h", "min", "s") if seconds % UNITS[unit] == 0)
    return f"{'' if seconds == UNITS[unit] else seconds // UNITS[unit]}{unit}"


def positions(times: np.ndarray, first: Any, frequency: str) -> tuple[np.ndarray, np.ndarray]:
    """The step of the grid from `first` that each stamp falls into, int64 [n], and whether it lies on it, bool [n]."""
    step = parse(frequency)
    if step.kind == "count":
        whole = np.asarray(times, dtype=np.int64) - int(first)
        return whole, np.ones(len(whole), dtype=bool)
    start = np.datetime64(first, "s")
    if step.kind == "months":
        month, origin = times.astype("datetime64[M]").astype(np.int64), start.astype("datetime64[M]").astype(np.int64)
        place = np.floor_divide(month - int(origin), step.size)
    elif step.kind == "workdays":
        numbers = _workday_numbers(times)
        place = numbers - int(_workday_numbers(np.array([start]))[0])
    else:
        seconds = times.astype("datetime64[s]").astype(np.int64) - int(start.astype(np.int64))
        place = np.floor_divide(seconds, step.size)
    return place, stamps(start, frequency, place) == times.astype("datetime64[s]")


def stamps(first: Any, frequency: str, steps: np.ndarray | Sequence[int]) -> np.ndarray:
    """The times of the grid that begins at `first`: of the steps 0, 1, ... asked for; datetime64[s] or int64 [n].

    Months keep the day of the month of `first`, at most the last one of each month.
    """
    step, number = parse(frequency), np.asarray(steps, dtype=np.int64)
    if step.kind == "count":
        return int(first) + number
    start = np.datetime64(first, "s")
    if step.kind == "seconds":
        return start + (number * step.size).astype("timedelta64[s]")
    day = start.astype("datetime64[D]")
    if step.kind == "workdays":
        return np.busday_offset(day, number, roll="forward").astype("datetime64[s]")
    month = day.astype("datetime64[M]") + number * step.size
    last = (month + 1).astype("datetime64[D]") - np.timedelta64(1, "D")
    if step.end:
        return last.astype("datetime64[s]")
    within = day - day.astype("datetime64[M]").astype("datetime64[D]")
    return np.minimum(month.astype("datetime64[D]") + within, last).astype("datetime64[s]")


def usual_seasons(frequency: str) -> tuple[int, ...]:
    """Lengths in steps of the seasons that the calendar gives this frequency, shortest first: days, weeks, years."""
    if not frequency:
        return ()
    step = parse(frequency)
    if step.kind == "months":
        return (12 // step.size,) if 12 % step.size == 0 and step.size < 12 else ()
    if step.kind == "workdays":
        return (5,)
    if step.size >= 7 * DAY:
        return (52,) if step.size == 7 * DAY else ()
    cycles = [length for length in (DAY, 7 * DAY, 365 * DAY) if length > step.size and length % step.size == 0]
    if step.size < 60:
        cycles = [60, 3600, *cycles]
    return tuple(length // step.size for length in cycles if length % step.size == 0 and length // step.size > 1)
