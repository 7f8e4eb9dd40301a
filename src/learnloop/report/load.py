"""A finished run, read from its folder for showing: report.json, metrics.jsonl, recipe.yaml, inside.json."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from learnloop.errors import RunError

FORMAT = 1
INSIDE_FORMAT = 1
_PARTS = ("asked", "data", "training", "evaluation")


@dataclass(frozen=True)
class RunView:
    """name: the folder's name. report: report.json. history: rows of metrics.jsonl. recipe: recipe.yaml as
    text. inside: inside.json, {} where the run is not about pictures. words: words.json, {} without it.
    samples: rows of samples.jsonl, of runs that continue texts."""

    name: str
    report: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]]
    recipe: str = ""
    inside: Mapping[str, Any] = field(default_factory=dict)
    words: Mapping[str, Any] = field(default_factory=dict)
    samples: Sequence[Mapping[str, Any]] = ()

    def evaluation(self, part: str = "test") -> Mapping[str, Any]:
        """The evaluation of a part, of whichever part there is when that one is missing, {} when there is
        none."""
        found = self.report.get("evaluation", {})
        return found.get(part) or found.get("validation") or next(iter(found.values()), {})

    @property
    def task(self) -> str:
        return str(self.evaluation().get("task") or self.report["asked"]["task"])

    @property
    def trained(self) -> bool:
        """Whether a network was trained; classical methods alone can serve a forecast."""
        return self.task != "forecast" or bool(self.report["training"].get("steps"))


def load_run(folder: Path) -> RunView:
    """Read a run folder. Raises RunError when report.json is missing, damaged or of another format."""
    folder = Path(folder)
    report = read_report(folder)
    recipe = folder / "recipe.yaml"
    # Shown, not used: a damaged letter in it is no reason to show nothing.
    text = recipe.read_text(encoding="utf-8", errors="replace") if recipe.is_file() else ""
    inside = read_inside(folder / "inside.json")
    spoken = read_inside(folder / "words.json")
    samples = read_history(folder / "samples.jsonl")
    return RunView(folder.resolve().name, report, read_history(folder / "metrics.jsonl"), text, inside, spoken, samples)


def read_report(folder: Path) -> dict[str, Any]:
    """report.json. Raises RunError when it is missing, damaged or of another format."""
    path = folder / "report.json"
    again = f"learnloop fit --resume {folder}   # writes it again"
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(
            str(folder),
            "must be the folder of a finished run",
            found="no report.json in it",
            cause="the run was interrupted before its evaluation, or this is another folder",
            do=f"learnloop fit --resume {folder}",
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        cause = "the copy is incomplete, or the file was changed by hand"
        raise RunError(str(path), "must be readable JSON", found=str(error), cause=cause, do=again) from None
    if not isinstance(report, dict) or report.get("format") != FORMAT:
        found = report.get("format") if isinstance(report, dict) else type(report).__name__
        raise RunError(str(path), f"must be of format {FORMAT}", found=f"{found!r}", do=again)
    gone = [name for name in _PARTS if not isinstance(report.get(name), dict)]
    if gone:
        raise RunError(str(path), "must be a whole report", found=f"no {', '.join(gone)} in it", do=again)
    return report


def read_inside(path: Path) -> dict[str, Any]:
    """inside.json, {} where there is none. Raises RunError when it is damaged or of another format."""
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        found = str(error)
    if isinstance(found, dict) and found.get("format") == INSIDE_FORMAT:
        return found
    raise RunError(
        str(path),
        f"must be readable JSON of format {INSIDE_FORMAT}",
        found=f"format {found.get('format')!r}" if isinstance(found, dict) else str(found)[:200],
        cause="the copy is incomplete, or the file was changed by hand",
        do=f"mv {path} {path}.damaged   # the report is then drawn without filters and Grad-CAM",
    )


def read_history(path: Path) -> list[dict[str, Any]]:
    """The rows of metrics.jsonl; a last line that was cut off by a crash is left out, another bad line is an
    error."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            if number == len(lines) and rows:
                break
            row = None
        if not isinstance(row, dict):
            raise RunError(
                str(path),
                "must hold one JSON object a line",
                found=f"line {number}: {line[:60]!r}",
                cause="the copy is incomplete, or the file was changed by hand",
                do=f"mv {path} {path}.damaged   # the report is then drawn without curves",
            )
        rows.append(row)
    return rows
