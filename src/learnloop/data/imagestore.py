"""Decoded images on disk: one entry is `KEY.npy` (uint8 [kept, height, width, channels]) and `KEY.json`.

An entry appears by renaming, whole or not at all: what a killed command leaves is a `.partial` file, which the next
one removes. The key covers names, sizes and modification times of all files, so that a changed file makes another
entry; runs share entries. The folder is kept below `MOST_BYTES`: the entries used longest ago go first.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from learnloop.data import mapped
from learnloop.errors import DataError, DiskError
from learnloop.home import cache

FORMAT = 3
MOST_BYTES = 20 << 30
_ABANDONED_SECONDS = 2 * 24 * 3600.0
_CHUNK_BYTES = 32 << 20


@dataclass(frozen=True)
class Entry:
    """images uint8 [kept, height, width, channels] of the files that could be read; bad: place of a file -> why it
    could not be.
    """

    images: np.ndarray
    bad: Mapping[int, str]
    notes: tuple[str, ...]


def store_folder() -> Path:
    """Where entries lie."""
    return cache() / "images"


def key_of(paths: Sequence[Path], size: tuple[int, int] | None, channels: int | None) -> str:
    """Names an entry: other files, another size asked for or a changed file give another key."""
    digest = hashlib.sha256(repr((FORMAT, size, channels)).encode())
    for path in paths:
        try:
            status = path.stat()
            digest.update(f"{path.absolute()}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
        except OSError:
            digest.update(f"{path}\0missing\n".encode())
    return digest.hexdigest()[:32]


def fingerprint(paths: Sequence[Path], folder: Path) -> str:
    """sha256 of the sorted lines `name below the folder, size, modification time`: of the files without reading them.

    A folder keeps it when it is moved, or copied with its times (cp -a, rsync -a).
    """
    lines = []
    for path in paths:
        try:
            status = path.stat()
            state = f"{status.st_size}\0{status.st_mtime_ns}"
        except OSError:
            state = "missing"
        lines.append(f"{path.relative_to(folder).as_posix()}\0{state}\n")
    return hashlib.sha256("".join(sorted(lines)).encode(errors="surrogateescape")).hexdigest()


def stored(key: str, in_memory: int) -> Entry | None:
    """The entry, mapped where it is larger than `in_memory` bytes; None when there is none that is whole."""
    array, text = store_folder() / f"{key}.npy", store_folder() / f"{key}.json"
    try:
        about = json.loads(text.read_text(encoding="utf-8"))
        images = np.load(array, mmap_mode="r" if array.stat().st_size > in_memory else None)
        bad = {int(place): str(reason) for place, reason in about["bad"].items()}
        if len(images) != about["files"] - len(bad):
            return None
        os.utime(array)
        return Entry(images, bad, tuple(about["notes"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def draft(key: str, shape: tuple[int, ...], name: str) -> tuple[np.ndarray, Path]:
    """An array on disk to decode into, and its file. Raises DataError or DiskError where there is no room."""
    need = int(np.prod(shape, dtype=np.int64))
    folder = store_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise DiskError(str(folder), "must be writable, to keep decoded images", found=str(error)) from None
    _remove_abandoned(folder)
    if need > min(MOST_BYTES, free * 0.9):
        raise DataError(
            name,
            f"decoded images must fit the cache ({min(MOST_BYTES, free * 0.9) / 2**30:.1f} GB)",
            found=f"{shape[0]} images of {shape[1]} x {shape[2]} x {shape[3]} need {need / 2**30:.1f} GB",
            do="--set data.image_size=128   # decodes them smaller",
        )
    _evict(MOST_BYTES - need)
    partial = folder / f"{key}.{platform.node()}.{os.getpid()}.partial"
    try:
        images = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
        if hasattr(os, "posix_fallocate"):  # writing to a map whose disk is full would end the process
            with open(partial, "r+b") as file:
                os.posix_fallocate(file.fileno(), 0, partial.stat().st_size)
        return images, partial
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise DiskError(str(folder), "must have room for decoded images", found=str(error)) from None


def keep(key: str, images: np.ndarray, partial: Path, bad: Mapping[int, str], notes: Sequence[str]) -> None:
    """Make the entry of a draft that is done; the rows of bad files are left out."""
    array, text = store_folder() / f"{key}.npy", store_folder() / f"{key}.json"
    about = {"files": len(images), "bad": {str(place): reason for place, reason in bad.items()}, "notes": list(notes)}
    if bad:
        _compact(images, partial, bad)
    elif isinstance(images, np.memmap):
        images.flush()
    beside = partial.with_suffix(".text.partial")
    beside.write_text(json.dumps(about), encoding="utf-8")
    os.replace(beside, text)
    os.replace(partial, array)


def _compact(images: np.ndarray, partial: Path, bad: Mapping[int, str]) -> None:
    """Write the rows of the good files alone, in chunks: bounded memory."""
    good = np.array([place for place in range(len(images)) if place not in bad], dtype=np.int64)
    fresh = partial.with_suffix(".kept.partial")
    out = np.lib.format.open_memmap(fresh, mode="w+", dtype=np.uint8, shape=(len(good), *images.shape[1:]))
    step = max(1, _CHUNK_BYTES // max(1, int(np.prod(images.shape[1:]))))
    for start in range(0, len(good), step):
        out[start : start + step] = images[good[start : start + step]]
    out.flush()
    os.replace(fresh, partial)


def _evict(most: int) -> None:
    """Remove the entries used longest ago until at most `most` bytes are left."""
    entries = sorted(store_folder().glob("*.npy"), key=lambda path: path.stat().st_mtime)
    total = sum(path.stat().st_size for path in entries)
    for path in entries:
        if total <= most:
            return
        total -= path.stat().st_size
        path.unlink(missing_ok=True)
        path.with_suffix(".json").unlink(missing_ok=True)


def _remove_abandoned(folder: Path) -> None:
    """Drafts of commands that were killed: their process is gone, or they are days old."""
    for path in folder.glob("*.partial"):
        _, _, owner = path.name.partition(".")
        host, _, rest = owner.rpartition(".partial")[0].removesuffix(".text").removesuffix(".kept").rpartition(".")
        ours = host == platform.node() and rest.isdigit()
        try:
            old = time.time() - path.stat().st_mtime > _ABANDONED_SECONDS
            if old or (ours and not _alive(int(rest))):
                path.unlink(missing_ok=True)
        except OSError:
            continue  # another process was faster


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def take_good(images: np.ndarray, bad: Mapping[int, str]) -> np.ndarray:
    """The rows of the files that could be read."""
    good = np.array([place for place in range(len(images)) if place not in bad], dtype=np.int64)
    return mapped.take(images, good) if bad else images
