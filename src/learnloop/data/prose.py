"""`read_prose`: one long text, for models that learn to write."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from learnloop.data import encoding as enc
from learnloop.data.catalog import CATALOG, load
from learnloop.data.download import sha256_of
from learnloop.data.textfile import read_text
from learnloop.errors import DataError

_LINES = 30
_TABLE = 0.9
"""Share of the first lines that split like the first one, from which on a file is a table."""
_SUFFIX = ".txt"


@dataclass(frozen=True)
class Prose:
    """name    what the user typed
    text    all of it, lines ending in "\\n"
    notes   sentences to show once: a repaired line ending, another encoding than UTF-8
    origin  {"path": ..., "sha256": ...} of a file, {"catalog": ...} of a data set of the catalog
    """

    name: str
    text: str
    notes: tuple[str, ...] = ()
    origin: Mapping[str, Any] = field(default_factory=dict)


def is_prose(source: Any) -> bool:
    """Whether `source` names one long text: a .txt (also .gz) that is no table, or such a set of the catalog."""
    if not isinstance(source, str | os.PathLike):
        return False
    path = Path(source).expanduser()
    if not path.is_file():
        return str(source) in CATALOG and CATALOG[str(source)].task == "language"
    if Path(path.name.lower().removesuffix(".gz")).suffix != _SUFFIX:
        return False
    lines = [line for line in enc.read_bytes(path, 1 << 16).decode("utf-8", "replace").splitlines() if line.strip()]
    return not any(_splits(lines[:_LINES], separator) for separator in enc.SEPARATORS)


def read_prose(source: str | os.PathLike[str], *, download: bool = False) -> Prose:
    """The text of a file (.gz too) or of a set of the catalog; the encoding is found from the bytes and said.

    download  fetch a catalog set that is on no disk
    Raises DataError: no such file; no text in it; bytes that are no text in one encoding, with the line and the
    position of the first bad one.
    """
    path = Path(source).expanduser()
    if not path.exists() and str(source) in CATALOG:
        return _of_catalog(str(source), download)
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise DataError(str(source), "must be a text file", found=found, do="learnloop fit book.txt --task language")
    text, notes = read_text(path)
    if not text.strip():
        raise DataError(str(source), "must hold a text", found="only blank lines")
    return Prose(str(source), text, notes, {"path": str(path), "sha256": sha256_of(path)})


def _splits(lines: list[str], separator: str) -> bool:
    counts = [len(row) for row in csv.reader(lines, delimiter=separator)]
    return bool(counts) and counts[0] > 1 and counts.count(counts[0]) >= _TABLE * len(counts)


def _of_catalog(name: str, download: bool) -> Prose:
    if CATALOG[name].task != "language":
        raise DataError(
            name,
            "must be one long text",
            found=f"a set of the catalog for the task {CATALOG[name].task}",
            available=[entry.name for entry in CATALOG.values() if entry.task == "language"],
        )
    raw = load(name, download=download)
    return Prose(name, str(raw.frame["text"].iloc[0]), raw.notes, raw.origin)
