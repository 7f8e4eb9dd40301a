"""`Forecaster`: what a backtest asks for forecasts, and `MethodForecaster`, a classical method as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from learnloop.data.panel import Panel
from learnloop.models.classical.forecast import LEVELS, Forecasts, Method
from learnloop.models.classical.many import forecast_many
from learnloop.models.classical.table import method


class Forecaster(Protocol):
    """Forecasts every target of every series of a panel. name: as the user typed it; title: for people."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...

    def fit(self, past: Panel) -> None:
        """Learn from `past`; what was learnt before is forgotten."""
        ...

    def forecast(self, past: Panel, horizon: int, levels: Sequence[float]) -> Forecasts:
        """The steps behind the end of `past`, rows in the order of `past.univariate()`, in original units."""
        ...


@dataclass(frozen=True)
class MethodForecaster:
    """A classical method: each series by itself, its parameters estimated anew from all values before each origin."""

    name: str
    method: Method
    jobs: int = 1

    @classmethod
    def of(cls, name: str, jobs: int = 1) -> MethodForecaster:
        """By a name of METHODS. Raises RecipeError that names the nearest ones."""
        return cls(name, method(name), jobs)

    @property
    def title(self) -> str:
        return self.method.title

    def fit(self, past: Panel) -> None:
        """Nothing is learnt before a forecast is asked for."""

    def forecast(self, past: Panel, horizon: int, levels: Sequence[float] = LEVELS) -> Forecasts:
        one = past.univariate()
        series = [one.series(place) for place in range(len(one))]
        return forecast_many(self.method, series, horizon, one.season, levels, ids=one.ids, jobs=self.jobs)
