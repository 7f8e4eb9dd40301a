"""`Loose` series onto one even grid: frequency, gaps, seasons; what was done is said once for all series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from learnloop.data import frequency as freq
from learnloop.data.gaps import MOST_MISSING, Fill, fill_series, filled, regular
from learnloop.data.panel_raw import Loose
from learnloop.data.seasons import seasons_of
from learnloop.errors import DataError

ROWS = "rows"
"""The frequency that makes every row a step, however much time lies between."""
LOOKED_AT = 50
SHOWN = 3


@dataclass(frozen=True)
class Built:
    """Regular series: the fields of `Panel` that come out of building."""

    loose: Loose
    frequency: str
    season: int
    seasons: tuple[int, ...]
    filled: tuple[np.ndarray, ...]
    notes: tuple[str, ...]
    searched: str
    """The last of the notes, where the seasons were looked for in the values; empty where they are given."""


def build(loose: Loose, frequency: str | None, season: int | None, fill: Fill) -> Built:
    """Find the frequency, sort every series onto its grid, cut unknown ends, find the seasons, fill what is missing.

    Raises DataError for series without two values, for constant ones, for a series of which too much is missing, and
    for a season that is given and of which there are not two.
    """
    loose = _without_empty(loose)
    alias, said = _frequency(loose, frequency)
    notes = [*loose.notes, said] if said else [*loose.notes]
    loose, found = _on_grid(loose, alias)
    notes += summed(found)
    loose, cut = _trimmed(loose)
    notes += summed(cut)
    loose, aside = _without_poor(loose)
    notes += aside
    _check_constant(loose, notes)
    if season is not None:
        check_season(loose, season)
    seasons, how = _seasons(loose, alias, season)
    main = seasons[0] if seasons else 1
    done = [
        fill_series(values, fill, main, loose.name, one) for values, one in zip(loose.values, loose.ids, strict=True)
    ]
    notes += summed([note for _, _, note in done if note])
    loose = replace(loose, values=tuple(values for values, _, _ in done))
    given = season is not None or loose.season is not None
    marks = tuple(marks for _, marks, _ in done)
    return Built(loose, alias, main, seasons, marks, (*notes, how), "" if given else how)


def summed(notes: Sequence[str]) -> list[str]:
    """At most three sentences about single series, and how many more there are like them."""
    more = len(notes) - SHOWN
    return list(notes) if more <= 1 else [*notes[:SHOWN], f"The same or the like of {more:,} more series."]


def _without_empty(loose: Loose) -> Loose:
    """Without series of which nothing is known. Raises DataError where none has two values."""
    short = [place for place, values in enumerate(loose.values) if _known(values[:, : loose.targets]) < 2]
    if len(short) == len(loose.values):
        raise DataError(
            loose.name,
            "a series must have at least two values",
            found=f"{max((_known(values[:, : loose.targets]) for values in loose.values), default=0)}",
        )
    if not short:
        return loose
    kept = [place for place in range(len(loose.ids)) if place not in set(short)]
    note = f"{len(short)} series with fewer than two values were left out: {_some([loose.ids[one] for one in short])}."
    chosen = np.array(kept, dtype=np.int64)
    return replace(
        loose,
        ids=tuple(loose.ids[place] for place in kept),
        times=tuple(loose.times[place] for place in kept),
        values=tuple(loose.values[place] for place in kept),
        rows=tuple(loose.rows[place] for place in kept),
        known={name: tuple(series[place] for place in kept) for name, series in loose.known.items()},
        static={name: values[chosen] for name, values in loose.static.items()},
        parts={name: ends[chosen] for name, ends in loose.parts.items()},
        notes=(*loose.notes, note),
    )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (" and more" if len(names) > SHOWN else "")


def _known(values: np.ndarray) -> int:
    return int((~np.isnan(values)).any(axis=1).sum())


def _frequency(loose: Loose, asked: str | None) -> tuple[str, str]:
    """(alias, a sentence). What is asked for, else what the source says, else what most series show."""
    if loose.counted or asked == ROWS or loose.frequency == ROWS:
        return "", "" if loose.counted else "Every row is a step, whatever time lies between."
    if asked:
        alias = freq.standard(asked, "--set series.frequency")
        return alias, f"Frequency {alias} ({freq.words(alias)}), as was asked for."
    if loose.frequency is not None:
        return loose.frequency, f"Frequency {loose.frequency or 'none'} ({freq.words(loose.frequency)})."
    step = max(1, len(loose.times) // LOOKED_AT)
    looked = [np.unique(times) for times in loose.times[::step]]
    if looked[0].dtype.kind != "M":
        return _counts(looked)
    found = Counter(freq.infer(times)[0] for times in looked if len(times) > 1)
    if not found:
        raise DataError(loose.name, "must have at least two different times", do="--set series.frequency=rows")
    alias = found.most_common(1)[0][0]
    even = float(np.mean([freq.infer(times)[1] for times in looked if len(times) > 1]))
    others = (
        f"; other series look like {', '.join(name for name, _ in found.most_common()[1:3])}" if len(found) > 1 else ""
    )
    share = "" if even == 1 else f", which {even:.1%} of neighbouring stamps are apart"
    return alias, f"Frequency {alias} ({freq.words(alias)}), found from the stamps{share}{others}."


def _counts(looked: Sequence[np.ndarray]) -> tuple[str, str]:
    steps = {int(step) for times in looked for step in np.diff(times)}
    return "", "" if steps <= {1} else "The numbers of the time column are steps; numbers left out are gaps."


def _on_grid(loose: Loose, alias: str) -> tuple[Loose, list[str]]:
    """Every series on its own grid, with its covariates; and what was found."""
    if loose.counted:
        return loose, []
    names, notes = list(loose.known), list[str]()
    times, values, known = [], [], []
    for place, one in enumerate(loose.ids):
        table = np.column_stack([loose.values[place], *[loose.known[name][place] for name in names]])
        stamps, rows = loose.times[place], loose.rows[place]
        if alias == "" and stamps.dtype.kind == "M":
            order = np.argsort(stamps, kind="stable")
            new_times, new_table, found = stamps[order], table[order], tuple[str, ...]()
        else:
            done = regular(stamps, table, rows, alias, f"Series {one}" if one else "")
            new_times, new_table, found = done.times, done.values, done.notes
        notes += found
        times.append(new_times)
        values.append(new_table[:, : loose.values[place].shape[1]])
        known.append(new_table[:, loose.values[place].shape[1] :])
    columns = {name: tuple(table[:, place] for table in known) for place, name in enumerate(names)}
    return replace(loose, times=tuple(times), values=tuple(values), known=columns), notes


def _trimmed(loose: Loose) -> tuple[Loose, list[str]]:
    """Cut steps before the first and behind the last at which all targets are known; covariates keep their future."""
    times, values, notes = [], [], []
    known: dict[str, list[np.ndarray]] = {name: [] for name in loose.known}
    for place, one in enumerate(loose.ids):
        there = np.flatnonzero(~np.isnan(loose.values[place][:, : loose.targets]).any(axis=1))
        if len(there) < 2:
            raise DataError(
                loose.name,
                f"series {one!r} must have at least two steps at which all targets are known",
                found=str(len(there)),
            )
        first, end, count = int(there[0]), int(there[-1]) + 1, len(loose.values[place])
        if (first or end < count) and not loose.counted:
            where = f"Series {one}: " if one else ""
            future = " (covariates known there are kept)" if known and end < count else ""
            notes.append(
                f"{where}{first} steps before the first and {count - end} behind the last known value were cut{future}."
            )
        times.append(loose.times[place][first:end])
        values.append(loose.values[place][first:end])
        for name, column in known.items():
            column.append(_covariate(loose.known[name][place][first:], name, one, loose.name))
    covariates = {name: tuple(column) for name, column in known.items()}
    return replace(loose, times=tuple(times), values=tuple(values), known=covariates), notes


def _without_poor(loose: Loose) -> tuple[Loose, list[str]]:
    """Without the variables that are no targets and of which too much is missing in some series."""
    kept, notes = list(range(loose.targets)), []
    for column in range(loose.targets, len(loose.variables)):
        share, one = max(
            (float(np.isnan(values[:, column]).mean()), one)
            for values, one in zip(loose.values, loose.ids, strict=True)
        )
        if share <= MOST_MISSING:
            kept.append(column)
        else:
            where = f" in series {one}" if one else ""
            notes.append(f"Column {loose.variables[column]} was set aside: {share:.0%} of it is missing{where}.")
    if not notes:
        return loose, notes
    variables = tuple(loose.variables[column] for column in kept)
    return replace(loose, variables=variables, values=tuple(values[:, kept] for values in loose.values)), notes


def _covariate(values: np.ndarray, name: str, one: str, where: str) -> np.ndarray:
    if np.isnan(values).all():
        raise DataError(f"{where}, column {name}", f"must hold a number in series {one!r}", found="none")
    edge = np.flatnonzero(~np.isnan(values))
    inner = filled(values[edge[0] : edge[-1] + 1], "forward", 1)
    return np.concatenate([np.full(edge[0], inner[0]), inner])  # what lies behind the last is not known


def _check_constant(loose: Loose, notes: list[str]) -> None:
    flat = [
        one
        for one, values in zip(loose.ids, loose.values, strict=True)
        if np.nanmax(values[:, 0]) == np.nanmin(values[:, 0])
    ]
    if len(flat) == len(loose.ids):
        value = float(loose.values[0][0, 0])
        raise DataError(
            f"{loose.name}, column {loose.variables[0]}",
            "must vary to be forecast",
            found=f"the same value {value:g} at all {len(loose.values[0]):,} steps",
            cause="a column that was never filled in, or the wrong column",
            do=f"forecast {value:g}: no method does better",
            available=loose.variables[1:],
        )
    if flat:
        notes.append(f"{len(flat)} of {len(loose.ids):,} series are constant: {_some(flat)}.")


def check_season(loose: Loose, season: int) -> None:
    """Two whole seasons, in at least one series, are the least that a season can be learnt from. Raises DataError."""
    longest = max(len(values) for values in loose.values)
    if season >= 1 and longest >= 2 * season:
        return
    raise DataError(
        "--set series.season",
        "must fit at least twice into the series" if season >= 1 else "must be at least 1 (no season)",
        found=f"a season of {season} steps, {longest} values",
        do="--set series.season=1   # no season",
    )


def _seasons(loose: Loose, alias: str, asked: int | None) -> tuple[tuple[int, ...], str]:
    """(seasons, shortest first, a sentence). They are looked for in all values; `Panel.seasons_before` looks again."""
    given = asked if asked is not None else loose.season
    if given is not None:
        return (
            (given,) if given > 1 else ()
        ), f"Season: {given} steps, given." if given > 1 else "No season, as given."
    step = max(1, len(loose.values) // 200)
    return seasons_of([filled(_inner(values[:, 0]), "interpolate", 1) for values in loose.values[::step]], alias)


def _inner(values: np.ndarray) -> np.ndarray:
    known = np.flatnonzero(~np.isnan(values))
    return values[known[0] : known[-1] + 1]
