"""From a trained network and measured methods to what is kept of a run: the choice, bundle, figures, report."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from learnloop.bundle.forecast import ForecastBundle
from learnloop.bundle.forecast_about import ForecastAbout
from learnloop.diagnose.finding import Evidence, Finding
from learnloop.diagnose.table import diagnose
from learnloop.models.forecasting.config import ForecastConfig
from learnloop.recipe.forecast import AUTO
from learnloop.report.page import write_report
from learnloop.runs.environment import learnloop_version
from learnloop.runs.folder import RunFolder
from learnloop.runs.journal import read_journal
from learnloop.scores.evaluation import Evaluation
from learnloop.scores.forecast_evaluation import evaluate_forecasts
from learnloop.train.fit import Ended
from learnloop.verbs.budget import Budget
from learnloop.verbs.forecast_choice import Served, decide
from learnloop.verbs.forecast_data import ForecastPrepared
from learnloop.verbs.forecast_measure import NAIVE2, Measured, TrainedNetwork, measure, scored_series
from learnloop.verbs.forecast_report import forecast_part
from learnloop.verbs.forecast_training import ForecastTraining
from learnloop.verbs.forecast_verdict import Shown, forecast_verdict
from learnloop.verbs.run import Run


def finish_forecast(
    folder: RunFolder,
    prepared: ForecastPrepared,
    training: ForecastTraining | None,
    ended: Ended | None,
    measured: dict[str, Measured],
    budget: Budget,
) -> Run:
    """The rest of a run: best weights, the contest on past windows, what serves, final figures, bundle, report."""
    network = None if training is None or ended is None else _network(prepared, training, ended)
    served = decide(prepared, measured, network)
    naive2 = measured.get(NAIVE2)
    past = naive2.past.scored if naive2 is not None and naive2.past is not None else None
    last = None if naive2 is None else naive2.last.scored
    seed = prepared.recipe.seed
    evaluations = {
        "validation": evaluate_forecasts(served.past, past, seed),
        "test": served.itself.evaluation,
    }
    said = forecast_verdict(
        served.contest.metric, served.shown, prepared.ends.tests, last, seed, chosen=prepared.serve == AUTO
    )
    bundle = _bundle(prepared, training, served, evaluations["test"], said)
    bundle.save(folder.bundle)
    report = _report(prepared, training, ended, served, evaluations, said)
    report["baselines"] = [_baseline(one, measured) for one in served.shown if not one.served]
    report["forecast"] = forecast_part(prepared, served, last)
    report["findings"] = [one.to_json() for one in _findings(folder, prepared, report, evaluations)]
    report["data"]["notes"] += [*budget.notes, *served.contest.notes]
    report["training"]["total_seconds"] = round(budget.passed, 3)
    folder.write_json(folder.report, report)
    folder.write_json(folder.findings, report["findings"])
    if prepared.recipe.report.html:
        write_report(folder.path)
    return Run(folder)


def _network(prepared: ForecastPrepared, training: ForecastTraining, ended: Ended) -> Measured:
    """The network with its best weights, on the same windows as the methods. Its seconds are those of training too."""
    best = training.fit.best
    if best is not None and best.weights is not None:
        training.task.load_weights(best.weights)
    config = cast(ForecastConfig, prepared.recipe.model)
    assert prepared.spec is not None and prepared.features is not None
    title = config.title.split(":")[0]
    one = TrainedNetwork(prepared.network, title, training.net, prepared.spec, prepared.features, prepared.chains)
    found = measure(prepared, one, scored_series(prepared))
    return replace(found, seconds=found.seconds + ended.seconds)


def _bundle(
    prepared: ForecastPrepared, training: ForecastTraining | None, served: Served, test: Evaluation, said: str
) -> ForecastBundle:
    """What answers; a network that is not among it is left out."""
    panel, recipe = prepared.panel, prepared.recipe
    answers = training is not None and prepared.network in served.weights
    model = {"name": prepared.network, "config": recipe.model.model_dump(mode="json")} if answers else None  # type: ignore[attr-defined]
    about = ForecastAbout(
        dict(served.weights),
        prepared.horizon,
        tuple(prepared.levels),
        panel.frequency,
        panel.season,
        series={
            **{key: getattr(recipe.data, key) for key in ("time", "target", "group")},
            **prepared.series.model_dump(mode="json"),
            "zone": panel.zone,
        },
        model=model,
        spec=prepared.spec if answers else None,
        facts={"data": panel.name, "seed": recipe.seed, "metrics": test.metrics, "verdict": said},
    )
    net = training.net if training is not None and answers else None
    features, chains = (prepared.features, prepared.chains) if answers else (None, None)
    return ForecastBundle(about, panel, net, features, served.calibration, chains)


def _baseline(one: Shown, measured: dict[str, Measured]) -> dict[str, Any]:
    """A row of report.json's baselines: what is shown beside what serves."""
    found = measured.get(one.name)
    return {
        "name": one.name,
        "title": one.title,
        "metrics": one.evaluation.metrics,
        "intervals": {name: list(pair) for name, pair in one.evaluation.intervals.items()},
        "seconds": one.seconds,
        "note": "" if found is None else found.note,
        "parts": {},
    }


def _report(
    prepared: ForecastPrepared,
    training: ForecastTraining | None,
    ended: Ended | None,
    served: Served,
    evaluations: dict[str, Evaluation],
    said: str,
) -> dict[str, Any]:
    recipe, panel, ends = prepared.recipe, prepared.panel, prepared.ends
    sizes = {"train": ends.train, "validation": ends.validation - ends.train, "test": ends.test - ends.validation}
    return {
        "format": 1,
        "created": datetime.now().isoformat(timespec="seconds"),
        "version": learnloop_version(),
        "asked": {
            "command": shlex.join(["learnloop", *sys.argv[1:]]) if sys.argv[0].endswith("learnloop") else "ll.fit(...)",
            "data": panel.name,
            "target": list(panel.variables[: panel.targets]),
            "task": "forecast",
            "model": served.name,
            "seed": recipe.seed,
        },
        "data": {
            "rows": {name: int(size.clip(0).sum()) * panel.targets for name, size in sizes.items()},
            "split": prepared.split,
            "schema": [],
            "notes": list(prepared.notes),
        },
        "training": _training(prepared, training, ended),
        "evaluation": {name: evaluation.to_json() for name, evaluation in evaluations.items()},
        "baselines": [],
        "verdict": said,
        "worst": [],
        "findings": [],
    }


def _training(prepared: ForecastPrepared, training: ForecastTraining | None, ended: Ended | None) -> dict[str, Any]:
    if training is None or ended is None:
        return {
            "seconds": 0.0, "steps": 0, "passes": 0.0, "stopped": "no network was trained", "best_step": 0,
            "parameters": 0, "plan": "", "monitor": prepared.recipe.train.monitor,
        }  # fmt: skip
    best = training.fit.best
    passes = ended.step * training.fit.source.batch_size / max(1, training.fit.source.samples or 1)
    return {
        "seconds": round(ended.seconds, 3),
        "steps": ended.step,
        "passes": round(passes, 3),
        "stopped": ended.stopped,
        "best_step": best.step if best is not None and best.weights is not None else ended.step,
        "parameters": sum(p.numel() for p in training.net.parameters()),
        "plan": training.plan.line(),
        "monitor": prepared.recipe.train.monitor,
    }


def _findings(
    folder: RunFolder, prepared: ForecastPrepared, report: dict[str, Any], evaluations: dict[str, Evaluation]
) -> list[Finding]:
    """Of how the network learnt. Who forecasts best is told by the verdict, from paired differences."""
    if not prepared.network:
        return []
    evidence = Evidence(
        recipe=prepared.recipe.to_dict(),
        history=read_journal(folder.metrics),
        training=report["training"],
        evaluations=evaluations,
        rows=report["data"]["rows"],
    )
    return [one for one in diagnose(evidence) if one.name != "small_test"]
