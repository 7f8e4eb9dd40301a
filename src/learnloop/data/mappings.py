"""Dicts of arrays and .npz files: x and y in parts, x and y, or one array a column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from learnloop.data import audio
from learnloop.data.arrays import from_pair, to_numpy
from learnloop.data.pixels import is_image_shape, to_images
from learnloop.data.raw import Raw
from learnloop.errors import DataError

PART_KEYS = {
    "train": ("train",),
    "validation": ("val", "valid", "validation", "dev"),
    "test": ("test",),
}


def from_mapping(arrays: Mapping[str, Any], name: str, *, series: bool = False) -> Raw:
    """A dict or .npz: x_train/y_train[/x_val, y_val, x_test, y_test], x/y (and `length`, of series), or one array a
    column. series: x holds series, whatever it looks like.
    """
    if audio.is_audio(arrays):
        return audio.from_arrays(arrays, name)
    keys = {str(key).lower(): key for key in arrays}
    class_names = arrays[keys["class_names"]] if "class_names" in keys else ()
    if "x_train" in keys:
        return _from_parts(arrays, keys, name, class_names, series)
    x_key = next((keys[key] for key in ("x", "images", "data") if key in keys and _deep(arrays[keys[key]])), None)
    y_key = next((keys[key] for key in ("y", "labels", "label", "target") if key in keys), None)
    if x_key is not None and (y_key is not None or keys.keys() <= {"x", "images", "data", "length"}):
        y, length = (None if key is None else arrays[key] for key in (y_key, keys.get("length")))
        raw = from_pair(arrays[x_key], y, name, class_names, series=series, length=length)
        return _unused(raw, arrays, {x_key, y_key, keys.get("class_names"), keys.get("length")})
    return _from_named(arrays, name)


def _unused(raw: Raw, arrays: Mapping[str, Any], used: set[Any]) -> Raw:
    spare = [str(key) for key in arrays if key not in used]
    return raw.noted(f"Arrays that were not used: {', '.join(spare)}.") if spare else raw


def _deep(value: Any) -> bool:
    return isinstance(value, pd.DataFrame) or len(np.shape(value)) >= 2


def _from_parts(
    arrays: Mapping[str, Any], keys: dict[str, str], name: str, class_names: Sequence[str], series: bool
) -> Raw:
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
    raw = from_pair(np.concatenate(xs), np.concatenate(ys), name, class_names, part, series=series)
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
