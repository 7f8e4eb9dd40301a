"""Tables -> series: wide (a row is a series, a numbered column a step) and long (a row is a step)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd

from learnloop.data.columns import is_textual, tidy, to_dates, to_number
from learnloop.data.raw import Raw
from learnloop.data.roles import SPLIT_NAMES, no_column
from learnloop.data.series import SERIES, STEPS, checked, field_of
from learnloop.errors import DataError, RecipeError, raise_all

Layout = Literal["auto", "wide", "long"]
Answer = Literal["auto", "last", "every"]
_NUMBERED = re.compile(r"(.*?)[_\-. ]?(\d+)")
_LEAST = 2


def laid_out(
    raw: Raw,
    layout: Layout,
    *,
    target: Sequence[str],
    group: str | None = None,
    time: str | None = None,
    aside: Sequence[str] = (),
    answer: Answer = "auto",
) -> tuple[Raw, tuple[str, ...], str | None, str | None]:
    """(raw, target, group, time) as they are after the table has been folded in this layout; as given for "auto"."""
    if layout == "auto":
        return raw, tuple(target), group, time
    if layout == "wide":
        made = from_wide(raw, target, [*aside, *(name for name in (group, time) if name is not None)])
    else:
        made = from_long(raw, group, time, target, aside, answer)
        group = time = None
    goals = [name for name in made.target if name in made.fields]
    return made, tuple(goals or target), group, time


def families(names: Sequence[str]) -> dict[str, dict[int, str]]:
    """stem -> number -> column, of columns such as t0, t1, ... or 0, 1, ...; numbers ascend."""
    found: dict[str, dict[int, str]] = {}
    for name in names:
        if matched := _NUMBERED.fullmatch(name):
            found.setdefault(matched[1], {})[int(matched[2])] = name
    return {stem: dict(sorted(family.items())) for stem, family in found.items() if len(family) >= _LEAST}


def from_wide(raw: Raw, target: Sequence[str] = (), aside: Sequence[str] = ()) -> Raw:
    """The longest family of numbered columns becomes the series; families with the same numbers are more features.

    target  columns to be learnt: the stem or the columns of a family with the same numbers are a target at every step
    aside   columns that play another part (ignored, group, weight)
    Raises DataError where no column is numbered, or holds text.
    """
    if SERIES in raw.fields:
        return raw
    every = families([str(name) for name in raw.frame.columns])
    goal = _goal(every, target)
    taken = {*target, *aside, *(every[goal].values() if goal is not None else ())}
    found = families([str(name) for name in raw.frame.columns if name not in taken])
    if not found:
        raise DataError(
            raw.name,
            "must have numbered columns, one a step, to be read as series (data.series=wide)",
            found=", ".join(str(name) for name in raw.frame.columns[:8]),
            do=(
                "df.columns = [f't{step}' for step in range(steps)] + ['y']   # t0, t1, ...",
                "--set data.series=long --group ID --time TIME   # where a row is one step",
            ),
        )
    longest: dict[int, str] = max(found.values(), key=len)
    steps = list(longest)
    stems = [stem for stem, family in found.items() if list(family) == steps]
    values = np.stack([_numbers(raw, found[stem].values()) for stem in stems], axis=2)  # [rows, time, features]
    values = checked(values, raw.name)
    used = [column for stem in stems for column in found[stem].values()]
    names = f"{used[0]} ... {used[len(steps) - 1]}" + (f" and {len(stems) - 1} families more" if len(stems) > 1 else "")
    why = f"Series of {len(steps)} steps with {len(stems)} feature{'s'[: len(stems) > 1]}: the columns {names}."
    arrays, fields = {SERIES: values}, {SERIES: field_of(values, "wide", stems, why)}
    if goal is not None and list(every[goal]) == steps:
        answers = _numbers(raw, every[goal].values())[..., None]  # [rows, time, 1]
        name = goal or STEPS
        arrays[name] = answers
        fields[name] = field_of(answers, "wide", [goal], "A number at every step of the series.", name)
        used += every[goal].values()
        raw = replace(raw, target=(name,))
    frame = raw.frame.drop(columns=used)
    return replace(raw, frame=frame, arrays={**raw.arrays, **arrays}, fields={**raw.fields, **fields}, plain=False)


def _goal(every: dict[str, dict[int, str]], target: Sequence[str]) -> str | None:
    """The stem of the family that is to be learnt, if it is a whole family."""
    if len(target) == 1 and target[0] in every:
        return target[0]
    return next((stem for stem, family in every.items() if set(family.values()) == set(target)), None)


def wide_new(raw: Raw, stems: Sequence[str]) -> np.ndarray:
    """float32 [rows, time, features] of new rows: the families with these stems, of any length. Raises DataError."""
    found = families([str(name) for name in raw.frame.columns])
    gone = [stem for stem in stems if stem not in found]
    if gone:
        raise DataError(
            raw.name,
            f"must have the numbered columns {', '.join(f'{stem}0, {stem}1, ...' for stem in gone)}, as in training",
            found=", ".join(str(name) for name in raw.frame.columns[:8]) or "no column",
        )
    numbers = {tuple(found[stem]) for stem in stems}
    if len(numbers) > 1:
        counts = ", ".join(f"{stem or 'numbers'}: {len(found[stem])}" for stem in stems)
        raise DataError(raw.name, "must have the same steps of every feature", found=counts)
    return checked(np.stack([_numbers(raw, found[stem].values()) for stem in stems], axis=2), raw.name)


def _numbers(raw: Raw, columns: Iterable[str]) -> np.ndarray:
    """float32 [rows, columns]. Raises DataError naming every column that holds something else."""
    arrays, errors = [], []
    for name in columns:
        try:
            arrays.append(to_number(raw.frame[name], raw.name).to_numpy(np.float32))
        except DataError as error:
            errors.append(error)
    raise_all(errors[:5])
    return np.stack(arrays, axis=1)


def from_long(
    raw: Raw, group: str | None, time: str | None, target: Sequence[str], aside: Sequence[str], answer: Answer = "auto"
) -> Raw:
    """Rows with one value of `group` become one series, in the order of `time`.

    Number columns that change within a group are the features; a column that never does stays a plain column (a
    target, a split). answer: what is learnt of a target that changes: its last value, every one, or (auto) every
    one of numbers. Raises RecipeError and DataError: no group or time, two rows at one time, nothing that changes.
    """
    if group is None or time is None:
        raise RecipeError(
            "data.series",
            "long needs the column that says which series a row belongs to, and the one that orders its steps",
            found=" and ".join(f"no {flag}" for flag, name in (("--group", group), ("--time", time)) if name is None),
            do="--set data.series=long --group ID --time TIME",
            available=raw.names,
        )
    raise_all([no_column(f, n, raw) for f, n in (("--group", group), ("--time", time)) if n not in raw.names])
    fold = _Fold(raw, group, time)
    frame, notes = tidy(raw.frame.drop(columns=[group, time]), dict.fromkeys(aside, "text"), raw.name)
    changing = [name for name in frame.columns if fold.changes(frame[name])]
    goals = [name for name in target if name in changing]
    features = [name for name in changing if name not in (*target, *aside) and _is_numeric(frame[name])]
    if not features:
        raise DataError(
            raw.name,
            "must have a column of numbers that changes within a series",
            found=", ".join(frame.columns) or "no other column",
            cause=f"{group!r} is different in every row" if len(fold.names) == len(raw) else "",
            do="--group COLUMN   # the same for all steps of one series",
        )
    values = checked(fold.array(frame[features]), raw.name)
    why = f"Series of up to {values.shape[1]} steps, one for each {group}, ordered by {time}: {', '.join(features)}."
    arrays = {SERIES: values}
    fields = {SERIES: field_of(values, "long", [group, time, *features], why)}
    raw = replace(raw, part=None if raw.part is None else raw.part[fold.first])
    if goals and _every(frame, goals, answer, group):
        name = goals[0] if len(goals) == 1 else STEPS
        arrays[name] = fold.array(frame[goals])[:, : values.shape[1]]
        fields[name] = field_of(arrays[name], "long", goals, "A number at every step of the series.", name)
        raw = replace(raw, target=(name,))
    else:
        frame[goals] = fold.last_of(frame[goals])
    lost = [name for name in changing if name not in (*features, *target, *aside)]
    notes += [f"Not used, text that changes within a series: {', '.join(lost)}."] if lost else []
    gone = {*changing, *arrays} - ({*goals} - {*arrays})
    kept = [name for name in frame.columns if name not in gone]
    plain = frame[kept].iloc[fold.first].reset_index(drop=True)
    plain.insert(0, group, fold.names)
    kinds = {**raw.kinds, group: ("id", "It says which series a row belongs to; set aside.")}
    return replace(raw, frame=plain, arrays=arrays, fields=fields, kinds=kinds, notes=(*raw.notes, *notes), plain=False)


def long_new(raw: Raw, columns: Sequence[str]) -> Raw:
    """New rows in the long form of training: columns are the group, the time and the features. Raises DataError."""
    group, time, *features = columns
    gone = [name for name in columns if name not in raw.names]
    if gone:
        raise DataError(
            raw.name,
            f"must have the columns of training: {', '.join(columns)}",
            found=f"no {', '.join(gone)}",
            available=raw.names,
        )
    fold = _Fold(raw, group, time)
    numbers = pd.DataFrame({name: to_number(raw.frame[name], raw.name) for name in features})
    values = checked(fold.array(numbers), raw.name)
    rest = raw.frame.drop(columns=[time, *features])
    arrays = {SERIES: values}
    fields = {SERIES: field_of(values, "long", columns, "")}
    frame, _ = tidy(rest.drop(columns=[group]), {}, raw.name)
    for name in [name for name in frame.columns if fold.changes(frame[name])]:
        if _is_numeric(frame[name]):
            arrays[name] = fold.array(frame[[name]])
            fields[name] = field_of(arrays[name], "long", [name], "", name)
        frame[name] = fold.last_of(frame[[name]])[name]
    plain = frame.iloc[fold.first].reset_index(drop=True)
    plain.insert(0, group, fold.names)
    return replace(raw, frame=plain, arrays=arrays, fields=fields)


class _Fold:
    """Which row belongs where: series in the order in which they first appear, steps by time."""

    def __init__(self, raw: Raw, group: str, time: str) -> None:
        codes, self.names = pd.factorize(raw.frame[group], use_na_sentinel=True)
        moments = _moments(raw, time)
        for flag, name, bad in (("--group", group, codes < 0), ("--time", time, np.isnan(moments))):
            if bad.any():
                row = int(np.flatnonzero(bad)[0]) + 1
                raise DataError(
                    f"{flag} {name}",
                    "must have a value in every row",
                    found=f"{int(bad.sum())} missing, the first in row {row} (counted from 1)",
                )
        self.order = np.lexsort((moments, codes))
        self.codes = codes[self.order]
        same = (np.diff(self.codes) == 0) & (np.diff(moments[self.order]) == 0)
        if same.any():
            first, second = sorted(int(row) + 1 for row in self.order[np.flatnonzero(same)[0] :][:2])
            raise DataError(
                f"--time {time}",
                f"must be different in all rows of one {group}",
                found=f"rows {first} and {second} (counted from 1) of {group} {self.names[codes[first - 1]]!r} "
                f"are at the same time; {int(same.sum())} rows in all",
                do=f"df = df.drop_duplicates([{group!r}, {time!r}])",
            )
        lengths = np.bincount(self.codes, minlength=len(self.names))
        starts = np.cumsum(lengths) - lengths
        self.steps = np.arange(len(self.codes)) - starts[self.codes]
        self.first, self.last = self.order[starts], self.order[starts + lengths - 1]
        self.lengths = lengths

    def array(self, frame: pd.DataFrame) -> np.ndarray:
        """float32 [series, longest, columns], NaN behind the end."""
        shape = (len(self.names), int(self.lengths.max()), frame.shape[1])
        values = np.full(shape, np.nan, dtype=np.float32)
        values[self.codes, self.steps] = frame.to_numpy(np.float32)[self.order]
        return values

    def changes(self, column: pd.Series) -> bool:
        """Whether any series has two different values of it."""
        codes = pd.factorize(column)[0][self.order]
        return bool(((np.diff(codes) != 0) & (np.diff(self.codes) == 0)).any())

    def last_of(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Each row with the values at the last step of its series."""
        place = np.empty(len(self.order), dtype=np.int64)
        place[self.order] = self.last[self.codes]
        return frame.iloc[place].reset_index(drop=True)


def _moments(raw: Raw, time: str) -> np.ndarray:
    """float64 [rows]: numbers as they are, dates as days; NaN where missing. Raises DataError for other text."""
    frame, _ = tidy(raw.frame[[time]], {}, raw.name)
    column = frame[time]
    if is_textual(column) or pd.api.types.is_datetime64_any_dtype(column):
        dates = to_dates(column, "", raw.name)
        days: np.ndarray = (dates - pd.Timestamp(0)).to_numpy("timedelta64[us]").astype(np.float64)
        return np.where(dates.isna().to_numpy(), np.nan, days)
    return column.to_numpy(np.float64)


def _every(frame: pd.DataFrame, goals: Sequence[str], answer: Answer, group: str) -> bool:
    """Whether each step's target is learnt, or the last one's. Raises DataError for classes that change."""
    texts = [name for name in goals if not _is_numeric(frame[name])]
    if texts and answer != "last":
        raise DataError(
            f"target {texts[0]}",
            f"must be the same in all rows of one {group} when it is a class",
            found=f"several values of {texts[0]} within one {group}",
            do="--set data.series_target=last   # learn its value at the last step",
        )
    return answer != "last"


def _is_numeric(column: pd.Series) -> bool:
    return not is_textual(column) and pd.api.types.is_numeric_dtype(column) and column.name not in SPLIT_NAMES
