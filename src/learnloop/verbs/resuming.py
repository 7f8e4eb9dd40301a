"""What every job does when it begins or goes on: the folder's facts, a recipe that must not change, Ctrl-C."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from learnloop.errors import LearnloopError, RunError, UserError
from learnloop.optim.plan import Plan
from learnloop.recipe.draft import Draft
from learnloop.recipe.resolve import Resolved
from learnloop.recipe.text import from_yaml, to_yaml
from learnloop.report.load import read_report
from learnloop.runs.atomic import write_text
from learnloop.runs.environment import environment
from learnloop.runs.folder import RunFolder
from learnloop.train.fit import Ended, Fit


class Interrupted(LearnloopError):
    """The run was asked to stop (Ctrl-C, SIGTERM). It is saved and can be resumed."""

    exit_code = 130

    def __init__(self, folder: Path, text: str) -> None:
        self.folder = folder
        super().__init__(f"{text}; nothing is lost\n  continue:  learnloop fit --resume {folder}")


def carry_out(fit: Fit, folder: RunFolder, say: Callable[[str], None], *, resumed: bool) -> Ended:
    """The steps of a run, from its last checkpoint on where it is `resumed`. Raises Interrupted."""
    if resumed:
        for sentence in fit.resume():
            say(sentence)
        say(f"resumed at step {fit.step}")
    ended = fit.run()
    if ended.interrupted:
        raise Interrupted(folder.path, ended.stopped)
    return ended


def is_whole(folder: RunFolder, load: Callable[[Path], object], say: Callable[[str], None]) -> bool:
    """Whether report and bundle of a finished run can be read. If not, they are made again from its last checkpoint."""
    try:
        read_report(folder.path)
        load(folder.bundle)
    except UserError as error:
        say(f"{error}\nnote: it is made again from the last checkpoint")
        return False
    return True


def need_same(folder: RunFolder, what: str, name: str, origin: Mapping[str, Any]) -> None:
    """Refuse to continue on data that changed since the run was begun. what: "the series"; name, origin: of the data as
    it was read now."""
    before = folder.read_json(folder.environment).get("data", {})
    if before.get("sha256") == origin.get("sha256"):
        return
    raise RunError(
        f"--resume {folder.path}",
        f"needs {what} that the run was begun on",
        found=f"{name} has changed since",
        do=f"learnloop fit {name} --out <new folder>",
    )


def write_start(folder: RunFolder, recipe: Resolved, data: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """environment.json and recipe.yaml. recipe.yaml comes last: a folder that has one has everything that a resume
    needs. data: where it came from, with its sha256."""
    text = to_yaml(recipe)
    found = {"data": dict(data), "recipe_sha256": _digest(text), **facts}
    folder.write_json(folder.environment, {**environment(sys.argv), **found})
    write_text(folder.recipe, text)


def reopen(run: Path, draft: Draft) -> tuple[RunFolder, Draft, Plan | None]:
    """The folder, recipe and Plan of an earlier run; objects come from the caller again. Raises RunError where the
    recipe was edited, or is to be changed."""
    folder = RunFolder.find(run)
    kept = folder.read_json(folder.environment).get("recipe_sha256")
    if kept is not None and kept != _digest(folder.recipe.read_text(encoding="utf-8", errors="replace")):
        raise RunError(
            str(folder.recipe),
            "must be as it was when the run was begun",
            found="its checksum differs",
            cause="it was edited, or the file is damaged",
            do=f"learnloop fit {folder.recipe} --out <new folder>   (a new run with the recipe as it is now)",
        )
    old = from_yaml(folder.recipe)
    new = {key: given for key, given in draft.values.items() if key not in ("out",)}
    changed = [key for key, given in new.items() if old.get(key) != given.value and not key.startswith("watch.")]
    if changed:
        raise RunError(
            "--resume",
            "continues a run as it was begun; its recipe cannot be changed",
            found=", ".join(draft.typed(key) for key in changed),
            do=(
                f"learnloop fit --resume {run}",
                f"learnloop fit {folder.recipe} --out <new folder> {_flags_of(draft, changed)}   (a new run)",
            ),
        )
    watch = {key: given for key, given in new.items() if key.startswith("watch.")}
    old = replace(old, objects=draft.objects, values={**old.values, **watch})
    plan = Plan.from_json(folder.read_json(folder.plan)) if folder.plan.exists() else None
    return folder, old, plan


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _flags_of(draft: Draft, keys: Sequence[str]) -> str:
    return " ".join(f"--set {key}={draft.get(key)}" for key in keys)
