"""One method on many series, on several cores where that pays."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

import numpy as np

from learnloop.errors import DataError
from learnloop.models.classical.forecast import LEVELS, Forecast, Forecasts, Method

PATIENCE = 10.0
"""Seconds on one core that are waited for before others are started: each imports the library anew."""
_CHUNK = 25


def forecast_many(
    method: Method,
    series: Sequence[np.ndarray],
    horizon: int,
    season: int = 1,
    levels: Sequence[float] = LEVELS,
    *,
    ids: Sequence[str] = (),
    jobs: int = 1,
) -> Forecasts:
    """The method's forecast of each series, in their order.

    jobs: cores that may be used, 0 for all. The first series are forecast on one core; where the rest would take that
    core longer than `PATIENCE` seconds, it is shared out. The forecasts do not depend on it.
    Raises DataError that names the series (`ids`) in which a value is missing.
    """
    if not series:
        raise DataError("series", "must be at least one", found="none")
    done = [_one(method, series[0], horizon, season, levels, _name(ids, 0))]  # this one pays for the import
    cores = jobs or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1))
    began = time.perf_counter()
    for place in range(1, len(series)):
        spent = time.perf_counter() - began
        if cores > 1 and place > 1 and spent > PATIENCE / 10 and spent / (place - 1) * (len(series) - place) > PATIENCE:
            done += _shared(method, series[place:], horizon, season, levels, ids[place:], cores)
            break
        done.append(_one(method, series[place], horizon, season, levels, _name(ids, place)))
    return Forecasts.of(done)


def _shared(
    method: Method,
    series: Sequence[np.ndarray],
    horizon: int,
    season: int,
    levels: Sequence[float],
    ids: Sequence[str],
    cores: int,
) -> list[Forecast]:
    """joblib's workers do not import the caller's script again, so that one without a main guard works too."""
    from joblib import Parallel, delayed

    starts = range(0, len(series), _CHUNK)
    found = Parallel(n_jobs=cores, inner_max_num_threads=1)(
        delayed(_several)(method, series[start : start + _CHUNK], horizon, season, levels, ids[start : start + _CHUNK])
        for start in starts
    )
    return [one for chunk in found for one in chunk]


def _several(
    method: Method,
    series: Sequence[np.ndarray],
    horizon: int,
    season: int,
    levels: Sequence[float],
    ids: Sequence[str],
) -> list[Forecast]:
    return [_one(method, y, horizon, season, levels, _name(ids, place)) for place, y in enumerate(series)]


def _one(method: Method, y: np.ndarray, horizon: int, season: int, levels: Sequence[float], name: str) -> Forecast:
    try:
        return method.forecast(y, horizon, season, levels)
    except DataError as error:
        if not name:
            raise
        raise DataError(
            f"series {name!r}", error.must, found=error.found, cause=error.cause, do=error.do,
            available=error.available,
        ) from error  # fmt: skip


def _name(ids: Sequence[str], place: int) -> str:
    return ids[place] if place < len(ids) else ""
