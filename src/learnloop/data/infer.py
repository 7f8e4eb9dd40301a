"""From `Raw` columns to a `Dataset` with a Schema; which task a target asks for; a target made fit
for a task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd

from learnloop.data.columns import find_date_format, is_textual, tidy, to_text
from learnloop.data.dataset import Dataset
from learnloop.data.guess import guess, is_whole, make, numbered_families, row_number
from learnloop.data.pairs import WRITES
from learnloop.data.raw import Raw
from learnloop.data.schema import Field, Kind, Role, Schema
from learnloop.errors import DataError, nearest, raise_all

TaskName = Literal["classify", "regress", "translate", "transcribe"]
MOST_CLASSES = 20
LARGEST = 1e30
ASIDE: dict[str, Role] = {"constant": "ignore", "text": "ignore", "id": "id"}


def infer(raw: Raw, columns: Mapping[str, Kind], target: tuple[str, ...] = ()) -> Dataset:
    """Every column becomes a field with a kind, a role (input, target, id, ignore) and a reason.

    columns  name -> kind, the user's word.   target  names that are targets (their kind is settled by
             `set_task`).
    """
    frame, notes = tidy(raw.frame, columns, raw.name)
    fields: list[Field] = []
    errors: list[DataError] = []
    converted: dict[str, pd.Series] = {}
    for name, values in raw.arrays.items():
        found = raw.fields.get(name) or _image_field(name, values)
        fields.append(found.with_role("target" if name in target else "input"))
    numbered = numbered_families(list(frame.columns))
    for name in frame.columns:
        series = frame[name]
        if name in columns:
            kind, why = columns[name], f"You said {columns[name]}."
        elif name in raw.kinds:
            kind, why = raw.kinds[name]
        else:
            kind, why = guess(series, numbered=name in numbered, is_target=name in target)
        try:
            field, converted[name] = make(series, kind, why, raw.name)
        except DataError as error:
            errors.append(error)
            continue
        fields.append(_with_role(field, raw, target, told=name in columns))
    raise_all(errors)
    fields = _never_without_inputs(fields)
    return Dataset(
        name=raw.name,
        schema=Schema(tuple(fields)),
        frame=pd.DataFrame(converted, index=frame.index, copy=False) if converted else frame,
        arrays=dict(raw.arrays),
        part=raw.part,
        notes=(*raw.notes, *notes),
        origin=raw.origin,
    )


def _image_field(name: str, values: np.ndarray) -> Field:
    height, width, channels = shape = tuple(int(size) for size in values.shape[1:])
    why = f"Images of {height} x {width} pixels, {channels} channel{'s' if channels > 1 else ''}."
    return Field(name, "image", dtype="int", shape=shape, why=why)


def _with_role(field: Field, raw: Raw, target: tuple[str, ...], told: bool) -> Field:
    if field.name in target:
        return field.with_role("target")
    if field.name in raw.aside and not told:
        return field.with_role("ignore", raw.aside[field.name])
    if field.kind == "text" and told:
        return field.with_role("input")
    return field.with_role(ASIDE.get(field.kind, "input"))


def _never_without_inputs(fields: list[Field]) -> list[Field]:
    """A counting column is the input after all when there is no other, and no text: y = f(x) on x = 1, 2, 3, ..."""
    if any(field.role == "input" or (field.kind == "text" and field.role == "ignore") for field in fields):
        return fields
    return [
        replace(field, kind="number", role="input", why="Whole numbers, and the only column to learn from.")
        if field.kind == "id" and field.dtype == "int"
        else field
        for field in fields
    ]


def infer_task(dataset: Dataset) -> tuple[TaskName, str]:
    """("classify" | "regress", the sentence that says why) for the targets of `dataset`.

    Text, booleans, categories and whole numbers with few values (at most 20, and at most a fifth of the rows)
    are classes; other numbers are regressed. Several targets are classified when all hold 0 and 1 only.
    Raises DataError when there is no target, or when several targets are of different kinds.
    """
    targets = dataset.schema.targets
    if not targets:
        raise DataError(
            dataset.name,
            "must have a target column to learn",
            found="none",
            do="--target COLUMN",
            available=dataset.schema.names,
        )
    if any(field.kind == "series" for field in targets):
        return "regress", "The target has a number at every step of the series."
    if len(targets) == 1:
        return _task_of(dataset, targets[0])
    if all(_is_binary(dataset, field) for field in targets):
        return "classify", f"All {len(targets)} targets hold 0 and 1 only: several labels at once."
    texts = [field.name for field in targets if is_textual(dataset.frame[field.name]) and field.dtype == "str"]
    if texts:
        raise DataError(
            f"{dataset.name}, targets {', '.join(field.name for field in targets)}",
            "several targets must be all numbers, or all 0/1 labels",
            found=f"text in {', '.join(texts)}",
            do=tuple(f"--target {field.name}" for field in targets[:3]),
        )
    return "regress", f"All {len(targets)} targets are numbers."


def _task_of(dataset: Dataset, field: Field) -> tuple[TaskName, str]:
    if field.kind in ("category", "boolean"):
        return "classify", f"The target {field.name} has {len(field.categories)} classes."
    if field.kind == "text" and any(item.kind == "text" for item in dataset.schema.inputs):
        return "translate", f"The target {field.name} holds texts, and so does an input."
    if field.kind == "text" and any(item.kind in ("audio", "series") for item in dataset.schema.inputs):
        return "transcribe", f"The target {field.name} holds texts, and the input is {dataset.schema.inputs[0].kind}."
    if field.kind == "text":
        return "classify", f"The target {field.name} holds texts."
    if field.kind == "date":
        raise DataError(
            f"{dataset.name}, target {field.name}",
            "must be numbers or classes",
            found="dates",
            do=("--target ANOTHER_COLUMN", "--task translate   # to write them, letter by letter"),
            available=[name for name in dataset.schema.names if name != field.name],
        )
    values = dataset.frame[field.name].dropna().to_numpy(np.float64)
    distinct = len(np.unique(values))
    if is_whole(values) and distinct <= max(2, min(MOST_CLASSES, len(values) // 5)):
        return (
            "classify",
            f"The target {field.name} has only {distinct} distinct whole numbers (else: --task regress).",
        )
    return "regress", f"The target {field.name} holds numbers with {distinct} distinct values."


def _is_binary(dataset: Dataset, field: Field) -> bool:
    if field.kind == "boolean":
        return True
    column = dataset.frame[field.name]
    if is_textual(column):
        return {str(value) for value in column.dropna().unique()} <= {"0", "1"}
    values = column.dropna().to_numpy(np.float64)
    return bool(np.isin(values, (0.0, 1.0)).all())


def set_task(dataset: Dataset, task: TaskName) -> Dataset:
    """The same data with targets of the kind that `task` needs: categories to classify, numbers to regress.

    Raises DataError: no target; one class only; numbers with fractions as classes; text to regress; nothing
    but missing values; an infinite target.
    """
    if task not in CONVERT:
        raise DataError(
            "--task", f"must be one of {', '.join(CONVERT)}", found=repr(task), available=nearest(str(task), CONVERT)
        )
    targets = dataset.schema.targets
    if not targets:
        infer_task(dataset)
    if task in WRITES and len(targets) > 1:
        names = [field.name for field in targets]
        raise DataError(
            f"{dataset.name}, targets {', '.join(names)}",
            f"{task} writes one text: there must be one target",
            found=f"{len(names)} targets",
            do=[f"--target {name}" for name in names[:3]],
        )
    convert = CONVERT[task]
    changed: dict[str, tuple[Field, pd.Series]] = {}
    errors: list[DataError] = []
    for field in targets:
        if field.kind == "series":
            _need_regress(dataset, field, task)
            continue
        try:
            changed[field.name] = convert(dataset, field, len(targets) > 1)
        except DataError as error:
            errors.append(error)
    raise_all(errors)
    frame = dataset.frame.assign(**{name: column for name, (_, column) in changed.items()})
    fields = (changed[field.name][0] if field.name in changed else field for field in dataset.schema.fields)
    numbers = [(name, column) for name, (field, column) in changed.items() if field.kind == "number"]
    counters = [row_number(name, column.to_numpy(np.float64)) for name, column in numbers]
    notes = (*dataset.notes, *filter(None, [_alike(dataset, changed), *counters]))
    return replace(dataset, schema=Schema(tuple(fields)), frame=frame, notes=tuple(dict.fromkeys(notes)))


def _need_regress(dataset: Dataset, field: Field, task: str) -> None:
    """Raises DataError for numbers at every step that are to be classes."""
    if task != "regress":
        raise DataError(
            f"{dataset.name}, target {field.name}",
            "has a number at every step, which can be regressed",
            found=f"--task {task}",
            do=("--task regress", "--set data.series_target=last   # a class for each series (long form)"),
        )


def _to_classes(dataset: Dataset, field: Field, several: bool) -> tuple[Field, pd.Series]:
    series, where = dataset.frame[field.name], f"{dataset.name}, target {field.name}"
    if field.kind == "number":
        values = series.dropna().to_numpy(np.float64)
        if not is_whole(values):
            wrong = values[~np.isfinite(values) | (values != np.floor(values))][0]
            raise DataError(
                where,
                "must hold classes (text or whole numbers) to be classified",
                found=f"{wrong:g}",
                cause="a quantity to be predicted, not a class",
                do="--task regress",
            )
    made, column = make(series, "category", field.why, dataset.name)
    dtype = field.dtype if field.kind in ("category", "boolean", "number") else made.dtype
    why = f"{field.why} Read as {len(made.categories)} classes." if field.kind == "number" else field.why
    kind: Kind = "boolean" if several or field.kind == "boolean" else "category"
    classes = made.categories
    if len(classes) < 2:
        raise DataError(
            where,
            "must have at least two classes",
            found=f"one class only, {classes[0]!r}, in all {len(series)} rows" if classes else "no values",
            cause="the wrong target, or rows of one class were filtered out",
            do="--target ANOTHER_COLUMN",
            available=[name for name in dataset.schema.names if name != field.name],
        )
    if several and len(classes) > 2:
        raise DataError(where, "must hold 0 and 1 only when there are several targets", found=", ".join(classes[:8]))
    if len(series) >= 20 and len(classes) > len(series) / 2:
        raise DataError(
            where,
            "must have several rows for each class",
            found=f"{len(classes)} classes in {len(series)} rows",
            cause=_many_classes(classes),
            do="--task regress"
            if field.dtype in ("int", "float")
            else ("--target ANOTHER_COLUMN", "--task translate   # to write texts, from a column of texts"),
            available=[name for name in dataset.schema.names if name != field.name],
        )
    return replace(made, kind=kind, role="target", dtype=dtype, why=why), column


def _many_classes(classes: tuple[str, ...]) -> str:
    if find_date_format(list(classes))[0]:
        return "dates, which are neither classes nor numbers; days since a date are a number to regress"
    return "a name, an id or a quantity, not a class"


def _alike(dataset: Dataset, fields: Mapping[str, tuple[Field, pd.Series]]) -> str:
    """A sentence about labels that differ by spaces or capitals alone, which are mostly one label; else ""."""
    for name, (field, _) in fields.items():
        groups: dict[str, list[str]] = {}
        for label in field.categories:
            groups.setdefault(label.strip().casefold(), []).append(label)
        twins = [labels for labels in groups.values() if len(labels) > 1]
        if twins:
            shown = "; ".join(" and ".join(map(repr, labels[:3])) for labels in twins[:3])
            return f"Target {name}: labels that differ by spaces or capitals alone are different classes: {shown}."
    return ""


def _to_numbers(dataset: Dataset, field: Field, several: bool) -> tuple[Field, pd.Series]:
    series, where = dataset.frame[field.name], f"{dataset.name}, target {field.name}"
    if is_textual(series):
        texts = sorted(str(value) for value in series.dropna().unique())
        numbers = {text: _number_of(text) for text in texts}
        bad = [text for text, number in numbers.items() if number is None]
        if bad:
            raise DataError(
                where,
                "must hold numbers to be regressed",
                found=", ".join(repr(text) for text in bad[:5]),
                cause="these are classes",
                do="--task classify",
            )
        series = series.astype(object).map(numbers).astype(np.float64)
        if field.dtype in ("int", "bool") and not series.isna().any():
            series = series.astype(np.int64)
    values = series.to_numpy(np.float64)
    finite = values[~np.isnan(values)]
    if np.isinf(finite).any():
        row = int(np.flatnonzero(np.isinf(values))[0]) + 1
        raise DataError(
            where,
            "must hold finite numbers",
            found=f"{to_text(values[row - 1])} in row {row} (counted from 1)",
            cause="a division by zero, or a number too large for its type",
            do="leave the cell empty: rows without a target are dropped",
        )
    if len(finite) and np.abs(finite).max() > LARGEST:
        row = int(np.nanargmax(np.abs(values))) + 1
        raise DataError(
            where,
            f"must hold numbers of at most {LARGEST:g}: their squares must be numbers too",
            found=f"{values[row - 1]:g} in row {row} (counted from 1)",
            cause="a typing mistake, or a mark for a missing value",
            do=(
                "leave the cell empty: rows without a target are dropped",
                "df['log'] = np.log(df[...])   # learn the logarithm",
            ),
        )
    if len(finite) and finite.min() == finite.max():
        raise DataError(
            where,
            "must have at least two distinct values",
            found=f"{finite[0]:g} in every row",
            cause="the wrong target column",
            do="--target ANOTHER_COLUMN",
            available=[name for name in dataset.schema.names if name != field.name],
        )
    dtype = "int" if pd.api.types.is_integer_dtype(series) else "float"
    column = pd.Series(values, index=series.index, name=series.name)
    return replace(field, kind="number", role="target", dtype=dtype, categories=()), column


def _to_texts(dataset: Dataset, field: Field, several: bool) -> tuple[Field, pd.Series]:
    series, where = dataset.frame[field.name], f"{dataset.name}, target {field.name}"
    if not is_textual(series) and field.kind == "text":
        series = series.map(to_text, na_action="ignore").astype(object)
    if not is_textual(series):
        raise DataError(
            where,
            "must hold texts to be written",
            found=f"a column of kind {field.kind}",
            do=("--task regress", f"--set data.columns.{field.name}=text   # as they are spelt"),
        )
    why = field.why if field.kind == "text" else "Texts to be written."
    column = pd.Series(series.astype(object).to_numpy(), index=series.index, name=series.name, dtype=object)
    return replace(field, kind="text", role="target", dtype="str", categories=(), why=why), column


CONVERT: dict[str, Callable[[Dataset, Field, bool], tuple[Field, pd.Series]]] = {
    "classify": _to_classes,
    "regress": _to_numbers,
    "translate": _to_texts,
    "transcribe": _to_texts,
}
"""Task -> a target of the kind that it needs."""


def _number_of(text: str) -> float | None:
    try:
        return {"True": 1.0, "False": 0.0}[text] if text in ("True", "False") else float(text)
    except ValueError:
        return None
