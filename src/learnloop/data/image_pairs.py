"""Pictures to be made from pictures: pairs, two heaps without pairs, and sources computed from the pictures wanted."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from learnloop.data import imagestore, npz
from learnloop.data.arrays import to_numpy
from learnloop.data.download import sha256_of
from learnloop.data.folders import PART_FOLDERS, image_files
from learnloop.data.imagecache import Corrupt, decode_files
from learnloop.data.mappings import PART_KEYS
from learnloop.data.pixels import is_image_shape, to_images
from learnloop.errors import DataError

Making = Literal["none", "edges", "invert", "colour", "halve", "quarter"]
LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in grey (ITU-R BT.601)."""
_CHUNK = 4096


@dataclass(frozen=True)
class PicturePairs:
    """uint8 pictures [n, height, width, channels].

    paired       whether wanted[i] is to be made from source[i]; else the two heaps have nothing to do with each other
    source_part  "train", "validation" or "test" of each picture, None where the data does not say; wanted_part too
    """

    name: str
    source: np.ndarray
    wanted: np.ndarray
    paired: bool
    source_part: np.ndarray | None = None
    wanted_part: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    origin: Mapping[str, Any] = field(default_factory=dict)

    @property
    def larger(self) -> bool:
        """Whether the wanted pictures have more pixels than their sources."""
        return self.wanted.shape[1] * self.wanted.shape[2] > self.source.shape[1] * self.source.shape[2]

    @property
    def heaps(self) -> str:
        """In words, for messages."""
        if self.paired:
            return f"{len(self.source):,} pairs of pictures"
        return f"{len(self.source):,} and {len(self.wanted):,} pictures without pairs"


def read_pairs(source: Any, *, corrupt: Corrupt = "refuse", size: int | None = None) -> PicturePairs | None:
    """The pairs that `source` holds; None where it holds something else.

    source  an .npz or dict with the pictures x and y (x_train and y_train, ...), (x, y), a folder with a/ and b/
            (pairs have the same file name) or with trainA/ and trainB/ (no pairs)
    size    pixels a side to which files are resized
    Raises DataError for pairs that are none: another number of rows, no file name in common, unreadable files.
    """
    if isinstance(source, PicturePairs):
        return source
    if isinstance(source, str | os.PathLike):
        path = Path(source).expanduser()
        if path.is_dir():
            return _from_folder(path, corrupt, size)
        if path.is_file() and path.suffix == ".npz":
            origin = {"path": str(path), "sha256": sha256_of(path)}
            return _from_arrays(npz.read_arrays(path), str(source), origin)
        return None
    if isinstance(source, Mapping):
        return _from_arrays(source, "the dict", {})
    if isinstance(source, tuple) and len(source) == 2:
        return _from_arrays({"x": source[0], "y": source[1]}, "(x, y)", {})
    return None


# --- arrays


def _from_arrays(arrays: Mapping[str, Any], name: str, origin: Mapping[str, Any]) -> PicturePairs | None:
    keys = {str(key).lower(): key for key in arrays}
    parts = [(part, end) for part, ends in PART_KEYS.items() for end in ends if {f"x_{end}", f"y_{end}"} <= keys.keys()]
    pairs = [(part, keys[f"x_{end}"], keys[f"y_{end}"]) for part, end in parts]
    if not pairs and {"x", "y"} <= keys.keys():
        pairs = [("", keys["x"], keys["y"])]
    if not pairs or not all(_are_pictures(arrays[key]) for _, *both in pairs for key in both):
        return None
    heaps: list[list[np.ndarray]] = [[], []]
    named: list[list[str]] = [[], []]
    notes: list[str] = []
    for part, *both in pairs:
        for heap, told, key in zip(heaps, named, both, strict=True):
            pictures, more = to_images(to_numpy(arrays[key], f"{name}, {key}"), f"{name}, {key}")
            heap.append(pictures)
            told += [part] * len(pictures)
            notes += more
    source, wanted = (_joined(heap, f"{name}, {letter}") for heap, letter in zip(heaps, "xy", strict=True))
    paired = [len(array) for array in heaps[0]] == [len(array) for array in heaps[1]]
    split = len(pairs) > 1
    return PicturePairs(
        name, source, wanted, paired, np.array(named[0]) if split else None, np.array(named[1]) if split else None,
        tuple(dict.fromkeys(notes)), origin,
    )  # fmt: skip


def _are_pictures(value: Any) -> bool:
    """Numbers at every row and column; one number or class a row is no picture."""
    return is_image_shape(np.shape(value))


def _joined(heap: list[np.ndarray], where: str) -> np.ndarray:
    shapes = {array.shape[1:] for array in heap}
    if len(shapes) > 1:
        found = ", ".join("x".join(map(str, shape)) for shape in sorted(shapes))
        raise DataError(where, "must have pictures of one size in all parts", found=found)
    return heap[0] if len(heap) == 1 else np.concatenate(heap)


# --- folders


def _from_folder(folder: Path, corrupt: Corrupt, size: int | None) -> PicturePairs | None:
    heaps, unpaired = _heaps_in(folder)
    if not heaps:
        return None
    files: list[list[Path]] = [[], []]
    parts: list[list[str]] = [[], []]
    notes: list[str] = []
    paired = not unpaired
    for part, both in heaps.items():
        found = [image_files(path) for path in both]
        if not all(found):
            empty = both[0 if not found[0] else 1]
            raise DataError(str(folder), "must hold pictures of both kinds", found=f"none in {empty.name}/")
        if not unpaired:
            matched, left = _matched(found[0], found[1], *both)
            paired = paired and bool(matched[0])
            found = matched if matched[0] else found
            notes += [f"{left} files of {both[0].name}/ and {both[1].name}/ have no partner: left out."] if left else []
        for heap, told, some in zip(files, parts, found, strict=True):
            heap += some
            told += [part] * len(some)
    sides = None if size is None else (size, size)
    decoded = [decode_files(heap, str(folder), size=sides, channels=None, corrupt=corrupt) for heap in files]
    rows = [np.asarray(one.kept) for one in decoded]
    images: list[np.ndarray] = [one.images for one in decoded]
    if paired and len(rows[0]) + len(rows[1]) < len(files[0]) + len(files[1]):
        both_there = np.intersect1d(rows[0], rows[1])
        images = [array[np.isin(kept, both_there)] for array, kept in zip(images, rows, strict=True)]
        rows = [both_there, both_there]
    named = [np.array(told)[kept] if len(heaps) > 1 else None for told, kept in zip(parts, rows, strict=True)]
    origin = {"path": str(folder), "sha256": imagestore.fingerprint([*files[0], *files[1]], folder)}
    notes += [note for one in decoded for note in one.notes]
    return PicturePairs(
        str(folder), images[0], images[1], paired, named[0], named[1], tuple(dict.fromkeys(notes)), origin
    )


def _heaps_in(folder: Path) -> tuple[dict[str, tuple[Path, Path]], bool]:
    """part -> its two folders, and whether they are called as heaps without pairs are (trainA, trainB)."""
    inside = {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_dir() and path.name[0] != "."}
    if inside.keys() == {"a", "b"}:
        return {"": (inside["a"], inside["b"])}, False
    if {"traina", "trainb"} <= inside.keys():
        named = {
            PART_FOLDERS[name[:-1]]: name[:-1] for name in inside if name[:-1] in PART_FOLDERS and name[-1] in "ab"
        }
        whole = {part: stem for part, stem in named.items() if {f"{stem}a", f"{stem}b"} <= inside.keys()}
        return {part: (inside[f"{stem}a"], inside[f"{stem}b"]) for part, stem in whole.items()}, True
    parts = {PART_FOLDERS[name]: path for name, path in inside.items() if name in PART_FOLDERS}
    deeper = {part: _heaps_in(path)[0] for part, path in parts.items()}
    if "train" in deeper and all(found.keys() == {""} for found in deeper.values()):
        return {part: found[""] for part, found in deeper.items()}, False
    return {}, False


def _matched(
    sources: list[Path], wanted: list[Path], source_folder: Path, wanted_folder: Path
) -> tuple[list[list[Path]], int]:
    """Files of the same name, but for the ending, in both folders; and how many files have no partner."""
    by_name = [
        {path.relative_to(folder).with_suffix("").as_posix(): path for path in files}
        for files, folder in ((sources, source_folder), (wanted, wanted_folder))
    ]
    both = sorted(by_name[0].keys() & by_name[1].keys())
    return [[names[name] for name in both] for names in by_name], len(sources) + len(wanted) - 2 * len(both)


# --- computed sources


def made_from(pictures: np.ndarray, making: Making) -> tuple[np.ndarray, np.ndarray]:
    """(source, wanted) uint8 [n, h, w, c] computed from pictures: where a network can be checked without other data.

    edges           source: largest minus smallest value of the 3 x 3 pixels around each, in grey
    invert          source: 255 - v
    colour          from grey to colour: source grey; wanted the picture itself, a grey one coloured by its place: red
                    grows to the right, green downwards, blue to the left
    halve, quarter  source: means of 2 x 2 or 4 x 4 pixels
    Raises DataError for sides that are no multiple of 2 or 4.
    """
    blocks = [_made(pictures[start : start + _CHUNK], making) for start in range(0, len(pictures), _CHUNK)]
    return np.concatenate([block[0] for block in blocks]), np.concatenate([block[1] for block in blocks])


def _made(pictures: np.ndarray, making: Making) -> tuple[np.ndarray, np.ndarray]:
    if making == "edges":
        return _edges(_grey(pictures)), pictures
    if making == "invert":
        return 255 - pictures, pictures
    if making == "colour":
        return _grey(pictures), pictures if pictures.shape[3] == 3 else _coloured(pictures)
    if making in ("halve", "quarter"):
        return _smaller(pictures, 2 if making == "halve" else 4), pictures
    return pictures, pictures


def _grey(pictures: np.ndarray) -> np.ndarray:
    """[n, h, w, c] -> [n, h, w, 1]."""
    if pictures.shape[3] < 3:
        return pictures[..., :1]
    return np.rint(pictures[..., :3] @ np.asarray(LUMA, np.float32)).astype(np.uint8)[..., None]


def _edges(grey: np.ndarray) -> np.ndarray:
    height, width = grey.shape[1:3]
    framed = np.pad(grey, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    around = [framed[:, y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return np.asarray(np.maximum.reduce(around) - np.minimum.reduce(around))


def _coloured(grey: np.ndarray) -> np.ndarray:
    """[n, h, w, 1] -> [n, h, w, 3]."""
    height, width = grey.shape[1:3]
    right = np.broadcast_to(np.linspace(0, 1, width, dtype=np.float32), (height, width))
    down = np.broadcast_to(np.linspace(0, 1, height, dtype=np.float32)[:, None], (height, width))
    tint = np.stack([right, down, 1 - right], axis=-1)
    return np.rint(grey * tint).astype(np.uint8)


def _smaller(pictures: np.ndarray, factor: int) -> np.ndarray:
    rows, height, width, channels = pictures.shape
    if height % factor or width % factor:
        near = " or ".join(
            str(max(side, factor)) for side in sorted({height // factor * factor, -(-height // factor) * factor})
        )
        raise DataError(
            f"generate.make={'halve' if factor == 2 else 'quarter'}",
            f"needs pictures whose sides are multiples of {factor}",
            found=f"{height} x {width}",
            do=f"--set data.image_size={near.split(' or ')[0]}   # or {near.split(' or ')[-1]}",
        )
    tiles = pictures.reshape(rows, height // factor, factor, width // factor, factor, channels)
    return np.rint(tiles.mean(axis=(2, 4), dtype=np.float32)).astype(np.uint8)
