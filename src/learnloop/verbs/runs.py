"""`runs`: what has been trained here."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from learnloop.runs.folder import RunFolder, list_runs


def runs(folder: Path | None = None) -> list[dict[str, Any]]:
    """One dict a run, newest first: name, path, created, state ("done" or "unfinished"), task, model, data, metrics."""
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
        report = json.loads(run.report.read_text(encoding="utf-8"))
        asked = report["asked"]
        parts = report["evaluation"]
        last = parts.get("test") or parts.get("validation") or parts["train"]
    except (OSError, ValueError, KeyError):
        return row
    return {
        **row,
        "state": "done",
        "task": asked["task"],
        "model": asked["model"],
        "data": asked["data"],
        "seconds": report["training"]["total_seconds"],
        "metrics": last["metrics"],
    }
