"""`fit`: from data to a run folder with a bundle, its measures and a report."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from learnloop.bundle.bundle import About, Bundle
from learnloop.contracts import Y
from learnloop.data.dataset import Dataset
from learnloop.data.split import Split
from learnloop.diagnose.finding import Evidence
from learnloop.diagnose.separable import linearly_separable
from learnloop.diagnose.table import diagnose
from learnloop.errors import LearnloopError, RunError
from learnloop.optim.plan import Plan
from learnloop.recipe.build import build
from learnloop.recipe.draft import Draft
from learnloop.recipe.text import from_yaml, to_yaml
from learnloop.report.page import write_report
from learnloop.runs.environment import environment, learnloop_version
from learnloop.runs.folder import RunFolder
from learnloop.runs.journal import read_journal
from learnloop.scores.evaluation import Evaluation
from learnloop.train.events import Watcher
from learnloop.train.fit import Ended
from learnloop.verbs.baselines import Baseline, baselines, verdict
from learnloop.verbs.budget import Budget
from learnloop.verbs.prepare import Prepared, Say, answers_of, describe, inputs_of, prepare, say_all
from learnloop.verbs.run import Run
from learnloop.verbs.scoring import predicted, score, truth, worst_rows
from learnloop.verbs.training import Training, set_up

_TRAIN_ROWS_SCORED = 2000
"""Training rows that are scored to tell underfitting from overfitting."""


class Interrupted(LearnloopError):
    """The run was asked to stop (Ctrl-C, SIGTERM). It is saved and can be resumed."""

    exit_code = 130

    def __init__(self, folder: Path, text: str) -> None:
        self.folder = folder
        super().__init__(f"{text}; nothing is lost\n  continue:  learnloop fit --resume {folder}")


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
    out: str | os.PathLike[str] | None = None,
    set: Mapping[str, Any] | None = None,
    watchers: Sequence[Watcher] = (),
    resume: str | os.PathLike[str] | Run | None = None,
    overwrite: bool = False,
    progress: str | None = None,
) -> Run:
    """Train a network on `data` and return the Run.

    data     a file, a folder, a catalog name, a recipe.yaml, a DataFrame, arrays (x, y), a torch Dataset
    target   column or columns to learn
    model    a name (`learnloop models`), an import path, or your own nn.Module
    loss     a name, or your own function(outputs, y) -> scalar
    set      any other value of the recipe by dotted key: {"train.patience": 5}
    watchers functions of one `Event`; what one returns (a sentence) ends the run
    resume   a run to continue; `data`, `model`, `loss` are needed again only if they were objects
    Raises UserError (and its children) for what the caller can mend, Interrupted after Ctrl-C.
    """
    flags: dict[str, Any] = {
        "data.target": None if target is None else (target,) if isinstance(target, str) else tuple(target),
        "task.name": task,
        "train.epochs": epochs,
        "train.steps": steps,
        "train.minutes": minutes,
        "train.batch_size": batch_size,
        "optimiser.lr": lr,
        "seed": seed,
        "out": None if out is None else str(out),
        "watch.progress": progress,
        **(set or {}),
    }
    objects, file = _sort_out(flags, data, model, loss)
    given = {key: value for key, value in flags.items() if value is not None}
    draft = build(file=file, flags=given, objects=objects, origin="argument")
    previous = resume.path if isinstance(resume, Run) else None if resume is None else Path(resume)
    return fit_draft(draft, resume=previous, overwrite=overwrite, watchers=watchers)


def _sort_out(flags: dict[str, Any], data: object, model: object, loss: object) -> tuple[dict[str, Any], Path | None]:
    """Names go into `flags`, objects apart, a recipe file apart from both."""
    objects: dict[str, Any] = {}
    file = None
    if isinstance(data, str | os.PathLike):
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
    if resume is not None:
        folder, draft, split, plan = _reopen(resume, draft)
        prepared = prepare(draft, known_split=split, look=lambda dataset: _same_data(folder, dataset, split))
    else:
        prepared, plan = prepare(draft), None
        out = draft.get("out")
        name = f"{Path(prepared.dataset.name).stem or 'data'}-{prepared.choice.model}"
        folder = RunFolder.create(None if out is None else Path(out), name, overwrite=overwrite)
        _write_start(folder, prepared)
    say_all(describe(prepared), say)
    budget = Budget(began, prepared.recipe.train.minutes)
    rivals = _rivals(prepared, budget)
    training = set_up(prepared, folder, plan=plan, budget=budget, watchers=watchers)
    folder.write_json(folder.plan, training.plan.to_json())
    say(f"plan: {training.plan.line()}")
    if resume is not None:
        say_all(training.fit.resume(), say)
        say(f"resumed at step {training.fit.step}")
    ended = training.fit.run()
    if ended.interrupted:
        raise Interrupted(folder.path, ended.stopped)
    return _finish(folder, prepared, training, ended, rivals, budget)


# --- beginning --------------------------------------------------------------------------------------------------


def _write_start(folder: RunFolder, prepared: Prepared) -> None:
    prepared.split.save(folder.splits)
    folder.write_json(folder.environment, {**environment(sys.argv), "data": dict(prepared.dataset.origin)})
    # recipe.yaml comes last: a folder that has one has everything that a resume needs.
    from_text = to_yaml(prepared.recipe)
    (folder.path / "recipe.yaml").write_text(from_text, encoding="utf-8")


def _reopen(run: Path, draft: Draft) -> tuple[RunFolder, Draft, Split, Plan | None]:
    """The folder, recipe, split and Plan of an earlier run; objects come from the caller again."""
    folder = RunFolder.find(run)
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
    return folder, old, Split.load(folder.splits), plan


def _flags_of(draft: Draft, keys: Sequence[str]) -> str:
    return " ".join(f"--set {key}={draft.get(key)}" for key in keys)


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


# --- the end ----------------------------------------------------------------------------------------------------


def _rivals(prepared: Prepared, budget: Budget) -> list[Baseline]:
    """The baselines, fitted before training so that a limit in minutes knows what is left."""
    recipe = prepared.recipe
    held_out = [name for name in prepared.parts if name != "train"] or ["train"]
    if not recipe.report.baselines:
        return []
    parts = {name: (inputs_of(prepared.tensors[name]), answers_of(prepared, name)) for name in held_out}
    found = baselines(
        inputs_of(prepared.tensors["train"]),
        answers_of(prepared, "train"),
        parts,
        prepared.choice.target,
        prepared.names,
        seed=recipe.seed,
        budget_s=budget.baselines(),
    )
    return found


def _finish(
    folder: RunFolder,
    prepared: Prepared,
    training: Training,
    ended: Ended,
    rivals: list[Baseline],
    budget: Budget,
) -> Run:
    best = training.fit.best
    if best is not None and best.weights is not None:
        training.task.load_weights(best.weights)
    bundle = _bundle(prepared, training)
    evaluations, answers = {}, {}
    for name in [part for part in prepared.parts if part != "train"] or ["train"]:
        rows = prepared.part(name)
        answers[name] = (truth(bundle, rows), predicted(bundle, rows))
        evaluations[name] = score(bundle, *answers[name], prepared.recipe.seed)
    last = list(evaluations)[-1]
    bundle = _with_facts(bundle, prepared, evaluations[last])
    probe = prepared.part(last)
    bundle.save(folder.bundle, probe.take(np.arange(min(len(probe), 8))))
    report = _report(folder, prepared, training, ended, bundle, evaluations, answers, rivals)
    report["training"]["total_seconds"] = round(budget.passed, 3)
    folder.write_json(folder.report, report)
    folder.write_json(folder.findings, report["findings"])
    if prepared.recipe.report.html:
        write_report(folder.path)
    return Run(folder)


def _bundle(prepared: Prepared, training: Training) -> Bundle:
    net = training.net.to("cpu")
    about = About(
        task=prepared.choice.task,
        target=prepared.target_kind,
        model=_model_of(prepared),
        spec=prepared.spec,
        outputs=prepared.outputs,
        schema=prepared.dataset.schema,
    )
    return Bundle(about, prepared.encoder, prepared.target, net)


def _model_of(prepared: Prepared) -> dict[str, Any]:
    name = prepared.choice.model
    config = prepared.recipe.model.model_dump(mode="json")
    if "model" in prepared.recipe.objects or name == "object":
        return {"name": "own", "config": {"class": config.get("path", "")}}
    return {"name": name, "config": config}


def _with_facts(bundle: Bundle, prepared: Prepared, evaluation: Evaluation) -> Bundle:
    facts = {
        "data": prepared.dataset.name,
        "rows": len(prepared.split.train),
        "seed": prepared.recipe.seed,
        "metrics": evaluation.metrics,
    }
    return Bundle(replace(bundle.about, facts=facts), bundle.encoder, bundle.target, bundle.net)


def _report(
    folder: RunFolder,
    prepared: Prepared,
    training: Training,
    ended: Ended,
    bundle: Bundle,
    evaluations: dict[str, Evaluation],
    answers: dict[str, tuple[Any, Any]],
    rivals: list[Baseline],
) -> dict[str, Any]:
    recipe = prepared.recipe
    last = list(evaluations)[-1]
    y, outputs = answers[last]
    rows = {name: len(getattr(prepared.split, name)) for name in ("train", "validation", "test")}
    best = training.fit.best
    training_facts = {
        "seconds": round(ended.seconds, 3),
        "steps": ended.step,
        "passes": round(ended.samples / max(1, rows["train"]), 3),
        "stopped": ended.stopped,
        "best_step": best.step if best is not None else ended.step,
        "parameters": training.parameters,
        "plan": training.plan.line(),
        "monitor": recipe.train.monitor,
    }
    evidence = Evidence(
        recipe=recipe.to_dict(),
        history=read_journal(folder.metrics),
        training=training_facts,
        evaluations={"train": _on_training_rows(bundle, prepared), **evaluations},
        baselines=[rival.to_json() for rival in rivals],
        rows=rows,
        extras=_extras(prepared),
    )
    return {
        "format": 1,
        "created": datetime.now().isoformat(timespec="seconds"),
        "version": learnloop_version(),
        "asked": {
            "command": " ".join(["learnloop", *sys.argv[1:]]) if sys.argv[0].endswith("learnloop") else "ll.fit(...)",
            "data": prepared.dataset.name,
            "target": [field.name for field in prepared.dataset.schema.targets],
            "task": prepared.choice.task,
            "model": prepared.choice.model,
            "seed": recipe.seed,
        },
        "data": {
            "rows": rows,
            "split": prepared.split.how,
            "schema": prepared.dataset.schema.to_json(),
            "notes": list(prepared.notes),
        },
        "training": training_facts,
        "evaluation": {name: evaluation.to_json() for name, evaluation in evaluations.items()},
        "baselines": [rival.to_json() for rival in rivals],
        "verdict": verdict(
            evaluations[last].task,
            evaluations[last],
            rivals,
            y=y,
            predictions=outputs,
            part=last,
            seed=recipe.seed,
        ),
        "worst": worst_rows(bundle, prepared.part(last), y, outputs),
        "findings": [finding.to_json() for finding in diagnose(evidence)],
    }


def _on_training_rows(bundle: Bundle, prepared: Prepared) -> Evaluation:
    """Figures on some rows that were trained on: only for comparison with those that were not."""
    rows = prepared.split.train
    some = rows[np.linspace(0, len(rows) - 1, min(len(rows), _TRAIN_ROWS_SCORED)).astype(np.int64)]
    data = prepared.dataset.take(some)
    return score(bundle, truth(bundle, data), predicted(bundle, data), prepared.recipe.seed)


def _extras(prepared: Prepared) -> dict[str, Any]:
    """Facts that only some checks need: for the perceptron, whether a hyperplane separates the classes at all."""
    if getattr(prepared.recipe.model, "rule", "gradient") != "perceptron":
        return {}
    batch = prepared.tensors["train"]
    with suppress(ValueError):
        return {
            "linearly_separable": linearly_separable(batch["x"].numpy().reshape(len(batch[Y]), -1), batch[Y].numpy())
        }
    return {}
