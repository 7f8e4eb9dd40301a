"""`learnloop explain timeseries`: eight quarters made stationary and back again; correlation with the past; AR."""

from __future__ import annotations

import numpy as np

from learnloop.explain.walk import (
    Array,
    Curves,
    Equation,
    Grid,
    Say,
    Section,
    Table,
    Walk,
    factor,
    number,
    weighted_sum,
)
from learnloop.scratch.timeseries import ar_forecast, difference, example, line, log, undifference

YEAR = 4
AHEAD = 4
LAGS = 3
GROWTH = 1.1
"""Of the second series, a quarter."""
FACTORS = (1.2, 0.9, 1.3, 0.7)
"""Its season."""


def walk() -> Walk:
    values = example()
    values |= _growing() | _forecasts(values)
    sections = [_series(values), _differences(values), _seasons(values), _trend(values), _past(values), _ahead(values)]
    return Walk(
        "Time series: make it stationary, and find the way back",
        [*sections, _remember()],
        values,
        "course guide 000, Time Series Forecasting; Box, Jenkins, Reinsel and Ljung, Time Series Analysis, 5th edition "
        "2015. Code: learnloop.scratch.timeseries",
        ("learnloop explain holt_winters", "learnloop explain rnn", "learnloop explain lstm"),
    )


def _growing() -> dict[str, Array]:
    """A series that grows by a rate, its season with it; its logarithm; and that without the season."""
    y = 10 * GROWTH ** np.arange(3.0 * YEAR) * np.tile(FACTORS, 3)
    return {"growing": y, "log growing": log(y), "log growing, season gone": difference(log(y), YEAR)[0]}


def _forecasts(values: dict[str, Array]) -> dict[str, Array]:
    """The next year by AR(1) on y itself, by the mean change of a quarter, and by the mean change of a year."""
    y, d, seasonal = values["y"], values["d"], values["seasonal"]
    changes = np.append(d, np.full(AHEAD, d.mean()))
    years = np.append(seasonal, np.full(AHEAD, seasonal.mean()))
    return {
        "ahead, AR(1)": ar_forecast(y, values["phi"], AHEAD),
        "ahead, difference": undifference(changes, y[:1])[-AHEAD:],
        "ahead, seasonal difference": undifference(years, y[:YEAR])[-AHEAD:],
    }


def _times(count: int, first: int = 0) -> Array:
    return np.arange(first, first + count, dtype=float)


def _names(count: int, first: int = 0) -> list[str]:
    return [f"t = {t}" for t in range(first, first + count)]


def _series(values: dict[str, Array]) -> Section:
    y = values["y"]
    return Section(
        "Two years of quarters",
        [
            Curves("Sales", "quarter t", "y", {"y": (_times(len(y)), y)}),
            Grid("y", y, columns=_names(len(y))),
            Say(
                "It rises, and both years have the same ups and downs: a trend and a season. Its mean changes with "
                "time, so it is not stationary. Many methods want a series whose nature does not change: first take "
                "out what changes, and keep what is needed to put it back."
            ),
        ],
    )


def _differences(values: dict[str, Array]) -> Section:
    y, d, back = values["y"], values["d"], values["back"]
    there = [Equation(f"d_{t} = y_{t} - y_{t - 1}", f"{number(y[t])} - {number(y[t - 1])}", d[t - 1]) for t in (1, 2)]
    again = [
        Equation(f"y_{t} = d_{t} + y_{t - 1}", f"{factor(d[t - 1])} + {number(back[t - 1])}", back[t]) for t in (1, 2)
    ]
    return Section(
        "Difference, and back",
        [
            Say("Look at changes instead of values. A straight rise becomes a constant."),
            *there,
            Grid("d", d, columns=_names(len(d), 1)),
            Say("The way back is a running sum. It needs the first value, which the differences have lost:"),
            *again,
            Say(
                "pandas' `diff()` leaves a missing value at the start. The guide shows the way there and not the way "
                "back; but a forecast of changes is worth nothing without it."
            ),
        ],
    )


def _seasons(values: dict[str, Array]) -> Section:
    y, seasonal = values["y"], values["seasonal"]
    compared = [
        Equation(f"s_{t} = y_{t} - y_{t - YEAR}", f"{number(y[t])} - {number(y[t - YEAR])}", seasonal[t - YEAR])
        for t in range(YEAR, len(y))
    ]
    return Section(
        "Seasonal difference",
        [
            Say("The changes still have the season in them. Compare each quarter with the same one a year before:"),
            *compared,
            Say(
                f"Trend and season are both gone: a year always adds {number(seasonal[0])}, which is "
                f"{number(seasonal[0] / YEAR)} a quarter. The way back needs the whole first year, {YEAR} values."
            ),
        ],
    )


def _trend(values: dict[str, Array]) -> Section:
    y, x = values["y"], values["x"]
    a, b = (float(value) for value in values["trend"])
    t, middle = _times(len(y)), (len(y) - 1) / 2
    away, quarters = t - middle, _times(len(values["growing"]))
    steady = float(values["log growing, season gone"][0])
    return Section(
        "A line, and a logarithm",
        [
            Say("Another way: draw the straight line that lies nearest (least squares), and take it off."),
            Equation(
                "b = sum (t - mean of t) y_t / sum (t - mean of t)^2",
                f"{number(float(away @ y))} / {number(float(away @ away))}",
                b,
                "the slope",
            ),
            Equation("a = mean of y - b * mean of t", f"{number(float(y.mean()))} - {number(b)}*{number(middle)}", a),
            Equation("x_1 = y_1 - (a + b * 1)", f"{number(y[1])} - ({number(a)} + {number(b)}*1)", x[1]),
            Curves(
                "The line, and what is left", "t", "y", {"y": (t, y), "a + b t": (t, line(a, b, len(y))), "x": (t, x)}
            ),
            Say("The season pulls at the line: its slope is not quite the true one. The way back adds the line again."),
            Say("A second series grows by a rate, and its ups and downs grow with it. There the logarithm helps:"),
            Curves("It grows", "t", "y", {"y": (quarters, values["growing"])}),
            Curves("Its logarithm", "t", "ln y", {"ln y": (quarters, values["log growing"])}),
            Equation(
                "ln y_t - ln y_{t-4}",
                f"{YEAR}*{number(steady / YEAR)}",
                steady,
                f"for every t: each quarter multiplies by {number(np.exp(steady / YEAR))}",
            ),
            Say("The way back is `e^x`. Every value must be above 0."),
        ],
    )


def _past(values: dict[str, Array]) -> Section:
    y, r, partial = values["y"], values["r"], values["partial"]
    away = y - y.mean()
    rows: list[list[str | float | int]] = [[k, float(r[k]), float(partial[k])] for k in range(LAGS + 1)]
    r1 = number(r[1])
    return Section(
        "How it hangs together with its past",
        [
            Say("How alike are the series and itself, k steps later? First take off the mean."),
            Grid("y - mean", away, columns=_names(len(y))),
            Equation("sum of (y_t - mean)^2", weighted_sum(away, away), away @ away),
            Equation("sum of (y_t - mean)(y_{t+1} - mean)", weighted_sum(away[:-1], away[1:]), away[:-1] @ away[1:]),
            Equation("r_1", f"{number(away[:-1] @ away[1:])} / {number(away @ away)}", r[1], "at lag 1"),
            Say(
                "Lag 2 is alike partly because lag 1 is. The partial autocorrelation takes that off; at lag 2 it has a "
                "short form:"
            ),
            Equation("p_2 = (r_2 - r_1^2) / (1 - r_1^2)", f"({number(r[2])} - {r1}**2) / (1 - {r1}**2)", partial[2]),
            Table(("lag k", "autocorrelation r_k", "partial p_k"), rows),
            Say(
                f"{len(y)} values are few: even pure noise gives up to about 2 / sqrt({len(y)}) = "
                f"{number(2 / np.sqrt(len(y)))}. On a long series it tells the order of an AR: p_k stops after it."
            ),
        ],
    )


def _ahead(values: dict[str, Array]) -> Section:
    y, (c, phi) = values["y"], values["phi"]
    before, after = y[:-1] - y[:-1].mean(), y[1:] - y[1:].mean()
    forecast = values["ahead, AR(1)"]
    ways = [f"ahead, {name}" for name in ("AR(1)", "difference", "seasonal difference")]
    rows: list[list[str | float | int]] = [[len(y) + k, *(float(values[way][k]) for way in ways)] for k in range(AHEAD)]
    lines = {way.removeprefix("ahead, "): (_times(AHEAD, len(y)), values[way]) for way in ways}
    last = len(y) - 1
    return Section(
        "A forecast, and the way back",
        [
            Say("AR(1): predict each value from the one before, `y_t = c + phi y_(t-1)`, by least squares."),
            Equation(
                "phi = sum (x - mean)(y - mean) / sum (x - mean)^2",
                f"{number(before @ after)} / {number(before @ before)}",
                phi,
                "x is y one step before",
            ),
            Equation(
                "c = mean of y - phi * mean of x", f"{number(y[1:].mean())} - {number(phi)}*{number(y[:-1].mean())}", c
            ),
            Equation(f"y_{last + 1} = c + phi y_{last}", f"{number(c)} + {number(phi)}*{number(y[last])}", forecast[0]),
            Equation(
                f"y_{last + 2} = c + phi y_{last + 1}",
                f"{number(c)} + {number(phi)}*{number(forecast[0])}",
                forecast[1],
                "from a forecast",
            ),
            Say(
                "On y itself it knows neither trend nor season. Now forecast the differences by their mean, and undo "
                "them:"
            ),
            Equation(
                f"y_{last + 1} = s + y_{last + 1 - YEAR}",
                f"{number(values['seasonal'].mean())} + {number(y[last + 1 - YEAR])}",
                values["ahead, seasonal difference"][0],
                "the seasonal difference",
            ),
            Table(("t", "AR(1) on y", "mean change", "mean seasonal change"), rows),
            Curves("The next year, three ways", "t", "y", {"y so far": (_times(len(y)), y)} | lines),
        ],
    )


def _remember() -> Section:
    return Section(
        "Remember",
        [
            Say("Difference for a trend, seasonal difference for a season, logarithm for what grows by a rate."),
            Say("Keep what the way back needs: the first values, the line. Undo in the opposite order."),
            Say(
                "Fit all of it (lines, means, AR) on the past alone. What is fitted on the test part too has seen the "
                "future."
            ),
        ],
    )
