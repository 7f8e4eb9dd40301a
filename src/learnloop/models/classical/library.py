"""One call into statsforecast: imported when it is asked for, quiet, and without a trace in NumPy's global generator.

The import takes seconds (it compiles); nothing here is touched before a method that needs it makes a forecast.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from learnloop.errors import MissingExtraError
from learnloop.models.classical.forecast import Forecast


def models(purpose: str) -> ModuleType:
    """statsforecast's models. Raises MissingExtraError, which names `purpose` and the extra."""
    try:
        return importlib.import_module("statsforecast.models")
    except ImportError as error:
        raise MissingExtraError.of("statsforecast", "forecast", purpose) from error


@contextmanager
def undisturbed() -> Iterator[None]:
    """Warnings are kept quiet and NumPy's global generator is put back: simulated intervals reseed it."""
    state = np.random.get_state()
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        np.random.set_state(state)


def call(model: Any, y: np.ndarray, horizon: int, levels: Sequence[float]) -> Forecast:
    """The forecast of a statsforecast model."""
    with undisturbed():
        found = model.forecast(y=y, h=horizon, level=percent(levels) or None)
    return unpacked(found, levels)


def unpacked(found: Mapping[str, np.ndarray], levels: Sequence[float]) -> Forecast:
    """statsforecast's answer {"mean", "lo-90", "hi-90", ...} as a Forecast."""
    names = dict(zip(levels, percent(levels), strict=True))
    lower = {level: np.asarray(found[f"lo-{name}"], np.float64) for level, name in names.items()}
    upper = {level: np.asarray(found[f"hi-{name}"], np.float64) for level, name in names.items()}
    return Forecast(np.asarray(found["mean"], np.float64), lower, upper)


def percent(levels: Sequence[float]) -> list[float]:
    """Levels as statsforecast writes them: 90 for 0.9, 97.5 for 0.975."""
    percent = [round(100 * level, 6) for level in levels]
    return [int(value) if value == int(value) else value for value in percent]
