"""`RunFolder`: where everything about one run lies. Anyone can read it without us."""

from __future__ import annotations

import json
import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

from learnloop.errors import RunError, nearest
from learnloop.home import runs as runs_home
from learnloop.runs.atomic import disk_error, write_json

_OURS = (
    *("recipe.yaml", "environment.json", "plan.json", "splits.npz", "metrics.jsonl", "metrics.csv", "report.json"),
    *("report.html", "inside.json", "words.json", "findings.json", "checkpoints", "bundle", "tensorboard"),
    *("predictions", "features.safetensors", "samples.jsonl", "methods.json", "samples", "judge"),
)


class RunFolder:
    """Paths of a run, and how one is made, found and checked."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.yaml"

    @property
    def plan(self) -> Path:
        return self.path / "plan.json"

    @property
    def environment(self) -> Path:
        return self.path / "environment.json"

    @property
    def splits(self) -> Path:
        return self.path / "splits.npz"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def bundle(self) -> Path:
        return self.path / "bundle"

    @property
    def report(self) -> Path:
        return self.path / "report.json"

    @property
    def inside(self) -> Path:
        """Filters, feature maps, Grad-CAM and confused pairs of a run on pictures."""
        return self.path / "inside.json"

    @property
    def words(self) -> Path:
        """Which words moved the answers of a text model."""
        return self.path / "words.json"

    @property
    def samples(self) -> Path:
        """What a network that continues texts wrote while it learnt."""
        return self.path / "samples.jsonl"

    @property
    def page(self) -> Path:
        return self.path / "report.html"

    @property
    def findings(self) -> Path:
        return self.path / "findings.json"

    def read_json(self, path: Path) -> Any:
        """The contents of one of the JSON files. Raises RunError when it is missing or damaged."""
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunError(
                str(self.path),
                f"must hold {path.name}",
                found="there is no such file",
                cause="the run was interrupted before it was written",
                do=f"learnloop fit --resume {self.path}",
            ) from None
        except (OSError, ValueError, RecursionError) as error:
            raise _damaged(path, str(error)) from error
        if not isinstance(found, dict):
            raise _damaged(path, f"a JSON {type(found).__name__} where an object should be")
        return found

    def write_json(self, path: Path, value: Any) -> None:
        write_json(path, value)

    @classmethod
    def create(cls, out: Path | None, name: str, *, overwrite: bool = False) -> RunFolder:
        """A new, empty run folder: `out`, or a dated one called after `name` in LEARNLOOP_HOME/runs.

        Raises RunError when `out` holds a run already (and `overwrite` is not set), holds something else, or cannot
        be written.
        """
        if out is None:
            out = _fresh(runs_home(), name)
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            _clear(out, overwrite)
        try:
            out.mkdir(parents=True, exist_ok=True)
            probe = out / ".writable"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise disk_error(error, out) from error
        return cls(out)

    @classmethod
    def find(cls, name: str | os.PathLike[str]) -> RunFolder:
        """The run at a path, or the one of that name in LEARNLOOP_HOME/runs. Raises RunError with the nearest names."""
        if not isinstance(name, str | os.PathLike) or not str(name).strip():
            raise RunError(
                "the run",
                "must be a run folder, or the name of a run",
                found=repr(name),
                do="learnloop runs",
                available=[run.path.name for run in list_runs()],
            )
        for path in (Path(name).expanduser(), runs_home() / str(name)):
            if (path / "recipe.yaml").is_file():
                return cls(path)
        path = Path(name).expanduser()
        here = f"{path} is a folder without recipe.yaml" if path.is_dir() else f"there is no folder {path}"
        raise RunError(
            str(name),
            "must be a run folder, or the name of a run",
            found=here,
            cause="a spelling mistake, or the run never started",
            do="learnloop runs",
            available=nearest(str(name), [run.path.name for run in list_runs()]),
        )


def list_runs(folder: Path | None = None) -> list[RunFolder]:
    """The runs in a folder (default: LEARNLOOP_HOME/runs), newest first."""
    folder = folder or runs_home()
    if not folder.is_dir():
        return []
    found = [path.parent for path in folder.glob("*/recipe.yaml")]
    return [RunFolder(path) for path in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)]


def _damaged(path: Path, found: str) -> RunError:
    return RunError(
        str(path),
        "must be readable JSON",
        found=found,
        cause="the copy is incomplete, or the file was changed by hand",
        do=f"learnloop fit --resume {path.parent}   # writes report.json again"
        if path.name == "report.json"
        else "copy this file once more from where the run was made",
    )


def _fresh(parent: Path, name: str) -> Path:
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name).strip("-.") or "run"
    path = parent / f"{safe}-{stamp}"
    number = 2
    while path.exists():
        path = parent / f"{safe}-{stamp}-{number}"
        number += 1
    return path


def _clear(out: Path, overwrite: bool) -> None:
    ours = out.is_dir() and (out / "recipe.yaml").is_file()
    if not ours:
        raise RunError(
            f"--out {out}",
            "must be a new folder, an empty one, or that of an earlier run",
            found="a file" if out.is_file() else f"a folder with {len(list(out.iterdir()))} other entries",
            cause="learnloop never deletes what it did not make",
            do="choose another folder with --out DIR",
        )
    if not overwrite:
        raise RunError(
            f"--out {out}",
            "must not hold a run already",
            found=f"the run of {datetime.fromtimestamp((out / 'recipe.yaml').stat().st_mtime):%Y-%m-%d %H:%M}",
            do=(f"learnloop fit --resume {out}", "choose another folder with --out DIR", "replace it with --overwrite"),
        )
    for entry in _OURS:
        path = out / entry
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
