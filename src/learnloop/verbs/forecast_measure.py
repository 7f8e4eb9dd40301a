"""Every forecaster on the same windows: those that it is chosen by, and those of the final figures."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from learnloop.contracts import WindowSpec
from learnloop.data.panel import Panel
from learnloop.errors import MissingExtraError
from learnloop.models.classical.forecast import LEVELS, Forecasts
from learnloop.recipe.forecast import BESIDE
from learnloop.runs.folder import RunFolder
from learnloop.seeds import numpy_stream
from learnloop.tasks.forecast_ahead import forecast_ahead
from learnloop.transforms.panel_features import PanelFeatures
from learnloop.transforms.panel_stationary import PanelChains
from learnloop.verbs.backtest import Backtest, backtest
from learnloop.verbs.budget import Budget
from learnloop.verbs.forecast_data import ForecastPrepared
from learnloop.verbs.forecast_methods import quickness, usual_seconds
from learnloop.verbs.forecaster import Forecaster, MethodForecaster

MOST_SERIES = 2000
"""Series that are scored, drawn by the seed where there are more: figures of so many do not change with the rest."""
NAIVE2, NAIVE2_FROM = "naive2", 10
"""The measure of OWA, forecast where there are so many series or the metric needs it."""
_SECONDS, _SHARE = 120.0, 0.35
"""So long may all methods take together, or this share of a limit in minutes, the quickest first."""
_TIMED, _TRIAL = 3, 0.2
"""Series that a method is tried on, and the share of its time that this may take."""
_ALWAYS = 20
"""Forecasts that are not worth timing."""
_WARM = 50
"""Values of a first forecast, which pays for what the library compiles."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Measured:
    """A forecaster on the windows of both parts. past: None where it is shown beside the others only, too slow for all
    series; note: on how many it was measured then."""

    name: str
    title: str
    past: Backtest | None
    last: Backtest
    seconds: float
    note: str = ""


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network as a Forecaster: nothing is learnt anew. chains: of the values before it sees them."""

    name: str
    title: str
    net: nn.Module
    spec: WindowSpec
    features: PanelFeatures
    chains: PanelChains | None = None

    def fit(self, past: Panel) -> None:
        """It was trained on what precedes every window that is forecast."""

    def forecast(self, past: Panel, horizon: int, levels: Sequence[float] = LEVELS) -> Forecasts:
        if self.chains is None:
            return forecast_ahead(self.net, self.spec, self.features, past, horizon, levels)
        chains = self.chains.of(past)
        return chains.invert(
            forecast_ahead(self.net, self.spec, self.features, chains.apply(past), horizon, levels), past
        )


def scored_series(prepared: ForecastPrepared) -> np.ndarray:
    """The positions of the series that are scored, ascending."""
    count = len(prepared.panel)
    if count <= MOST_SERIES:
        return np.arange(count)
    rng = numpy_stream(prepared.recipe.seed, "scored series")
    return np.sort(rng.choice(count, MOST_SERIES, replace=False))


def measure(prepared: ForecastPrepared, one: Forecaster, places: np.ndarray, tests: int = 0) -> Measured:
    """Both parts; tests: only so many of the newest windows of the final figures, and none of the windows before."""
    ends, levels, horizon = prepared.ends, prepared.levels, prepared.horizon
    panel = prepared.panel.subset(places)
    seconds, before = 0.0, None
    if not tests:
        known = panel.upto(ends.validation[places])
        before = backtest(known, one, horizon, ends.windows, step=ends.step, levels=levels)
        seconds = before.seconds
    known = panel.upto(ends.test[places])
    last = backtest(known, one, horizon, tests or ends.tests, step=ends.test_step, levels=levels)
    rows = rows_of(prepared.panel, places)
    numbered = None if before is None else _numbered(before, rows)
    return Measured(one.name, one.title, numbered, _numbered(last, rows), seconds + last.seconds)


def rows_of(panel: Panel, places: np.ndarray) -> np.ndarray:
    """The rows of `panel.univariate()` that belong to these series."""
    return np.asarray((places[:, None] * panel.targets + np.arange(panel.targets)).ravel())


def _numbered(test: Backtest, rows: np.ndarray) -> Backtest:
    """With the numbers of the whole panel's series in place of those of a part of it."""
    return replace(test, scored=replace(test.scored, series=rows[test.scored.series]))


def measure_methods(prepared: ForecastPrepared, folder: RunFolder, budget: Budget, say: Say) -> dict[str, Measured]:
    """The classical methods, and Naive2 where OWA is wanted: {name: Measured}.

    One that would take too long is left out, or forecasts some windows of the final figures where it is always shown.
    What was decided by the clock is kept in methods.json, so that a run that is resumed decides alike.
    """
    places = scored_series(prepared)
    if len(places) < len(prepared.panel):
        budget.notes.append(f"{len(places):,} of {len(prepared.panel):,} series, drawn at random, are scored.")
    names = list(prepared.methods)
    if (len(places) >= NAIVE2_FROM or prepared.forecast.metric == "owa") and NAIVE2 not in names:
        names.append(NAIVE2)
    path = folder.path / "methods.json"
    kept: dict[str, list[int]] = folder.read_json(path) if path.exists() else {}
    found: dict[str, Measured] = {}
    left = _SECONDS if budget.minutes is None else _SHARE * 60 * budget.minutes
    for name in sorted(names, key=quickness):
        method = MethodForecaster.of(name, jobs=0)
        try:
            if name not in kept:
                kept[name] = list(_affordable(prepared, method, places, left))
                folder.write_json(path, kept)
            series, tests = kept[name]
            one = _one(prepared, method, places, series, tests) if series else None
        except MissingExtraError as error:
            if name == prepared.serve or not _inferred(prepared):
                raise
            budget.notes.append(f"{method.title} was left out: it {error.must}. {error.do[0]}")
            continue
        if one is None:
            told = "was left out: it would take too long. --set forecast.methods=... asks for it."
            budget.notes.append(f"{method.title} {told}")
            continue
        found[name] = one
        left = max(0.0, left - one.seconds)
        if one.note:
            budget.notes.append(f"{method.title}: {one.note}.")
        say(f"{method.title}: {one.seconds:.1f} s")
    return {name: found[name] for name in names if name in found}


def _inferred(prepared: ForecastPrepared) -> bool:
    """Whether nobody said which methods take part."""
    return prepared.recipe.origins["forecast.methods"].startswith("inferred")


def _one(prepared: ForecastPrepared, method: MethodForecaster, places: np.ndarray, series: int, tests: int) -> Measured:
    if not tests:
        return measure(prepared, method, places)
    rng = numpy_stream(prepared.recipe.seed, "series of a slow method")
    found = measure(prepared, method, np.sort(rng.permutation(places)[:series]), tests)
    of = (
        f"{series:,} of {len(places):,} series" if series < len(places) else f"{tests} of {prepared.ends.tests} windows"
    )
    note = f"too slow for all windows, measured on {of} of the final figures only"
    return Measured(found.name, found.title, None, found.last, found.seconds, note)


def _cores() -> int:
    """That many series are forecast at once, where it takes long."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _affordable(
    prepared: ForecastPrepared, method: MethodForecaster, places: np.ndarray, allowed: float
) -> tuple[int, int]:
    """(series, test windows): windows 0 for all of both parts; series 0: it is left out. allowed: seconds."""
    ends, whole = prepared.ends, (len(places), 0)
    forecasts = (ends.windows + ends.tests) * len(places) * prepared.panel.targets
    short = forecasts <= _ALWAYS and forecasts * usual_seconds(method.name, float(ends.test.max())) <= allowed
    if short or method.name in (prepared.serve, NAIVE2):
        return whole
    a_series = _seconds_of_a_series(prepared, method, places, allowed) / _cores()
    if a_series * (ends.windows + ends.tests) * len(places) <= allowed:
        return whole
    if method.name not in BESIDE and _inferred(prepared):
        return 0, 0
    affordable = int(allowed / a_series)
    if not affordable:
        return 0, 0
    series = max(1, min(len(places), affordable // ends.tests))
    return series, max(1, min(ends.tests, affordable // series))


def _seconds_of_a_series(
    prepared: ForecastPrepared, method: MethodForecaster, places: np.ndarray, allowed: float
) -> float:
    """Of one window on one core: by the usual time where already that is long, else by trying a few series."""
    ends, targets = prepared.ends, prepared.panel.targets
    guess = targets * usual_seconds(method.name, float(ends.validation[places].mean()))
    some = places[np.unique(np.linspace(0, len(places) - 1, _TIMED).astype(int))]
    if guess * len(some) > _TRIAL * allowed:
        return guess
    past = prepared.panel.subset(some).upto(ends.validation[some])
    short = past.subset(np.array([0]))
    method.forecast(short.upto(min(_WARM, int(short.lengths[0]))), prepared.horizon, prepared.levels)
    began = time.perf_counter()
    method.forecast(past, prepared.horizon, prepared.levels)
    return (time.perf_counter() - began) / len(some)
