"""`runs`: what has been trained here."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from learnloop.errors import RunError
from learnloop.report.load import read_report
from learnloop.runs.folder import RunFolder, list_runs


def runs(folder: Path | None = None) -> list[dict[str, Any]]:
    """One dict a run, newest first: name, path, created, state, task, model, data, metrics.

    state is "done", "unfinished" or "damaged report".
    """
    return [_row(run) for run in list_runs(folder)]


def _row(run: RunFolder) -> dict[str, Any]:
    changed = datetime.fromtimestamp(run.recipe.stat().st_mtime).isoformat(timespec="seconds")
    row: dict[str, Any] = {
        "name": run.path.name,
        "path": str(run.path),
        "created": changed,
        "state": "unfinished",
    }
    try:
        report = read_report(run.path)
        asked = report["asked"]
        parts = report["evaluation"]
        last = parts.get("test") or parts.get("validation") or parts["train"]
        metrics, seconds = last["metrics"], report["training"]["total_seconds"]
        named = {name: asked[name] for name in ("task", "model", "data")}
    except (RunError, KeyError, TypeError):
        return {**row, "state": "damaged report" if run.report.exists() else "unfinished"}
    return {
        **row,
        "state": "done",
        **named,
        "seconds": seconds,
        "metrics": metrics,
    }
