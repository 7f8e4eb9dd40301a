"""One torch thread in tests, a home of their own, and no network."""

from __future__ import annotations

import os
import signal
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
os.environ.setdefault("MPLBACKEND", "agg")

import pytest
import torch

torch.set_num_threads(1)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background jobs; children would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
if "LEARNLOOP_DATA" not in os.environ and _SHARED.is_dir():
    os.environ["LEARNLOOP_DATA"] = str(_SHARED)


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Caches and runs of a test go into a folder of its own."""
    path = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("LEARNLOOP_HOME", str(path))
    return path


@pytest.fixture
def shared_data() -> Path:
    """The folder of downloaded data sets; tests that need it are skipped where there is none."""
    named = os.environ.get("LEARNLOOP_DATA")
    if not named or not Path(named).is_dir():
        pytest.skip("LEARNLOOP_DATA names no folder")
    return Path(named)
