"""`Forecast` of one series, `Forecasts` of many, `Method`: what makes one, and `Classical`, which keeps a method safe.

Levels are shares: level 0.9 asks for the interval from the 5 % to the 95 % quantile.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Protocol

import numpy as np

from learnloop.errors import DataError, RecipeError

LEVELS = (0.8, 0.9, 0.95)
"""Intervals that are made where nobody asks for others."""
_SMALL, _LARGE = 1e-4, 1e8
"""Mean absolute values outside of this are scaled: optimisers of likelihoods stop by absolute tolerances."""


@dataclass(frozen=True)
class Forecast:
    """mean [horizon], lower and upper {level: [horizon]}, all in the unit of the series; note: what was done
    instead of what was asked, a sentence, or ""."""

    mean: np.ndarray
    lower: Mapping[float, np.ndarray] = field(default_factory=dict)
    upper: Mapping[float, np.ndarray] = field(default_factory=dict)
    note: str = ""

    def scaled(self, factor: float) -> Forecast:
        """The same forecast of a series that is `factor` (positive) times as large."""
        lower = {level: values * factor for level, values in self.lower.items()}
        upper = {level: values * factor for level, values in self.upper.items()}
        return replace(self, mean=self.mean * factor, lower=lower, upper=upper)


@dataclass(frozen=True)
class Forecasts:
    """mean [series, horizon], lower and upper {level: [series, horizon]}, notes: one a series, mostly ""."""

    mean: np.ndarray
    lower: Mapping[float, np.ndarray] = field(default_factory=dict)
    upper: Mapping[float, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, each: Sequence[Forecast]) -> Forecasts:
        """Stack forecasts of one horizon and the same levels."""
        lower = {level: np.stack([one.lower[level] for one in each]) for level in each[0].lower}  # [series, horizon]
        upper = {level: np.stack([one.upper[level] for one in each]) for level in each[0].upper}
        return cls(np.stack([one.mean for one in each]), lower, upper, tuple(one.note for one in each))

    def __len__(self) -> int:
        return len(self.mean)

    def __getitem__(self, position: int) -> Forecast:
        lower = {level: values[position] for level, values in self.lower.items()}
        upper = {level: values[position] for level, values in self.upper.items()}
        return Forecast(self.mean[position], lower, upper, self.notes[position] if self.notes else "")


class Method(Protocol):
    """A forecast of one series from its own past. title, assumes, source: for people, one sentence each."""

    @property
    def title(self) -> str: ...
    @property
    def assumes(self) -> str: ...
    @property
    def source(self) -> str: ...

    def forecast(self, y: np.ndarray, horizon: int, season: int = 1, levels: Sequence[float] = LEVELS) -> Forecast:
        """y float64 [n], evenly spaced, oldest first; season: steps of the main season, 1 for none."""
        ...


class Classical(ABC):
    """A method that never fails on a series of numbers, however short, flat or large it is.

    A constant series is continued. Where a series is too short for the method, or its computation breaks down, a
    simpler method is used and `Forecast.note` says so.
    Raises DataError for an empty series or one with gaps, RecipeError for a horizon, season or level out of range.
    """

    title: ClassVar[str]
    assumes: ClassVar[str]
    source: ClassVar[str]

    def least(self, season: int) -> int:
        """The fewest values that the method takes."""
        return 2

    @abstractmethod
    def compute(self, y: np.ndarray, horizon: int, season: int, levels: Sequence[float]) -> Forecast:
        """The forecast of a series that varies, has no gaps and at least `least(season)` values."""

    def fallback(self, y: np.ndarray, season: int) -> Classical:
        """What takes over where this method cannot; itself where nothing can."""
        return self

    def forecast(self, y: np.ndarray, horizon: int, season: int = 1, levels: Sequence[float] = LEVELS) -> Forecast:
        y = checked(y, horizon, season, levels)
        if is_constant(y):
            flat = np.full(horizon, y[-1])
            value = "one value" if len(y) == 1 else "always the same value"
            note = f"The series is {value}: it is continued, and its intervals have no width."
            return Forecast(
                flat, {level: flat.copy() for level in levels}, {level: flat.copy() for level in levels}, note
            )
        if len(y) < self.least(season):
            why = f"{len(y)} values are too few for {self.title} (season {season}: {self.least(season)})"
            return self._instead(y, horizon, season, levels, why)
        size = float(np.abs(y).mean())
        factor = 1.0 if _SMALL <= size <= _LARGE else 2.0 ** round(math.log2(size))
        try:
            found = self.compute(y / factor, horizon, season, levels)
        except (ArithmeticError, ValueError, IndexError, TypeError, RuntimeError, np.linalg.LinAlgError) as error:
            why = f"{self.title} broke down ({type(error).__name__})"
            return self._instead(y, horizon, season, levels, why)
        if not _finite(found):
            return self._instead(y, horizon, season, levels, f"{self.title} gave values that are not finite")
        return found if factor == 1.0 else found.scaled(factor)

    def _instead(self, y: np.ndarray, horizon: int, season: int, levels: Sequence[float], why: str) -> Forecast:
        other = self.fallback(y, season)
        if other is self:
            raise DataError("series", "must allow a forecast", found=why, cause="values far out of range")
        found = other.forecast(y, horizon, season, levels)
        return replace(found, note=found.note or f"{why}: {other.title} instead.")


def is_constant(y: np.ndarray) -> bool:
    """Whether y varies by no more than rounding."""
    return float(np.ptp(y)) <= 1e-12 * float(np.abs(y).max())


def checked(y: np.ndarray, horizon: int, season: int, levels: Sequence[float]) -> np.ndarray:
    """y as float64 [n], or the mistake in the arguments."""
    y = np.ascontiguousarray(y, dtype=np.float64)
    if y.ndim != 1 or not len(y):
        raise DataError("series", "must be one row of at least one value", found=f"an array {list(y.shape)}")
    bad = np.flatnonzero(~np.isfinite(y))
    if len(bad):
        raise DataError(
            "series", "must have a number at every step",
            found=f"{y[bad[0]]} at position {bad[0]}, {len(bad)} in all of {len(y)}", cause="a gap that was not filled",
        )  # fmt: skip
    if horizon < 1:
        raise RecipeError("horizon", "must be at least 1 step", found=str(horizon))
    if season < 1:
        raise RecipeError("season", "must be at least 1 step; 1 is no season", found=str(season))
    wrong = [level for level in levels if not 0 < level < 1]
    if wrong:
        raise RecipeError(
            "levels", "must be shares between 0 and 1", found=str(wrong[0]),
            cause="a level in percent" if wrong[0] >= 1 else "", do="levels=[0.9]",
        )  # fmt: skip
    return y


def _finite(found: Forecast) -> bool:
    return all(np.isfinite(part).all() for part in (found.mean, *found.lower.values(), *found.upper.values()))
