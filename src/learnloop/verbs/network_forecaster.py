"""`NetworkForecaster`: one network for all series of a panel, trained in memory each time it is fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import nn

from learnloop.contracts import WindowSpec
from learnloop.data.panel import Panel
from learnloop.data.series_scale import ScaleKind, series_scales, usual_scale
from learnloop.data.windows import Each, ForecastSource, PanelWindows
from learnloop.errors import ModelError, RecipeError, did_you_mean, nearest
from learnloop.models.classical.forecast import LEVELS, Forecasts
from learnloop.models.forecasting.config import ForecastConfig
from learnloop.models.forecasting.table import FORECAST_MODELS
from learnloop.optim.optimisers import OPTIMISERS
from learnloop.optim.plan import PLAIN, Plan
from learnloop.optim.schedules import SCHEDULES
from learnloop.optim.updater import Updater
from learnloop.seeds import derive, seed_torch
from learnloop.tasks.forecast import ForecastTask
from learnloop.tasks.forecast_ahead import forecast_ahead, quantiles_of
from learnloop.train.fit import Fit, Rhythm
from learnloop.train.limits import Limit, StepLimit, TimeLimit
from learnloop.transforms.panel_features import PanelFeatures
from learnloop.transforms.panel_stationary import PanelChains

_SHORT_SHARE = 0.25
"""A lookback is chosen so that at most this share of the series is shorter than it and a horizon."""
_PACE = 5e-3
"""Seconds of a step, until it is known."""


@dataclass
class NetworkForecaster:
    """`fit` builds the network anew and trains it on all windows of `past`; `forecast` asks it for what follows.

    name      of FORECAST_MODELS;  config: its fields, None for the defaults
    horizon   steps that it learns to forecast at once
    levels    of the intervals that it learns
    lookback  steps of the past that it sees; None: the network's own choice
    loss      a name of `tasks.forecast_losses.FORECAST_LOSSES`
    stationary  what is taken out of the values before the network sees them, as `series.stationary` has it
    scale, each, recent  see `series_scales` (None: `usual_scale`) and `ForecastSource`
    steps, minutes  how long it is trained; None: as long as the network advises
    advice    recipe values ("optimiser.lr": 1e-3) instead of those that the network suggests for itself
    After `fit`: net, spec, features, chains. The last steps of the past are trained on too, so that nothing is left to
    stop early by: the schedule ends at zero.
    """

    name: str
    horizon: int
    config: ForecastConfig | None = None
    levels: Sequence[float] = LEVELS
    lookback: int | None = None
    loss: str = "quantile"
    stationary: str = "none"
    scale: ScaleKind | None = None
    each: Each = "series"
    recent: int | None = None
    steps: int | None = None
    minutes: float | None = None
    advice: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    calendar: bool = True
    country: str = ""
    plan: Plan = PLAIN
    net: nn.Module | None = field(default=None, init=False)
    spec: WindowSpec | None = field(default=None, init=False)
    features: PanelFeatures | None = field(default=None, init=False)
    chains: PanelChains | None = field(default=None, init=False)
    losses: list[float] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        if self.config is None:
            self.config = forecast_model(self.name).model_validate({})

    @property
    def title(self) -> str:
        assert self.config is not None
        return self.config.title

    def fit(self, past: Panel) -> None:
        """Raises DataError where `past` holds no window or does not allow what is to be taken out of it, NonFiniteError
        where training breaks down."""
        assert self.config is not None
        self.chains = None if self.stationary == "none" else PanelChains.fit(past, self.stationary, past.lengths)
        past = past if self.chains is None else self.chains.apply(past)
        self.features = PanelFeatures(self.calendar, self.country)
        self.features.fit(past)
        lookback = self.lookback or self.config.lookback(self.horizon, past.season, usable_past(past, self.horizon))
        self.spec = window_spec(past, self.features, lookback, self.horizon, quantiles_of(self.levels))
        windows = PanelWindows(
            past,
            lookback,
            self.horizon,
            features=self.features.apply(past, self.horizon),
            scale=series_scales(past, self.scale or usual_scale(self.loss, stationary=self.chains is not None)),
        ).to(self.plan.device)
        seed_torch(self.seed, "init")
        self.net = self.plan.prepare(self.config.build(self.spec))
        count = ForecastSource(windows, 1, seed=0, recent=self.recent).samples
        advice = {**self.config.suggest(count, self.spec, self.minutes), **self.advice}
        source = ForecastSource(
            windows,
            int(advice.get("train.batch_size", 64)),
            seed=derive(self.seed, "order"),
            each=self.each,
            recent=self.recent,
        )
        self._train(source, advice)

    def forecast(self, past: Panel, horizon: int, levels: Sequence[float] = LEVELS) -> Forecasts:
        """Raises ModelError before `fit`; DataError where a covariate is not known ahead, and, where values are made
        stationary, for a series that `fit` has not seen."""
        if self.net is None or self.spec is None or self.features is None:
            raise ModelError(self.name, "must be fitted before it forecasts", do="forecaster.fit(panel)")
        if self.chains is None:
            return forecast_ahead(self.net, self.spec, self.features, past, horizon, levels, plan=self.plan)
        chains = self.chains.of(past)
        seen = chains.apply(past)
        found = forecast_ahead(self.net, self.spec, self.features, seen, horizon, levels, plan=self.plan)
        return chains.invert(found, past)

    def _train(self, source: ForecastSource, advice: Mapping[str, Any]) -> None:
        assert self.net is not None and self.spec is not None
        self.plan.apply()
        task = ForecastTask(
            self.net, self.spec, self.loss, plan=self.plan, updater=updater_from(advice, self.net, self.plan)
        )
        limit = _limit(self.steps, self.minutes, advice)
        self.losses = []
        every = max(1, limit.total(0) // 20)
        fit = Fit(
            task,
            source,
            limit,
            rhythm=Rhythm(every, max(1, limit.total(0))),
            watchers=[lambda event: self.losses.append(event.scalars["loss"]) if event.kind == "train" else None],
        )
        seed_torch(self.seed, "train")
        ended = fit.run()
        if ended.interrupted:
            raise KeyboardInterrupt


def forecast_model(name: str) -> type[ForecastConfig]:
    """By a name of FORECAST_MODELS. Raises RecipeError that names the nearest ones."""
    if name not in FORECAST_MODELS:
        raise RecipeError(
            "--model", "must be a network that forecasts", found=repr(name), cause=did_you_mean(name, FORECAST_MODELS),
            available=nearest(name, FORECAST_MODELS),
        )  # fmt: skip
    return FORECAST_MODELS[name]


def window_spec(
    panel: Panel, features: PanelFeatures, lookback: int, horizon: int, quantiles: tuple[float, ...]
) -> WindowSpec:
    """What a network for this panel must know."""
    return WindowSpec(
        lookback=lookback,
        horizon=horizon,
        variables=len(panel.variables),
        targets=panel.targets,
        features=len(features.names),
        season=panel.season,
        quantiles=quantiles,
    )


def usable_past(panel: Panel, horizon: int) -> int:
    """Values before the last horizon that three quarters of the series have at least; 1 where they have none."""
    return max(1, int(np.quantile(panel.lengths - horizon, _SHORT_SHARE)))


def updater_from(advice: Mapping[str, Any], net: nn.Module, plan: Plan) -> Updater:
    """What moves the weights, from recipe values such as {"optimiser.name": "adam", "optimiser.lr": 1e-3}."""

    def made(section: str, table: Mapping[str, Any], default: str) -> Any:
        start = f"{section}."
        given = {key.removeprefix(start): value for key, value in advice.items() if key.startswith(start)}
        return table[str(given.pop("name", default))](**given)

    return Updater(
        made("optimiser", OPTIMISERS, "adam").build(net, fused=plan.fused),
        made("schedule", SCHEDULES, "cosine").build(),
        clip=advice.get("train.clip"),
        scaling=plan.loss_scaling(),
    )


def _limit(steps: int | None, minutes: float | None, advice: Mapping[str, Any]) -> Limit:
    if minutes is not None:
        return TimeLimit(60 * minutes, pace=_PACE)
    return StepLimit(steps or int(advice.get("train.steps", 1000)))
