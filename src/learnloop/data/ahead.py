"""What is asked of any series: its value some steps ahead, from the values before."""

from __future__ import annotations

import math

import numpy as np

from learnloop.data.origins import Origins, joined
from learnloop.data.panel import Panel
from learnloop.data.rolling import ahead, calendar_waves, lagged, mean_so_far, rolling_mean, rolling_std

MOST_LAGS, WEEK = 24, 7
LAST, SEASONAL, MEAN = "last value", "value a season before", "mean of the past"


def value_origins(panel: Panel, horizon: int, variable: int = 0) -> Origins:
    """One row a step and series: what is the value `horizon` steps later?

    x: the last values (a season of them, 7 to 24), means of the last ones, the value a season and two before the step
    that is asked for, all minus the value at the origin, so that what is learnt holds at a level never seen before;
    spreads; how far the other variables are from their means; the calendar. rules: the last value,
    the value a season before (where there is a season), the mean of the past.
    panel: read with `fill="forward"`, so that no filled value knows what came after it. Origins and answers that were
    filled in are left out.
    """
    return joined([_of_one(panel, place, horizon, variable) for place in range(len(panel))])


def _of_one(panel: Panel, place: int, horizon: int, variable: int) -> Origins:
    values = panel.series(place, variable)
    seasons = sorted({season for season in (panel.season, *panel.seasons) if 1 < season < len(values) // 3})
    found = _past(values, min(max([WEEK, *seasons[:1]]), MOST_LAGS))
    rules = {LAST: values}
    for season in seasons:
        back = season * math.ceil(horizon / season)
        before = lagged(values, back - horizon)  # the value `back` steps before the one that is asked for
        found |= {f"season_{season}": before - values, f"season_{season}_2": lagged(before, season) - values}
        rules |= {} if SEASONAL in rules else {SEASONAL: before}
    rules[MEAN] = mean_so_far(values)
    for other, name in enumerate(panel.variables):
        if other != variable:
            column = panel.series(place, other)
            found[name] = column - rolling_mean(column, WEEK)
    names, columns = calendar_waves(panel, place)
    x = np.column_stack([*found.values(), *columns])
    kept = np.isfinite(x).all(axis=1) & (np.arange(len(x)) + horizon < len(x))
    if panel.filled:
        made = panel.filled[place]
        kept &= ~made & ~(ahead(made.astype(np.float64), horizon) > 0)
    rows = np.flatnonzero(kept)
    step = "step" if horizon == 1 else f"{horizon} steps"
    title = f"{panel.variables[variable]}, {step} ahead"
    times = panel.times[place]
    return Origins(
        title,
        "value",
        horizon,
        panel.ids,
        np.full(len(rows), place, np.int64),
        times[rows],
        times[rows + horizon],
        (*found, *names),
        x[rows],
        ahead(values, horizon)[rows],
        values[rows],
        {name: column[rows] for name, column in rules.items()},
        seasons[0] if seasons else 1,
        panel.notes,
    )


def _past(values: np.ndarray, lags: int) -> dict[str, np.ndarray]:
    """Of the series itself."""
    found = {f"lag_{lag}": lagged(values, lag) - values for lag in range(1, lags)}
    for window in (lags, 4 * lags):
        found[f"mean_{window}"] = rolling_mean(values, window) - values
        found[f"spread_{window}"] = rolling_std(values, window)
    return found
