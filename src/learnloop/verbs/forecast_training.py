"""Put the parts together that learn to forecast: network, Plan, windows, task, limit, watchers -> `Fit`."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from learnloop.contracts import Batch, WindowSpec
from learnloop.data.panel import Panel
from learnloop.data.series_scale import series_scales, usual_scale
from learnloop.data.windows import LEAST_PAST, ForecastSource, PanelWindows, every_origin
from learnloop.home import cache
from learnloop.models.forecasting.config import ForecastConfig
from learnloop.optim.measure import measure
from learnloop.optim.plan import Plan
from learnloop.runs.checkpoint import Checkpoints
from learnloop.runs.folder import RunFolder
from learnloop.seeds import derive, seed_torch
from learnloop.tasks.forecast import ForecastTask, forecast_loss
from learnloop.train.events import Watcher
from learnloop.train.fit import Fit, Rhythm
from learnloop.train.held_out_windows import HeldOutWindows
from learnloop.train.limits import Limit, StepLimit, TimeLimit
from learnloop.transforms.panel_features import PanelFeatures
from learnloop.verbs.budget import Budget
from learnloop.verbs.forecast_data import ForecastPrepared
from learnloop.verbs.forecast_parts import Ends
from learnloop.verbs.training import LOG_ROWS_A_RUN, best_of, updater_of, watchers_of

MOST_WATCHED = 3000
"""Windows of the validation part, evenly spread over it, that are evaluated while training."""
EVALUATIONS_A_RUN = 25
EVALUATIONS_SHARE = 0.05
"""All evaluations together take at most this share of a run."""
_FORWARD_SHARE = 0.35
"""Of a step, for as many windows."""
_REPORT_SECONDS, _MARGIN = 4.0, 1.15
"""Bundle and pages; and what other processes may cost."""
_LEAST_SHARE, _LAST_SHARE = 0.4, 0.1
"""Of a limit in minutes, that training gets as far as it is left, and that it gets even where the end comes later."""


@dataclass(frozen=True)
class ForecastTraining:
    """A run that is ready to start. windows: that can be drawn; watched: those of the validation part that are
    evaluated while training."""

    fit: Fit
    task: ForecastTask
    net: nn.Module
    plan: Plan
    windows: int
    watched: int


@dataclass(frozen=True)
class _Parts:
    """train: windows of the training part alone; known: those of training and validation part, with the same scales;
    series, origins: of the windows that are watched."""

    train: PanelWindows
    known: PanelWindows
    series: Tensor
    origins: Tensor


def set_up_forecast(
    prepared: ForecastPrepared,
    folder: RunFolder,
    *,
    plan: Plan | None,
    budget: Budget,
    watchers: Sequence[Watcher] = (),
    after: float = 0.0,
) -> ForecastTraining:
    """Everything from the network to the loop.

    plan   the measured Plan of a run that is resumed
    after  seconds that classical methods will take when training is over; it counts with a limit in minutes only
    Asks for a `spec`. Raises DataError where the training part holds no window.
    """
    recipe, train = prepared.recipe, prepared.recipe.train
    spec = cast(WindowSpec, prepared.spec)
    parts = _parts(prepared, spec)
    net = build_forecast_net(prepared)
    source = _source(prepared, parts.train)
    if plan is None:
        plan = _measure(prepared, spec, net, source)
    plan.apply()
    net = plan.prepare(net)
    for windows in (parts.train, parts.known):
        windows.to(plan.device)
    task = ForecastTask(net, spec, recipe.choice.loss, plan=plan, updater=updater_of(recipe, net, plan))
    watched = HeldOutWindows(parts.known, parts.series, parts.origins)
    limit = _limit(prepared, task, parts, source, plan, budget, after)
    fit = Fit(
        task,
        source,
        limit,
        rhythm=_rhythm(prepared, limit, len(watched), source.batch_size),
        validation=watched,
        best=best_of(train),
        checkpoints=Checkpoints(folder.checkpoints, keep=train.keep),
        watchers=[*watchers_of(recipe, folder), *watchers],
    )
    seed_torch(recipe.seed, "train")
    return ForecastTraining(fit, task, net, plan, source.samples, len(watched))


def build_forecast_net(prepared: ForecastPrepared) -> nn.Module:
    """The network with its initial weights: a function of recipe and seed."""
    seed_torch(prepared.recipe.seed, "init")
    return cast(ForecastConfig, prepared.recipe.model).build(cast(WindowSpec, prepared.spec))


def _parts(prepared: ForecastPrepared, spec: WindowSpec) -> _Parts:
    """Windows of the values as the network sees them; series without a past in the training part are left out."""
    seen = prepared.for_network()
    kept = np.flatnonzero(seen.ends.train >= LEAST_PAST)
    panel, ends = seen.panel.subset(kept), seen.ends
    features = cast(PanelFeatures, prepared.features)
    past = panel.upto(ends.train[kept])
    kind = usual_scale(prepared.recipe.choice.loss, stationary=prepared.chains is not None)
    scale = series_scales(past, kind)
    train, known = (_windows(part, spec, features, scale) for part in (past, panel.upto(ends.validation[kept])))
    series, origins = _watched(ends, kept, spec.horizon)
    return _Parts(train, known, series, origins)


def _windows(panel: Panel, spec: WindowSpec, features: PanelFeatures, scale: np.ndarray) -> PanelWindows:
    known = features.apply(panel, spec.horizon)
    return PanelWindows(panel, spec.lookback, spec.horizon, features=known, scale=scale)


def _watched(ends: Ends, kept: np.ndarray, horizon: int) -> tuple[Tensor, Tensor]:
    """Origins in the validation part whose horizon ends with it, thinned evenly to MOST_WATCHED; never none."""
    first, stop = ends.train[kept], ends.validation[kept] - horizon + 1
    short = stop <= first
    stop = np.where(short, first, stop)
    if short.all():  # the part is shorter than the network's horizon: what there is of it
        stop = first + (ends.validation[kept] > first)
    total = int((stop - first).sum())
    return every_origin(first, stop, max(1, -(-total // MOST_WATCHED)))


def _source(prepared: ForecastPrepared, windows: PanelWindows) -> ForecastSource:
    recipe = prepared.recipe
    return ForecastSource(windows, recipe.train.batch_size, seed=derive(recipe.seed, "order"))


def _measure(prepared: ForecastPrepared, spec: WindowSpec, net: nn.Module, source: ForecastSource) -> Plan:
    recipe, train = prepared.recipe, prepared.recipe.train
    steps = train.steps or (None if train.epochs is None else _steps(train.epochs, source))

    def loss(module: nn.Module, batch: Batch) -> Tensor:
        outputs = module(*[batch[key] for key in spec.keys])
        return forecast_loss(outputs, batch, recipe.choice.loss, spec.quantiles)

    batch = next(source)
    source.load_state_dict({"position": 0})
    return measure(
        net,
        loss,
        [batch],
        options=recipe.plan,
        steps=steps,
        seconds=None if train.minutes is None else 60 * train.minutes,
        signature=f"forecast:{recipe.choice.model}:{recipe.model}:{spec}:{train.batch_size}",
        cache=cache() / "plans",
    )


def _steps(epochs: float, source: ForecastSource) -> int:
    return max(1, math.ceil(epochs * source.samples / source.batch_size))


def _limit(
    prepared: ForecastPrepared,
    task: ForecastTask,
    parts: _Parts,
    source: ForecastSource,
    plan: Plan,
    budget: Budget,
    after: float,
) -> Limit:
    train = prepared.recipe.train
    if train.minutes is None:
        if train.steps:
            return StepLimit(train.steps)
        return StepLimit.of_epochs(train.epochs or 1, source.samples, source.batch_size)
    whole = 60 * train.minutes
    kept = _MARGIN * (after + _forecasting(prepared, task, parts) + _REPORT_SECONDS)
    left = whole - budget.passed
    seconds = max(left - kept, min(_LEAST_SHARE * whole, left), _LAST_SHARE * whole)
    late = seconds + kept - left
    if late > 0:
        budget.notes.append(
            f"{left:.1f} s of {whole:.0f} s are left after the other methods: the network is trained for "
            f"{seconds:.1f} s, and the whole command will take about {whole + late:.0f} s. Give more --minutes"
        )
    return TimeLimit(seconds, pace=1.2e-3 * plan.ms if plan.ms else 1e-3)


def _forecasting(prepared: ForecastPrepared, task: ForecastTask, parts: _Parts) -> float:
    """Seconds in which the trained network forecasts every window of validation and test part, from one batch."""
    series = torch.arange(min(len(parts.known), prepared.recipe.train.batch_size))
    batch = parts.known.batch(series, parts.known.lengths[series])
    task.train(False)
    with torch.inference_mode():
        task.predict(batch)
        begin = time.perf_counter()
        task.predict(batch)
        a_window = (time.perf_counter() - begin) / len(series)
    task.train(True)
    ends = prepared.ends
    blocks = -(-prepared.horizon // task.spec.horizon)
    return a_window * blocks * (ends.windows + ends.tests) * len(ends.train)


def _rhythm(prepared: ForecastPrepared, limit: Limit, watched: int, batch_size: int) -> Rhythm:
    train, total = prepared.recipe.train, limit.total(0)
    least = int(_FORWARD_SHARE * watched / batch_size / EVALUATIONS_SHARE)
    usual = min(max(total // EVALUATIONS_A_RUN, least, 1), max(1, total))
    return Rhythm(
        train.log_every or max(1, total // LOG_ROWS_A_RUN), train.evaluate_every or usual, train.checkpoint_seconds
    )
