"""New texts for a model that reads one text: plain strings, .txt files, folders of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from learnloop.data.catalog import CATALOG
from learnloop.data.raw import Raw
from learnloop.data.schema import Schema
from learnloop.data.textfile import read_text
from learnloop.data.textfolders import SUFFIX, TEXT, read_texts, text_files


def open_texts(source: Any, schema: Schema, need_target: bool) -> Raw | None:
    """What `source` is where it can only be texts; None for what another reader knows: tables, the catalog.

    A list, array or Series of strings is a text each; so is one string that is no path and has a space in it. A .txt
    file is one text, unless its first line names the column; a folder holds one text a file.
    """
    inputs = schema.inputs
    if len(inputs) != 1 or inputs[0].kind != "text":
        return None
    name = inputs[0].name
    if isinstance(source, str | Path):
        paths = _files(Path(source).expanduser(), name, need_target)
        if paths:
            return _named(read_texts(paths, str(source)), name)
        known = str(source) in CATALOG or Path(source).expanduser().exists()
        return None if known or not isinstance(source, str) or " " not in source.strip() else _strings([source], name)
    texts = _as_strings(source)
    if texts is None:
        return None
    files = [Path(text).expanduser() for text in texts if len(text) < 256 and Path(text).expanduser().is_file()]
    if len(files) == len(texts):
        return _named(read_texts(files, "the files"), name)
    return _strings(texts, name)


def _files(path: Path, column: str, need_target: bool) -> list[Path]:
    if len(str(path)) > 255:
        return []
    if path.is_dir():
        return [] if need_target else text_files(path)
    if not path.is_file() or path.suffix.lower() != SUFFIX:
        return []
    first = read_text(path)[0].lstrip().split("\n", 1)[0]
    return [] if column in first.replace(",", "\t").split("\t") else [path]


def _as_strings(source: Any) -> list[str] | None:
    if isinstance(source, np.ndarray) and source.ndim == 1 and source.dtype.kind in "UO":
        source = source.tolist()
    if isinstance(source, pd.Series) and pd.api.types.is_string_dtype(source):
        source = source.astype(object).tolist()
    if isinstance(source, list | tuple) and source and all(isinstance(text, str) for text in source):
        return list(source)
    return None


def _strings(texts: Sequence[str], name: str) -> Raw:
    return Raw("the texts", pd.DataFrame({name: pd.Series(texts, dtype="str")}))


def _named(raw: Raw, name: str) -> Raw:
    return replace(raw, frame=raw.frame.rename(columns={TEXT: name}))
