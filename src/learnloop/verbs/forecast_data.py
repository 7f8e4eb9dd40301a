"""From a draft to what forecasting needs: the panel, its parts, what a network sees of it, the resolved recipe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from learnloop.contracts import WindowSpec
from learnloop.data.panel import Panel, read_panel
from learnloop.errors import ManyErrors, UserError, raise_all
from learnloop.recipe.draft import Draft
from learnloop.recipe.forecast import AUTO, Decided, choose_forecast, resolve_forecast
from learnloop.recipe.recipe import ForecastSection, SeriesSection
from learnloop.recipe.resolve import Resolved, need_data
from learnloop.transforms.panel_features import PanelFeatures
from learnloop.transforms.panel_stationary import PanelChains
from learnloop.verbs.forecast_checks import check_series
from learnloop.verbs.forecast_methods import contestants
from learnloop.verbs.forecast_parts import Ends, describe_ends, find_ends, usual_horizon
from learnloop.verbs.forecast_seen import see, stationary_of


@dataclass(frozen=True)
class ForecastPrepared:
    """The series on one side, the recipe on the other.

    panel     all series, whole, in their own units
    horizon   steps ahead that are asked for; `spec.horizon`, which a network answers at once, may be less
    ends      where the parts of each series end, and the windows that are forecast in them
    spec      of the network, None where none is trained; features: of each step, fitted on the training part
    chains    what is taken out of the values before the network sees them, None for nothing
    methods   the classical methods that take part, simplest first
    network   the network's name, "" for none; serve: "auto", "network" or the name of a method
    """

    panel: Panel
    horizon: int
    ends: Ends
    spec: WindowSpec | None
    features: PanelFeatures | None
    chains: PanelChains | None
    methods: tuple[str, ...]
    network: str
    serve: str
    recipe: Resolved
    split: str
    notes: tuple[str, ...]

    @property
    def train(self) -> np.ndarray:
        """int64 [series]: a network learns from the values before."""
        return self.ends.train

    @property
    def validation(self) -> np.ndarray:
        return self.ends.validation

    @property
    def test(self) -> np.ndarray:
        return self.ends.test

    @property
    def forecast(self) -> ForecastSection:
        return cast(ForecastSection, self.recipe.inputs["forecast"])

    @property
    def series(self) -> SeriesSection:
        return cast(SeriesSection, self.recipe.inputs["series"])

    @property
    def levels(self) -> tuple[float, ...]:
        return self.forecast.levels

    def for_network(self) -> ForecastPrepared:
        """The same with the values as the network sees them: its panel is made stationary, `chains` is None."""
        if self.chains is None:
            return self
        panel, ends = self.chains.apply(self.panel), self.ends.shifted(self.chains.lost)
        return replace(self, panel=panel, ends=ends, chains=None)


def prepare_forecast(draft: Draft, *, look: Callable[[Panel], None] | None = None) -> ForecastPrepared:
    """Read, cut, fit on the training part what is fitted, resolve the recipe: a function of the data and the recipe.

    look  sees the panel as it was read, and may refuse it
    Raises RecipeError, DataError, or ManyErrors: all mistakes at once.
    """
    need_data(draft)
    errors: list[UserError] = []
    chosen = _tried(errors, lambda: choose_forecast(draft))
    panel = _tried(errors, lambda: load_panel(draft))
    if panel is not None:
        errors += check_series(draft, panel)
    raise_all(errors)
    assert chosen is not None and panel is not None
    if look is not None:
        look(panel)
    horizon, why = usual_horizon(panel)
    horizon = int(draft.get("forecast.horizon", horizon))
    asked = {key: draft.get(f"forecast.{key}") for key in ("windows", "tests")}
    ends = find_ends(panel, horizon, **asked, network=bool(chosen.network))
    panel = panel.seasons_before(ends.validation)
    stationary, told = stationary_of(draft, panel)
    seen = see(draft, chosen, panel, ends, horizon, stationary)
    methods = contestants(panel, ends, chosen)
    values = {"horizon": horizon, "tests": ends.tests, "windows": ends.windows, "methods": methods}
    values |= {"serve": chosen.serve, "lookback": None if seen.spec is None else seen.spec.lookback}
    origins = {f"forecast.{key}": "inferred: from the length of the series" for key in ("tests", "windows")}
    origins |= {"forecast.horizon": why, "forecast.methods": "inferred: for as many series of this length"}
    origins |= {"forecast.lookback": f"suggested by {chosen.network}" if seen.spec else "no network is trained"}
    origins = {key: text for key, text in origins.items() if key not in draft.values}
    series = {"stationary": stationary if seen.spec is not None else "none"}
    if "series.stationary" not in draft.values:
        origins["series.stationary"] = told
    recipe = resolve_forecast(draft, chosen, Decided(values, series, origins), seen.spec, seen.windows)
    network = chosen.network if seen.spec is not None else ""
    return ForecastPrepared(
        panel, horizon, ends, seen.spec, seen.features, seen.chains, methods, network, chosen.serve, recipe,
        describe_ends(ends, horizon), (*panel.notes, *recipe.notes, *seen.notes),
    )  # fmt: skip


def load_panel(draft: Draft) -> Panel:
    """The series of the draft's data. Raises DataError."""
    source: Any = draft.objects.get("data", draft.get("data.path"))
    if isinstance(source, Panel):
        return source
    return read_panel(
        source,
        time=draft.get("data.time"),
        target=draft.get("data.target"),
        group=draft.get("data.group"),
        frequency=draft.get("series.frequency"),
        season=draft.get("series.season"),
        fill=draft.get("series.fill", "auto"),
        known=tuple(draft.get("series.known", ())),
        static=tuple(draft.get("series.static", ())),
    )


def describe_forecast(prepared: ForecastPrepared) -> list[str]:
    """What was inferred, in sentences, to be said before anything is computed."""
    panel, recipe, origins = prepared.panel, prepared.recipe, prepared.recipe.origins
    lengths = panel.lengths
    size = f"{lengths.min():,}" if lengths.min() == lengths.max() else f"{lengths.min():,} to {lengths.max():,}"
    many = f"{len(panel):,} series" if len(panel) > 1 else "one series"
    targets = ", ".join(panel.variables[: panel.targets]) if panel.variables != ("value",) else ""
    step = f"step {panel.frequency}" if panel.frequency else "steps are counted"
    season = f"season {panel.season}" if panel.season > 1 else "no season"
    network = [f"model: {prepared.network} ({origins.get('model.name', '')})"] if prepared.network else []
    serve = {AUTO: "the best of them on past windows", "network": prepared.network}.get(prepared.serve, prepared.serve)
    return [
        f"data: {panel.name}: {many} of {size} steps{': ' + targets if targets else ''}; {step}, {season}",
        f"split: {prepared.split}",
        f"task: forecast, {prepared.horizon} steps ahead ({origins.get('forecast.horizon', '')})",
        *network,
        f"methods: {', '.join(prepared.methods)} ({origins.get('forecast.methods', '')}); serves: {serve}",
        f"stationary: {recipe.inputs['series'].stationary} ({origins.get('series.stationary', '')})"  # type: ignore[attr-defined]
        if prepared.network
        else "no network is trained",
        *(f"note: {note}" for note in prepared.notes),
    ]


def stem(prepared: ForecastPrepared) -> str:
    """For the name of the run folder."""
    name = Path(prepared.panel.name).name.split(".")[0].replace(" ", "-") or "series"
    return f"{name}-{prepared.serve if not prepared.network else prepared.network}"


def _tried(errors: list[UserError], make: Callable[[], Any]) -> Any:
    """What `make` returns; None where it raises, and its mistakes among `errors`."""
    try:
        return make()
    except ManyErrors as error:
        errors += error.errors
    except UserError as error:
        errors.append(error)
    return None
