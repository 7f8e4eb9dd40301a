"""What a network sees of series: how much of the past, which features, what is taken out of the values before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from learnloop.contracts import WindowSpec
from learnloop.data.panel import Panel
from learnloop.errors import DataError
from learnloop.models.forecasting.config import ForecastConfig
from learnloop.recipe.draft import Draft
from learnloop.recipe.forecast import AUTO, ForecastChoice
from learnloop.recipe.recipe import ForecastSection
from learnloop.tasks.forecast_ahead import quantiles_of
from learnloop.transforms.panel_features import PanelFeatures
from learnloop.transforms.panel_stationary import PanelChains
from learnloop.verbs.forecast_parts import Ends

TESTED_VALUES = 5000
"""Values of a few series up to which tests choose what is taken out of them; with more the network learns it."""
_FEW = 10
_LEAST_WINDOWS = 4
"""Windows of the training part without which no network is trained."""
_OF_TRAIN = 3
"""What a network learns from is at least so many times as long as what it forecasts at once; further steps are made
from its own forecasts."""


@dataclass(frozen=True)
class Seen:
    """What a network is trained with; `spec` None where there is none."""

    spec: WindowSpec | None = None
    features: PanelFeatures | None = None
    chains: PanelChains | None = None
    windows: int = 0
    notes: tuple[str, ...] = ()


def stationary_of(draft: Draft, panel: Panel) -> tuple[str, str]:
    """(how, why)."""
    if "series.stationary" in draft.values:
        return str(draft.get("series.stationary")), draft.values["series.stationary"].origin
    if len(panel) < _FEW and panel.lengths.sum() <= TESTED_VALUES:
        return AUTO, "default: tests choose, where values are few"
    if len(panel) >= _FEW and all((values > 0).all() for values in panel.values):
        # M4 hourly, on the 48 steps before the test part: OWA 0.457 with it and 0.528 without (N-HiTS, 800 steps)
        return "log", "inferred: many series, all above 0: changes in shares of the level are alike in small and large"
    return "none", "inferred: from so many values the network learns it, and each window is scaled by itself"


def see(draft: Draft, chosen: ForecastChoice, panel: Panel, ends: Ends, horizon: int, stationary: str) -> Seen:
    """What the network sees of the training part; nothing where that is too short for one."""
    if not chosen.network:
        return Seen()
    chains = None if stationary == "none" else PanelChains.fit(panel, stationary, ends.train)
    train = ends.train if chains is None else np.maximum(ends.train - chains.lost, 0)
    longest = int(train.max())
    own = _own_horizon(horizon, longest, panel.season)
    windows = int(np.maximum(train - own - 1, 0).sum())
    if windows < _LEAST_WINDOWS:
        short = DataError(
            f"--model {chosen.asked}",
            f"needs at least {_LEAST_WINDOWS} windows to learn from",
            found=f"{longest} values before the windows that are held out, horizon {horizon}",
            cause="the horizon is longer than the history allows",
            do=["--model auto   # without a network", f"--horizon {max(1, longest // _OF_TRAIN)}"],
        )
        if chosen.asked != AUTO:
            raise short
        return Seen(notes=(f"No network is trained: {longest} values before the held-out windows are too few.",))
    config = cast(ForecastConfig, chosen.config)
    features = PanelFeatures(country=str(draft.get("series.holidays") or ""))
    features.fit(panel.upto(ends.train))
    lookback = draft.get("forecast.lookback") or config.lookback(own, panel.season, _usable(train, own))
    levels = draft.get("forecast.levels") or ForecastSection.model_fields["levels"].default
    spec = WindowSpec(
        int(lookback), own, len(panel.variables), panel.targets, len(features.names), panel.season, quantiles_of(levels)
    )  # fmt: skip
    notes = [] if chains is None else list(chains.notes)
    if own < horizon:
        notes.append(f"The network answers {own} steps at once, as its training part is short; it is fed its own "
                     f"forecasts for the rest of {horizon}.")  # fmt: skip
    remark = config.remark(spec)
    return Seen(spec, features, chains, windows, (*notes, *([f"{remark}."] if remark else [])))


def _usable(train: np.ndarray, horizon: int) -> int:
    """Values before a last window of the training part that three quarters of the series have at least."""
    return max(1, int(np.quantile(train - horizon, 0.25)))


def _own_horizon(horizon: int, longest: int, season: int) -> int:
    """The steps that a network answers at once: the horizon, or whole seasons of a third of a short training part."""
    most = max(1, longest // _OF_TRAIN)
    if horizon <= most:
        return horizon
    return most // season * season if most >= season else most
