"""Folders: class folders of images (with or without train/ validation/ test/), MNIST idx files, loose
images.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from learnloop.data import imagestore
from learnloop.data.arrays import IMAGE
from learnloop.data.imagecache import Corrupt, decode_files
from learnloop.data.images import IMAGE_SUFFIXES
from learnloop.data.npz import LABEL, idx_pairs, read_idx
from learnloop.data.raw import Raw
from learnloop.data.textfolders import holds_texts, read_class_texts
from learnloop.errors import DataError

PART_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
FILE = "file"


def read_folder(
    folder: Path,
    *,
    corrupt: Corrupt = "refuse",
    size: tuple[int, int] | None = None,
    channels: int | None = None,
) -> Raw:
    """Images, or .txt files, with their class folder's name as "label"; idx files. Raises DataError for any other
    folder."""
    if (folder / "raw").is_dir() and idx_pairs(folder / "raw"):
        folder = folder / "raw"
    if pairs := idx_pairs(folder):
        raw = read_idx(pairs, str(folder))
        files = [path for pair in pairs.values() for path in pair]
        return replace(raw, origin={**raw.origin, "sha256": imagestore.fingerprint(files, folder)})
    parts = {PART_FOLDERS[path.name.lower()]: path for path in _folders(folder) if path.name.lower() in PART_FOLDERS}
    if not ("train" in parts and len(parts) > 1):
        parts = {"": parts["train"]} if set(parts) == {"train"} else {"": folder}
    if channels is None and holds_texts(parts.values()) and not image_files(folder):
        return read_class_texts(folder, parts)
    return _read_classes(folder, parts, corrupt, size, channels)


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise DataError(str(folder), "must be a readable folder", found=error.strerror or str(error)) from None


def image_files(folder: Path) -> list[Path]:
    """Image files under a folder, in the order of their paths."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in IMAGE_SUFFIXES and path.name[0] != "." and (path.is_file() or path.is_symlink())
    )


def _read_classes(
    folder: Path, roots: dict[str, Path], corrupt: Corrupt, size: tuple[int, int] | None, channels: int | None
) -> Raw:
    files: list[Path] = []
    labels: list[str] = []
    parts: list[str] = []
    for part, root in roots.items():
        for class_folder in _folders(root):
            found = image_files(class_folder)
            files += found
            labels += [class_folder.name] * len(found)
            parts += [part] * len(found)
    if not files:
        raise _no_classes(folder)
    empty = _empty_classes(roots, set(labels))
    if empty and corrupt == "refuse" and channels is None:  # with channels: rows for a model that knows its classes
        raise _no_pictures(folder, empty)
    names = ", ".join(path.name for path in empty[:5])
    notes = [*_odd_files(folder, files), *([f"Folders without images are no classes: {names}."] if empty else [])]
    decoded = decode_files(files, str(folder), size=size, channels=channels, corrupt=corrupt)
    kept = decoded.kept
    frame = pd.DataFrame(
        {
            LABEL: pd.Series([labels[row] for row in kept], dtype="str").astype("category"),
            FILE: pd.Series([str(files[row].relative_to(folder)) for row in kept], dtype="str"),
        }
    )
    return Raw(
        name=str(folder),
        frame=frame,
        arrays={IMAGE: decoded.images},
        part=np.array(parts)[kept] if len(roots) > 1 else None,
        target=(LABEL,),
        kinds={FILE: ("id", "The file's name; set aside.")},
        notes=(*notes, *decoded.notes),
        origin={"path": str(folder), "sha256": imagestore.fingerprint(files, folder)},
    )


def _odd_files(folder: Path, files: list[Path]) -> list[str]:
    known = set(files)
    odd = [path for path in folder.rglob("*") if path.is_file() and path not in known and path.name[0] != "."]
    if not odd:
        return []
    names = ", ".join(path.name for path in sorted(odd)[:5])
    what = "1 file that is not an image" if len(odd) == 1 else f"{len(odd)} files that are not images"
    return [f"{what} in a class folder: left out ({names})."]


def _empty_classes(roots: dict[str, Path], labels: set[str]) -> list[Path]:
    """Class folders without images in any part; most likely their pictures are somewhere else."""
    named = {path.name: path for root in roots.values() for path in _folders(root)}
    return [path for name, path in sorted(named.items()) if name not in labels and not name.startswith("__")]


def _no_pictures(folder: Path, empty: list[Path]) -> DataError:
    def inside(path: Path) -> str:
        files = [item.name for item in path.rglob("*") if item.is_file()]
        return f"{len(files)} other file{'' if len(files) == 1 else 's'}, as {min(files)}" if files else "nothing"

    more = f", and {len(empty) - 5} more" if len(empty) > 5 else ""
    return DataError(
        str(folder),
        "every class folder must hold images",
        found=", ".join(f"{path.relative_to(folder)} holds {inside(path)}" for path in empty[:5]) + more,
        cause="the pictures are somewhere else, in another format, or not downloaded yet",
        do=("move the pictures there, or remove the folder", "--set data.corrupt=skip   # such folders are no classes"),
    )


def _is_table(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").endswith((".csv", ".tsv", ".parquet", ".npz", ".json", ".jsonl"))


def _no_classes(folder: Path) -> DataError:
    if (folder / "recipe.yaml").is_file():
        return DataError(
            str(folder),
            "must be data",
            found="the folder of a run",
            do=(f"learnloop fit {folder}/recipe.yaml   # the same again", f"learnloop fit --resume {folder}"),
        )
    tables = [path for path in sorted(folder.iterdir()) if path.is_file()]
    loose = image_files(folder)
    if loose:
        return DataError(
            str(folder),
            "must hold one folder of images for each class",
            found=f"{len(loose)} images without class folders",
            do=f"mkdir {folder}/CLASS && mv {folder}/*{loose[0].suffix} {folder}/CLASS/",
        )
    return DataError(
        str(folder),
        "must hold folders of images, one a class, or MNIST idx files",
        found="no images" + (f"; files: {', '.join(path.name for path in tables[:6])}" if tables else ""),
        do=tuple(f"learnloop fit {path}" for path in tables if _is_table(path))[:3],
    )


def read_images(
    paths: list[Path],
    name: str,
    *,
    corrupt: Corrupt = "refuse",
    size: tuple[int, int] | None = None,
    channels: int | None = None,
) -> Raw:
    """Loose image files without labels, for prediction."""
    decoded = decode_files(paths, name, size=size, channels=channels, corrupt=corrupt)
    frame = pd.DataFrame({FILE: pd.Series([str(paths[row]) for row in decoded.kept], dtype="str")})
    return Raw(
        name=name,
        frame=frame,
        arrays={IMAGE: decoded.images},
        kinds={FILE: ("id", "The file's name; set aside.")},
        notes=decoded.notes,
        origin={"files": tuple(str(paths[row]) for row in decoded.kept)},
    )
