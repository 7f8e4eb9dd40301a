"""Files that are either the old ones or the new ones, never half of each: write beside, fsync, rename."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from learnloop.errors import DiskError, RunError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


def disk_error(error: OSError, path: Path) -> RunError:
    """The error of ours for one of the operating system's while writing `path`."""
    if error.errno in _FULL:
        free = shutil.disk_usage(_existing(path)).free
        return DiskError(
            str(path),
            "needs room on the disk",
            found=f"the disk is full ({free / 1e6:.1f} MB free)",
            cause="what was saved before is intact",
            do="free some space, then: learnloop fit --resume <run>",
        )
    if error.errno in _REFUSED:
        return RunError(
            str(path),
            "must be writable",
            found=os.strerror(error.errno or 0),
            cause="the folder belongs to another user, or is mounted read-only",
            do="choose another folder with --out DIR",
        )
    return DiskError(str(path), "must be writable", found=str(error), do="choose another folder with --out DIR")


def _existing(path: Path) -> Path:
    """The nearest folder above `path` that exists."""
    return next(folder for folder in (path, *path.absolute().parents) if folder.exists())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_bytes(path: Path, data: bytes) -> None:
    """Replace `path` by `data` atomically. Raises DiskError when the disk is full, RunError without permission."""
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp makes files private; a run is meant to be shared
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise disk_error(error, path) from error


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON with NaN refused: a file that other languages can read."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A new folder to fill, which takes the place of `path` when the block ends well and is removed when it fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    except OSError as error:
        raise disk_error(error, path) from error
    try:
        yield fresh
        os.chmod(fresh, 0o755)
        if path.exists():
            old = path.with_name(f".{path.name}.old")
            shutil.rmtree(old, ignore_errors=True)
            os.replace(path, old)
            os.replace(fresh, path)
            shutil.rmtree(old, ignore_errors=True)
        else:
            os.replace(fresh, path)
        _sync_folder(path.parent)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise disk_error(error, path) from error
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
