"""Sources that need no target: pictures without classes, arrays of inputs alone, one label for all rows."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from learnloop.data import folders, imagestore, npz
from learnloop.data.arrays import from_x, to_numpy
from learnloop.data.download import sha256_of
from learnloop.data.imagecache import Corrupt
from learnloop.data.mappings import PART_KEYS
from learnloop.data.opening import open_source
from learnloop.data.raw import Raw
from learnloop.data.roles import USUAL_TARGETS
from learnloop.errors import DataError


def open_unlabelled(
    source: Any,
    *,
    corrupt: Corrupt = "refuse",
    image_size: int | None = None,
    download: bool = False,
    series: bool = False,
) -> Raw:
    """What `open_source` reads, and what only a job without targets can use: a folder of pictures without class
    folders, x_train and x_test without y. Raises DataError."""
    size = None if image_size is None else (image_size, image_size)
    alone = _parts_alone(source, series)
    if alone is not None:
        return alone
    try:
        raw = open_source(source, corrupt=corrupt, image_size=size, download=download, series=series)
    except DataError as error:
        path = Path(source).expanduser() if isinstance(source, str | os.PathLike) else None
        loose = folders.image_files(path) if path is not None and path.is_dir() else []
        if path is None or not loose or "class" not in error.must:
            raise
        origin = {"path": str(path), "sha256": imagestore.fingerprint(loose, path)}
        raw = replace(folders.read_images(loose, str(source), corrupt=corrupt, size=size), origin=origin)
    return raw


def without_sole_label(raw: Raw) -> Raw:
    """Without a column of labels that says the same of every row: one class folder is no class."""
    usual = [name for name in map(str, raw.frame.columns) if name.lower() in USUAL_TARGETS]
    named = [name for name in (*raw.target, *usual) if name in raw.frame.columns]
    sole = [name for name in dict.fromkeys(named) if raw.frame[name].nunique(dropna=True) < 2]
    if not sole:
        return raw
    target = tuple(name for name in raw.target if name not in sole)
    note = f"{', '.join(sole)} says the same of every row: it is no class."
    return replace(raw, frame=raw.frame.drop(columns=sole), target=target).noted(note)


def _parts_alone(source: Any, series: bool) -> Raw | None:
    """x_train (x_validation, x_test) without any y; None for anything else."""
    origin: dict[str, Any] = {}
    if isinstance(source, str | os.PathLike) and Path(source).suffix == ".npz" and Path(source).is_file():
        arrays: Mapping[str, Any] = npz.read_arrays(Path(source))
        name = str(source)
    elif isinstance(source, Mapping):
        arrays, name = source, "the dict"
    else:
        return None
    keys = {str(key).lower(): key for key in arrays}
    if "x_train" not in keys or any(key.startswith("y_") for key in keys):
        return None
    if isinstance(source, str | os.PathLike):
        origin = {"path": str(source), "sha256": sha256_of(Path(source))}
    found = [(part, f"x_{end}") for part, ends in PART_KEYS.items() for end in ends if f"x_{end}" in keys]
    blocks = [to_numpy(arrays[keys[key]], f"{name}, {key}") for _, key in found]
    shapes = {block.shape[1:] for block in blocks}
    if len(shapes) > 1:
        raise DataError(name, "x must have the same shape in all parts", found=", ".join(map(str, sorted(shapes))))
    part = np.concatenate([np.full(len(block), part) for (part, _), block in zip(found, blocks, strict=True)])
    raw = from_x(np.concatenate(blocks), name, series=series)
    return replace(raw, part=part if len(found) > 1 else None, origin=origin)
