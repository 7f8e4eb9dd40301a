"""From trained weights to what is kept of a run that makes data: bundle, figures, pictures, findings, report."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np

from learnloop.bundle.generative import GenerativeBundle
from learnloop.bundle.generative_about import GenerativeAbout
from learnloop.contracts import X
from learnloop.diagnose.finding import Evidence, Finding, remedy
from learnloop.diagnose.table import diagnose
from learnloop.report.page import write_report
from learnloop.runs.environment import learnloop_version
from learnloop.runs.folder import RunFolder
from learnloop.runs.journal import read_journal
from learnloop.scores.evaluation import Evaluation
from learnloop.scores.names import METRICS
from learnloop.train.fit import Ended
from learnloop.verbs.budget import Budget
from learnloop.verbs.generative_codes import measure_codes
from learnloop.verbs.generative_data import GenerativePrepared
from learnloop.verbs.generative_made import measure_mapped, measure_samples
from learnloop.verbs.generative_measured import Measured
from learnloop.verbs.generative_pictures import pictures_of
from learnloop.verbs.generative_training import GenerativeTraining
from learnloop.verbs.judge import Measure
from learnloop.verbs.run import Run

OF_CODERS = ("not_learning", "worse_than_baseline", "overfitting", "too_short", "learning_rate_high", "stopped_early")
"""Checks of a run that apply to an autoencoder; losses of two players, and of noise, say nothing by themselves."""
_SEVERE = ("divergence", "mode_collapse")


def finish_generative(
    folder: RunFolder,
    prepared: GenerativePrepared,
    training: GenerativeTraining,
    ended: Ended,
    beside: Measure | None,
    budget: Budget,
) -> Run:
    """The rest of a run: best weights, figures, bundle, pictures, findings, report. beside: of pictures, real ones."""
    best = training.fit.best
    training.task.load_weights(
        best.weights if best is not None and best.weights is not None else training.task.weights()
    )
    bundle = bundle_of(prepared, training)
    measured = measure(prepared, bundle, beside)
    bundle.about = replace(
        bundle.about, threshold=measured.threshold, facts={**bundle.about.facts, "metrics": measured.metrics}
    )
    bundle.means = measured.means
    last = prepared.part(prepared.last)
    bundle.save(folder.bundle, last)
    pictures = pictures_of(
        bundle,
        prepared.tensors["train"],
        prepared.tensors[prepared.last],
        rows=last,
        samples=measured.samples,
        seed=prepared.recipe.seed,
    )
    evaluation = Evaluation(prepared.task, measured.rows, measured.metrics, measured.intervals)
    report = _report(prepared, training, ended, measured, evaluation)
    if prepared.last != "validation" and "validation" in prepared.parts:
        chosen = _when_chosen(folder, prepared, report["training"]["best_step"])
        report["evaluation"] = {"validation": chosen.to_json(), **report["evaluation"]}
    alarms = training.alarms.to_json()
    report["generative"] |= {"kind": list(bundle.kinds), "alarms": alarms, "pictures": pictures}
    report["findings"] = [
        one.to_json() for one in (*_alarmed(alarms), *_findings(folder, prepared, report, evaluation))
    ]
    report["data"]["notes"] += budget.notes
    report["training"]["total_seconds"] = round(budget.passed, 3)
    folder.write_json(folder.report, report)
    folder.write_json(folder.findings, report["findings"])
    if prepared.recipe.report.html:
        write_report(folder.path)
    return Run(folder)


def measure(prepared: GenerativePrepared, bundle: GenerativeBundle, beside: Measure | None) -> Measured:
    """The figures that suit what the network is."""
    if beside is None:
        return measure_codes(prepared, bundle)
    if "mapper" in bundle.kinds:
        return measure_mapped(prepared, bundle, beside)
    return measure_samples(prepared, bundle, beside)


def bundle_of(prepared: GenerativePrepared, training: GenerativeTraining) -> GenerativeBundle:
    """What is served, before anything was measured."""
    recipe = prepared.recipe
    codes = prepared.codes("train")
    counts = np.bincount(codes, minlength=len(prepared.classes)) if codes is not None else np.zeros(0)
    about = GenerativeAbout(
        prepared.task,
        {"name": recipe.choice.model, "config": recipe.model.model_dump(mode="json")},
        prepared.spec,
        prepared.dataset.schema,
        prepared.classes,
        prepared.wanted,
        tuple(float(share) for share in counts / max(counts.sum(), 1)),
        facts={
            "data": prepared.dataset.name,
            "rows": len(prepared.tensors["train"][X]),
            "seed": recipe.seed,
            "normal": list(prepared.generate.normal or ()),
        },
    )
    return GenerativeBundle(about, prepared.encoder, training.net.cpu())


def _report(
    prepared: GenerativePrepared, training: GenerativeTraining, ended: Ended, measured: Measured, found: Evaluation
) -> dict[str, Any]:
    recipe = prepared.recipe
    best = training.fit.best
    passes = ended.step * training.fit.source.batch_size / max(1, training.fit.source.samples or 1)
    return {
        "format": 1,
        "created": datetime.now().isoformat(timespec="seconds"),
        "version": learnloop_version(),
        "asked": {
            "command": shlex.join(["learnloop", *sys.argv[1:]]) if sys.argv[0].endswith("learnloop") else "ll.fit(...)",
            "data": prepared.dataset.name,
            "target": [field.name for field in prepared.dataset.schema.targets],
            "task": prepared.task,
            "model": recipe.choice.model,
            "seed": recipe.seed,
        },
        "data": {
            "rows": {name: len(getattr(prepared.split, name)) for name in ("train", "validation", "test")},
            "split": prepared.split.how,
            "schema": prepared.dataset.schema.to_json(),
            "notes": list(prepared.notes),
        },
        "training": {
            "seconds": round(ended.seconds, 3),
            "steps": ended.step,
            "passes": round(passes, 3),
            "stopped": ended.stopped,
            "best_step": best.step if best is not None and best.weights is not None else ended.step,
            "parameters": sum(p.numel() for p in training.net.parameters()),
            "plan": training.plan.line(),
            "monitor": recipe.train.monitor if best is None else best.monitor,
        },
        "evaluation": {prepared.last: found.to_json()},
        "baselines": measured.baselines,
        "verdict": measured.verdict,
        "worst": [],
        "findings": [],
        "generative": {
            "task": prepared.task,
            "pairing": prepared.pairing,
            "normal": list(prepared.generate.normal or ()),
            "conditional": prepared.labelled,
            **measured.found,
        },
    }


def _when_chosen(folder: RunFolder, prepared: GenerativePrepared, step: int) -> Evaluation:
    """The figures of the validation part by which the weights of this step were chosen."""
    rows = [row for row in read_journal(folder.metrics) if row["kind"] == "validation" and row["step"] == step]
    told = rows[-1] if rows else {}
    metrics = {name: float(value) for name, value in told.items() if name in METRICS and name != "loss"}
    return Evaluation(prepared.task, len(prepared.split.validation), metrics, {})


def _alarmed(alarms: list[dict[str, Any]]) -> list[Finding]:
    """What went wrong while it learnt."""
    return [
        Finding(
            alarm["name"],
            f"{alarm['name'].replace('_', ' ').capitalize()} at step {alarm['step']:,}",
            f"{alarm['text'].rstrip('.')}. Last seen at step {alarm['last_step']:,}.",
            "problem" if alarm["name"] in _SEVERE else "warning",
            {"number": alarm["number"], "step": alarm["step"], "last_step": alarm["last_step"]},
            remedy(alarm["remedy"]),
        )
        for alarm in alarms
    ]


def _findings(
    folder: RunFolder, prepared: GenerativePrepared, report: dict[str, Any], found: Evaluation
) -> list[Finding]:
    evidence = Evidence(
        recipe=prepared.recipe.to_dict(),
        history=read_journal(folder.metrics),
        training=report["training"],
        evaluations={prepared.last: found},
        baselines=report["baselines"],
        rows=report["data"]["rows"],
    )
    names: tuple[str, ...] = OF_CODERS if prepared.task == "autoencode" else ("stopped_early",)
    if "elbo" in found.metrics:  # its numbers are also to be drawn from, which PCA's are not
        names = tuple(name for name in names if name != "worse_than_baseline")
    return [one for one in diagnose(evidence) if one.name in names]
