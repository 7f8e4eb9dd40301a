"""What the forecasts of a run were worth on rows that came after its data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from learnloop.bundle.forecast import ForecastBundle
from learnloop.data.panel import Panel
from learnloop.errors import DataError
from learnloop.models.classical.forecast import Forecasts
from learnloop.models.classical.many import forecast_many
from learnloop.models.classical.table import METHODS
from learnloop.scores.evaluation import Evaluation
from learnloop.scores.forecast_evaluation import evaluate_forecasts
from learnloop.scores.forecasts import Scored, seasonal_scale
from learnloop.verbs.backtest import joined, sealed


def evaluate_newer(bundle: ForecastBundle, source: object, seed: int = 0) -> Evaluation:
    """Metrics of the forecasts of newer rows, each window made from the values before it alone.

    The first window begins behind the end of the run's data, the next ones a horizon apart; the last may be known in
    part. Nothing is trained anew: methods are estimated from all values before each window, as they are served.
    OWA compares with Naive2 on the same windows. Values that were filled in count in no score.

    Raises what `ForecastBundle.newer` raises, and DataError where no value of the newer rows was measured.
    """
    newer = bundle.newer(source)
    panel, horizon = newer.panel, bundle.about.horizon
    if not _measured(bundle.panel, panel).any():
        raise DataError(
            str(source) if isinstance(source, str) else "the newer rows",
            "must hold values behind the end of the run's data to measure forecasts by",
            found="no value there",
        )
    windows = -(-int(newer.added.max()) // horizon)
    parts, base = [], []
    for window in range(windows):
        ends = bundle.panel.lengths + window * horizon
        kept = np.flatnonzero(panel.lengths > ends)
        some = panel.subset(kept)
        past = sealed(some.upto(ends[kept]))
        parts.append(_scored(some, ends[kept], bundle.forecasts(past, horizon), horizon, kept * panel.targets))
        base.append(_scored(some, ends[kept], _naive2(past, horizon), horizon, kept * panel.targets))
    found = evaluate_forecasts(joined(parts), joined(base), seed)
    ahead = f"{windows} window{'s' if windows > 1 else ''} of {horizon} steps behind the run's data"
    return replace(found, notes=[f"Measured on {ahead}.", *found.notes, *newer.notes])


def _measured(old: Panel, new: Panel) -> np.ndarray:
    """Which series have a newer value that was not filled in, bool [series]."""
    counts = zip(new.filled, old.lengths, strict=True)
    return np.array([bool((~marks[count:]).any()) for marks, count in counts])


def _naive2(past: Panel, horizon: int) -> Forecasts:
    one = past.univariate()
    return forecast_many(METHODS["naive2"], [one.series(place) for place in range(len(one))], horizon, one.season, ())


def _scored(panel: Panel, ends: np.ndarray, found: Forecasts, horizon: int, first: np.ndarray) -> Scored:
    """Forecasts beside the truth, NaN where it is not known or was filled in. first: the row of each series' first
    target among the rows of all series."""
    one, targets = panel.univariate(), panel.targets
    truth, scale = np.full((len(one), horizon), np.nan), np.empty(len(one))
    for row in range(len(one)):
        end, values = int(ends[row // targets]), one.series(row)
        known = values[end : end + horizon].copy()
        if one.filled:
            known[one.filled[row][end : end + horizon]] = np.nan
        truth[row, : len(known)] = known
        scale[row] = seasonal_scale(values[:end], one.season)
    series = (first[:, None] + np.arange(targets)).ravel()
    return Scored(series, np.repeat(ends, targets), truth, found.mean, scale, found.lower, found.upper)
