"""Newer rows behind a panel that is known already: read alike, put on the same grid, joined; what was done is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from learnloop.data import frequency as freq
from learnloop.data.gaps import MOST_MISSING, Fill, fill_series, filled, regular
from learnloop.data.newer_read import Reading, read_newer
from learnloop.data.panel import Panel
from learnloop.data.panel_build import summed
from learnloop.data.panel_raw import Loose
from learnloop.errors import DataError, nearest

CLOSE = 1e-9
"""Relative difference up to which two values of one stamp are the same."""
REGULAR, FEWEST = 0.9, 4
"""Newer stamps have a frequency of their own where there are so many of them and this share is evenly spaced."""


@dataclass(frozen=True)
class Continued:
    """panel: with the newer rows behind it. added int64 [series]: steps that it is longer. notes: sentences."""

    panel: Panel
    added: np.ndarray
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Longer:
    """One series with its newer rows. known: its covariates; spoken: whether the rows said anything new."""

    times: np.ndarray
    values: np.ndarray
    marks: np.ndarray
    known: Mapping[str, np.ndarray]
    spoken: bool
    notes: tuple[str, ...]


def continued(panel: Panel, source: Any, reading: Reading) -> Continued:
    """`panel` with the rows of `source` (a file, a catalog name, a frame, arrays) behind it.

    Rows of stamps that the panel has already must have the same values; where they have others, the newer ones count,
    which is said. Steps between the old end and the newer rows, and values left empty among them, are filled as the
    run's own gaps were; empty ones at the very end are cut: a forecast begins behind the last known value.
    Rows without times follow the last step.

    Raises SchemaError for missing columns; DataError for series that the panel does not have, another frequency,
    another sense of time zones, rows none of which is newer, and more than 30 % of a series missing.
    """
    loose = read_newer(panel, source, reading)
    places = _places(panel, loose)
    _check_frequency(panel, loose)
    longer = {place: _longer(panel, place, loose, row, reading.fill) for row, place in enumerate(places)}
    if not any(one.spoken for one in longer.values()):
        raise _nothing_new(panel, loose, places)
    every = range(len(panel))
    values = tuple(longer[place].values if place in longer else panel.values[place] for place in every)
    marks = tuple(longer[place].marks if place in longer else _marks(panel, place) for place in every)
    result = replace(
        panel,
        times=tuple(longer[place].times if place in longer else panel.times[place] for place in every),
        values=values,
        filled=marks,
        known={
            name: tuple(longer[place].known[name] if place in longer else series[place] for place in every)
            for name, series in panel.known.items()
        },
        parts={},
    )
    added = result.lengths - panel.lengths
    notes = [*loose.notes, *summed([note for one in longer.values() for note in one.notes])]
    left = len(panel) - int((added > 0).sum())
    if left and len(panel) > 1:
        notes.append(f"{left:,} of {len(panel):,} series have no newer value: they are forecast from their old end.")
    return Continued(result, added, tuple(dict.fromkeys(notes)))


def _places(panel: Panel, loose: Loose) -> list[int]:
    """Where each series of the rows stands in the panel. Raises DataError for one that it does not have."""
    if len(panel) == 1 and len(loose.ids) == 1 and "" in (panel.ids[0], loose.ids[0]):
        return [0]
    place = {name: number for number, name in enumerate(panel.ids)}
    strange = [name for name in loose.ids if name not in place]
    if strange:
        shown = ", ".join(repr(name) for name in strange[:3]) + (" and more" if len(strange) > 3 else "")
        raise DataError(
            loose.name,
            "must hold series that the run has",
            found=f"{len(strange):,} of {len(loose.ids):,} that it does not have: {shown}",
            cause="a spelling mistake, or series that were not there when the run was fitted",
            do="learnloop fit DATA   # on all series",
            available=nearest(strange[0], panel.ids[:5000]),
        )
    return [place[name] for name in loose.ids]


def _check_frequency(panel: Panel, loose: Loose) -> None:
    """Raises DataError where the newer stamps are evenly spaced by another step than the panel's."""
    if not panel.frequency or loose.counted:
        return
    ours = freq.parse(panel.frequency)
    for times, one in zip(loose.times, loose.ids, strict=True):
        stamps = np.unique(times)
        if len(stamps) < FEWEST:
            continue
        alias, even = freq.infer(stamps)
        theirs = freq.parse(alias)
        weekdays = ((stamps.astype("datetime64[D]").astype(np.int64) + 3) % 7 < 5).all()
        days = {ours.kind, theirs.kind} == {"seconds", "workdays"} and freq.DAY in (ours.size, theirs.size) and weekdays
        if even < REGULAR or (theirs.kind, theirs.size) == (ours.kind, ours.size) or days:
            continue
        where = f"{loose.name}, series {one}" if one else loose.name
        finer = np.median(np.diff(stamps)) < np.median(np.diff(panel.times[0]))
        raise DataError(
            where,
            f"must have one row {freq.words(panel.frequency)} ({panel.frequency}), as the run's data has",
            found=f"one {freq.words(alias)} ({alias})",
            cause="another file, or rows that were not put together to the same step" if finer else "another file",
            do=f"df.resample({panel.frequency!r}).mean()   # or .sum(), as the run's data was made" if finer else (),
        )


def _longer(panel: Panel, place: int, loose: Loose, row: int, fill: Fill) -> _Longer:
    """Series `place` of the panel with the rows of series `row` of `loose`."""
    name = f"Series {panel.ids[place]}" if panel.ids[place] else ""
    start = f"{name}: " if name else ""
    names = list(panel.known)
    table = np.column_stack([loose.values[row], *[loose.known[one][row] for one in names]])  # [rows, variables + known]
    count = len(panel.values[place])
    if loose.counted:
        times, fresh, notes = None, np.concatenate([np.full((count, table.shape[1]), np.nan), table]), list[str]()
    elif panel.frequency or panel.times[place].dtype.kind != "M":
        fresh, notes = _on_grid(panel, place, loose.times[row], table, loose.rows[row], name)
        times = None
    else:
        times, fresh, notes = _as_rows(panel.times[place], loose.times[row], table, start)
    width = len(panel.variables)
    values, changed = _agreed(panel, place, fresh[:, :width], start)
    notes += [*changed, *_held(panel, values, fresh, count)]
    end = max(count, _last_known(values[:, : panel.targets]) + 1)
    tail = len(values) - end
    known = {one: _covariate(panel.known[one][place], fresh[:, width + at]) for at, one in enumerate(names)}
    ahead = any(len(series) > len(panel.known[one][place]) for one, series in known.items())
    steps = times if times is not None else _stamps(panel, place, len(values))
    if tail and not ahead:
        first = stamp_text(steps[end : end + 1])[0]
        notes.append(
            f"{start}The last {tail} steps have no value: the forecast begins at {first}, behind the last known one."
        )
    _check_gaps(values[:end], steps, count, loose.name, panel.ids[place])
    whole, marks, note = fill_series(values[:end], fill, panel.season, loose.name, panel.ids[place])
    if note:
        notes.append(note)
    marks[:count] |= _marks(panel, place) & ~_measured(fresh[:count, :width])
    spoken = len(fresh) > count or ahead
    return _Longer(steps[:end], whole, marks, known, spoken, tuple(notes))


def _on_grid(
    panel: Panel, place: int, times: np.ndarray, table: np.ndarray, rows: np.ndarray, name: str
) -> tuple[np.ndarray, list[str]]:
    """The rows on the grid of the series, from its first step on; NaN where there is no row."""
    first = panel.times[place][0]
    early = times < first
    notes = [f"{name + ': ' if name else ''}{int(early.sum())} rows are older than the run's data: left out."]
    notes = notes if early.any() else []
    times, table, rows = times[~early], table[~early], rows[~early]
    if not (times == first).any():  # the grid begins at the first of the stamps
        times = np.concatenate([[first], times])
        table = np.concatenate([np.full((1, table.shape[1]), np.nan), table])
        rows = np.concatenate([[0], rows])
    found = regular(times, table, rows, panel.frequency, name)
    missing = max(0, len(panel.values[place]) - len(found.values))
    fresh = np.concatenate([found.values, np.full((missing, table.shape[1]), np.nan)])
    return fresh, [*notes, *found.notes]


def _as_rows(
    old: np.ndarray, times: np.ndarray, table: np.ndarray, start: str
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Where every row is a step: (times, rows, notes); rows of stamps that the series has stand at their step."""
    order = np.argsort(times, kind="stable")
    times, table = times[order], table[order]
    newer = times > old[-1]
    at = np.searchsorted(old, times[~newer])
    known = old[np.minimum(at, len(old) - 1)] == times[~newer]
    fresh = np.full((len(old) + int(newer.sum()), table.shape[1]), np.nan)
    fresh[at[known]] = table[~newer][known]
    fresh[len(old) :] = table[newer]
    lost = int((~known).sum())
    notes = [f"{start}{lost} rows are not newer than the run's data, which has no such stamps: left out."]
    return np.concatenate([old, times[newer]]), fresh, notes if lost else []


def _agreed(panel: Panel, place: int, fresh: np.ndarray, start: str) -> tuple[np.ndarray, list[str]]:
    """The values of the series with the newer rows [steps, variables], and a note where they disagree."""
    old = panel.values[place]
    count, there = len(old), ~np.isnan(fresh[: len(old)])
    apart = there & ~np.isclose(fresh[:count], old, rtol=CLOSE, atol=0) & ~_marks(panel, place)[:, None]
    values = fresh.copy()
    values[:count] = np.where(there, fresh[:count], old)
    steps = np.flatnonzero(apart.any(axis=1))
    if not len(steps):
        return values, []
    step, column = int(steps[0]), int(np.flatnonzero(apart[steps[0]])[0])
    both = int(there.any(axis=1).sum())
    return values, [
        f"{start}At {len(steps):,} of {both:,} stamps that both have, the newer rows have other values (first "
        f"{stamp_text(panel.times[place][step : step + 1])[0]}: {panel.variables[column]} was {old[step, column]:g}, "
        f"is {fresh[step, column]:g}): the newer ones count."
    ]


def _check_gaps(values: np.ndarray, steps: np.ndarray, count: int, where: str, name: str) -> None:
    """Raises DataError where so much would be made up that little of the newer rows is left."""
    missing = np.isnan(values).any(axis=1)
    if missing.mean() <= MOST_MISSING:
        return
    first = count + int(np.argmax(missing[count:]))
    until = first + int(np.argmin(missing[first:]))
    raise DataError(
        f"{where}, series {name}" if name else where,
        f"must follow the run's data: at most {MOST_MISSING:.0%} of all steps may be missing",
        found=f"{int(missing.sum()):,} of {len(values):,} steps without a value, the first of them from "
        f"{stamp_text(steps[first : first + 1])[0]} until {stamp_text(steps[until : until + 1])[0]}",
        cause="rows between the run's data and these were left out",
        do="hand in the rows in between too, or: learnloop fit DATA   # anew, on all rows",
    )


def _held(panel: Panel, values: np.ndarray, fresh: np.ndarray, count: int) -> list[str]:
    """Variables without any newer value keep their last one, in place; a sentence where there are such."""
    columns = [column for column in range(panel.targets, len(panel.variables)) if np.isnan(fresh[count:, column]).all()]
    if not columns or len(fresh) == count:
        return []
    values[count:, columns] = values[count - 1, columns]
    return [f"Without newer values, kept at their last ones: {', '.join(panel.variables[one] for one in columns[:8])}."]


def _covariate(old: np.ndarray, fresh: np.ndarray) -> np.ndarray:
    """A covariate known ahead: newer values over older ones, steps between with the value before them."""
    both = np.full(max(len(old), len(fresh)), np.nan)
    both[: len(old)] = old
    there = np.flatnonzero(~np.isnan(fresh))
    both[there] = fresh[there]
    return filled(both[: _last_known(both[:, None]) + 1], "forward", 1)


def _last_known(values: np.ndarray) -> int:
    """The last step at which all columns are known; -1 for none."""
    there = np.flatnonzero(~np.isnan(values).any(axis=1))
    return int(there[-1]) if len(there) else -1


def _measured(values: np.ndarray) -> np.ndarray:
    return np.asarray(~np.isnan(values).any(axis=1))


def _marks(panel: Panel, place: int) -> np.ndarray:
    return panel.filled[place] if panel.filled else np.zeros(len(panel.values[place]), dtype=bool)


def _stamps(panel: Panel, place: int, count: int) -> np.ndarray:
    times = panel.times[place]
    more = count - len(times)
    return np.concatenate([times, panel.future(place, more)]) if more > 0 else times


def _nothing_new(panel: Panel, loose: Loose, places: Sequence[int]) -> DataError:
    ends = [panel.times[place][-1] for place in places]
    last = [times.max() for times in loose.times]
    return DataError(
        loose.name,
        f"must hold rows behind the end of the run's data, {stamp_text(np.array([max(ends)]))[0]}",
        found=f"{sum(len(times) for times in loose.times):,} rows up to {stamp_text(np.array([max(last)]))[0]}",
        cause="the file that the run was fitted on, or an older one",
        do="leave the file out: the forecast then begins behind the run's data",
    )


def stamp_text(times: np.ndarray, zone: str = "") -> list[str]:
    """ISO 8601: days alone where all stamps are midnights, Z behind times in UTC; numbers of steps as they are."""
    if times.dtype.kind != "M":
        return [str(int(time)) for time in times]
    days = times.astype("datetime64[D]")
    if (days.astype("datetime64[s]") == times.astype("datetime64[s]")).all():
        return [str(day) for day in days]
    return [f"{time}{'Z' if zone else ''}" for time in times.astype("datetime64[s]")]
