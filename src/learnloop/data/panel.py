"""`Panel`: one or many regular series with the same variables and the same step, ready to be forecast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from learnloop.data import frequency as freq
from learnloop.data.calendar import calendar_features
from learnloop.data.gaps import FILLS, Fill
from learnloop.data.panel_build import build
from learnloop.data.panel_open import open_series
from learnloop.data.panel_tables import Roles
from learnloop.data.seasons import seasons_of
from learnloop.errors import DataError, nearest

Series = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Panel:
    """Regular series, after gaps were treated.

    name       what the user typed
    ids        the name of each series; ("",) for a single one
    times      datetime64[s] or int64 [n_i] of each series, evenly spaced by `frequency`
    values     float64 [n_i, variables] of each series, without NaN
    variables  names, the targets first
    targets    how many of the variables are forecast; the others are only known up to now
    frequency  a pandas offset alias ("MS", "D", "h", "15min"), or "" where steps are counted: then `times` are counts,
               or the stamps of rows that are not evenly spaced (trading days)
    season     steps of the main season (12, 7, 24), 1 where there is none
    seasons    all seasons found, shortest first
    filled     bool [n_i] of each series: the value was made up, so it should count in no score
    known      name -> float64 [n_i + future_i] of each series: covariates whose future is known; calendar features are
               computed (`calendar`) and not stored
    static     name -> one value a series, float64 or text [series]
    parts      name -> int64 [series]: where the official part of this name ends ("train", "validation", "test")
    horizon    steps ahead that the official protocol forecasts, 0 where there is none
    zone       of the times: "" wall-clock, else they are UTC and calendar features are those of this zone
    notes      sentences to show once; origin: {"path": ..., "sha256": ..., "catalog": ...}
    searched   that one of the notes that tells of the seasons, where they were looked for in the values; else ""
    """

    name: str
    ids: tuple[str, ...]
    times: Series
    values: Series
    variables: tuple[str, ...]
    targets: int = 1
    frequency: str = ""
    season: int = 1
    seasons: tuple[int, ...] = ()
    filled: Series = ()
    known: Mapping[str, Series] = field(default_factory=dict)
    static: Mapping[str, np.ndarray] = field(default_factory=dict)
    parts: Mapping[str, np.ndarray] = field(default_factory=dict)
    horizon: int = 0
    zone: str = ""
    notes: tuple[str, ...] = ()
    origin: Mapping[str, Any] = field(default_factory=dict)
    searched: str = ""

    def __len__(self) -> int:
        """The number of series."""
        return len(self.ids)

    @property
    def lengths(self) -> np.ndarray:
        """Steps of each series, int64 [series]."""
        return np.array([len(values) for values in self.values], dtype=np.int64)

    def series(self, place: int = 0, variable: int = 0) -> np.ndarray:
        """One variable of one series, float64 [n_i]."""
        return np.asarray(self.values[place][:, variable])

    def subset(self, ids: Sequence[str] | np.ndarray) -> Panel:
        """The series with these ids (or at these positions), in this order. Raises DataError for an unknown id."""
        places = [int(one) if isinstance(one, int | np.integer) else self._place(str(one)) for one in ids]
        chosen = np.array(places, dtype=np.int64)

        def take(rows: Series) -> Series:
            return tuple(rows[place] for place in places)

        return replace(
            self,
            ids=tuple(self.ids[place] for place in places),
            times=take(self.times),
            values=take(self.values),
            filled=take(self.filled) if self.filled else (),
            known={name: take(rows) for name, rows in self.known.items()},
            static={name: rows[chosen] for name, rows in self.static.items()},
            parts={name: ends[chosen] for name, ends in self.parts.items()},
        )

    def _place(self, name: str) -> int:
        if name not in self.ids:
            raise DataError(f"series {name!r}", f"must be in {self.name}", available=nearest(name, self.ids[:5000]))
        return self.ids.index(name)

    def upto(self, ends: int | np.ndarray) -> Panel:
        """What was known at step `ends` (exclusive; one for all or int64 [series]): the values before it.

        Filled steps right before the end are filled again, with the last measured value: an interpolated one knew
        what came after. Covariates known in the future keep it. `parts` are left out.
        """
        stops = np.broadcast_to(np.asarray(ends, dtype=np.int64), (len(self),))
        values, marks = [], []
        for place, stop in enumerate(stops):
            mark = self.filled[place][:stop] if self.filled else np.zeros(stop, dtype=bool)
            values.append(_refilled(self.values[place][:stop], mark))
            marks.append(mark)
        return replace(
            self,
            times=tuple(times[:stop] for times, stop in zip(self.times, stops, strict=True)),
            values=tuple(values),
            filled=tuple(marks),
            parts={},
        )

    def seasons_before(self, ends: int | np.ndarray) -> Panel:
        """The same series with the seasons that are found in the values before `ends`; as they are where given.

        What is said of a part that nobody has seen yet must not rest on it, not even the length of the season.
        """
        if not self.searched:
            return self
        places = np.arange(0, len(self), max(1, len(self) // 200))
        past = self.subset(places).upto(np.broadcast_to(np.asarray(ends, dtype=np.int64), (len(self),))[places])
        seasons, said = seasons_of([values[:, 0] for values in past.values], self.frequency)
        notes = tuple(said if note == self.searched else note for note in self.notes)
        return replace(self, season=seasons[0] if seasons else 1, seasons=seasons, notes=notes, searched=said)

    def part(self, name: str) -> Panel:
        """The series up to the end of the official part `name`. Raises DataError where there is none."""
        if name not in self.parts:
            raise DataError(self.name, f"must have the official part {name!r}", available=tuple(self.parts))
        return self.upto(self.parts[name])

    def univariate(self) -> Panel:
        """Every target of every series as a series of its own, as classical methods see it."""
        if len(self.variables) == 1:
            return self
        pairs = [(place, target) for place in range(len(self)) for target in range(self.targets)]
        places = np.array([place for place, _ in pairs], dtype=np.int64)
        names = [
            (self.variables[target] if len(self) == 1 else f"{self.ids[place]}, {self.variables[target]}")
            for place, target in pairs
        ]
        one = self.subset(places)
        return replace(
            one,
            ids=tuple(names),
            values=tuple(self.values[place][:, [target]] for place, target in pairs),
            variables=("value",) if self.targets > 1 else self.variables[:1],
            targets=1,
        )

    def future(self, place: int, horizon: int) -> np.ndarray:
        """The times of the `horizon` steps behind the end of series `place`."""
        times = self.times[place]
        steps = np.arange(1, horizon + 1)
        if self.frequency or times.dtype.kind != "M":
            return freq.stamps(times[-1], self.frequency, steps)
        # Rows as steps: working days where no stamp lies on a weekend, else the median distance.
        days = times.astype("datetime64[D]")
        weekday = (days.astype(np.int64) + 3) % 7
        if (days.astype("datetime64[s]") == times).all() and (weekday < 5).all():
            return freq.stamps(times[-1], "B", steps)
        gap = int(np.median(np.diff(times.astype(np.int64)))) if len(times) > 1 else 1
        return times[-1] + (steps * gap).astype("timedelta64[s]")

    def calendar(self, place: int, horizon: int = 0, country: str = "") -> tuple[tuple[str, ...], np.ndarray]:
        """(names, float64 [n_i + horizon, features]): calendar features of the past and of the `horizon` steps ahead.

        No features where steps are counted. country: with public holidays (needs the optional library `holidays`).
        """
        times = self.times[place]
        if horizon:
            times = np.concatenate([times, self.future(place, horizon)])
        return calendar_features(times, self.zone, country)

    def noted(self, *notes: str) -> Panel:
        return replace(self, notes=(*self.notes, *notes))


def _refilled(values: np.ndarray, mark: np.ndarray) -> np.ndarray:
    """Filled steps at the very end with the last measured values; values [n, variables], mark bool [n]."""
    if not len(mark) or not mark[-1]:
        return values
    measured = np.flatnonzero(~mark)
    last = int(measured[-1]) if len(measured) else 0
    result = values.copy()
    result[last + 1 :] = values[last]
    return result


def read_panel(
    source: Any,
    *,
    time: str | None = None,
    target: str | Sequence[str] | None = None,
    group: str | None = None,
    frequency: str | None = None,
    season: int | None = None,
    fill: Fill = "auto",
    known: Sequence[str] = (),
    static: Sequence[str] = (),
) -> Panel:
    """The series of a file, a catalog name, a frame or arrays, evenly spaced and without gaps; `notes` says what was
    done.

    source     CSV (one row a step, or one series a row), a name of `panel_catalog.SERIES`, a pandas Series or DataFrame
               with a time index, an array [time], [series, time] or [series, time, variables], a dict or list of arrays
    time, group  the columns of the times and of the names of the series; None: found where they are plain
    target     what is forecast; None: every column of numbers. The other columns of numbers are known up to now only
    frequency  a pandas offset alias; "rows": every row is a step; None: found from the stamps
    season     steps of the season, 1 for none; None: the calendar's, as far as the values repeat with them
    fill       how steps without a value are filled (`gaps.filled`). "auto": a straight line over up to 3 steps, the
               shape of the neighbouring seasons over more. It is never the wrong order of size, and `filled` marks it
    known      columns whose future is known (plans, prices set in advance); rows behind the last target hold it
    static     columns with one value a series

    Raises DataError: unreadable, mixed or missing times with their row numbers, mixed time zones, a constant series,
    fewer than two values, more than 30 % of a series missing, a season that does not fit twice.
    """
    if fill not in FILLS:
        raise DataError("--set series.fill", "must be a way to fill", found=repr(fill), available=nearest(fill, FILLS))
    targets = (target,) if isinstance(target, str) else tuple(target or ())
    built = build(
        open_series(source, Roles(time, targets, group, tuple(known), tuple(static))), frequency, season, fill
    )
    loose = built.loose
    return Panel(
        loose.name,
        loose.ids,
        loose.times,
        loose.values,
        loose.variables,
        loose.targets,
        built.frequency,
        built.season,
        built.seasons,
        built.filled,
        loose.known,
        loose.static,
        loose.parts,
        loose.horizon,
        loose.zone,
        built.notes,
        loose.origin,
        built.searched,
    )
