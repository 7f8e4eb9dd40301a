"""Arrays: NumPy and torch, (x, y) pairs, dicts of arrays, torch data sets, .npz, .npy.

Columns of a two-dimensional array are called x0, x1, ...; an array of images becomes the field "image"; the
target is called "y" (y0, y1, ... when it has several columns). Folders of images and the catalog call it
"label" instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from learnloop.data.native import native
from learnloop.data.raw import Raw
from learnloop.data.schema import Kind
from learnloop.errors import DataError

IMAGE, TARGET = "image", "y"
PART_KEYS = {
    "train": ("train",),
    "validation": ("val", "valid", "validation", "dev"),
    "test": ("test",),
}


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


def is_image_shape(shape: Sequence[int]) -> bool:
    """[n, h, w], [n, h, w, c] or [n, c, h, w] with c of 1, 3 or 4 and sides of at least 4 pixels."""
    if len(shape) == 3:
        return min(shape[1:]) >= 4
    return len(shape) == 4 and (
        (shape[3] in (1, 3, 4) and min(shape[1:3]) >= 4) or (shape[1] in (1, 3, 4) and min(shape[2:]) >= 4)
    )


def to_images(array: np.ndarray, where: str) -> tuple[np.ndarray, list[str]]:
    """(uint8 [n, height, width, channels], notes). Raises DataError when that would lose anything."""
    notes = []
    if array.ndim == 3:
        array = array[..., None]
    elif array.shape[3] not in (1, 3, 4):
        array = np.ascontiguousarray(np.moveaxis(array, 1, 3))
        notes.append("Images had channels first; stored with channels last.")
    if array.dtype == np.uint8:
        return array, notes
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(255), notes
    if array.dtype.kind not in "iuf":
        raise DataError(where, "pixels must be numbers", found=f"values of type {array.dtype}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        image = int(np.argwhere(~np.isfinite(array))[0][0])
        raise DataError(
            where,
            "pixels must be finite numbers",
            found=f"NaN or infinity in image {image} (counted from 0)",
            do="x = x[np.isfinite(x).all(axis=(1, 2, 3))]   # drops such images",
        )
    low, high = float(array.min()), float(array.max())
    if low < 0 or high > 255:
        raise DataError(
            where,
            "pixels must lie in 0..1 or 0..255",
            found=f"values from {low:g} to {high:g}",
            cause="standardised images, or 16-bit ones",
            do=(
                "x = ((x - x.min()) / (x.max() - x.min()) * 255).round().astype('uint8')",
                "x = (x // 257).astype('uint8')   # for 16-bit images",
            ),
        )
    if array.dtype.kind == "f" and high <= 1 and high > 0:
        scaled = array.astype(np.float64) * 255
        rounded = np.rint(scaled)
        if np.abs(scaled - rounded).max() < 1e-2:
            notes.append("Pixels in 0..1 were stored as whole numbers 0..255 (exactly).")
            return rounded.astype(np.uint8), notes
        raise _not_exact(where, "multiples of 1/255", "x = (x * 255).round().astype('uint8')")
    rounded = np.rint(array)
    if not np.array_equal(rounded, array):
        raise _not_exact(where, "whole numbers in 0..255", "x = x.round().astype('uint8')")
    if array.dtype.kind == "f" and high <= 32:
        notes.append(f"The brightest pixel is {high:g}; values were read as 0..255.")
    return rounded.astype(np.uint8), notes


def _not_exact(where: str, must: str, do: str) -> DataError:
    return DataError(
        where,
        f"pixels must be {must}, so that they can be stored as 8 bits without loss",
        found="values between them",
        cause="images that were resized or normalised as floats",
        do=do,
    )


def from_pair(x: Any, y: Any, name: str, class_names: Sequence[str] = (), part: np.ndarray | None = None) -> Raw:
    """(x, y): features or images, and targets (None for none)."""
    raw = from_x(x, name)
    if y is None:
        return Raw(**{**vars(raw), "part": part})
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
        part=part,
        target=targets,
        kinds={**raw.kinds, **kinds},
        plain=raw.plain,
        notes=(*raw.notes, *notes),
    )


def from_x(x: Any, name: str) -> Raw:
    """Inputs alone: a frame, [n, columns], [n] or images."""
    if isinstance(x, pd.DataFrame):
        return Raw(name=name, frame=x.set_axis([str(column) for column in x.columns], axis=1).reset_index(drop=True))
    array = to_numpy(x, name)
    if array.ndim == 0 or not len(array):
        raise DataError(name, "must have at least one row", found=f"an array of shape {array.shape}")
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim == 2:
        return from_columns(array, name)
    if is_image_shape(array.shape):
        images, notes = to_images(array, name)
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


def from_mapping(arrays: Mapping[str, Any], name: str) -> Raw:
    """A dict or .npz: x_train/y_train[/x_val, y_val, x_test, y_test], x/y, or one array a column."""
    keys = {str(key).lower(): key for key in arrays}
    class_names = arrays[keys["class_names"]] if "class_names" in keys else ()
    if "x_train" in keys:
        return _from_parts(arrays, keys, name, class_names)
    x_key = next((keys[key] for key in ("x", "images", "data") if key in keys and _deep(arrays[keys[key]])), None)
    y_key = next((keys[key] for key in ("y", "labels", "label", "target") if key in keys), None)
    if x_key is not None and (y_key is not None or len(arrays) == 1):
        raw = from_pair(arrays[x_key], None if y_key is None else arrays[y_key], name, class_names)
        return _unused(raw, arrays, {x_key, y_key, keys.get("class_names")})
    return _from_named(arrays, name)


def _unused(raw: Raw, arrays: Mapping[str, Any], used: set[Any]) -> Raw:
    spare = [str(key) for key in arrays if key not in used]
    return raw.noted(f"Arrays that were not used: {', '.join(spare)}.") if spare else raw


def _deep(value: Any) -> bool:
    return isinstance(value, pd.DataFrame) or len(np.shape(value)) >= 2


def _from_parts(arrays: Mapping[str, Any], keys: dict[str, str], name: str, class_names: Sequence[str]) -> Raw:
    xs, ys, parts, empty = [], [], [], []
    used = {keys.get("class_names")}
    for part_name, endings in PART_KEYS.items():
        for ending in endings:
            if f"x_{ending}" not in keys:
                continue
            if f"y_{ending}" not in keys:
                raise DataError(name, f"x_{ending} must come with y_{ending}", found=", ".join(map(str, arrays)))
            x_key, y_key = keys[f"x_{ending}"], keys[f"y_{ending}"]
            x, y = _rows_of(arrays[x_key], f"{name}, {x_key}"), _rows_of(arrays[y_key], f"{name}, {y_key}")
            if len(x) != len(y):
                raise DataError(
                    name,
                    f"x_{ending} and y_{ending} must have the same number of rows",
                    found=f"{len(x)} and {len(y)}",
                )
            if not len(x) and part_name == "train":
                raise DataError(f"{name}, {x_key}", "must have at least one row", found=f"an array of shape {x.shape}")
            used |= {x_key, y_key}
            empty += [] if len(x) else [x_key]
            xs.append(x)
            ys.append(y)
            parts += [part_name] * len(x)
    for arrays_of, letter in ((xs, "x"), (ys, "y")):
        shapes = {array.shape[1:] for array in arrays_of}
        if len(shapes) > 1:
            found = ", ".join(map(str, sorted(shapes, key=str)))
            raise DataError(name, f"{letter} must have the same shape in all parts", found=f"rows of {found}")
    part = np.array(parts) if len(set(parts)) > 1 else None
    raw = from_pair(np.concatenate(xs), np.concatenate(ys), name, class_names, part)
    notes = [f"{', '.join(empty)} held no rows: such a part is as if it were not there."] if empty else []
    return _unused(raw.noted(*notes), arrays, used)


def _rows_of(value: Any, where: str) -> np.ndarray:
    array = to_numpy(value, where)
    if not array.ndim:
        raise DataError(where, "must have one value for each row", found="a single value")
    return array


def _from_named(arrays: Mapping[str, Any], name: str) -> Raw:
    columns: dict[str, Any] = {}
    images: dict[str, np.ndarray] = {}
    notes: list[str] = []
    lengths: dict[str, int] = {}
    for key, value in arrays.items():
        column = value.reset_index(drop=True) if isinstance(value, pd.Series) else _rows_of(value, f"{name}, {key}")
        lengths[str(key)] = len(column)
        if column.ndim == 1:
            columns[str(key)] = column
        elif column.ndim == 2:
            columns |= {f"{key}{place}": column[:, place] for place in range(column.shape[1])}
        elif is_image_shape(column.shape):
            images[str(key)], more = to_images(np.asarray(column), f"{name}, {key}")
            notes += more
        else:
            raise DataError(f"{name}, {key}", "must be columns or images", found=f"shape {column.shape}")
    if len(set(lengths.values())) != 1 or not next(iter(lengths.values())):
        raise DataError(
            name,
            "every array must have the same number of rows, at least one",
            found=", ".join(f"{key}: {length}" for key, length in lengths.items()) or "no arrays",
            cause="these arrays are not the columns of one table" if lengths else "",
            do="x_train, y_train, x_test, y_test or x, y as names of the arrays",
        )
    frame = pd.DataFrame(columns, index=range(next(iter(lengths.values()))))
    return Raw(name=name, frame=frame, arrays=images, notes=tuple(notes))
