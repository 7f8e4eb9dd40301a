"""Folders of .txt files: one text a file, in class folders, with or without train/ validation/ test/."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from learnloop.data.imagestore import fingerprint
from learnloop.data.npz import LABEL
from learnloop.data.raw import Raw
from learnloop.data.textfile import decoded
from learnloop.errors import DataError, raise_all

TEXT, FILE = "text", "file"
SUFFIX = ".txt"
UNLABELLED = ("unsup", "unlabeled", "unlabelled", "unsupervised")
"""Folders whose texts have no class, as aclImdb names one."""
_MOST_ERRORS = 10


def text_files(folder: Path) -> list[Path]:
    """The .txt files under a folder, in the order of their paths."""
    return sorted(path for path in folder.rglob(f"*{SUFFIX}") if path.name[0] != "." and path.is_file())


def holds_texts(roots: Iterable[Path]) -> bool:
    """Whether class folders below one of the roots hold .txt files."""
    return any(next(inside.rglob(f"*{SUFFIX}"), None) for root in roots for inside in root.iterdir() if inside.is_dir())


def read_class_texts(folder: Path, roots: Mapping[str, Path]) -> Raw:
    """Texts with their class folder's name as "label".

    roots  part ("" without parts) -> the folder of its class folders
    Raises DataError: no .txt file in a class folder; files that are no text in one encoding (the first ten).
    """
    files: list[Path] = []
    labels: list[str] = []
    parts: list[str] = []
    unlabelled = 0
    for part, root in roots.items():
        for inside in sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] != "."):
            found = text_files(inside)
            if inside.name.lower() in UNLABELLED:
                unlabelled += len(found)
                continue
            files += found
            labels += [inside.name] * len(found)
            parts += [part] * len(found)
    if not files:
        raise DataError(str(folder), "must hold folders of .txt files, one a class", found="no .txt file in a folder")
    texts, notes = _read(files)
    if unlabelled:
        notes.append(f"{unlabelled} texts in folders of texts without a class ({', '.join(UNLABELLED)}) were left out.")
    raw = _as_raw(str(folder), texts, [str(path.relative_to(folder)) for path in files], notes)
    frame = raw.frame.assign(**{LABEL: pd.Series(labels, dtype="str").astype("category")})
    return Raw(
        name=raw.name,
        frame=frame,
        part=np.array(parts) if len(roots) > 1 else None,
        target=(LABEL,),
        kinds=raw.kinds,
        notes=raw.notes,
        origin={"path": str(folder), "sha256": fingerprint(files, folder)},
    )


def read_texts(paths: Sequence[Path], name: str) -> Raw:
    """Files without labels, one text each, for prediction."""
    texts, notes = _read(paths)
    raw = _as_raw(name, texts, [str(path) for path in paths], notes)
    return Raw(raw.name, raw.frame, kinds=raw.kinds, notes=raw.notes, origin={"files": tuple(map(str, paths))})


def _as_raw(name: str, texts: Sequence[str], files: Sequence[str], notes: Sequence[str]) -> Raw:
    frame = pd.DataFrame({TEXT: pd.Series(texts, dtype="str"), FILE: pd.Series(files, dtype="str")})
    why = {TEXT: ("text", "The text of a file."), FILE: ("id", "The file's name; set aside.")}
    return Raw(name, frame, kinds=why, notes=tuple(notes))  # type: ignore[arg-type]


def _read(files: Sequence[Path]) -> tuple[list[str], list[str]]:
    texts: list[str] = []
    errors: list[DataError] = []
    met: Counter[str] = Counter()
    for path in files:
        try:
            text, encoding = decoded(path.read_bytes(), path)
        except DataError as error:
            errors.append(error)
            continue
        texts.append(text)
        met[encoding] += 1
    raise_all(errors[:_MOST_ERRORS])
    odd = [f"{count} as {encoding}" for encoding, count in sorted(met.items()) if encoding != "utf-8"]
    return texts, [f"Not UTF-8, and read as what they seem to be: {', '.join(odd)} files."] if odd else []
