"""Any source a user may name -> `Raw`: the one place that knows which reader reads what."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.utils.data import Dataset as TorchDataset

from learnloop.data import arrays, catalog, delimited, folders, mappings, npz, tables, torchsets
from learnloop.data.audio_folders import SUFFIX, has_recordings, read_audio_folder, read_recordings
from learnloop.data.download import sha256_of
from learnloop.data.encoding import read_bytes
from learnloop.data.imagecache import Corrupt
from learnloop.data.images import IMAGE_SUFFIXES
from learnloop.data.parallel import corpus_beside, corpus_in, read_parallel
from learnloop.data.raw import Raw
from learnloop.errors import DataError, did_you_mean, nearest

PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".joblib")
OTHERS = {
    ".xlsx": "save the sheet as CSV (UTF-8)",
    ".xls": "save the sheet as CSV (UTF-8)",
    ".zip": "unzip it first",
    ".tar": "tar xf it first",
    ".feather": "pd.read_feather(path).to_parquet('data.parquet')",
    ".h5": "read it with h5py and hand the arrays to ll.fit",
}
READABLE = ".csv .tsv .txt .data .json .jsonl (also .gz), .parquet, .npz, .npy, idx, a folder of images"


def open_source(
    source: Any,
    *,
    corrupt: Corrupt = "refuse",
    image_size: tuple[int, int] | None = None,
    channels: int | None = None,
    download: bool = False,
    series: bool = False,
) -> Raw:
    """Read a path, a catalog name, a frame, arrays, a torch data set or a list of dicts. Raises DataError.

    series  arrays of numbers [rows, time(, features)] hold series, whatever they look like
    """
    if isinstance(source, Raw):
        return source
    if isinstance(source, str | os.PathLike):
        return _open_path(source, corrupt, image_size, channels, download, series)
    if isinstance(source, pd.DataFrame):
        return tables.from_frame(source, "the data frame")
    if isinstance(source, pd.Series):
        return tables.from_frame(source.to_frame(), "the series")
    if isinstance(source, Mapping):
        return mappings.from_mapping(source, "the dict", series=series)
    if isinstance(source, TorchDataset):
        return torchsets.from_torch(source, type(source).__name__)
    if isinstance(source, tuple) and len(source) == 2 and not isinstance(source[0], dict):
        return arrays.from_pair(source[0], source[1], "(x, y)", series=series)
    if isinstance(source, np.ndarray | torch.Tensor):
        return arrays.from_x(source, "the array", series=series)
    if isinstance(source, list | tuple) and source and isinstance(source[0], dict):
        return tables.from_rows(source, "the list")
    if isinstance(source, list | tuple) and source and all(_is_image_path(item) for item in source):
        paths = [_existing(item) for item in source]
        return folders.read_images(paths, "the images", corrupt=corrupt, size=image_size, channels=channels)
    if isinstance(source, list) and source and isinstance(source[0], list | tuple | int | float | np.ndarray):
        return arrays.from_x(source, "the list", series=series)
    raise DataError(
        f"data of type {type(source).__name__}",
        "must be something that can be read",
        found=repr(source)[:80],
        available=(
            "a path",
            "a catalog name",
            "a DataFrame",
            "(x, y)",
            "a dict of arrays",
            "a torch Dataset",
        ),
    )


def _is_image_path(item: Any) -> bool:
    return isinstance(item, str | os.PathLike) and str(item).lower().endswith(IMAGE_SUFFIXES)


def _existing(item: Any) -> Path:
    path = Path(item).expanduser()
    if not path.exists():
        raise _no_such(str(item))
    return path


def _open_path(
    source: str | os.PathLike[str],
    corrupt: Corrupt,
    size: tuple[int, int] | None,
    channels: int | None,
    download: bool,
    series: bool,
) -> Raw:
    text, path = str(source), Path(source).expanduser()
    run = _is_run(path)
    if not path.exists() or (run and text in catalog.CATALOG):  # `learnloop fit digits --out digits`
        if text not in catalog.CATALOG:
            raise _no_such(text)
        raw = catalog.load(text, download=download)
        return (
            raw.noted(f"{text} is the catalog's data set: the folder {text} is a run, which holds no data.")
            if run
            else raw
        )
    if run:
        raise DataError(
            text,
            "must be data",
            found="the folder of a run (recipe.yaml and environment.json)",
            cause="the run was named where its data belongs",
            do=[f"learnloop predict {text} NEW_DATA", f"learnloop fit --resume {text}"],
        )
    if path.is_dir():
        raw = _open_folder(path, corrupt, size, channels)
        raw = replace(raw, origin={"path": str(path), **raw.origin})
    else:
        raw = _open_file(path, corrupt, size, channels, series)
        raw = replace(raw, origin={"path": str(path), "sha256": sha256_of(path), **raw.origin})
    raw = replace(raw, name=text)
    if text in catalog.CATALOG:
        raw = raw.noted(f"Read from the path {text}, not from the catalog's data set of that name.")
    return raw


def _is_run(path: Path) -> bool:
    return (path / "recipe.yaml").is_file() and (path / "environment.json").is_file()


def _open_folder(path: Path, corrupt: Corrupt, size: tuple[int, int] | None, channels: int | None) -> Raw:
    if has_recordings(path):
        return read_audio_folder(path)
    if corpus := corpus_in(path):
        return read_parallel(str(path), corpus)
    try:
        return folders.read_folder(path, corrupt=corrupt, size=size, channels=channels)
    except DataError as error:
        loose = folders.image_files(path)
        if channels is None or not loose or "class" not in error.must:
            raise
        return folders.read_images(loose, str(path), corrupt=corrupt, size=size, channels=channels)


def _open_file(path: Path, corrupt: Corrupt, size: tuple[int, int] | None, channels: int | None, series: bool) -> Raw:
    if not os.access(path, os.R_OK):
        raise DataError(str(path), "must be readable", found="no permission", do=f"chmod +r {path}")
    name = path.name.lower()
    if npz.IDX_NAME.match(path.name):
        return npz.read_idx_file(path)
    if _is_image_path(path):
        return folders.read_images([path], str(path), corrupt=corrupt, size=size, channels=channels)
    if name.endswith(SUFFIX):
        return read_recordings([path], str(path))
    suffix = Path(name.removesuffix(".gz")).suffix
    if suffix in delimited.TEXT_SUFFIXES:
        return delimited.read_delimited(path)
    if suffix in (".json", ".jsonl"):
        return tables.read_json(path)
    if suffix in (".parquet", ".pq"):
        return tables.read_parquet(path)
    if suffix == ".npz":
        return npz.read_npz(path, series=series)
    if suffix == ".npy":
        return npz.read_npy(path, series=series)
    if suffix in PICKLES:
        raise DataError(
            str(path),
            "must be a data file that cannot run code",
            found=f"a pickle ({suffix})",
            do=("np.savez('data.npz', x=x, y=y)", "df.to_csv('data.csv', index=False)"),
        )
    if corpus := corpus_beside(path):
        return read_parallel(str(path), corpus)
    if not read_bytes(path, 16):
        raise AssertionError("read_bytes refuses empty files")
    raise DataError(
        str(path),
        f"must be one of {READABLE}",
        found=f"a file ending in {suffix!r}" if suffix else "a file without an ending",
        do=OTHERS.get(suffix, "rename it when it is one of these"),
    )


def _no_such(text: str) -> DataError:
    path = Path(text).expanduser()
    beside = []
    if path.parent.is_dir():
        try:
            beside = [str(path.parent / item.name) for item in path.parent.iterdir() if item.name[0] != "."]
        except OSError:
            beside = []
    beside = [name.removeprefix("./") for name in beside]
    options = [*catalog.CATALOG, *beside]
    return DataError(
        text,
        "must be a file, a folder or a name in the catalog",
        found="no such file",
        cause=did_you_mean(text, options),
        available=nearest(text, options),
    )
