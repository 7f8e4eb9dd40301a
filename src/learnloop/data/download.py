"""Files of the catalog: looked up in LEARNLOOP_DATA, then in the cache, then (only when asked) downloaded."""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
from pathlib import Path

from learnloop.errors import DataError, DiskError
from learnloop.home import cache, local_data


def folders() -> list[Path]:
    """Where files are looked for, in order."""
    local = local_data()
    return [*([local] if local is not None else []), cache() / "data"]


def find(names: tuple[str, ...]) -> Path | None:
    """The first of `names` (paths relative to a data folder) that exists."""
    for folder in folders():
        for name in names:
            if (folder / name).exists():
                return folder / name
    return None


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def fetch(url: str, name: str, sha256: str) -> Path:
    """Download to the cache's `data/name`, checked against `sha256` or its beginning (not checked when empty).

    Raises DataError when the network or the checksum fails, DiskError when the cache cannot be written.
    """
    path = cache() / "data" / name
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        request = urllib.request.Request(url, headers={"User-Agent": "learnloop"})
        with urllib.request.urlopen(request, timeout=60) as answer, open(partial, "wb") as file:
            while block := answer.read(1 << 20):
                file.write(block)
        found = sha256_of(partial)
        if not found.startswith(sha256):
            raise DataError(
                url,
                f"must have the sha256 {sha256}{'' if len(sha256) == 64 else '...'}",
                found=found,
                cause="the file was changed at its source, or the download was damaged",
                do="fetch the file from a source that you trust and set LEARNLOOP_DATA to its folder",
            )
        os.replace(partial, path)
    except urllib.error.URLError as error:
        raise DataError(
            url,
            "must be reachable",
            found=str(error.reason),
            do="fetch the file on another machine and set LEARNLOOP_DATA to its folder",
        ) from None
    except OSError as error:
        raise DiskError(str(path.parent), "must be writable and have room", found=str(error)) from None
    finally:
        partial.unlink(missing_ok=True)
    return path
