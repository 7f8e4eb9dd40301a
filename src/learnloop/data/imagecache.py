"""Many image files -> one uint8 array: decoded once, in parallel, in memory or memory-mapped in the cache
folder.

The cache key covers names, sizes and modification times of all files, the size asked for, and this file's
version; an entry appears by renaming, whole or not at all. The cache is kept below `MOST_CACHE` bytes: the
entries used longest ago go first.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from learnloop.data.images import BadImage, Header, decode, read_header
from learnloop.errors import DataError, DiskError
from learnloop.home import cache

FORMAT = 2
IN_MEMORY = 256 << 20
MOST_CACHE = 20 << 30
SIDE_STEP, EXACT_SIDE, MOST_SIDE = 8, 32, 224

Corrupt = Literal["refuse", "skip"]


@dataclass(frozen=True)
class Decoded:
    """images uint8 [kept, height, width, channels]; kept: positions of the files that could be read;
    notes.
    """

    images: np.ndarray
    kept: np.ndarray
    notes: tuple[str, ...]


def decode_files(
    paths: Sequence[Path],
    name: str,
    *,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    corrupt: Corrupt = "refuse",
) -> Decoded:
    """All images at one size: the given one, their common one, or the median of mixed ones (above 32 a
    multiple of 8, at most 224).

    Raises DataError naming all bad files at once (corrupt="refuse"); with "skip" they are left out and noted.
    """
    key = _key(paths, size, channels)
    if (stored := _stored(key, corrupt)) is not None:
        return stored
    with warnings.catch_warnings():  # Pillow warns about large images; they are judged here
        warnings.simplefilter("ignore")
        with ThreadPoolExecutor(max_workers=_cores()) as pool:
            headers = list(pool.map(_header_or_reason, paths))
            good = [header for header in headers if isinstance(header, Header)]
            if not good:
                raise _bad_files(name, paths, {place: str(head) for place, head in enumerate(headers)}, len(paths))
            shape, resize_note = _common_shape(good, size, channels)
            out, partial = _room(key, (len(paths), *shape), name)
            try:
                reasons = list(pool.map(_Decoder(paths, headers, shape, out), range(len(paths))))
            except BaseException:
                _discard(partial)
                raise
    bad = {place: reason for place, reason in enumerate(reasons) if reason}
    if bad and (corrupt == "refuse" or len(bad) == len(paths)):
        _discard(partial)
        raise _bad_files(name, paths, bad, len(paths))
    notes = [resize_note] if resize_note else []
    notes += _trait_notes(good)
    kept = np.array([place for place in range(len(paths)) if place not in bad], dtype=np.int64)
    if bad:
        notes.append(f"{len(bad)} of {len(paths)} images could not be read and were skipped: {_names(paths, bad)}.")
    if partial is None:
        return Decoded(out[kept] if bad else out, kept, tuple(notes))
    return _store(key, out, partial, kept, notes)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _header_or_reason(path: Path) -> Header | str:
    try:
        return read_header(path)
    except BadImage as error:
        return str(error)


class _Decoder:
    """Decodes file number `place` into its row of `out`; returns the reason when it cannot."""

    def __init__(
        self,
        paths: Sequence[Path],
        headers: Sequence[Header | str],
        shape: tuple[int, int, int],
        out: np.ndarray,
    ) -> None:
        self.paths, self.headers, self.shape, self.out = paths, headers, shape, out

    def __call__(self, place: int) -> str:
        header = self.headers[place]
        if isinstance(header, str):
            return header
        try:
            self.out[place] = decode(self.paths[place], self.shape[:2], self.shape[2])
        except BadImage as error:
            return str(error)
        return ""


def _common_shape(
    headers: Sequence[Header], size: tuple[int, int] | None, channels: int | None
) -> tuple[tuple[int, int, int], str]:
    channels = channels or (1 if all(header.grey for header in headers) else 3)
    sizes = Counter((header.height, header.width) for header in headers)
    if size is None and len(sizes) == 1:
        return (*next(iter(sizes)), channels), ""
    if size is None:
        height = _rounded(float(np.median([header.height for header in headers])))
        width = _rounded(float(np.median([header.width for header in headers])))
        text = f"Images have {len(sizes)} different sizes; all were resized to {height} x {width} pixels "
        return (height, width, channels), text + "(the median), without keeping their proportions."
    if set(sizes) == {size}:
        return (*size, channels), ""
    count = sum(times for found, times in sizes.items() if found != size)
    return (*size, channels), f"{count} images were resized to {size[0]} x {size[1]} pixels."


def _rounded(side: float) -> int:
    if side <= EXACT_SIDE:
        return round(side)
    return min(MOST_SIDE, SIDE_STEP * round(side / SIDE_STEP))


def _trait_notes(headers: Sequence[Header]) -> list[str]:
    counts = Counter(trait for header in headers for trait in header.traits)
    return [f"{times} image{'s' if times > 1 else ''}: {trait}." for trait, times in sorted(counts.items())]


def _names(paths: Sequence[Path], bad: dict[int, str]) -> str:
    # With the folder: every class may have its own 0001.png.
    shown = [f"{paths[place].parent.name}/{paths[place].name} ({reason})" for place, reason in list(bad.items())[:10]]
    return ", ".join(shown) + (f", and {len(bad) - 10} more" if len(bad) > 10 else "")


def _bad_files(name: str, paths: Sequence[Path], bad: dict[int, str], count: int) -> DataError:
    return DataError(
        name,
        "every image must be readable",
        found=f"{len(bad)} of {count} are not: {_names(paths, bad)}",
        cause="interrupted downloads, or files that are no images",
        do=("mend or remove these files", "--set data.corrupt=skip   # to leave them out"),
    )


# --- the cache
# -------------------------------------------------------------------------------------------------


def _folder() -> Path:
    return cache() / "images"


def _key(paths: Sequence[Path], size: tuple[int, int] | None, channels: int | None) -> str:
    digest = hashlib.sha256(repr((FORMAT, size, channels)).encode())
    for path in paths:
        try:
            status = path.stat()
            digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
        except OSError:
            digest.update(f"{path}\0missing\n".encode())
    return digest.hexdigest()[:32]


def _stored(key: str, corrupt: Corrupt) -> Decoded | None:
    array, text = _folder() / f"{key}.npy", _folder() / f"{key}.json"
    if not (array.exists() and text.exists()):
        return None
    try:
        about = json.loads(text.read_text())
        images = np.load(array, mmap_mode="r")
        rows = len(about["kept"])
    except (OSError, ValueError, KeyError):
        return None
    if rows != len(images) and corrupt == "refuse":
        return None  # some files were skipped when it was made: report them again
    os.utime(array)
    kept = np.array(about["kept"], dtype=np.int64)
    return Decoded(images if rows == len(images) else images[kept], kept, tuple(about["notes"]))


def _room(key: str, shape: tuple[int, ...], name: str) -> tuple[np.ndarray, Path | None]:
    """(an array to decode into, the partial file behind it or None when it lies in memory)."""
    need = int(np.prod(shape, dtype=np.int64))
    if need <= IN_MEMORY:
        return np.zeros(shape, np.uint8), None
    folder = _folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise DiskError(str(folder), "must be writable, to keep decoded images", found=str(error)) from None
    if need > min(MOST_CACHE, free * 0.9):
        raise DataError(
            name,
            f"decoded images must fit the cache ({min(MOST_CACHE, free * 0.9) / 2**30:.1f} GB)",
            found=f"{shape[0]} images of {shape[1]} x {shape[2]} x {shape[3]} need {need / 2**30:.1f} GB",
            do="--set data.image_size=128   # decodes them smaller",
        )
    _evict(MOST_CACHE - need)
    partial = folder / f"{key}.{os.getpid()}.partial"
    try:
        return np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape), partial
    except OSError as error:
        raise DiskError(str(folder), "must have room for decoded images", found=str(error)) from None


def _evict(most: int) -> None:
    """Remove the entries used longest ago until at most `most` bytes are left."""
    entries = sorted(_folder().glob("*.npy"), key=lambda path: path.stat().st_mtime)
    total = sum(path.stat().st_size for path in entries)
    for path in entries:
        if total <= most:
            return
        total -= path.stat().st_size
        path.unlink(missing_ok=True)
        path.with_suffix(".json").unlink(missing_ok=True)


def _discard(partial: Path | None) -> None:
    if partial is not None:
        partial.unlink(missing_ok=True)


def _store(key: str, out: np.ndarray, partial: Path, kept: np.ndarray, notes: list[str]) -> Decoded:
    array, text = _folder() / f"{key}.npy", _folder() / f"{key}.json"
    if isinstance(out, np.memmap):
        out.flush()
    draft = partial.with_suffix(".text")
    draft.write_text(json.dumps({"kept": kept.tolist(), "notes": notes}))
    os.replace(draft, text)
    os.replace(partial, array)
    images = np.load(array, mmap_mode="r")
    return Decoded(images if len(kept) == len(images) else images[kept], kept, tuple(notes))
