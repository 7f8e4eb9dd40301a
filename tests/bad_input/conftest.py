"""Small good data, a trained run, and the command as a function of its arguments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from learnloop.cli.main import run

FAST = (
    *("--set", "plan.name=plain", "--set", "plan.threads=1", "--set", "report.baselines=false"),
    *("--set", "watch.progress=off", "--set", "report.html=false"),
)
Call = Callable[..., tuple[str, str]]


def good(rows: int = 80) -> pd.DataFrame:
    """Two numbers, a category and two classes."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=rows).round(4), rng.normal(size=rows).round(4)
    return pd.DataFrame(
        {"a": a, "b": b, "colour": rng.choice(["red", "green"], rows), "y": np.where(a + b > 0, "yes", "no")}
    )


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command; gives (stdout, stderr). The code is asserted, and that nobody sees a traceback."""

    def command(*arguments: object, code: int = 2) -> tuple[str, str]:
        capsys.readouterr()
        found = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert found == code, f"{out}\n{err}"
        assert "Traceback" not in err and "Error:" not in err.replace("ValueError:", "").replace("RuntimeError:", "")
        return out, err

    return command


@pytest.fixture
def fit(call: Call, tmp_path: Path) -> Call:
    """`learnloop fit DATA --target y --model linear --steps 3` with more arguments; the last ones count."""

    def command(data: object, *more: object, code: int = 2) -> tuple[str, str]:
        options = ("--target", "y") if "-t" not in more and "--target" not in more else ()
        model = ("--model", "linear") if "--model" not in more else ()
        limit = () if {"--epochs", "--steps", "--minutes"} & set(map(str, more)) else ("--steps", "3")
        return call("fit", data, *options, *model, *limit, *more, "--out", tmp_path / "run", *FAST, code=code)

    return command


@pytest.fixture
def csv(tmp_path: Path) -> Callable[..., Path]:
    """A file of this frame (with changed columns), or of this text or bytes."""

    def write(content: object = None, name: str = "data.csv", **columns: object) -> Path:
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        else:
            frame = good() if content is None else content
            assert isinstance(frame, pd.DataFrame)
            frame.assign(**columns).to_csv(path, index=False)
        return path

    return write


@pytest.fixture(scope="session")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    good().to_csv(folder / "good.csv", index=False)
    arguments = ["fit", str(folder / "good.csv"), "-t", "y", "-m", "linear", "--steps", "3", *FAST]
    assert run([*arguments, "--out", str(folder / "run")]) == 0
    return folder


@pytest.fixture
def trained(trained_once: Path, tmp_path: Path) -> Path:
    """A copy of a finished run, to be damaged."""
    import shutil

    return Path(shutil.copytree(trained_once / "run", tmp_path / "trained"))
