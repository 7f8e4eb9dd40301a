"""Exponential smoothing: a forecast from a level, a trend and a season that are each pulled towards what comes in.

    simple          yhat_t = l_(t-1);  l_t = alpha y_t + (1 - alpha) l_(t-1)
    its derivative  dl_t/dalpha = (y_t - l_(t-1)) + (1 - alpha) dl_(t-1)/dalpha
    Holt            yhat_t = l_(t-1) + b_(t-1);  l_t = alpha y_t + (1 - alpha) yhat_t
                    b_t = beta (l_t - l_(t-1)) + (1 - beta) b_(t-1)
    Holt-Winters    additive: yhat_t = l_(t-1) + b_(t-1) + s_(t-m), m steps a season
                    l_t = alpha (y_t - s_(t-m)) + (1 - alpha) (l_(t-1) + b_(t-1)),  b_t as in Holt
                    s_t = gamma (y_t - l_(t-1) - b_(t-1)) + (1 - gamma) s_(t-m)
                    multiplicative: * and / s_(t-m) in the place of + and -, and / (l_(t-1) + b_(t-1)) in s_t
    forecast        h steps on: l + h b, and + (or *) the last season's value for that step

    here                statsmodels (PyTorch has no smoothing)
    simple              SimpleExpSmoothing(y, initialization_method="known", initial_level=l)
    holt                Holt(y, initialization_method="known", initial_level=l, initial_trend=b)
    holt_winters        ExponentialSmoothing(y, trend="add", seasonal="add" or "mul", seasonal_periods=m, ...)
    alpha, beta, gamma  smoothing_level, smoothing_trend, smoothing_seasonal
    forecasts           fittedvalues

Source: Holt 1957; Winters 1960; the component forms of Hyndman and Athanasopoulos, Forecasting: Principles and
Practice, 3rd edition 2021, sections 8.1 to 8.3. The guide "Data Science with Python, Module 11" names exponential
smoothing under "Forecasting Methods" and gives no equation.

Where forms differ. Winters' own paper measures the season against the new level, s_t = g (y_t - l_t) + (1 - g) s_(t-m);
additive, that is the same rule with gamma = g (1 - alpha). Where to begin is no part of the method: `first_state` draws
a line through the means of the first two seasons; statsmodels guesses otherwise unless it is told ("known"). Up to 0.15
statsmodels forecasts the last step of a season with a season that is one too old (its issue 9538; ETSModel does not).
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]
Kind: TypeAlias = Literal["additive", "multiplicative"]


class State(NamedTuple):
    """Level l, trend b and the last season's values s [m], oldest first (empty: no season)."""

    level: float
    trend: float = 0.0
    season: Array = np.zeros(0)


class Smoothed(NamedTuple):
    """forecasts yhat_t made one step before, levels l_t, trends b_t, seasons s_t, all [time]; the state at the end."""

    forecasts: Array
    levels: Array
    trends: Array
    seasons: Array
    state: State


def simple(y: Array, alpha: float, level: float) -> tuple[Array, Array]:
    """Forecasts yhat_t = l_(t-1) and levels l_t from l_(-1) = level. y [time] -> [time], [time]"""
    levels: list[float] = []
    for value in y:
        levels.append(alpha * value + (1 - alpha) * (levels[-1] if levels else level))
    return np.array([level, *levels])[:-1], np.array(levels)


def simple_backward(dforecasts: Array, y: Array, alpha: float, level: float) -> tuple[Array, float, float]:
    """dy [time], dalpha, dlevel from dL/dyhat [time]."""
    forecasts, _ = simple(y, alpha, level)
    dy, dalpha, carried = np.zeros(len(y)), 0.0, 0.0
    for t in range(len(y) - 1, -1, -1):
        # l_t = alpha y_t + (1 - alpha) l_(t-1); `carried` is dL/dl_t, from every forecast after t
        dy[t] = alpha * carried
        dalpha += float(y[t] - forecasts[t]) * carried
        carried = (1 - alpha) * carried + float(dforecasts[t])
    return dy, dalpha, carried


def first_state(y: Array, m: int, kind: Kind = "additive") -> State:
    """From the line through the means of the first two seasons: b = (second - first) / m, l = the line just before y_0,
    s = the first season against the line.

    The forecasts of the first season are then y itself: they were seen, and count for nothing.
    Raises ValueError where there are not two whole seasons."""
    if m < 1 or len(y) < 2 * m:
        raise ValueError(f"b = (mean 2 - mean 1) / m: y is {list(y.shape)}, m is {m}; needs two seasons of m values")
    first, second = float(y[:m].mean()), float(y[m : 2 * m].mean())
    trend = (second - first) / m
    level = first - trend * (m + 1) / 2
    line = level + trend * np.arange(1, m + 1)  # [m]
    return State(level, trend, y[:m] - line if kind == "additive" else y[:m] / line)


def holt(y: Array, alpha: float, beta: float, start: State) -> Smoothed:
    """Level and trend; a season in `start` is left out. y [time]."""
    return holt_winters(y, alpha, beta, 0.0, State(start.level, start.trend, np.zeros(1)))


def holt_winters(y: Array, alpha: float, beta: float, gamma: float, start: State, kind: Kind = "additive") -> Smoothed:
    """Level, trend and season, one value of y [time] after the other.

    Raises ValueError where `start` has no season, or a multiplicative one meets a value that is not above 0."""
    if len(start.season) == 0 or (kind == "multiplicative" and (y <= 0).any()):
        raise ValueError(
            f"yhat_t = (l_(t-1) + b_(t-1)) and s_(t-m): the season is {list(start.season.shape)}, the least y is "
            f"{y.min():g}, {kind}; needs a season of 1 or more, and y > 0 if multiplicative"
        )
    (level, trend, season), rows = start, []
    for value in y:
        along, last = level + trend, season[0]
        if kind == "additive":
            forecast, without, newest = along + last, value - last, value - along
        else:
            forecast, without, newest = along * last, value / last, value / along
        before, level = level, alpha * without + (1 - alpha) * along
        trend = beta * (level - before) + (1 - beta) * trend
        season = np.append(season[1:], gamma * newest + (1 - gamma) * last)  # [m]
        rows.append((forecast, level, trend, season[-1]))
    forecasts, levels, trends, seasons = np.array(rows).T
    return Smoothed(forecasts, levels, trends, seasons, State(float(level), float(trend), season))


def forecast(state: State, steps: int, kind: Kind = "additive") -> Array:
    """l + h b, plus or times the last value of the season at that step, h = 1 ... steps. [steps]"""
    along: Array = state.level + state.trend * np.arange(1.0, steps + 1)  # [steps]
    if len(state.season) == 0:
        return along
    season = np.resize(state.season, steps)  # [steps], the season again and again
    return along + season if kind == "additive" else along * season


def example() -> dict[str, Array]:
    """Three years of four quarters whose level and season both grow; alpha = beta = gamma = 0.5."""
    y = np.array([8.0, 12.0, 6.0, 10.0, 14.0, 18.0, 7.0, 13.0, 18.0, 25.0, 9.0, 16.0])
    rate = 0.5
    values = {"y": y, "rate": np.array(rate), "simple": simple(y, rate, y[0])[0]}
    values["holt"] = holt(y, rate, rate, State(y[0], 0.0)).forecasts
    kinds: tuple[Kind, ...] = ("additive", "multiplicative")
    for kind in kinds:
        start = first_state(y, 4, kind)
        run = holt_winters(y, rate, rate, rate, start, kind)
        values |= {f"{kind}_start": np.array([start.level, start.trend]), f"{kind}_first_season": start.season}
        values |= {f"{kind}_forecasts": run.forecasts, f"{kind}_levels": run.levels, f"{kind}_trends": run.trends}
        values |= {f"{kind}_seasons": run.seasons, f"{kind}_ahead": forecast(run.state, 4, kind)}
    return values
