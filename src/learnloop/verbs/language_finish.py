"""From trained weights to what is kept of a run on one text: the bundle, figures, samples, findings, the report."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from datetime import datetime
from typing import Any

from learnloop.bundle.language import LanguageAbout, LanguageBundle
from learnloop.bundle.sampling import side_by_side
from learnloop.diagnose.finding import Evidence, Finding
from learnloop.diagnose.table import diagnose
from learnloop.report.page import write_report
from learnloop.runs.environment import learnloop_version
from learnloop.runs.folder import RunFolder
from learnloop.runs.journal import read_journal
from learnloop.scores.copying import Copies
from learnloop.scores.evaluation import Evaluation
from learnloop.scores.language import evaluate_text
from learnloop.seeds import derive
from learnloop.train.fit import Ended
from learnloop.verbs.baselines import Baseline
from learnloop.verbs.budget import Budget
from learnloop.verbs.language_data import PreparedText, token_characters
from learnloop.verbs.language_training import MOST_TRAIN_TOKENS, TextTraining
from learnloop.verbs.run import Run
from learnloop.verbs.samples import TEMPERATURES
from learnloop.verbs.verdict import verdict

SAMPLE_TOKENS = 600
MOST_SEARCHED = 20_000_000
"""Characters of the training part that samples are held against."""


def finish_text(
    folder: RunFolder,
    prepared: PreparedText,
    training: TextTraining,
    ended: Ended,
    rivals: list[Baseline],
    budget: Budget,
) -> Run:
    """The rest of a run: best weights, bundle, figures, samples, findings, report."""
    best = training.fit.best
    if best is not None and best.weights is not None:
        training.task.load_weights(best.weights)
    bundle = _bundle_of(prepared, training)
    nats = {name: bundle.nats(prepared.texts[name]) for name in prepared.held_out}
    evaluations = {
        name: evaluate_text(found, prepared.characters(name), prepared.recipe.seed) for name, found in nats.items()
    }
    last = list(evaluations)[-1]
    facts = {
        "data": prepared.prose.name,
        "characters": len(prepared.texts["train"]),
        "seed": prepared.recipe.seed,
        "metrics": evaluations[last].metrics,
    }
    bundle.about = replace(bundle.about, facts=facts)
    bundle.save(folder.bundle, prepared.texts[last])
    samples = _samples(bundle, prepared, last)
    said = verdict(
        "language",
        evaluations[last],
        rivals,
        y=prepared.characters(last),
        predictions=nats[last],
        part=last,
        seed=prepared.recipe.seed,
    )
    report = _report(folder, prepared, training, ended, evaluations, rivals, samples, said)
    seen = _train_evaluation(bundle, prepared)
    report["findings"] = [finding.to_json() for finding in _findings(folder, prepared, report, evaluations, seen)]
    report["data"]["notes"] += budget.notes
    report["training"]["total_seconds"] = round(budget.passed, 3)
    folder.write_json(folder.report, report)
    folder.write_json(folder.findings, report["findings"])
    if prepared.recipe.report.html:
        write_report(folder.path)
    return Run(folder)


def _bundle_of(prepared: PreparedText, training: TextTraining) -> LanguageBundle:
    recipe = prepared.recipe
    model = {"name": recipe.choice.model, "config": recipe.model.model_dump(mode="json")}
    return LanguageBundle(LanguageAbout(model), prepared.tokens, training.net)


def _train_evaluation(bundle: LanguageBundle, prepared: PreparedText) -> Evaluation:
    """Figures on the last piece of the training part: only for comparison."""
    a_token = len(prepared.texts["train"]) / max(1, len(prepared.codes["train"]))
    text = prepared.texts["train"][-int(MOST_TRAIN_TOKENS * a_token) :]
    return evaluate_text(bundle.nats(text), token_characters(prepared.tokens, text), prepared.recipe.seed)


def _samples(bundle: LanguageBundle, prepared: PreparedText, part: str) -> list[dict[str, Any]]:
    """What the finished network writes, and how much of it stands in the training text word for word.

    `usual`: the same measure of as long a piece of text that was held out, which nobody copied.
    """
    texts = side_by_side(
        bundle.net, bundle.tokens, TEMPERATURES, SAMPLE_TOKENS, derive(prepared.recipe.seed, "last samples")
    )
    copies = Copies(prepared.texts["train"][:MOST_SEARCHED])
    rows = []
    for temperature, text in zip(TEMPERATURES, texts):
        found = copies.longest(text)
        usual = copies.longest(prepared.texts[part][: len(text)])
        rows.append(
            {
                "temperature": temperature,
                "text": text,
                "copied": {"characters": found.length, "text": found.text, "place": found.place},
                "usual": usual.length,
            }
        )
    return rows


def _report(
    folder: RunFolder,
    prepared: PreparedText,
    training: TextTraining,
    ended: Ended,
    evaluations: dict[str, Evaluation],
    rivals: list[Baseline],
    samples: list[dict[str, Any]],
    said: str,
) -> dict[str, Any]:
    recipe = prepared.recipe
    best = training.fit.best
    rows = {name: len(prepared.texts.get(name, "")) for name in ("train", "validation", "test")}
    passes = ended.step * training.fit.source.batch_size / max(1, training.fit.source.samples or 1)
    return {
        "format": 1,
        "created": datetime.now().isoformat(timespec="seconds"),
        "version": learnloop_version(),
        "asked": {
            "command": shlex.join(["learnloop", *sys.argv[1:]]) if sys.argv[0].endswith("learnloop") else "ll.fit(...)",
            "data": prepared.prose.name,
            "target": [],
            "task": "language",
            "model": recipe.choice.model,
            "seed": recipe.seed,
        },
        "data": {
            "rows": rows,
            "split": prepared.split,
            "schema": [],
            "notes": list(prepared.notes),
            "tokens": {"kind": prepared.tokens.name, "different": prepared.tokens.size},
        },
        "training": {
            "seconds": round(ended.seconds, 3),
            "steps": ended.step,
            "passes": round(passes, 3),
            "stopped": ended.stopped,
            "best_step": best.step if best is not None and best.weights is not None else ended.step,
            "parameters": sum(p.numel() for p in training.net.parameters()),
            "plan": training.plan.line(),
            "monitor": recipe.train.monitor,
        },
        "evaluation": {name: evaluation.to_json() for name, evaluation in evaluations.items()},
        "baselines": [rival.to_json() for rival in rivals],
        "verdict": said,
        "worst": [],
        "samples": samples,
        "findings": [],
    }


def _findings(
    folder: RunFolder,
    prepared: PreparedText,
    report: dict[str, Any],
    evaluations: dict[str, Evaluation],
    seen: Evaluation,
) -> list[Finding]:
    evidence = Evidence(
        recipe=prepared.recipe.to_dict(),
        history=read_journal(folder.metrics),
        training=report["training"],
        evaluations={"train": seen, **evaluations},
        baselines=report["baselines"],
        rows=report["data"]["rows"],
        extras={"samples": report["samples"]},
    )
    return diagnose(evidence)
