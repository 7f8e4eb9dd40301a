"""Many image files -> one uint8 array: decoded once, in parallel; what is large is kept on disk and mapped."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from learnloop.data import imagestore
from learnloop.data.images import BadImage, Header, decode, read_header
from learnloop.data.progress import Count
from learnloop.errors import DataError

IN_MEMORY = 256 << 20
"""Bytes of decoded images up to which they are held in memory."""
MANY_FILES = 2000
"""From so many files on what was decoded is kept on disk, however small it is."""
SIDE_STEP, EXACT_SIDE, MOST_SIDE = 8, 32, 224
_BLOCK = 64
"""Files that a thread takes at a time."""

Corrupt = Literal["refuse", "skip"]
Found = TypeVar("Found")


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

    Many or large ones are decoded once: `imagestore` keeps them until a file changes. What takes longer than 2 s
    shows how far it is on stderr.

    Raises DataError naming all bad files at once (corrupt="refuse"); with "skip" they are left out and noted.
    """
    key = imagestore.key_of(paths, size, channels)
    entry = imagestore.stored(key, IN_MEMORY) or _decode(paths, name, key, size, channels)
    bad = entry.bad
    if bad and (corrupt == "refuse" or len(bad) == len(paths)):
        raise _bad_files(name, paths, bad)
    notes = entry.notes
    if bad:
        notes += (f"{len(bad)} of {len(paths)} images could not be read and were skipped: {_names(paths, bad)}.",)
    kept = np.array([place for place in range(len(paths)) if place not in bad], dtype=np.int64)
    return Decoded(entry.images, kept, notes)


def _decode(
    paths: Sequence[Path], name: str, key: str, size: tuple[int, int] | None, channels: int | None
) -> imagestore.Entry:
    """Decode all files and keep the result where it is worth it."""
    with warnings.catch_warnings(), ThreadPoolExecutor(max_workers=_cores()) as pool:
        warnings.simplefilter("ignore")  # Pillow warns about large images; they are judged here
        count = Count("looking at images", len(paths))
        headers = _each(pool, lambda place: _header_or_reason(paths[place]), len(paths), count)
        count.end()
        good = [header for header in headers if isinstance(header, Header)]
        if not good:
            raise _bad_files(name, paths, {place: str(head) for place, head in enumerate(headers)})
        shape, resize_note = _common_shape(good, size, channels)
        notes = [*([resize_note] if resize_note else []), *_trait_notes(good, shape[2])]
        out, partial = _room(key, (len(paths), *shape), name)
        count = Count("decoding images", len(paths))
        try:
            reasons = _each(pool, _Decoder(paths, headers, shape, out), len(paths), count)
            bad = {place: reason for place, reason in enumerate(reasons) if reason}
            if partial is not None and len(bad) < len(paths):
                imagestore.keep(key, out, partial, bad, notes)
        except BaseException:
            if partial is not None:
                partial.unlink(missing_ok=True)
            raise
        if partial is not None:
            partial.unlink(missing_ok=True)
    kept = f", kept in {imagestore.store_folder()} ({out.nbytes / 1e9:.2f} GB)" if partial is not None else ""
    count.end(f"{len(paths) - len(bad):,} images decoded in {count.seconds:.0f} s{kept}")
    found = None if partial is None else imagestore.stored(key, IN_MEMORY)
    return found or imagestore.Entry(imagestore.take_good(out, bad), bad, tuple(notes))


def _each(pool: ThreadPoolExecutor, function: Callable[[int], Found], total: int, count: Count) -> list[Found]:
    """function(0), ..., function(total - 1), a block at a time."""

    size = _BLOCK if total > 8 * _BLOCK else 1

    def block(start: int) -> list[Found]:
        found = [function(place) for place in range(start, min(start + size, total))]
        count.add(len(found))
        return found

    try:
        return [each for found in pool.map(block, range(0, total, size)) for each in found]
    except BaseException:
        pool.shutdown(cancel_futures=True)  # Ctrl-C ends it now, not after the last file
        raise


def _room(key: str, shape: tuple[int, ...], name: str) -> tuple[np.ndarray, Path | None]:
    """(an array to decode into, the file behind it or None when it lies in memory alone)."""
    if shape[0] < MANY_FILES and int(np.prod(shape, dtype=np.int64)) <= IN_MEMORY:
        return np.zeros(shape, np.uint8), None
    return imagestore.draft(key, shape, name)


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


def _trait_notes(headers: Sequence[Header], channels: int) -> list[str]:
    counts = Counter(trait for header in headers for trait in header.traits)
    notes = [f"{times} image{'s' if times > 1 else ''}: {trait}." for trait, times in sorted(counts.items())]
    grey = sum(header.grey for header in headers)
    if channels == 3 and grey:
        notes.append(f"{grey} image{'s' if grey > 1 else ''}: grey (the same value in all three colours).")
    elif channels == 1 and grey < len(headers):
        notes.append(f"{len(headers) - grey} image{'s' if len(headers) - grey > 1 else ''}: coloured (made grey).")
    return notes


def _names(paths: Sequence[Path], bad: Mapping[int, str]) -> str:
    # With the folder: every class may have its own 0001.png.
    shown = [f"{paths[place].parent.name}/{paths[place].name} ({reason})" for place, reason in list(bad.items())[:10]]
    return ", ".join(shown) + (f", and {len(bad) - 10} more" if len(bad) > 10 else "")


def _bad_files(name: str, paths: Sequence[Path], bad: Mapping[int, str]) -> DataError:
    return DataError(
        name,
        "every image must be readable",
        found=f"{len(bad)} of {len(paths)} are not: {_names(paths, bad)}",
        cause="interrupted downloads, or files that are no images",
        do=("mend or remove these files", "--set data.corrupt=skip   # to leave them out"),
    )
