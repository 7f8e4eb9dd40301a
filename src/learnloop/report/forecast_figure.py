"""Pictures of forecasts: the last of the past, what is forecast and its interval, and what became true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from learnloop.report.figures import DASHES, INK, RC, SERIES, SOFT, panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from learnloop.bundle.forecast_answer import Answer

MOST_PANELS = 6
_PAST, _SEASONS = 3, 2
"""Of the past so many horizons are shown, at least so many seasons."""


def forecast_figure(answer: Answer, level: float | None) -> Figure:
    """One panel a series (the first six): past, forecast, and the interval of `level` (None: without)."""
    import matplotlib
    from matplotlib.figure import Figure

    one = answer.panel.univariate()
    count = min(len(one), MOST_PANELS)
    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(9, 2.6 * count + 0.9), layout="constrained")
        for place, axes in enumerate(np.atleast_1d(figure.subplots(count))):
            _panel(axes, answer, place, level)
        left = len(one) - count
        if left:
            figure.supxlabel(f"the first {count} of {len(one):,} series", fontsize=9, color=SOFT)
    return figure


def _panel(axes: Axes, answer: Answer, row: int, level: float | None) -> None:
    one, found = answer.panel.univariate(), answer.forecasts
    horizon = found.mean.shape[1]
    shown = max(_PAST * horizon, _SEASONS * one.season, 12)
    past, ahead = one.times[row][-shown:], one.future(row, horizon)
    values = one.series(row)[-shown:]
    # The forecast begins at the last value, so that the line has no gap.
    times, mean = np.concatenate([past[-1:], ahead]), np.concatenate([values[-1:], found.mean[row]])
    axes.plot(past, values, color=SOFT, label="known")
    axes.plot(times, mean, color=SERIES[0], label="forecast", marker="o" if horizon == 1 else "", markersize=4)
    if level is not None:
        lower = np.concatenate([values[-1:], found.lower[level][row]])
        upper = np.concatenate([values[-1:], found.upper[level][row]])
        axes.fill_between(
            times, lower, upper, color=SERIES[0], alpha=0.2, linewidth=0, label=f"{100 * level:g} % interval"
        )
    name = one.ids[row] or answer.panel.variables[0]
    axes.set_title(f"{name}: {horizon} steps ahead")
    _dates(axes, ahead)
    axes.margins(x=0.01)
    if row == 0:
        axes.legend(loc="upper left")


def example_figure(example: Mapping[str, Any], *, legend: bool) -> Figure:
    """A window of the final figures: what was known, what was forecast, and what became true (report.json)."""
    heading = ", ".join(
        dict.fromkeys(part for part in (example["id"], example["variable"]) if part and part != "value")
    )
    with panel(heading, "", "") as (figure, axes):
        past, ahead = _stamps(example["times_past"]), _stamps(example["times"])
        known, truth = np.array(example["past"], float), np.array(example["truth"], float)
        last = known[-1:]
        times = np.concatenate([past[-1:], ahead])
        axes.plot(past, known, color=SOFT, linewidth=1.3, label="known")
        axes.plot(times, np.concatenate([last, truth]), color=INK, linewidth=1.3, label="became true")
        axes.plot(times, np.concatenate([last, example["mean"]]), color=SERIES[0], label="forecast")
        if example["lower"] is not None:
            lower, upper = (np.concatenate([last, example[side]]) for side in ("lower", "upper"))
            axes.fill_between(times, lower, upper, color=SERIES[0], alpha=0.2, linewidth=0)
        if len(ahead) == 1:
            axes.plot(ahead, example["mean"], "o", color=SERIES[0], markersize=4)
        _dates(axes, ahead)
        axes.margins(x=0.01)
        if legend:
            axes.legend(loc="upper left", ncols=3, columnspacing=1.2, handlelength=1.4)
            low, high = axes.get_ylim()
            axes.set_ylim(low, high + 0.16 * (high - low))  # room for the legend above the curves
    return figure


def by_step_figure(steps: Sequence[int], curves: Mapping[str, Sequence[float | None]], metric: str) -> Figure:
    """The error of some forecasters by the step ahead; the first of them is what is served."""
    from matplotlib.ticker import MaxNLocator

    with panel("Error by the step ahead", "step ahead", metric) as (figure, axes):
        for place, (name, values) in enumerate(curves.items()):
            axes.plot(
                steps, np.array(values, float), DASHES[place % len(DASHES)], color=SERIES[place % len(SERIES)],
                linewidth=2.2 if place == 0 else 1.4, label=name,
            )  # fmt: skip
        axes.set_ylim(bottom=0)
        axes.margins(x=0.01)
        axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
        axes.legend(loc="best")
    return figure


def _stamps(texts: Sequence[str]) -> np.ndarray:
    """Stamps of report.json: ISO 8601, or numbers of steps."""
    if all(text.lstrip("-").isdigit() for text in texts):
        return np.array([int(text) for text in texts])
    return np.array([text.removesuffix("Z") for text in texts], dtype="datetime64[s]")


def _dates(axes: Axes, times: np.ndarray) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.ticker import MaxNLocator

    if times.dtype.kind != "M":
        axes.xaxis.set_major_locator(MaxNLocator(7, integer=True))
        return
    locator = AutoDateLocator(minticks=3, maxticks=7)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
