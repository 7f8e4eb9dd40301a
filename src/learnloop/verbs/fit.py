"""`fit`: from data to a run folder with a bundle, its measures and a report."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from learnloop.bundle.bundle import Bundle
from learnloop.data.dataset import Dataset
from learnloop.data.split import Split
from learnloop.errors import ModelError, RecipeError, RunError, UserError, raise_all
from learnloop.optim.plan import Plan
from learnloop.recipe.build import build
from learnloop.recipe.components import GENERATIVE_TASKS
from learnloop.recipe.draft import Draft
from learnloop.recipe.text import from_yaml
from learnloop.report.load import read_report
from learnloop.runs.folder import RunFolder
from learnloop.train.events import Watcher
from learnloop.verbs.baselines import Baseline, baselines
from learnloop.verbs.budget import Budget
from learnloop.verbs.finish import finish
from learnloop.verbs.forecast import fit_forecast, wants_forecast
from learnloop.verbs.generative import fit_generative, wants_generative
from learnloop.verbs.language import Job, fit_language, wants_language
from learnloop.verbs.prepare import Prepared, Say, answers_of, describe, inputs_of, prepare, say_all
from learnloop.verbs.pretrained import weight_facts
from learnloop.verbs.rehearsal import held_out
from learnloop.verbs.resuming import Interrupted, reopen, write_start
from learnloop.verbs.run import Run
from learnloop.verbs.series_baselines import series_baselines
from learnloop.verbs.text_baselines import text_baselines
from learnloop.verbs.training import build_loss, build_net, set_up


def fit(
    data: object = None,
    *,
    target: str | Sequence[str] | None = None,
    task: str | None = None,
    model: object = None,
    loss: str | Callable[..., Any] | None = None,
    epochs: float | None = None,
    steps: int | None = None,
    minutes: float | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    seed: int | None = None,
    horizon: int | None = None,
    out: str | os.PathLike[str] | None = None,
    set: Mapping[str, Any] | None = None,
    watchers: Sequence[Watcher] = (),
    resume: str | os.PathLike[str] | Run | None = None,
    overwrite: bool = False,
    progress: str | None = None,
) -> Run:
    """Train a network on `data` and return the Run.

    data     a file, a folder, a catalog name, a recipe.yaml, a DataFrame, arrays (x, y), a torch Dataset; for the task
             language a text file, or the text itself; for the task forecast a table, a frame with a time index, an
             array [time] or [series, time], a `Panel`; for the task gan also pairs of pictures (x, y)
    target   column or columns to learn
    horizon  steps that are forecast (task forecast)
    model    a name (`learnloop models`), an import path, or your own nn.Module
    loss     a name, or your own function(outputs, y) -> scalar
    set      any other value of the recipe by dotted key: {"train.patience": 5}
    watchers functions of one `Event`; what one returns (a sentence) ends the run
    resume   a run to continue; `data`, `model`, `loss` are needed again only if they were objects
    Raises UserError (and its children) for what the caller can mend, Interrupted after Ctrl-C.
    """
    _check_arguments(set, watchers)
    flags: dict[str, Any] = {
        "data.target": None if target is None else (str(target),) if isinstance(target, str | int) else tuple(target),
        "task.name": task,
        "train.epochs": epochs,
        "train.steps": steps,
        "train.minutes": minutes,
        "train.batch_size": batch_size,
        "optimiser.lr": lr,
        "seed": seed,
        "forecast.horizon": horizon,
        "out": None if out is None else str(out),
        "watch.progress": progress,
        **(set or {}),
    }
    objects, file = _sort_out(flags, data, model, loss)
    given = {key: value for key, value in flags.items() if value is not None}
    draft = build(file=file, flags=given, objects=objects, origin="argument")
    previous = resume.path if isinstance(resume, Run) else None if resume is None else Path(resume)
    return fit_draft(draft, resume=previous, overwrite=overwrite, watchers=watchers)


def _check_arguments(set: object, watchers: object) -> None:
    errors: list[UserError] = []
    if set is not None and not isinstance(set, Mapping):
        errors.append(
            RecipeError("set=", "must be a dict of recipe values", found=repr(set)[:80], do='set={"train.patience": 5}')
        )
    if not isinstance(watchers, Sequence):
        errors.append(
            RecipeError("watchers=", "must be a list of functions", found=repr(watchers)[:80], do="watchers=[function]")
        )
    raise_all(errors)


def _sort_out(flags: dict[str, Any], data: object, model: object, loss: object) -> tuple[dict[str, Any], Path | None]:
    """Names go into `flags`, objects apart, a recipe file apart from both."""
    objects: dict[str, Any] = {}
    file = None
    if isinstance(data, os.PathLike) or (isinstance(data, str) and "\n" not in data):  # a text has lines, a path none
        path = Path(data)
        if path.suffix in (".yaml", ".yml"):
            file = path
        else:
            flags["data.path"] = str(data)
    elif data is not None:
        objects["data"] = data
    for key, name, value in (("model.name", "model", model), ("task.loss", "loss", loss)):
        if isinstance(value, str):
            flags[key] = value
        elif value is not None:
            objects[name] = value
    return objects, file


def fit_draft(
    draft: Draft,
    *,
    resume: Path | None = None,
    overwrite: bool = False,
    watchers: Sequence[Watcher] = (),
    say: Say | None = None,
    began: float | None = None,
) -> Run:
    """The same from a draft: what the command line calls. `say` gets sentences (default: stderr)."""
    say = say or (lambda text: print(text, file=sys.stderr, flush=True))
    began = time.monotonic() if began is None else began
    job = JOBS[job_of(draft, resume)]
    return job(draft, resume=resume, overwrite=overwrite, watchers=watchers, say=say, began=began)


def job_of(draft: Draft, resume: Path | None = None) -> str:
    """Which of JOBS a run is: that of one long text without rows, of series to be forecast, of a network that makes
    data, or of rows."""
    if resume is not None:
        try:
            task = from_yaml(RunFolder.find(resume).recipe).get("task.name")
        except RecipeError:  # reopening says what is wrong with it
            return "rows"
        return "generative" if task in GENERATIVE_TASKS else str(task) if task in JOBS else "rows"
    if wants_generative(draft):
        return "generative"
    if wants_forecast(draft):
        return "forecast"
    return "language" if wants_language(draft) else "rows"


def _fit_rows(
    draft: Draft, *, resume: Path | None, overwrite: bool, watchers: Sequence[Watcher], say: Say, began: float
) -> Run:
    """Data with rows: tables, images, texts, series."""
    if resume is not None:
        folder, draft, split, plan = _reopen(resume, draft)
        if folder.report.exists() and _is_whole(folder, say):
            say(f"{folder.path} has finished: there is nothing left to resume")
            return Run(folder)
        prepared = prepare(draft, known_split=split, look=lambda dataset: _same_data(folder, dataset, split))
    else:
        prepared, plan = prepare(draft), None
        out = draft.get("out")
        name = f"{Path(prepared.dataset.name).stem or 'data'}-{prepared.choice.model}"
        if overwrite:  # the old run goes only when the new one can be built
            build_net(prepared), build_loss(prepared)
        folder = RunFolder.create(None if out is None else Path(out), name, overwrite=overwrite)
        _write_start(folder, prepared)
    try:
        return _train(folder, prepared, plan, watchers, say, began, resumed=resume is not None)
    except KeyboardInterrupt:
        raise Interrupted(folder.path, "interrupted") from None


def _train(
    folder: RunFolder,
    prepared: Prepared,
    plan: Plan | None,
    watchers: Sequence[Watcher],
    say: Say,
    began: float,
    *,
    resumed: bool,
) -> Run:
    say_all(describe(prepared), say)
    budget = Budget(began, prepared.recipe.train.minutes)
    rivals = _rivals(prepared, budget)
    training = set_up(prepared, folder, plan=plan, budget=budget, watchers=watchers)
    say_all([f"note: {note}" for note in (*training.notes, *budget.notes)], say)
    folder.write_json(folder.plan, training.plan.to_json())
    say(f"plan: {training.plan.line()}")
    if resumed:
        say_all(training.fit.resume(), say)
        say(f"resumed at step {training.fit.step}")
    ended = training.fit.run()
    say_all([f"note: {remark}" for remark in training.remarks()], say)
    if ended.interrupted:
        raise Interrupted(folder.path, ended.stopped)
    return finish(folder, prepared, training, ended, rivals, budget)


# --- beginning --------------------------------------------------------------------------------------------------


def _write_start(folder: RunFolder, prepared: Prepared) -> None:
    prepared.split.save(folder.splits)
    write_start(folder, prepared.recipe, prepared.dataset.origin, weight_facts(prepared.pretrained))


def _reopen(run: Path, draft: Draft) -> tuple[RunFolder, Draft, Split, Plan | None]:
    """The folder, recipe, split and Plan of an earlier run; objects come from the caller again."""
    folder, old, plan = reopen(run, draft)
    return folder, old, Split.load(folder.splits), plan


def _is_whole(folder: RunFolder, say: Say) -> bool:
    """Whether bundle and report of a finished run can be read. If not, they are made again from its last checkpoint."""
    try:
        read_report(folder.path)
        Bundle.load(folder.bundle)
    except ModelError:
        return True  # made from a module that was handed over: intact, but nothing leads back to it
    except UserError as error:
        say(f"{error}\nnote: it is made again from the last checkpoint")
        return False
    return True


def _same_data(folder: RunFolder, dataset: Dataset, split: Split) -> None:
    """Refuse to continue on data that changed since the run was begun."""
    before = folder.read_json(folder.environment).get("data", {})
    last = max((int(rows.max()) for rows in (split.train, split.validation, split.test) if len(rows)), default=-1)
    if before.get("sha256") != dataset.origin.get("sha256") or last >= len(dataset):
        raise RunError(
            f"--resume {folder.path}",
            "needs the data that the run was begun on",
            found=f"{dataset.name} has changed since ({len(dataset)} rows now)",
            do=f"learnloop fit {dataset.name} --out <new folder>",
        )


def _rivals(prepared: Prepared, budget: Budget) -> list[Baseline]:
    """The baselines, fitted before training so that a limit in minutes knows what is left."""
    recipe = prepared.recipe
    if not recipe.report.baselines:
        return []
    if prepared.choice.target == "transcript":
        return []
    if prepared.choice.target == "text":
        seconds = budget.baselines(prepared.spec.kind)
        found = text_baselines(prepared, held_out(prepared), seconds, budget.notes.append)
        budget.learn_from(found)
        return found
    if prepared.spec.kind == "series":
        found = series_baselines(
            prepared.tensors["train"],
            answers_of(prepared, "train"),
            {name: (prepared.tensors[name], answers_of(prepared, name)) for name in held_out(prepared)},
            prepared.choice.target,
            prepared.names,
            seed=recipe.seed,
            budget_s=budget.baselines(prepared.spec.kind),
            say=budget.notes.append,
        )
        budget.learn_from(found)
        return found
    parts = {name: (inputs_of(prepared.tensors[name]), answers_of(prepared, name)) for name in held_out(prepared)}
    found = baselines(
        inputs_of(prepared.tensors["train"]),
        answers_of(prepared, "train"),
        parts,
        prepared.choice.target,
        prepared.names,
        seed=recipe.seed,
        budget_s=budget.baselines(prepared.spec.kind),
        say=budget.notes.append,
    )
    budget.learn_from(found)
    return found


JOBS: dict[str, Job] = {
    "rows": _fit_rows,
    "language": fit_language,
    "forecast": fit_forecast,
    "generative": fit_generative,
}
"""What `fit` does from the draft to the Run: for data with rows, one long text, series in time, and networks that make
data."""
