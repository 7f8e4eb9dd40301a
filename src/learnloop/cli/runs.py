"""`learnloop runs`: what has been trained here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from learnloop.cli import show
from learnloop.errors import RunError


def runs(
    folder: Annotated[
        str | None, typer.Argument(metavar="[FOLDER]", help="a folder of runs; default: LEARNLOOP_HOME/runs")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="end with one line of JSON on stdout")] = False,
) -> None:
    """List the runs, newest first."""
    if folder is not None and not Path(folder).is_dir():
        raise RunError(folder, "must be a folder of runs", found="there is no such folder")

    from learnloop.home import runs as home
    from learnloop.scores.names import headline
    from learnloop.verbs.runs import runs as verb

    found = verb(None if folder is None else Path(folder))
    if json:
        show.as_json(found)
        return
    if not found:
        show.prose(f"no runs in {folder or home()} yet: learnloop fit DATA")
        return

    def figures(row: dict[str, Any]) -> str:
        metrics = row.get("metrics", {})
        names = [name for name in headline(row["task"]) if name in metrics][:2] if "task" in row else []
        return ", ".join(f"{name} {show.number(metrics[name])}" for name in names if metrics[name] is not None)

    lines = [
        [
            row["name"],
            row["created"].replace("T", " ")[:16],
            row.get("task"),
            row.get("model"),
            figures(row) or row["state"],
        ]
        for row in found
    ]
    show.table(["run", "started", "task", "model", "result"], lines)
