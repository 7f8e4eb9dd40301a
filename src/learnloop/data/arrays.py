"""Arrays: NumPy and torch, inputs alone or (x, y) pairs. (`mappings.py` reads dicts of arrays.)

Columns of a two-dimensional array are called x0, x1, ...; an array of images becomes the field "image"; the
target is called "y" (y0, y1, ... when it has several columns). Folders of images and the catalog call it
"label" instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from learnloop.data.native import native
from learnloop.data.pixels import is_image_shape, to_images
from learnloop.data.raw import Raw
from learnloop.data.schema import Kind
from learnloop.data.series import from_array, from_ragged, has_steps, is_ragged, is_series, with_steps
from learnloop.errors import DataError

IMAGE, TARGET = "image", "y"


def to_numpy(value: Any, where: str) -> np.ndarray:
    """Any array-like as NumPy. Raises DataError for ragged lists and objects that are no arrays."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().to(torch.float32 if value.dtype == torch.bfloat16 else value.dtype).numpy()
    if isinstance(value, pd.Series | pd.DataFrame):
        return value.to_numpy()
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise DataError(
            where,
            "must be an array with rows of one length",
            found=str(error).split(".")[0],
            cause="rows of different lengths",
        ) from None
    if array.dtype == object and array.ndim != 1:
        raise DataError(where, "must hold numbers or text", found=f"an array of Python objects, shape {array.shape}")
    return native(array, where)


def from_pair(
    x: Any,
    y: Any,
    name: str,
    class_names: Sequence[str] = (),
    part: np.ndarray | None = None,
    *,
    series: bool = False,
    length: Any = None,
) -> Raw:
    """(x, y): features, images or series, and targets (None for none). series, length: see `from_x`."""
    raw = from_x(x, name, series=series, length=length)
    if y is None:
        return Raw(**{**vars(raw), "part": part})
    if raw.fields and has_steps(raw, y if isinstance(y, pd.Series | pd.DataFrame) else to_numpy(y, f"{name}, y")):
        return replace(with_steps(raw, to_numpy(y, f"{name}, y")), part=part)
    frame, targets, kinds, notes = _targets(y, name, class_names, set(raw.names))
    if len(frame) != len(raw):
        raise DataError(
            name,
            "x and y must have the same number of rows",
            found=f"x has {len(raw)} and y has {len(frame)}",
        )
    joined = pd.concat([raw.frame, frame], axis=1) if len(raw.frame.columns) else frame
    return Raw(
        name=name,
        frame=joined,
        arrays=raw.arrays,
        fields=raw.fields,
        part=part,
        target=targets,
        kinds={**raw.kinds, **kinds},
        plain=raw.plain,
        notes=(*raw.notes, *notes),
    )


def from_x(x: Any, name: str, *, series: bool = False, length: Any = None) -> Raw:
    """Inputs alone: a frame, [n, columns], [n], images or series.

    series  [n, time] and [n, time, features] are series, whatever they look like
    length  int [n], with series: the steps of each row that are there
    """
    if is_ragged(x):
        return from_ragged(x, name)
    if isinstance(x, pd.DataFrame):
        return Raw(name=name, frame=x.set_axis([str(column) for column in x.columns], axis=1).reset_index(drop=True))
    array = to_numpy(x, name)
    if array.ndim == 0 or not len(array):
        raise DataError(name, "must have at least one row", found=f"an array of shape {array.shape}")
    if length is not None or (series and array.ndim in (2, 3)) or is_series(array):
        return from_array(array, name, length)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim == 2:
        return from_columns(array, name)
    if is_image_shape(array.shape):
        try:
            images, notes = to_images(array, name)
        except DataError as error:
            raise _or_series(error, array) from None
        return Raw(
            name=name,
            frame=pd.DataFrame(index=range(len(images))),
            arrays={IMAGE: images},
            plain=True,
            notes=tuple(notes),
        )
    raise DataError(
        name,
        "x must be [rows, columns] or images [rows, height, width(, channels)] with 1, 3 or 4 channels",
        found=f"shape {tuple(array.shape)}",
        do="x = x.reshape(len(x), -1)   # as a table",
    )


def _or_series(error: DataError, array: np.ndarray) -> DataError:
    """With the way out for numbers [rows, time, features] that were taken for pictures."""
    if array.ndim != 3:
        return error
    do = (*error.do, "--set data.series=wide   # where each row is a series [time, features]")
    return DataError(error.where, error.must, found=error.found, cause=error.cause, do=do, available=error.available)


def from_columns(array: np.ndarray, name: str) -> Raw:
    """[n, columns] -> x0, x1, ...; numbers stay numbers whatever their values."""
    names = [f"x{place}" for place in range(array.shape[1])]
    if array.dtype.kind == "f" and array.dtype.itemsize == 2:
        array = array.astype(np.float32)
    frame = pd.DataFrame(array, columns=names)
    kinds: dict[str, tuple[Kind, str]] = {}
    if array.dtype.kind in "iuf":
        values = array.astype(np.float64, copy=False)
        low, high = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
        gone = np.asarray(np.isnan(values).any(axis=0))
        for place, column in enumerate(names):
            if low[place] < high[place] or (low[place] == high[place] and gone[place]):
                kinds[column] = ("number", "A column of a numeric array.")
    return Raw(name=name, frame=frame, kinds=kinds, plain=True)


def _targets(
    y: Any, name: str, class_names: Sequence[str], taken: set[str]
) -> tuple[pd.DataFrame, tuple[str, ...], dict[str, tuple[Kind, str]], list[str]]:
    notes: list[str] = []
    if isinstance(y, pd.DataFrame):
        frame = y.set_axis([str(column) for column in y.columns], axis=1).reset_index(drop=True)
        return frame, tuple(frame.columns), {}, notes
    label = str(y.name) if isinstance(y, pd.Series) and y.name is not None else TARGET
    if label in taken:
        label = f"{label}_target"
    array = y if isinstance(y, pd.Series) else to_numpy(y, f"{name}, y")
    if isinstance(array, pd.Series):
        return pd.DataFrame({label: array.reset_index(drop=True)}), (label,), {}, notes
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim == 2 and array.shape[1] > 1 and array.dtype.kind in "biuf" and _is_one_hot(array):
        notes.append(f"y is one-hot ({array.shape[1]} columns with one 1 in each row); read as classes.")
        array = array.argmax(axis=1)
    if array.ndim == 1:
        values = named_classes(array, class_names, name) if np.size(class_names) else array
        return pd.DataFrame({label: values}), (label,), {}, notes
    if array.ndim == 2 and array.shape[1] > 1:
        labels = tuple(f"{TARGET}{place}" for place in range(array.shape[1]))
        return pd.DataFrame(array, columns=list(labels)), labels, {}, notes
    raise DataError(f"{name}, y", "must be [rows] or [rows, targets]", found=f"shape {tuple(array.shape)}")


def _is_one_hot(array: np.ndarray) -> bool:
    return bool(np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all())


def named_classes(codes: np.ndarray, class_names: Sequence[Any], name: str) -> pd.Categorical:
    """Class numbers as class names. Raises DataError for a number without a name."""
    names = _class_names(class_names, name)
    codes = np.asarray(codes)
    if codes.dtype.kind not in "iu":
        raise DataError(f"{name}, y", "must be class numbers when class names are given", found=f"type {codes.dtype}")
    if len(codes) and (codes.min() < 0 or codes.max() >= len(names)):
        raise DataError(
            f"{name}, class_names",
            "must name every class number in y",
            found=f"{len(names)} names for class numbers {codes.min()} to {codes.max()}",
        )
    return pd.Categorical.from_codes(codes.astype(np.int64), categories=pd.Index(names, dtype="str"))


def _class_names(given: Sequence[Any], name: str) -> list[str]:
    listed = np.asarray(given).ravel().tolist()
    names = [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in listed]
    if np.ndim(given) != 1 or len(set(names)) < len(names):
        twice = next((text for text in names if names.count(text) > 1), "")
        raise DataError(
            f"{name}, class_names",
            "must be a list of different names, one for each class number",
            found=f"{twice!r} more than once" if np.ndim(given) == 1 else f"an array of shape {np.shape(given)}",
        )
    return names
