"""New rows in all the forms in which people hand them over, opened, and named as the trained schema names them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from learnloop.data.catalog import CATALOG
from learnloop.data.folders import read_images
from learnloop.data.newtexts import open_texts
from learnloop.data.opening import open_source
from learnloop.data.pictures import only_pictures, pictures_of
from learnloop.data.raw import Raw
from learnloop.data.schema import Field, Schema
from learnloop.errors import SchemaError


def open_rows(source: Any, schema: Schema, need_target: bool) -> Raw:
    """A file, a frame, a dict (one row), one image, paths of images, an array (also of one row). Raises DataError."""
    images = [field for field in schema.inputs if field.kind == "image"]
    if isinstance(source, Mapping) and source and all(np.ndim(value) == 0 for value in source.values()):
        source = [dict(source)]
    if isinstance(source, tuple) and len(source) == 2 and source[1] is None:
        source = source[0]
    texts = open_texts(source, schema, need_target)
    if texts is not None:
        return texts
    if images:
        height, width, channels = images[0].shape
        if hasattr(source, "ndim") and not isinstance(source, pd.DataFrame | pd.Series):
            source = _image_batch(source, images[0])
        elif isinstance(source, str | Path) or _is_paths(source):
            if not need_target and (files := _pictures(source)) is not None:
                name = str(source) if isinstance(source, str | Path) else "the images"
                return read_images(files, name, size=(height, width), channels=channels)
            return open_source(source, image_size=(height, width), channels=channels)
    elif isinstance(source, pd.Series) and set(source.index) & {field.name for field in schema.inputs}:
        source = source.to_frame().T.infer_objects()  # df.iloc[0] is one row
    elif isinstance(source, list) and source and isinstance(source[0], int | float):
        source = np.asarray(source)
    if not images and hasattr(source, "ndim") and source.ndim == 1 and not isinstance(source, pd.Series):
        plain = schema.inputs
        source = source.reshape(1, -1) if len(plain) > 1 or len(source) == 1 else source
    return open_source(source)


def _is_paths(source: Any) -> bool:
    return isinstance(source, list | tuple) and bool(source) and all(isinstance(item, str | Path) for item in source)


def _pictures(source: Any) -> list[Path] | None:
    """The files of pictures and folders of pictures; None for what else may be meant (arrays, a catalog name)."""
    one = isinstance(source, str | Path)
    paths = [Path(item).expanduser() for item in ([source] if one else source)]
    if one and (str(source) in CATALOG or not only_pictures(paths[0])):
        return None
    if not all(path.exists() or path.is_symlink() for path in paths):
        return None
    return pictures_of(paths)


def _image_batch(source: Any, field: Field) -> Any:
    """[h, w] and [h, w, c] are one image; [n, h, w], [n, h, w, c], [n, c, h, w], [n, h * w * c] many."""
    height, width, channels = field.shape
    if source.ndim == 2 and source.shape[1] == height * width * channels and source.shape != (height, width):
        return source.reshape(-1, height, width, channels)  # flattened rows
    if source.ndim == 2 or (source.ndim == 3 and source.shape[-1] == channels and channels > 1):
        return source[None]
    if source.ndim == 3 and channels == 1 and source.shape[-1] == 1 and min(source.shape[:2]) >= 4:
        return source[None]
    return source


def renamed(raw: Raw, schema: Schema, need_target: bool) -> Raw:
    """Arrays have made-up names (x0, image, y): they take the schema's names by position."""
    goals = [field.name for field in schema.targets]
    if need_target and len(raw.target) == len(goals) and not set(goals) & set(raw.names):
        names = dict(zip(raw.target, goals, strict=True))
        raw = replace(raw, frame=raw.frame.rename(columns=names), target=tuple(goals))
    if not raw.plain:
        return raw
    inputs = [field for field in schema.inputs if field.kind != "image"]
    images = [field for field in schema.inputs if field.kind == "image"]
    given = [name for name in raw.frame.columns if name not in raw.target]
    if images and not raw.arrays:
        raise SchemaError(
            raw.name,
            f"must hold images of {' x '.join(map(str, images[0].shape))} (height, width, channels)",
            found=f"rows of {len(given)} numbers",
        )
    if raw.arrays and not images:
        shape = next(iter(raw.arrays.values())).shape
        raise SchemaError(raw.name, f"must have {len(inputs)} columns", found=f"images of shape {shape[1:]}")
    if not images and len(given) != len(inputs) and not _array_fields(schema, given):
        wide = "numbers" if all(field.kind == "number" for field in inputs) else "values"
        raise SchemaError(
            raw.name,
            f"expected {len(inputs)} {wide} in each row",
            found=f"found {len(given)}",
            cause="a column was dropped, or the target was left among the inputs",
            available=[field.name for field in inputs],
        )
    names = dict(zip(given, (field.name for field in inputs), strict=False))
    if _array_fields(schema, given):
        names = {}
    targets = [field.name for field in schema.targets]
    if len(targets) == len(raw.target):
        names |= dict(zip(raw.target, targets, strict=True))
    arrays = {
        images[place].name if place < len(images) else name: values
        for place, (name, values) in enumerate(raw.arrays.items())
    }
    frame = raw.frame.rename(columns=names)
    return replace(raw, frame=frame, arrays=arrays, target=tuple(names.get(name, name) for name in raw.target))


def _array_fields(schema: Schema, given: list[str]) -> bool:
    """The schema itself came from an array of this width; some of its columns were set aside as constant."""
    plain = [field.name for field in schema.fields if field.role != "target" and field.kind != "image"]
    return plain == given
