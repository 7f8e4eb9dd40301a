"""One series onto its even grid: duplicates, gaps, irregular stamps and clock changes found, counted and treated.

What is done is always said. The steps whose value was not measured are marked, so that scores can leave them out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from learnloop.data import frequency as freq
from learnloop.data.stamps import rows_text
from learnloop.errors import DataError

Fill = Literal["auto", "forward", "interpolate", "seasonal"]
FILLS: tuple[Fill, ...] = ("auto", "forward", "interpolate", "seasonal")
SHORT = 3
"""`auto` draws a straight line over gaps of at most so many steps: over a longer one the season would be lost."""
MOST_MISSING = 0.3
"""A series of which more would be made up than this is refused."""


@dataclass(frozen=True)
class Regular:
    """One series on its grid.

    times   datetime64[s] or int64 [n]; values float64 [n, variables], NaN where nothing was measured
    notes   what was found and done, one sentence each
    """

    times: np.ndarray
    values: np.ndarray
    notes: tuple[str, ...]


def regular(times: np.ndarray, values: np.ndarray, rows: np.ndarray, frequency: str, name: str = "") -> Regular:
    """Sorted onto the grid of `frequency` from the first stamp; steps without a row are NaN, several rows are averaged.

    times [n] as read, in any order; values [n, variables]; rows int64 [n], their numbers in the file from 1; name: the
    words that messages begin with, such as "Series H1".
    """
    start, notes = f"{name}: " if name else "", []
    order = np.argsort(times, kind="stable")
    if (order != np.arange(len(order))).any():
        late = int(np.flatnonzero(np.diff(times.astype(np.int64)) < 0)[0]) + 1
        notes.append(
            f"{start}The rows were not in order of time (row {rows[late]} is the first that goes back); sorted."
        )
    times, values, rows = times[order], values[order], rows[order]
    place, exact = freq.positions(times, times[0], frequency)
    count = int(place[-1]) + 1
    notes += _clock(times, frequency, start)
    again = np.flatnonzero(np.diff(place) == 0) + 1
    if len(again):
        notes.append(start + _doubled(times, values, rows, again, frequency))
    if not exact.all():
        off = np.flatnonzero(~exact)
        notes.append(
            f"{start}{len(off):,} of {len(times):,} stamps lie between two steps ({rows_text(rows[off])}): "
            f"resampled to {freq.words(frequency)}, each step the mean of the rows in it."
        )
    grid = freq.stamps(times[0], frequency, np.arange(count))
    return Regular(grid, _averaged(values, place, count), tuple(notes))


def _averaged(values: np.ndarray, place: np.ndarray, count: int) -> np.ndarray:
    """The mean of the known values in each step, [count, variables]; NaN where there is none."""
    if count == len(values) and (np.diff(place) == 1).all():
        return values.astype(np.float64)
    known = ~np.isnan(values)
    result = np.full((count, values.shape[1]), np.nan)
    for column in range(values.shape[1]):
        some = known[:, column]
        number = np.bincount(place[some], minlength=count)
        total = np.bincount(place[some], weights=values[some, column], minlength=count)
        result[number > 0, column] = total[number > 0] / number[number > 0]
    return result


def _doubled(times: np.ndarray, values: np.ndarray, rows: np.ndarray, again: np.ndarray, frequency: str) -> str:
    same = again[times[again] == times[again - 1]]
    if len(same) < len(again):
        return f"{len(again):,} rows share a step of {freq.words(frequency)} with the row before them; averaged."
    equal = ((values[same] == values[same - 1]) | (np.isnan(values[same]) & np.isnan(values[same - 1]))).all(axis=1)
    what = "with the same values; one was kept" if equal.all() else "with other values; their mean was taken"
    return f"{len(same):,} stamps come twice ({rows_text(rows[same])}), {what}."


def _clock(times: np.ndarray, frequency: str, start: str) -> list[str]:
    """Summer time in wall-clock stamps: an hour left out on a Sunday in spring, one that comes twice in autumn."""
    step = freq.parse(frequency)
    if step.kind != "seconds" or step.size > 3600:
        return []
    seconds = np.diff(times.astype("datetime64[s]").astype(np.int64))
    night = _at_change(times[1:])
    missing = np.flatnonzero((seconds == 3600 + step.size) & night)
    hours = times.astype("datetime64[h]").astype("datetime64[s]")
    twice = np.unique(hours[1:][(seconds == 0) & night])
    if not len(missing) or not len(twice):
        return []
    return [
        f"{start}Daylight-saving jumps: {len(missing)} nights without an hour (first {_text(times[missing[0] + 1])}) "
        f"and {len(twice)} with one twice (first {_text(twice[0])}). The times are wall-clock times without a zone; "
        "the missing hour was filled, the double one averaged. With a zone in the stamps (+01:00) nothing is lost."
    ]


def _at_change(times: np.ndarray) -> np.ndarray:
    """Sundays from midnight to four, in March, April, September, October or November."""
    day, month = times.astype("datetime64[D]"), times.astype("datetime64[M]").astype(np.int64) % 12 + 1
    sunday = (day.astype(np.int64) + 3) % 7 == 6
    early = (times - day.astype("datetime64[s]")).astype(np.int64) <= 4 * 3600
    return np.asarray(sunday & early & np.isin(month, (3, 4, 9, 10, 11)))


def _text(time: np.datetime64) -> str:
    return str(time.astype("datetime64[m]")).replace("T", " ")


def runs(missing: np.ndarray) -> np.ndarray:
    """First step and length of each run of True; int64 [runs, 2]."""
    edges = np.diff(np.concatenate([[0], missing.astype(np.int8), [0]]))
    first = np.flatnonzero(edges == 1)
    return np.stack([first, np.flatnonzero(edges == -1) - first], axis=1)


def filled(values: np.ndarray, how: Fill, season: int) -> np.ndarray:
    """The series without NaN; values [n] with a known first and last value.

    forward      the last known value: knows nothing of what comes after the gap
    interpolate  a straight line between the neighbours of the gap
    seasonal     that line, plus how far the same place of the nearest seasons lay from its own line
    auto         interpolate up to 3 steps, beyond that seasonal where there is a season, else interpolate
    """
    missing = np.isnan(values)
    if not missing.any():
        return values
    if how == "forward":
        last = np.maximum.accumulate(np.where(missing, 0, np.arange(len(values))))
        return np.asarray(values[last])
    steps = np.arange(len(values))
    line = np.interp(steps, steps[~missing], values[~missing])
    if how == "interpolate" or season < 2:
        return line
    result = line.copy()
    for first, length in runs(missing):
        if how == "seasonal" or length > SHORT:
            gap = np.arange(first, first + length)
            result[gap] += _beside(line, missing, gap, season)
    return result


def _beside(line: np.ndarray, missing: np.ndarray, gap: np.ndarray, season: int) -> np.ndarray:
    """How far the season before and the season after lie from the straight line between their own two ends, [gap]."""
    found = np.zeros((2, len(gap)))
    number = np.zeros(len(gap))
    for row, sign in enumerate((-1, 1)):
        for cycle in range(1, 4):
            there = gap + sign * cycle * season
            left, right = there[0] - 1, there[-1] + 1
            if left < 0 or right >= len(line) or missing[left : right + 1].any():
                continue
            chord = np.interp(there, [left, right], [line[left], line[right]])
            found[row], number = line[there] - chord, number + 1
            break
    return np.asarray(found.sum(axis=0) / np.maximum(number, 1))


def fill_series(
    values: np.ndarray, how: Fill, season: int, where: str, name: str = ""
) -> tuple[np.ndarray, np.ndarray, str]:
    """(values without NaN, which steps [n] were made up in any variable, a sentence or ""); values [n, variables].

    The first and last step must be known. Raises DataError where more than 30 % of the steps would be made up.
    """
    missing = np.isnan(values)
    if not missing.any():
        return values, np.zeros(len(values), dtype=bool), ""
    any_missing = missing.any(axis=1)
    share = float(missing.mean(axis=0).max())
    gaps = runs(any_missing)
    many = f"{len(gaps):,} gap{'' if len(gaps) == 1 else 's'}"
    words = f"{many}, {int(any_missing.sum()):,} of {len(values):,} steps ({any_missing.mean():.1%})"
    if share > MOST_MISSING:
        raise DataError(
            f"{where}, series {name}" if name else where,
            f"at most {MOST_MISSING:.0%} of the steps may be missing",
            found=f"{words}; the longest is of {int(gaps[:, 1].max()):,} steps",
            cause="the frequency is finer than the data, or rows stand for events and not for even steps",
            do=("--set series.frequency=D   # a coarser step", "--set series.frequency=rows   # every row is a step"),
        )
    result = np.column_stack([filled(_ends(column), how, season) for column in values.T])
    start = f"Series {name}: " if name else ""
    return result, any_missing, f"{start}{words} had no value; {_method(how, season, int(gaps[:, 1].max()))}."


def _ends(column: np.ndarray) -> np.ndarray:
    """A covariate that begins later or ends earlier than the target keeps its first and last value there."""
    known = np.flatnonzero(~np.isnan(column))
    result = column.copy()
    if len(known):
        result[: known[0]], result[known[-1] + 1 :] = column[known[0]], column[known[-1]]
    return result


def _method(how: Fill, season: int, longest: int) -> str:
    if how == "forward":
        return "filled with the last value before them (fill=forward)"
    if how == "interpolate" or season < 2:
        said = "" if how == "interpolate" else "; no season was found"
        return f"filled along a straight line between their neighbours (fill={how}{said})"
    if how == "seasonal":
        return f"filled with the shape of the nearest seasons of {season} steps (fill=seasonal)"
    if longest <= SHORT:
        return "filled along a straight line, as they are short (fill=auto)"
    return f"filled: up to {SHORT} steps along a straight line, longer ones like the nearest seasons (fill=auto)"
