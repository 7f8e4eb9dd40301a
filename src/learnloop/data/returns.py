"""What is asked of prices: the return and the volatility of the next days, from the prices before them.

    r_t = ln(P_t / P_(t-1))                                  the log-return of day t
    y_t = r_(t+1) + ... + r_(t+h)                            the return of the next h days
    v_t = sqrt(r_(t+1)^2 + ... + r_(t+h)^2)                  their realised volatility; |r_(t+1)| for one day

P_t is a closing price, adjusted for splits; rows are trading days. Sources: Tsay, Analysis of Financial Time Series,
2010, sections 1.1 and 3.15 (returns, realised volatility); Corsi, A Simple Approximate Long-Memory Model of Realized
Volatility, Journal of Financial Econometrics 7 (2009), section 2 (day, week and month: HAR); RiskMetrics Technical
Document, J.P. Morgan, 1996, section 5.2 (the decay 0.94 of daily data).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from learnloop.data.origins import Kind, Origins, joined
from learnloop.data.panel import Panel, read_panel
from learnloop.data.rolling import (
    ahead,
    calendar_waves,
    exponential_mean,
    lagged,
    mean_so_far,
    rolling_mean,
    rolling_std,
    rolling_sum,
)
from learnloop.errors import DataError

DAY, WEEK, MONTH, QUARTER = 1, 5, 22, 66
"""In trading days."""
LAGS = 5
DECAY = 0.94
HAR = ("volatility_1", "volatility_5", "volatility_22")
"""The features of the heterogeneous autoregression of volatility."""
LEAST = 250
"""Prices that a series must have: about a year of trading days."""
RULES: dict[Kind, tuple[str, ...]] = {
    "return": ("random walk (no change)", "mean of the past"),
    "volatility": ("last volatility", "EWMA of volatility", "mean of the past"),
}
_SPLITS = (2, 3, 4, 5, 7, 10, 20)
_NEAR = 0.02


def read_prices(source: Any, price: str | None = None, time: str | None = None, group: str | None = None) -> Panel:
    """Closing prices, every row a trading day: of a CSV with dates and closing prices, a frame, `stocks_daily`, ...

    price  the column of closing prices, adjusted for splits; None: the one of the catalog, or the only one of numbers
    Raises DataError: no single column of prices, prices that are not above zero, fewer than `LEAST` of them.
    """
    panel = read_panel(source, time=time, target=price, group=group, frequency="rows", season=1, fill="forward")
    if panel.targets > 1:
        raise DataError(
            panel.name, "must have one column of closing prices, or be told which", found=", ".join(panel.variables),
            do=f"price={panel.variables[-1]!r}",
        )  # fmt: skip
    for place, name in enumerate(panel.ids):
        prices, where = panel.series(place), f"series {name!r}" if name else panel.name
        low = np.flatnonzero(prices <= 0)
        if len(low):
            raise DataError(where, "must have prices above zero", found=f"{prices[low[0]]:g} in row {low[0] + 1}")
        if len(prices) < LEAST:
            raise DataError(where, f"must have at least {LEAST} prices, about a year", found=str(len(prices)))
    return panel.noted(*_unadjusted(panel))


def log_returns(prices: np.ndarray) -> np.ndarray:
    """`r_t = ln(P_t / P_(t-1))`, NaN at the first. [n]"""
    return np.concatenate([[np.nan], np.diff(np.log(prices))])


def return_origins(panel: Panel, horizon: int) -> Origins:
    """One row a day and series: what is the return of the next `horizon` days?"""
    return _origins(panel, horizon, "return")


def volatility_origins(panel: Panel, horizon: int) -> Origins:
    """One row a day and series: how much do the next `horizon` days move?"""
    return _origins(panel, horizon, "volatility")


def market_features(panel: Panel, place: int) -> tuple[tuple[str, ...], np.ndarray]:
    """(names, float64 [n, features]) known at the close of each day, NaN where the history is too short.

    The last returns, their sums over a week, a month and a quarter, means of |r| and standard deviations of r over the
    same, an exponential mean of |r|, how far the price is below its highest of a quarter, and the calendar.
    """
    prices = panel.series(place)
    returns = log_returns(prices)
    size = np.abs(returns)
    found = {f"return_{lag}": lagged(returns, lag) for lag in range(LAGS)}
    for window in (WEEK, MONTH, QUARTER):
        found[f"momentum_{window}"] = rolling_sum(returns, window)
        found[f"spread_{window}"] = rolling_std(returns, window)
    found |= {f"volatility_{window}": rolling_mean(size, window) for window in (DAY, WEEK, MONTH, QUARTER)}
    found["volatility_ewma"] = exponential_mean(size, DECAY)
    found["fallen"] = np.log(prices) - _highest(np.log(prices), QUARTER)
    names, columns = calendar_waves(panel, place)
    return (*found, *names), np.column_stack([*found.values(), *columns])


def _origins(panel: Panel, horizon: int, kind: Kind) -> Origins:
    days = "day" if horizon == 1 else f"{horizon} days"
    title = f"the {kind} of the next {days}"
    return joined([_of_one(panel, place, horizon, kind, title) for place in range(len(panel))])


def _of_one(panel: Panel, place: int, horizon: int, kind: Kind, title: str) -> Origins:
    returns = log_returns(panel.series(place))
    names, x = market_features(panel, place)
    if kind == "return":
        past = rolling_sum(returns, horizon)
        answers = [np.zeros(len(past)), horizon * mean_so_far(returns)]
    else:
        past = np.sqrt(rolling_sum(returns**2, horizon))
        answers = [past, exponential_mean(past, DECAY), mean_so_far(past)]
    y = ahead(past, horizon)
    times = panel.times[place]
    kept = np.isfinite(x).all(axis=1) & (np.arange(len(x)) + horizon < len(x))
    if panel.filled:  # a price that was made up is neither an answer nor a beginning
        made = panel.filled[place].astype(np.float64)
        kept &= ~(rolling_sum(ahead(made, horizon), horizon + 1) > 0)
    rows = np.flatnonzero(kept)
    return Origins(
        title,
        kind,
        horizon,
        panel.ids,
        np.full(len(rows), place, np.int64),
        times[rows],
        times[rows + horizon],
        names,
        x[rows],
        y[rows],
        np.zeros(len(rows)),
        {name: values[rows] for name, values in zip(RULES[kind], answers, strict=True)},
        notes=panel.notes,
    )


def _highest(values: np.ndarray, window: int) -> np.ndarray:
    """The highest of the last `window` values; NaN until there are so many. [n]"""
    result = np.full(len(values), np.nan)
    result[window - 1 :] = np.lib.stride_tricks.sliding_window_view(values, window).max(axis=1)
    return result


def _unadjusted(panel: Panel) -> Sequence[str]:
    """Jumps by just a factor of 2, 3, ...: prices that may not be adjusted for splits."""
    notes = []
    for place, name in enumerate(panel.ids):
        jump = np.abs(np.diff(np.log(panel.series(place))))
        factors = np.log(np.array(_SPLITS, np.float64))
        at = np.flatnonzero((np.abs(jump[:, None] - factors) < _NEAR).any(axis=1))
        if len(at):
            day = str(panel.times[place][at[0] + 1])[:10]
            whose = f" of {name}" if name else ""
            notes.append(
                f"The price{whose} jumps by a factor of {np.exp(jump[at[0]]):.2f} at {day}: a split that the prices "
                "are not adjusted for? Then every figure here is wrong."
            )
    return notes
