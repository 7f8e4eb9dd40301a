"""Where caches and runs live: `LEARNLOOP_HOME` (default: the platform's user-data folder)."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def home() -> Path:
    """The folder for caches and, by default, runs. Not created until something is written."""
    named = os.environ.get("LEARNLOOP_HOME")
    return Path(named).expanduser() if named else Path(platformdirs.user_data_dir("learnloop", appauthor=False))


def cache() -> Path:
    """The folder of what can be made again: downloads, decoded images, measured Plans."""
    return home() / "cache"


def runs() -> Path:
    """The folder in which `learnloop fit` puts a run when no `--out` is given, and which `learnloop runs` lists."""
    return home() / "runs"


def local_data() -> Path | None:
    """The folder named by `LEARNLOOP_DATA`: data sets that are already there, looked in before any download."""
    named = os.environ.get("LEARNLOOP_DATA")
    return Path(named).expanduser() if named else None
