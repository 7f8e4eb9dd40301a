"""`learnloop explain holt_winters`: level, trend and season, one value after the other; additive and multiplicative."""

from __future__ import annotations

import numpy as np

from learnloop.explain.walk import Array, Block, Curves, Equation, Grid, Say, Section, Table, Walk, factor, number
from learnloop.scratch.losses import mse, mse_backward
from learnloop.scratch.smoothing import example, first_state, holt_winters, simple, simple_backward

YEAR = 4
T = 4
"""The step that is done by hand: the first of the second year."""
RATES = np.linspace(0.02, 0.98, 49)
METHODS = ("simple", "holt", "additive_forecasts", "multiplicative_forecasts")
TITLES = ("simple", "Holt", "Holt-Winters, additive", "Holt-Winters, multiplicative")


def walk() -> Walk:
    values = example()
    values |= _errors(values) | _rates(values)
    sections = [_series(values), _simple(values), _start(values), _step(values), _product(values), _ahead(values)]
    return Walk(
        "Holt-Winters: a level, a trend and a season that follow the data",
        [*sections, _remember(values)],
        values,
        "Holt 1957; Winters 1960; Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd edition 2021, "
        "sections 8.1 to 8.3 (course guide 000 names exponential smoothing and gives no equation). "
        "Code: learnloop.scratch.smoothing",
        ("learnloop explain timeseries", "learnloop explain momentum", "learnloop explain losses"),
    )


def _errors(values: dict[str, Array]) -> dict[str, Array]:
    """Mean squared error of the one-step forecasts after the first year: each of METHODS, and additive at rates 0."""
    y = values["y"][YEAR:]
    still = holt_winters(values["y"], 0.0, 0.0, 0.0, first_state(values["y"], YEAR)).forecasts[YEAR:]
    return {
        "errors": np.array([mse(values[name][YEAR:], y) for name in METHODS]),
        "error when nothing moves": np.array(mse(still, y)),
    }


def _rates(values: dict[str, Array]) -> dict[str, Array]:
    """Error of simple smoothing and its slope for each alpha of RATES."""
    y = values["y"]
    found = []
    for alpha in RATES:
        forecasts, _ = simple(y, float(alpha), y[0])
        slope = simple_backward(mse_backward(forecasts, y), y, float(alpha), y[0])[1]
        found.append((mse(forecasts, y), slope))
    errors, slopes = np.array(found).T
    return {"alpha": RATES, "error at alpha": errors, "slope at alpha": slopes}


def _times(count: int, first: int = 0) -> Array:
    return np.arange(first, first + count, dtype=float)


def _series(values: dict[str, Array]) -> Section:
    y = values["y"]
    years = [f"year {n + 1}" for n in range(len(y) // YEAR)]
    return Section(
        "Three years of quarters",
        [
            Curves("Sales", "quarter t", "y", {"y": (_times(len(y)), y)}),
            Grid("y", y.reshape(-1, YEAR), years, [f"quarter {q + 1}" for q in range(YEAR)]),
            Say("It grows, it has a season, and the season grows too. Each value is forecast just before it comes."),
        ],
    )


def _simple(values: dict[str, Array]) -> Section:
    y, forecasts, alpha = values["y"], values["simple"], float(values["rate"])
    steps = [
        Equation(
            f"l_{t} = alpha y_{t} + (1 - alpha) l_{t - 1}",
            f"{number(alpha)}*{number(y[t])} + (1 - {number(alpha)})*{number(forecasts[t])}",
            forecasts[t + 1],
            f"the forecast of y_{t + 1}",
        )
        for t in (1, 2, 3)
    ]
    best = int(np.argmin(values["error at alpha"]))
    return Section(
        "Simple smoothing: only a level",
        [
            Say(f"Each value pulls the level to itself, by alpha = {number(alpha)}; the level is the next forecast."),
            *steps,
            Say(
                "An old value counts less and less: `alpha (1 - alpha)^k` after k steps. With a trend, the level lags "
                "behind."
            ),
            Curves(
                "Which alpha? The mean squared error of all forecasts",
                "alpha",
                "error",
                {"error": (RATES, values["error at alpha"])},
            ),
            Say(
                f"Its slope follows from `dl_t/dalpha = (y_t - l_(t-1)) + (1 - alpha) dl_(t-1)/dalpha`; it is "
                f"{number(values['slope at alpha'][best])} at the best alpha tried, {number(RATES[best])}."
            ),
        ],
    )


def _start(values: dict[str, Array]) -> Section:
    y, (level, trend) = values["y"], values["additive_start"]
    first, second = y[:YEAR].mean(), y[YEAR : 2 * YEAR].mean()
    season = values["additive_first_season"]
    return Section(
        "Where to begin",
        [
            Say("Level, trend and season need a start. The means of the first two years give a line:"),
            Equation("b = (mean 2 - mean 1) / m", f"({number(second)} - {number(first)}) / {YEAR}", trend, "the trend"),
            Equation(
                "l = mean 1 - b (m + 1) / 2",
                f"{number(first)} - {number(trend)}*({YEAR} + 1) / 2",
                level,
                "the level just before t = 0",
            ),
            *[
                Equation(
                    f"s_{t} = y_{t} - (l + {t + 1} b)",
                    f"{number(y[t])} - ({number(level)} + {t + 1}*{number(trend)})",
                    season[t],
                )
                for t in range(YEAR)
            ],
            Say("So the first year is forecast without error; it was seen, and must not be counted."),
        ],
    )


def _step(values: dict[str, Array]) -> Section:
    y, rate = float(values["y"][T]), number(float(values["rate"]))
    levels, trends, seasons = (values[f"additive_{part}"] for part in ("levels", "trends", "seasons"))
    level, trend, old = levels[T - 1], trends[T - 1], seasons[T - YEAR]
    along, forecast = level + trend, values["additive_forecasts"][T]
    return Section(
        "One value comes in",
        [
            Say(f"t = {T}: the second year. The forecast is the level, one step along the trend, plus the season."),
            Equation(
                f"yhat_{T} = l_{T - 1} + b_{T - 1} + s_{T - YEAR}",
                f"{number(level)} + {number(trend)} + {factor(old)}",
                forecast,
            ),
            Equation(f"error = y_{T} - yhat_{T}", f"{number(y)} - {number(forecast)}", y - forecast),
            Say("The level is pulled towards the value without its season, the trend towards the level's last rise:"),
            Equation(
                f"l_{T} = alpha (y_{T} - s_{T - YEAR}) + (1 - alpha) (l_{T - 1} + b_{T - 1})",
                f"{rate}*({number(y)} - {factor(old)}) + (1 - {rate})*{number(along)}",
                levels[T],
            ),
            Equation(
                f"b_{T} = beta (l_{T} - l_{T - 1}) + (1 - beta) b_{T - 1}",
                f"{rate}*({number(levels[T])} - {number(level)}) + (1 - {rate})*{number(trend)}",
                trends[T],
            ),
            Say("and the season towards what the value had above the old line:"),
            Equation(
                f"s_{T} = gamma (y_{T} - l_{T - 1} - b_{T - 1}) + (1 - gamma) s_{T - YEAR}",
                f"{rate}*({number(y)} - {number(level)} - {number(trend)}) + (1 - {rate})*{factor(old)}",
                seasons[T],
            ),
            Equation(
                f"yhat_{T + 1} = l_{T} + b_{T} + s_{T + 1 - YEAR}",
                f"{number(levels[T])} + {number(trends[T])} + {factor(seasons[T + 1 - YEAR])}",
                values["additive_forecasts"][T + 1],
                "and so on",
            ),
            Table(("t", "y", "forecast", "level", "trend", "season"), _rows(values, "additive")),
        ],
    )


def _rows(values: dict[str, Array], kind: str) -> list[list[str | float | int]]:
    columns = (values["y"], *(values[f"{kind}_{part}"] for part in ("forecasts", "levels", "trends", "seasons")))
    return [[t, *(float(column[t]) for column in columns)] for t in range(YEAR, len(values["y"]))]


def _product(values: dict[str, Array]) -> Section:
    y, rate = float(values["y"][T]), number(float(values["rate"]))
    levels, trends, seasons = (values[f"multiplicative_{part}"] for part in ("levels", "trends", "seasons"))
    level, trend, old = levels[T - 1], trends[T - 1], seasons[T - YEAR]
    along = level + trend
    return Section(
        "A season that grows: multiply",
        [
            Say(
                "If the ups and downs grow with the level, the season is a factor: divide where the additive form "
                "subtracts."
            ),
            Grid("the first season, as factors", values["multiplicative_first_season"]),
            Equation(
                f"yhat_{T} = (l_{T - 1} + b_{T - 1}) s_{T - YEAR}",
                f"({number(level)} + {number(trend)})*{number(old)}",
                values["multiplicative_forecasts"][T],
            ),
            Equation(
                f"l_{T} = alpha y_{T} / s_{T - YEAR} + (1 - alpha) (l_{T - 1} + b_{T - 1})",
                f"{rate}*{number(y)} / {number(old)} + (1 - {rate})*{number(along)}",
                levels[T],
            ),
            Equation(
                f"s_{T} = gamma y_{T} / (l_{T - 1} + b_{T - 1}) + (1 - gamma) s_{T - YEAR}",
                f"{rate}*{number(y)} / {number(along)} + (1 - {rate})*{number(old)}",
                seasons[T],
            ),
            Say("The trend is as before."),
        ],
    )


def _ahead(values: dict[str, Array]) -> Section:
    y = values["y"]
    level, trend = (float(values[f"additive_{part}"][-1]) for part in ("levels", "trends"))
    season = values["additive_seasons"][-YEAR:]
    ahead = values["additive_ahead"]
    lines = {
        "y": (_times(len(y)), y),
        "additive": (_times(YEAR, len(y)), ahead),
        "multiplicative": (_times(YEAR, len(y)), values["multiplicative_ahead"]),
    }
    steps: list[Block] = [
        Equation(
            f"yhat_{len(y) - 1 + h} = l + {h} b + s_{len(y) - 1 + h - YEAR}",
            f"{number(level)} + {h}*{number(trend)} + {factor(season[h - 1])}",
            ahead[h - 1],
        )
        for h in (1, 2)
    ]
    rows: list[list[str | float | int]] = [[title, float(error)] for title, error in zip(TITLES, values["errors"])]
    return Section(
        "A year ahead",
        [
            Say("h steps ahead: h times along the trend, with the last season that is known."),
            *steps,
            Curves("The next year", "quarter t", "y", lines),
            Table(("method", "mean squared error"), rows, "of the forecasts one step ahead, first year not counted"),
            Say(
                "Holt without a season takes the season for a trend and runs after it; simple smoothing at least stays."
            ),
        ],
    )


def _remember(values: dict[str, Array]) -> Section:
    rate, still = number(float(values["rate"])), number(float(values["error when nothing moves"]))
    return Section(
        "Remember",
        [
            Say("Each part is pulled towards what comes in. A rate of 0 never learns, a rate of 1 forgets at once."),
            Say(
                f"More is not better: with all three rates at 0 the first line and season just go on, and the additive "
                f"error is {still}, less than with {rate}. In practice the rates are chosen by the error of the "
                "forecasts."
            ),
            Say(
                "Additive for a season of constant height; multiplicative for one that grows with the level, and y > 0."
            ),
            Say(
                'In statsmodels: `ExponentialSmoothing(y, trend="add", seasonal="mul", seasonal_periods=m)`. Its start '
                "differs from ours unless it is given. Up to version 0.15 its forecast of the last step of a season "
                "uses a season that is one too old."
            ),
        ],
    )
