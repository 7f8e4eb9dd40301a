"""Who plays which part: target, group, time, weight, split, ignored. Names are checked all at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from learnloop.data.columns import is_textual
from learnloop.data.dataset import Dataset
from learnloop.data.raw import Raw
from learnloop.data.schema import Kind, Role, Schema
from learnloop.errors import DataError, RecipeError, UserError, did_you_mean, nearest, raise_all

USUAL_TARGETS = ("target", "label", "class", "y")
SAYABLE: tuple[Kind, ...] = ("number", "category", "boolean", "date", "text", "id")
SPLIT_NAMES = ("split", "part", "partition", "subset", "set")
SPLIT_VALUES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


def check_names(
    raw: Raw, flags: Mapping[str, Sequence[str]], columns: Mapping[str, str], ignore: Iterable[str]
) -> None:
    """Every name must be a column, every kind a kind, no column in two parts. Raises all mistakes at once."""
    errors: list[UserError] = []
    names = raw.names
    asked = [*((flag, name) for flag, given in flags.items() for name in given)]
    asked += [("data.ignore", name) for name in ignore] + [("data.columns", name) for name in columns]
    for flag, name in asked:
        if name not in names:
            errors.append(no_column(flag, name, raw, columns.get(name, "")))
    for name, kind in columns.items():
        if kind not in SAYABLE:
            errors.append(
                RecipeError(
                    f"data.columns.{name}",
                    "must be a kind of column",
                    found=repr(kind),
                    cause=did_you_mean(kind, SAYABLE),
                    do=f"--set data.columns.{name}={nearest(kind, SAYABLE, 1)[0]}",
                    available=nearest(kind, SAYABLE),
                )
            )
    seen: dict[str, str] = {}
    for flag, name in asked:
        if flag == "data.columns":
            continue
        if name in seen:
            errors.append(
                RecipeError(
                    f"{flag} {name}",
                    "must name a column that has no other part",
                    found=f"also {seen[name]}",
                    do=f"leave out {flag} {name} or {seen[name]} {name}",
                    available=[other for other in names if other not in seen],
                )
            )
        seen[name] = flag
    raise_all(errors)


def no_column(flag: str, name: str, raw: Raw, kind: str = "") -> DataError:
    """A column name that is not there, nearest names offered, with a line to paste."""
    best = nearest(name, raw.names, 1)
    paste = f"{flag} {best[0]}" if flag.startswith("--") else f"--set {flag}={best[0]}"
    if flag == "data.columns":
        paste = f"--set {flag}.{best[0]}={kind}"
    return DataError(
        flag,
        f"must name a column of {raw.name}",
        found=repr(name),
        cause=did_you_mean(name, raw.names),
        do=paste,
        available=nearest(name, raw.names),
    )


def choose_target(raw: Raw, target: str | Sequence[str] | None, required: bool) -> tuple[str, ...]:
    """The targets: as given, else as the source says, else a column called target, label, class or y.

    Raises DataError listing the columns when there is none and one is required.
    """
    if target is not None:
        names = (target,) if isinstance(target, str) else tuple(dict.fromkeys(str(name) for name in target))
        if names:
            return names
    if raw.target:
        return raw.target
    for usual in USUAL_TARGETS:
        for name in raw.names:
            if name.lower() == usual:
                return (name,)
    if not required:
        return ()
    plain = [str(name) for name in raw.frame.columns if raw.kinds.get(name, ("", ""))[0] != "id"]
    if not plain:
        raise DataError(
            raw.name,
            "must bring a target for each row",
            found=f"{', '.join(raw.names)} alone",
            do="ll.fit((x, y))   # or y beside x in the .npz",
        )
    raise DataError(
        "--target",
        f"must say which column of {raw.name} is to be predicted",
        found="no target, and no column called target, label, class or y",
        do=f"--target {plain[-1]}",
        available=plain[::-1],
    )


def apply_roles(
    data: Dataset,
    *,
    ignore: Iterable[str],
    group: str | None,
    time: str | None,
    weight: str | None,
) -> Dataset:
    """Set the parts that the user gave out, and find a column that names the split. Raises DataError."""
    given: dict[str, tuple[Role, str]] = dict.fromkeys(ignore, ("ignore", "You set it aside."))
    for name, role in ((group, "group"), (time, "time"), (weight, "weight")):
        if name is not None:
            given[name] = (role, f"You said it is the {role}.")  # type: ignore[assignment]
    fields = [field.with_role(*given[field.name]) if field.name in given else field for field in data.schema.fields]
    data = _weights_as_numbers(replace(data, schema=Schema(tuple(fields))), weight)
    _check_roles(data, group, time, weight)
    return _own_split(data) if data.part is None else data


def only_sequences(data: Dataset) -> Dataset:
    """Series and recordings are all that a network sees: plain columns beside them are set aside, and it is said."""
    whole = next((field for field in data.schema.inputs if field.kind in ("series", "audio")), None)
    others = [field.name for field in data.schema.inputs if field is not whole]
    if whole is None or not others:
        return data
    fields = tuple(
        field.with_role("ignore", f"Not used beside {whole.name}.") if field.name in others else field
        for field in data.schema.fields
    )
    return data.with_schema(Schema(fields), f"Only {whole.name!r} is learnt from; set aside: {', '.join(others)}.")


def _weights_as_numbers(data: Dataset, weight: str | None) -> Dataset:
    """Weights of 0 and 1 look like a boolean, few distinct ones like codes: they are numbers all the same."""
    column = None if weight is None else data.frame.get(weight)
    if weight is None or column is None or not is_textual(column) or data.schema[weight].dtype not in ("int", "float"):
        return data
    numbers = column.astype(object).astype(np.float64)
    fields = (
        replace(field, kind="number", categories=()) if field.name == weight else field for field in data.schema.fields
    )
    return replace(data, schema=Schema(tuple(fields)), frame=data.frame.assign(**{weight: numbers}))


def _check_roles(data: Dataset, group: str | None, time: str | None, weight: str | None) -> None:
    errors: list[UserError] = []
    for flag, name in (("--group", group), ("--time", time), ("--weight", weight)):
        if name is None:
            continue
        column = data.frame.get(name)
        if column is None:
            errors.append(DataError(f"{flag} {name}", "must be a plain column", found="images"))
        elif column.isna().any():
            row = int(np.flatnonzero(column.isna().to_numpy())[0]) + 1
            errors.append(
                DataError(
                    f"{flag} {name}",
                    "must have a value in every row",
                    found=f"{int(column.isna().sum())} missing values, the first in row {row}",
                    do=f"df = df.dropna(subset=[{name!r}])",
                )
            )
        elif flag == "--time" and data.schema[name].kind not in ("date", "number", "boolean", "id"):
            errors.append(
                DataError(
                    f"{flag} {name}",
                    "must hold dates or numbers, to be put in order",
                    found=f"kind {data.schema[name].kind}",
                    do=f"--set data.columns.{name}=date",
                )
            )
        elif flag == "--weight":
            errors += _check_weight(column, name)
    if group is not None and time is not None:
        errors.append(
            RecipeError(
                "--group and --time",
                "must not be given together",
                found="both",
                do=(
                    f"--time {time}",
                    f"--group {group}",
                    f"--group {group} --time {time} --set data.series=long   # a row is one step of a series",
                ),
            )
        )
    raise_all(errors)


def _check_weight(column: pd.Series, name: str) -> list[DataError]:
    flag = f"--weight {name}"
    if is_textual(column) or not pd.api.types.is_numeric_dtype(column):
        found = f"text such as {column.iloc[0]!r}"
        return [DataError(flag, "must hold numbers", found=found, cause="the wrong column", do="--weight COLUMN")]
    values = column.to_numpy(np.float64)
    wrong = np.flatnonzero(~np.isfinite(values) | (values < 0))
    if len(wrong):
        return [
            DataError(
                flag,
                "must hold finite numbers of at least 0",
                found=f"{values[wrong[0]]:g} in row {wrong[0] + 1}",
                cause="the wrong column; a weight says how much a row counts, and 0 leaves it out",
                do="--weight COLUMN",
            )
        ]
    if not values.any():
        return [DataError(flag, "must have weights above 0", found="0 in every row", cause="the wrong column")]
    return []


def _own_split(data: Dataset) -> Dataset:
    """A column called split (or alike) that says train, validation or test for each row becomes the
    data's own split.
    """
    for field in data.schema.fields:
        if field.name.lower() not in SPLIT_NAMES or field.role not in ("input", "ignore", "id"):
            continue
        column = data.frame[field.name]
        if not is_textual(column) or column.isna().any():
            continue
        found = {str(value): SPLIT_VALUES.get(str(value).strip().lower()) for value in column.unique()}
        odd = [text for text, part in found.items() if part is None]
        if odd and "train" in found.values() and len(set(found.values())) > 2:
            data = data.with_schema(
                data.schema,
                f"Column {field.name} looks like a split but also holds {', '.join(map(repr, odd[:3]))}; it was read "
                "as an ordinary column. A split has train, validation and test only.",
            )
        if None in found.values() or "train" not in found.values() or len(set(found.values())) < 2:
            continue
        part = column.astype(object).map(found).to_numpy(dtype=str)
        fields = tuple(
            other.with_role("split", "It says which part each row belongs to.") if other.name == field.name else other
            for other in data.schema.fields
        )
        return replace(data, schema=Schema(fields), part=part)
    return data


def drop_missing_targets(data: Dataset) -> Dataset:
    """Rows without a target cannot be learnt from: dropped, and said. Raises DataError when none is left."""
    names = [field.name for field in data.schema.targets]
    if not names:
        return data
    gone = np.zeros(len(data), dtype=bool)
    for name in names:
        if name in data.arrays and data.schema[name].kind == "image":
            raise DataError(f"{data.name}, target {name}", "must be a plain column", found="images")
        if name in data.arrays:
            gone |= np.isnan(data.arrays[name]).reshape(len(data), -1).all(axis=1)
        else:
            gone |= data.frame[name].isna().to_numpy()
    if not gone.any():
        return data
    if gone.all():
        raise DataError(
            f"{data.name}, target {', '.join(names)}",
            "must have values to learn from",
            found=f"missing in all {len(data)} rows",
            cause="the wrong target, or a file for prediction",
            do="--target ANOTHER_COLUMN",
            available=[name for name in data.schema.names if name not in names],
        )
    kept = data.take(np.flatnonzero(~gone))
    fields = tuple(replace(field, missing=0) if field.name in names else field for field in data.schema.fields)
    text = f"{int(gone.sum())} of {len(data)} rows have no {' or '.join(names)}; they were dropped."
    return kept.with_schema(Schema(fields), text)


def refuse_infinities(data: Dataset) -> None:
    """Raises DataError naming every numeric input with an infinity, and the first row of each."""
    errors = []
    for field in data.schema.inputs:
        if field.kind != "number" or field.name not in data.frame:
            continue
        values = data.frame[field.name].to_numpy()
        if values.dtype.kind != "f" or not np.isinf(values).any():
            continue
        rows = np.flatnonzero(np.isinf(values))
        errors.append(
            DataError(
                f"{data.name}, column {field.name}",
                "must hold finite numbers",
                found=f"{values[rows[0]]:g} in row {rows[0] + 1} (counted from 1), {len(rows)} in all",
                cause="a division by zero, or a number too large for its type",
                do=(
                    f"df = df.replace({{'{field.name}': [np.inf, -np.inf]}}, np.nan)   # means missing",
                    f"--set data.ignore={field.name}",
                ),
            )
        )
    raise_all(errors[:10])
