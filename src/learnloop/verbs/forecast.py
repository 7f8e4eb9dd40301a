"""The job of the task forecast: from series in time to a run folder with what forecasts them best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from learnloop.bundle.forecast import ForecastBundle
from learnloop.data.panel import Panel
from learnloop.data.panel_catalog import SERIES
from learnloop.models.classical.table import METHODS
from learnloop.models.forecasting.table import FORECAST_MODELS
from learnloop.models.language import LANGUAGE_MODELS
from learnloop.models.table import MODELS
from learnloop.optim.plan import Plan
from learnloop.recipe.draft import Draft
from learnloop.runs.folder import RunFolder
from learnloop.train.events import Watcher
from learnloop.verbs.budget import Budget
from learnloop.verbs.forecast_data import ForecastPrepared, describe_forecast, prepare_forecast, stem
from learnloop.verbs.forecast_finish import finish_forecast
from learnloop.verbs.forecast_measure import measure_methods
from learnloop.verbs.forecast_training import build_forecast_net, set_up_forecast
from learnloop.verbs.resuming import Interrupted, carry_out, is_whole, need_same, reopen, write_start
from learnloop.verbs.run import Run

Say = Callable[[str], None]


def wants_forecast(draft: Draft) -> bool:
    """Whether the draft is about series to be forecast: the task says so, the data is a name of the catalog of series
    or a Panel, a horizon or another value of the sections `forecast` and `series` is given, or the model can do nothing
    else."""
    task = draft.get("task.name", "auto")
    if task != "auto":
        return bool(task == "forecast")
    if isinstance(draft.objects.get("data"), Panel) or draft.section("forecast") or draft.section("series"):
        return True
    if draft.get("model.name") in {*FORECAST_MODELS, *METHODS} - {*MODELS, *LANGUAGE_MODELS}:
        return True
    path = draft.get("data.path")
    return path in SERIES and not Path(path).is_file() and draft.get("model.name", "auto") in ("auto", *FORECAST_MODELS)


def fit_forecast(
    draft: Draft, *, resume: Path | None, overwrite: bool, watchers: Sequence[Watcher], say: Say, began: float
) -> Run:
    """See `fit`. Raises UserError (and its children) for what the caller can mend, Interrupted after Ctrl-C."""
    plan = None
    if resume is not None:
        folder, draft, plan = reopen(resume, draft)
        if folder.report.exists() and is_whole(folder, ForecastBundle.load, say):
            say(f"{folder.path} has finished: there is nothing left to resume")
            return Run(folder)
        prepared = prepare_forecast(draft, look=lambda panel: need_same(folder, "the series", panel.name, panel.origin))
    else:
        prepared = prepare_forecast(draft)
        out = draft.get("out")
        if overwrite and prepared.spec is not None:  # the old run goes only when the new one can be built
            build_forecast_net(prepared)
        folder = RunFolder.create(None if out is None else Path(out), stem(prepared), overwrite=overwrite)
        write_start(folder, prepared.recipe, prepared.panel.origin, {})
    try:
        return _run(folder, prepared, plan, watchers, say, began, resumed=resume is not None)
    except KeyboardInterrupt:
        raise Interrupted(folder.path, "interrupted") from None


def _run(
    folder: RunFolder,
    prepared: ForecastPrepared,
    plan: Plan | None,
    watchers: Sequence[Watcher],
    say: Say,
    began: float,
    *,
    resumed: bool,
) -> Run:
    for line in describe_forecast(prepared):
        say(line)
    budget = Budget(began, prepared.recipe.train.minutes)
    measured = measure_methods(prepared, folder, budget, say)
    training, ended = None, None
    if prepared.spec is not None:
        training = set_up_forecast(prepared, folder, plan=plan, budget=budget, watchers=watchers)
        folder.write_json(folder.plan, training.plan.to_json())
        say(f"plan: {training.plan.line()}")
    for note in budget.notes:
        say(f"note: {note}")
    if training is not None:
        ended = carry_out(training.fit, folder, say, resumed=resumed)
    return finish_forecast(folder, prepared, training, ended, measured, budget)
