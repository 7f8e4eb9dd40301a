"""probe.json: a stored model carries its own exam. A few inputs, the answers given when it was saved, a tolerance."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from learnloop.data.conform import conform
from learnloop.data.dataset import Dataset
from learnloop.data.schema import Schema
from learnloop.errors import RunError
from learnloop.tasks.translate import TEXTS

RELATIVE, ABSOLUTE = 1e-3, 1e-4
"""Answers must agree to |a - b| <= ABSOLUTE + RELATIVE |b|: other processors round otherwise, other weights differ."""
TEXTS_AGREE = 0.75
"""Share of written texts that must be the same, letter by letter."""

ARRAYS = ("image", "series", "audio")
"""Kinds of field whose values are arrays."""
_MOST_CELLS = 60_000


def make(rows: Dataset, outputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The exam for these rows (as many as fit into a small file) and what the model answers."""
    cells = sum(int(np.prod(values.shape[1:])) for values in rows.arrays.values()) or 1
    count = max(1, min(len(rows), _MOST_CELLS // cells))
    names = [field.name for field in rows.schema.inputs]
    inputs: dict[str, Any] = {}
    for name in names:
        if name in rows.arrays:
            inputs[name] = _nested(rows.arrays[name][:count])
        else:
            inputs[name] = [_plain(value) for value in rows.frame[name].iloc[:count]]
    answers = {name: _answers(values[:count]) for name, values in outputs.items()}
    return {"inputs": inputs, "answers": answers, "relative": RELATIVE, "absolute": ABSOLUTE}


def check(path: Path, answer: Callable[[Dataset], Mapping[str, np.ndarray]], schema: Schema) -> None:
    """Replay the exam of the bundle at `path`. Raises RunError when the answers differ."""
    try:
        exam = json.loads((path / "probe.json").read_text(encoding="utf-8"))
        given, expected = exam["inputs"], exam["answers"]
        relative, absolute = float(exam["relative"]), float(exam["absolute"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            str(path / "probe.json"),
            "must be readable: without its exam a bundle cannot be trusted",
            found=str(error),
            cause="the copy is incomplete, or the file was changed by hand",
            do=f"learnloop fit --resume {path.parent}",
        ) from error
    outputs = answer(rows_of(given, schema))
    for name, values in expected.items():
        if name == TEXTS:
            _check_texts(path, values, [str(text) for text in outputs[name]])
            continue
        want, got = np.asarray(values, np.float64), np.asarray(outputs[name], np.float64)
        if want.shape != got.shape or not np.allclose(got, want, rtol=relative, atol=absolute, equal_nan=True):
            worst = "another shape" if want.shape != got.shape else f"a difference of {np.abs(got - want).max():.3g}"
            raise RunError(
                str(path),
                "must give the answers of its own probe.json",
                found=f"{name} differ: {worst}",
                cause="model.safetensors or transforms.safetensors are not the ones that belong here",
                do=f"learnloop fit --resume {path.parent}",
            )


def _answers(values: np.ndarray) -> list[Any]:
    return [str(text) for text in values] if values.dtype == object else _nested(np.asarray(values, np.float64))


def _check_texts(path: Path, want: list[str], got: list[str]) -> None:
    """Two texts of nearly one probability may change places where a processor rounds otherwise: most must agree."""
    same = sum(a == b for a, b in zip(want, got))
    if len(want) == len(got) and same >= TEXTS_AGREE * len(want):
        return
    raise RunError(
        str(path),
        "must give the answers of its own probe.json",
        found=f"{len(want) - same} of {len(want)} texts differ",
        cause="model.safetensors or transforms.safetensors are not the ones that belong here",
        do=f"learnloop fit --resume {path.parent}",
    )


def rows_of(given: Mapping[str, Any], schema: Schema) -> Dataset:
    """The rows that `make` kept as `inputs`."""
    images = {f.name: np.uint8 if f.kind == "image" else np.float32 for f in schema.inputs if f.kind in ARRAYS}
    frame = pd.DataFrame({name: values for name, values in given.items() if name not in images})
    for field in schema.inputs:
        if field.kind == "date":  # ISO text, whatever the form that dates had in training
            frame[field.name] = pd.to_datetime(frame[field.name])
    if not images:
        return conform(frame, schema)
    arrays = {name: np.asarray(given[name], dtype) for name, dtype in images.items()}
    if len(frame.columns):
        arrays |= {name: frame[name].to_numpy() for name in frame.columns}
    return conform(arrays, schema)


def _nested(values: np.ndarray) -> list[Any]:
    """Lists of lists, null where a number is missing: behind the end of a series."""
    if values.dtype.kind != "f" or not np.isnan(values).any():
        return values.tolist()  # type: ignore[no-any-return]
    cells = values.astype(object)
    cells[np.isnan(values)] = None
    return cells.tolist()  # type: ignore[no-any-return]


def _plain(value: Any) -> Any:
    """A value that JSON has: NaN, NaT and None are null, dates ISO text."""
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)) or value is pd.NA:
        return None
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value
