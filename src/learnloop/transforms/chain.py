"""Several transforms one after another, by name or chosen by tests: `series.stationary`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from learnloop.contracts import State
from learnloop.data.seasons import CYCLES, detrended
from learnloop.errors import RecipeError, did_you_mean, nearest
from learnloop.transforms.detrend import Line, SeasonalTrend
from learnloop.transforms.stationary import BoxCox, Difference, Log, Standard, Stationary
from learnloop.transforms.unitroot import stationarity

STATIONARY: dict[str, Callable[[int], Stationary]] = {
    "difference": lambda season: Difference(1),
    "seasonal_difference": lambda season: Difference(max(1, season)),
    "log": lambda season: Log(),
    "boxcox": lambda season: BoxCox(season),
    "detrend": lambda season: Line(),
    "stl": lambda season: SeasonalTrend(season),
    "standardise": lambda season: Standard(),
}
"""name -> transform for a season of this length."""
CHOSEN = ("auto", "none")
LIKELIHOOD = 3.84
"""95 % point of chi-squared with one degree of freedom: how far twice the log-likelihood may lie below its best."""
STRONG = 0.64
"""Seasonal strength from which a seasonal difference is taken: Hyndman and Athanasopoulos, FPP3, section 9.1."""


class Chain:
    """z = f_k(... f_2(f_1(y))); back in the opposite order, each step with the past as it was at that step.

    names  of the steps, in order; steps themselves; why  what was chosen and why, a sentence each
    """

    def __init__(self, names: Sequence[str], season: int = 1, why: Sequence[str] = ()) -> None:
        self.names, self.season, self.why = tuple(names), season, tuple(why)
        self.steps = [STATIONARY[name](season) for name in self.names]

    @property
    def lost(self) -> int:
        """Values at the beginning that have no z; so many must be handed to `invert` as past at least."""
        return sum(step.lost for step in self.steps)

    def fit(self, y: np.ndarray) -> None:
        """Each step on what the ones before it leave of the training part y [n]."""
        for step in self.steps:
            step.fit(y)
            y = step.apply(y, 0)

    def apply(self, y: np.ndarray, at: int = 0) -> np.ndarray:
        """z [n - lost] of values y [n] that begin `at` steps behind the first training value."""
        for step in self.steps:
            y = step.apply(y, at)
        return y

    def invert(self, z: np.ndarray, past: np.ndarray, at: int) -> np.ndarray:
        """The original values [n] of z [n], which follow `past` (original values, at least `lost`).

        at: the step of the first of them, counted from the first training value.
        """
        if len(past) < self.lost:
            raise ValueError(f"past must hold at least {self.lost} values, found {len(past)}")
        pasts, lost = [], 0
        for step in self.steps:
            pasts.append((past, lost))
            past = step.apply(past, at - lost - len(past))
            lost += step.lost
        for step, (before, shift) in zip(reversed(self.steps), reversed(pasts), strict=True):
            z = step.invert(z, before, at - shift)
        return z

    def state_dict(self) -> State:
        return {
            "names": list(self.names),
            "season": self.season,
            "why": list(self.why),
            "steps": [step.state_dict() for step in self.steps],
        }

    def load_state_dict(self, state: State) -> None:
        self.__init__(state["names"], int(state["season"]), state["why"])  # type: ignore[misc]
        for step, kept in zip(self.steps, state["steps"], strict=True):
            step.load_state_dict(kept)


def make_stationary(how: str, y: np.ndarray, season: int = 1) -> Chain:
    """The fitted chain for the training part y [n]: "auto", "none", a name of STATIONARY or several joined by "+".

    Raises RecipeError for an unknown name, DataError where a step cannot be fitted (log of a value not above 0).
    """
    if how == "auto":
        chain = choose(y, season)
    else:
        names = [] if how == "none" else [name.strip() for name in how.split("+")]
        for name in names:
            if name not in STATIONARY:
                options = (*CHOSEN, *STATIONARY)
                raise RecipeError(
                    f"--set series.stationary={how}",
                    "must be a way to make series stationary, or several joined by +",
                    found=repr(name),
                    cause=did_you_mean(name, options),
                    available=nearest(name, options),
                )
        chain = Chain(names, season, ("As asked for.",) if names else ())
    chain.fit(y)
    return chain


def choose(y: np.ndarray, season: int = 1) -> Chain:
    """The chain that the tests ask for, not fitted yet; `why` says what each of them found.

    1. Box-Cox where its likelihood is surely better than that of the values as they are; log where that is no worse.
    2. A seasonal difference where the season explains most of what the trend leaves.
    3. By ADF and KPSS of the rest: a line taken out, a difference, at most two, or nothing.
    """
    names, why = _power(y, season)
    rest = _applied(names, y, season)
    strength = seasonal_strength(rest, season)
    if season > 1 and strength > STRONG:
        names.append("seasonal_difference")
        why.append(f"seasonal difference of {season}: the season is strong ({strength:.2f} of 1, above {STRONG})")
    elif season > 1:
        why.append(f"no seasonal difference: the season is weak ({strength:.2f} of 1, at most {STRONG})")
    for _ in range(2):
        rest = _applied(names, y, season)
        found = stationarity(rest)
        if found is None:
            why.append("too few values left to test")
            break
        pair = f"ADF p = {found.adf_trend.p:.3f}, KPSS p = {_kpss_text(found.kpss_trend.p)} around a line"
        if found.verdict == "stationary":
            pair = f"ADF p = {found.adf.p:.3f}, KPSS p = {_kpss_text(found.kpss.p)}"
            why.append(f"no more is needed: stationary ({pair})")
            break
        if found.verdict == "trend-stationary" and "difference" not in names:
            names.append("detrend")
            why.append(f"a line taken out: trend-stationary ({pair})")
            break
        if found.verdict == "unclear" and not found.kpss.rejects:
            why.append(f"no difference: unclear, but KPSS does not speak against a constant level ({pair})")
            break
        names.append("difference")
        why.append(f"difference: {found.verdict} ({pair})")
    return Chain(names, season, why)


def _kpss_text(p: float) -> str:
    return "at most 0.01" if p <= 0.01 else "at least 0.1" if p >= 0.1 else f"{p:.3f}"


def _applied(names: Sequence[str], y: np.ndarray, season: int) -> np.ndarray:
    chain = Chain(names, season)
    chain.fit(y)
    return chain.apply(y)


def _power(y: np.ndarray, season: int) -> tuple[list[str], list[str]]:
    if not (y > 0).all():
        return [], ["no logarithm: some values are not above 0"]
    fit = BoxCox(season)
    fit.fit(y)
    best, plain, log = (fit.likelihood(y, power) for power in (fit.power, 1.0, 0.0))
    if 2 * (best - plain) <= LIKELIHOOD:
        return [], [
            f"no logarithm: the spread does not change with the level (Box-Cox lambda {fit.power:.2f}, 1 is as good)"
        ]
    if 2 * (best - log) <= LIKELIHOOD or abs(fit.power) < 0.1:
        return ["log"], [f"log: the spread grows with the level (Box-Cox lambda {fit.power:.2f}, near 0)"]
    return ["boxcox"], [
        f"Box-Cox: the spread changes with the level (lambda {fit.power:.2f}; neither 0 nor 1 is as good)"
    ]


def seasonal_strength(y: np.ndarray, season: int) -> float:
    """F = max(0, 1 - Var(remainder) / Var(season + remainder)), 0..1, by moving average and the mean of each place.

    0 where there are fewer than three seasons. Source: Wang, Smith and Hyndman 2006; FPP3, section 4.3 (there by STL).
    """
    if season < 2 or len(y) < CYCLES * season:
        return 0.0
    x = detrended(y, season)
    place = np.arange(len(x)) % season
    count = np.bincount(place, minlength=season)
    pattern = np.bincount(place, weights=x, minlength=season) / count
    rest = np.asarray(x - pattern[place])
    whole = float(x.var())
    # The means of the places take up season - 1 degrees of freedom; without this, noise has a season.
    freedom = max(1, len(x) - season)
    return 0.0 if whole == 0 else max(0.0, 1 - float(rest @ rest) / freedom / whole)
