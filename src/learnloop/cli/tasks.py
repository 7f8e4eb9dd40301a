"""`learnloop tasks`: what can be learnt."""

from __future__ import annotations

from typing import Annotated

import typer

from learnloop.cli import show


def tasks(
    json: Annotated[bool, typer.Option("--json", help="end with one line of JSON on stdout")] = False,
) -> None:
    """List the tasks with their losses."""
    from learnloop.tasks.table import TASKS

    found = [
        {
            "name": name,
            "title": info.title,
            "losses": {kind: list(losses) for kind, losses in info.losses.items()},
        }
        for name, info in TASKS.items()
    ]
    if json:
        show.as_json(found)
        return
    lines = [
        [
            name,
            info.title,
            ", ".join(dict.fromkeys(loss for losses in info.losses.values() for loss in losses)),
        ]
        for name, info in TASKS.items()
    ]
    show.table(["task", "learns", "losses (task.loss)"], lines)
