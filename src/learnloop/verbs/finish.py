"""From trained weights to what is kept of a run: the bundle, its figures, the findings, the report."""

from __future__ import annotations

import shlex
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import torch
from torch import nn

from learnloop.bundle.bundle import Bundle
from learnloop.contracts import Y
from learnloop.diagnose.finding import Evidence
from learnloop.diagnose.separable import linearly_separable
from learnloop.diagnose.table import diagnose
from learnloop.report.page import write_report
from learnloop.runs.environment import learnloop_version
from learnloop.runs.folder import RunFolder
from learnloop.runs.journal import read_journal
from learnloop.scores.evaluation import Evaluation
from learnloop.train.fit import Ended
from learnloop.verbs.aligned import aligned
from learnloop.verbs.baselines import Baseline
from learnloop.verbs.budget import Budget
from learnloop.verbs.features import forget_features
from learnloop.verbs.inside import look_inside
from learnloop.verbs.outliers import outliers_of
from learnloop.verbs.packing import bundle_of
from learnloop.verbs.prepare import Prepared
from learnloop.verbs.rehearsal import TRAIN_ROWS_SCORED, held_out
from learnloop.verbs.run import Run
from learnloop.verbs.scoring import predicted, score, truth, worst_rows
from learnloop.verbs.suspects import suspects
from learnloop.verbs.training import Training
from learnloop.verbs.verdict import verdict
from learnloop.verbs.views import gain_of
from learnloop.verbs.words import moved_by_words, wanted


def finish(
    folder: RunFolder,
    prepared: Prepared,
    training: Training,
    ended: Ended,
    rivals: list[Baseline],
    budget: Budget,
) -> Run:
    """The rest of a run: best weights, bundle, figures, findings, report."""
    best = training.fit.best
    if best is not None and best.weights is not None:
        training.task.load_weights(best.weights)
    bundle = bundle_of(prepared, training.net)
    evaluations, answers = {}, {}
    for name in held_out(prepared):
        rows = prepared.part(name)
        answers[name] = (truth(bundle, rows), predicted(bundle, rows))
        evaluations[name] = score(bundle, *answers[name], prepared.recipe.seed)
    last, probe = name, rows
    bundle = _with_facts(bundle, prepared, evaluations[last])
    bundle.outliers = outliers_of(bundle, prepared)
    bundle.save(folder.bundle, probe.take(np.arange(min(len(probe), 8))))
    report = _report(folder, prepared, training, ended, bundle, evaluations, answers, rivals)
    report["data"]["notes"] += [*training.notes, *budget.notes]
    if training.transfer:
        report["training"]["transfer"] = dict(training.transfer)
        forget_features(folder.path)
    if prepared.recipe.report.views != "none":
        gain = gain_of(bundle, rows, prepared.recipe.report.views, prepared.recipe.seed, plain=answers[last])
        report["views"] = gain.to_json()
    if prepared.recipe.report.html and prepared.spec.kind == "image":
        inside = look_inside(bundle, rows, *answers[last], seed=prepared.recipe.seed)
        found = suspects(
            bundle, prepared.dataset, prepared.split.train, budget.search_seconds, seed=prepared.recipe.seed
        )
        folder.write_json(folder.inside, inside | {"suspects": found})
    if wanted(bundle):
        seconds = budget.search_seconds
        folder.write_json(
            folder.words, moved_by_words(bundle, rows, *answers[last], seconds=seconds, seed=prepared.recipe.seed)
        )
    examples = aligned(bundle, rows, *answers[last], prepared.recipe.seed)
    if examples:
        report["translations"] = examples
    report["training"]["total_seconds"] = round(budget.passed, 3)
    folder.write_json(folder.report, report)
    folder.write_json(folder.findings, report["findings"])
    if prepared.recipe.report.html:
        write_report(folder.path)
    run = Run(folder)
    if bundle.about.model["name"] == "own":
        run.bundle = bundle  # no path leads back to a module that was handed over; here it is still alive
    return run


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
        extras=_extras(prepared, bundle.net),
    )
    return {
        "format": 1,
        "created": datetime.now().isoformat(timespec="seconds"),
        "version": learnloop_version(),
        "asked": {
            "command": shlex.join(["learnloop", *sys.argv[1:]]) if sys.argv[0].endswith("learnloop") else "ll.fit(...)",
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
    some = rows[np.linspace(0, len(rows) - 1, min(len(rows), TRAIN_ROWS_SCORED)).astype(np.int64)]
    data = prepared.dataset.take(some)
    return score(bundle, truth(bundle, data), predicted(bundle, data), prepared.recipe.seed)


def _extras(prepared: Prepared, net: nn.Module) -> dict[str, Any]:
    """Facts that only some checks need: for the perceptron, whether a hyperplane separates the classes at all."""
    if getattr(prepared.recipe.model, "rule", "gradient") != "perceptron":
        return {}
    batch = prepared.tensors["train"]
    with torch.no_grad():  # what the weights multiply: numbers and one-hot categories, or standardised pixels
        features = net.features(*[batch[key] for key in prepared.spec.keys]).numpy()  # type: ignore[operator]
    with suppress(ValueError):
        return {"linearly_separable": linearly_separable(features, batch[Y].numpy())}
    return {}
