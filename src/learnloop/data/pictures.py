"""What a user points at for prediction with an image model: pictures, folders of pictures -> the files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from learnloop.data.folders import image_files
from learnloop.data.images import IMAGE_SUFFIXES, BadImage, read_header
from learnloop.data.npz import idx_pairs
from learnloop.errors import DataError, raise_all

ARRAYS = (".npz", ".npy", ".csv", ".tsv", ".json", ".jsonl", ".parquet", ".pq", ".gz")
"""Files that may hold pixels, or rows with the name that the model calls its pictures by."""
_DO = "learnloop predict RUN photo.jpg folder/"


def only_pictures(path: Path) -> bool:
    """Whether a path that is there can only be meant as pictures: no arrays, no table, no MNIST files."""
    if path.is_dir():
        idx = any(idx_pairs(folder) for folder in (path, path / "raw") if folder.is_dir())
        return not idx and not (path / "recipe.yaml").exists()
    return path.is_file() and not path.name.lower().endswith(ARRAYS) and "idx" not in path.name.lower()


def pictures_of(paths: Sequence[Path]) -> list[Path]:
    """The files, in the order given; those of a folder (and of the folders in it) in the order of their paths.

    Raises DataError, all mistakes at once: a path that is not there, a file that is no picture, a folder without one.
    """
    found: list[Path] = []
    errors: list[DataError] = []
    for path in paths:
        if path.is_dir():
            inside = image_files(path)
            found += inside
            if not inside:
                errors.append(_empty(path))
        elif path.name.lower().endswith(IMAGE_SUFFIXES) and (path.exists() or path.is_symlink()):
            found.append(path)  # what is wrong with it is said by the decoder, of all files at once
        elif not path.exists():
            errors.append(DataError(str(path), "must be a picture or a folder of pictures", found="no such file"))
        elif (reason := _reason(path)) is None:
            found.append(path)
        else:
            errors.append(_no_picture(path, reason))
    raise_all(errors)
    return found


def _reason(path: Path) -> str | None:
    """Why a file without an image's ending is no picture; None when it is one all the same."""
    try:
        read_header(path)
    except BadImage as error:
        return str(error)
    return None


def _no_picture(path: Path, reason: str) -> DataError:
    return DataError(
        str(path),
        "must be a picture: the model was trained on images",
        found=f"a file ending in {path.suffix!r} ({reason})" if path.suffix else f"a file without an ending ({reason})",
        do=_DO,
        available=IMAGE_SUFFIXES,
    )


def _empty(path: Path) -> DataError:
    there = sorted(item.name for item in path.rglob("*") if item.is_file())
    return DataError(
        str(path),
        "must hold pictures: the model was trained on images",
        found=(
            f"a folder with {len(there)} other file{'' if len(there) == 1 else 's'}: {', '.join(there[:5])}"
            if there
            else "an empty folder"
        ),
        do=_DO,
        available=IMAGE_SUFFIXES,
    )
