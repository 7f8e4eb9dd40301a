"""Folders of .wav files: one folder a class, a table that names each file and what is said in it, or loose files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from learnloop.data import imagestore
from learnloop.data.audio import AUDIO, field_of, recordings
from learnloop.data.delimited import read_delimited
from learnloop.data.folders import FILE, PART_FOLDERS
from learnloop.data.npz import LABEL
from learnloop.data.raw import Raw
from learnloop.data.schema import Kind
from learnloop.data.wav import Sound, read_wav
from learnloop.errors import DataError, ManyErrors, UserError

TABLES = ("metadata", "transcripts", "labels")
TEXTS = ("text", "transcript", "transcription", "sentence")
"""Columns of a table beside the files that are what is said."""
FILES = ("file", "file_name", "filename", "path", "wav")
SUFFIX = ".wav"
_MOST_ERRORS = 10
_BESIDE = (".csv", ".tsv", ".txt", ".md", ".json", ".gz")
"""Files that may stand beside recordings."""


def has_recordings(folder: Path, depth: int = 3) -> bool:
    """Whether the folder, or one in it, begins with a .wav file: a look at one file of each folder, not at all."""
    try:
        with os.scandir(folder) as entries:
            inside = []
            for entry in entries:
                if entry.name[0] == ".":
                    continue
                if entry.is_dir():
                    inside.append(Path(entry.path))
                elif entry.name.lower().endswith(SUFFIX):
                    return True
                elif not entry.name.lower().endswith(_BESIDE):
                    break
    except OSError:
        return False
    return depth > 1 and any(has_recordings(path, depth - 1) for path in inside)


def wav_files(folder: Path) -> list[Path]:
    """The .wav files under a folder, in the order of their paths."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() == SUFFIX and path.name[0] != ".")


def read_audio_folder(folder: Path) -> Raw:
    """Recordings with the columns of `metadata.csv` (file, text, ...), else with their folder's name as "label".

    train/, validation/ and test/ folders are kept as the split. Raises DataError: a file that is named but not
    there, files without classes or a table, and every file that cannot be read, all at once.
    """
    table = next((path for path in sorted(folder.iterdir()) if _is_table(path)), None)
    if table is not None:
        return _from_table(folder, table)
    inside = [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    parts = {PART_FOLDERS[path.name.lower()]: path for path in inside if path.name.lower() in PART_FOLDERS}
    roots = parts if "train" in parts else {"": folder}
    found = [
        (part, kind.name, path)
        for part, root in roots.items()
        for kind in sorted(root.iterdir())
        if kind.is_dir()
        for path in wav_files(kind)
    ]
    if not found:
        loose = wav_files(folder)
        raise DataError(
            str(folder),
            "must hold one folder of recordings for each class, or metadata.csv with the columns file and text",
            found=f"{len(loose)} .wav files without either",
            do=f"mkdir {folder}/CLASS && mv {folder}/*.wav {folder}/CLASS/",
        )
    files = [path for _, _, path in found]
    columns = {LABEL: pd.Series([label for _, label, _ in found], dtype="str").astype("category")}
    part = np.array([part for part, _, _ in found]) if len(roots) > 1 else None
    return _raw(folder, files, pd.DataFrame(columns), (LABEL,), part)


def read_recordings(paths: Sequence[Path], name: str, rate: int | None = None) -> Raw:
    """Loose files without answers, for prediction, all at `rate`. Raises DataError."""
    return _raw(Path(name), paths, pd.DataFrame(index=range(len(paths))), (), None, rate=rate, origin=True)


def _is_table(path: Path) -> bool:
    name = path.name.lower().removesuffix(".gz")
    return path.is_file() and name.endswith((".csv", ".tsv")) and name.rpartition(".")[0] in TABLES


def _from_table(folder: Path, table: Path) -> Raw:
    raw = read_delimited(table)
    frame = raw.frame
    lower = {str(name).lower(): str(name) for name in frame.columns}
    column = next((lower[name] for name in FILES if name in lower), None)
    if column is None:
        raise DataError(
            str(table),
            "must have a column that names the files: file",
            found=", ".join(map(str, frame.columns)),
            available=FILES,
        )
    names = [str(name) for name in frame[column]]
    files = [folder / name for name in names]
    gone = [name for name, path in zip(names, files) if not path.is_file()]
    if gone:
        raise DataError(
            str(table),
            "must name files of its folder",
            found=f"{', '.join(gone[:5])}{' ...' if len(gone) > 5 else ''}: {len(gone)} of {len(names)} are not there",
            cause="names without .wav, or without the folder that they are in" if len(gone) == len(names) else "",
            available=[str(path.relative_to(folder)) for path in wav_files(folder)[:12]],
        )
    text = next((lower[name] for name in TEXTS if name in lower), None)
    spare = len(set(wav_files(folder)) - set(files))
    notes = [f"{spare} .wav files that {table.name} does not name were left out."] if spare else []
    rest = frame.drop(columns=[column])
    kinds: dict[str, tuple[Kind, str]] = {} if text is None else {text: ("text", "What is said in the recording.")}
    made = _raw(folder, files, rest, () if text is None else (text,), None, names=names)
    return Raw(**{**vars(made), "kinds": {**made.kinds, **kinds}, "notes": (*raw.notes, *notes, *made.notes)})


def _raw(
    folder: Path,
    files: Sequence[Path],
    frame: pd.DataFrame,
    target: tuple[str, ...],
    part: np.ndarray | None,
    *,
    names: Sequence[str] | None = None,
    rate: int | None = None,
    origin: bool = False,
) -> Raw:
    """The files decoded, beside the columns of `frame`. origin: the files are not under `folder`."""
    if names is None:
        names = [str(path) if origin else str(path.relative_to(folder)) for path in files]
    audio, rate, notes = recordings(_decoded(files), names, str(folder), rate)
    frame = frame.assign(**{FILE: pd.Series(list(names), dtype="str")})
    found = {"files": tuple(names)} if origin else {"sha256": imagestore.fingerprint(files, folder)}
    return Raw(
        name=str(folder),
        frame=frame,
        arrays={AUDIO: audio},
        fields={AUDIO: field_of(audio, rate)},
        part=part,
        target=target,
        kinds={FILE: ("id", "The file's name; set aside.")},
        notes=tuple(notes),
        origin=found,
    )


def _decoded(files: Sequence[Path]) -> list[Sound]:
    """All files, read in parallel. Raises every error, at most ten of them."""

    def read(path: Path) -> Sound | UserError:
        try:
            return read_wav(path)
        except DataError as error:
            return error

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(read, files))
    errors = [item for item in found if isinstance(item, UserError)]
    if errors:
        raise errors[0] if len(errors) == 1 else ManyErrors(errors[:_MOST_ERRORS])
    return [item for item in found if isinstance(item, Sound)]
