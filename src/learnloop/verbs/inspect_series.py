"""`inspect` of series: what repeats, what lasts, what breaks, and the error that any forecast must beat."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from learnloop.data import frequency as freq
from learnloop.data.breaks import (
    cycle,
    explained_by_a_line,
    level_breaks,
    outliers,
    partial_autocorrelation,
    persistence,
)
from learnloop.data.panel import Panel, read_panel
from learnloop.data.panel_catalog import SERIES
from learnloop.data.seasons import CYCLES, autocorrelation, repeats
from learnloop.errors import DataError
from learnloop.report.inspect_series_page import series_page
from learnloop.report.inspect_series_text import series_text
from learnloop.transforms.chain import Chain, make_stationary, seasonal_strength
from learnloop.transforms.detrend import decompose
from learnloop.transforms.unitroot import stationarity

MOST_POINTS = 1500
MOST_LAGS = 400
ORIGINS = 50
SHOWN = 8


@dataclass(frozen=True)
class SeriesInspection:
    """What was found. facts: JSON values; panel: the series as read; path: the page that was written, or None."""

    facts: dict[str, Any]
    panel: Panel
    path: Path | None = None

    @property
    def profile(self) -> dict[str, Any]:
        """The facts, under the name that inspections of tables have for them."""
        return self.facts

    def text(self, width: int = 100) -> str:
        return series_text(self.facts, width)

    def html(self) -> str:
        return series_page(self.facts)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return (
            f'<iframe srcdoc="{escape(self.html(), quote=True)}" style="width:100%;height:640px;border:0" '
            f'title="inspection of {escape(self.facts["name"], quote=True)}"></iframe>'
        )


def is_series(data: Any) -> bool:
    """Whether `data` names series of the catalog, or is already a panel: what needs no asking."""
    return isinstance(data, Panel) or (isinstance(data, str) and data in SERIES and not Path(data).exists())


def inspect_series(
    data: Any,
    *,
    target: str | None = None,
    group: str | None = None,
    time: str | None = None,
    series: str | None = None,
) -> SeriesInspection:
    """Read `data` as a panel and report on one series of it: the one called `series`, else the first.

    Raises what `read_panel` raises, and MissingExtraError without statsmodels.
    """
    panel = data if isinstance(data, Panel) else read_panel(data, target=target, group=group, time=time)
    place = 0 if series is None else panel.ids.index(panel.subset([series]).ids[0])
    return SeriesInspection(series_facts(panel, place), panel)


def series_facts(panel: Panel, place: int = 0) -> dict[str, Any]:
    """Everything that text and page show, as JSON values; of series `place` and the first target."""
    y, times, season = panel.series(place), panel.times[place], panel.season
    if len(y) < 2 * CYCLES:
        raise DataError(panel.name, f"needs at least {2 * CYCLES} values to be looked at", found=str(len(y)))
    trend, pattern, rest = _parts(y, season)
    chain = make_stationary("auto", y, season)
    calm = chain.apply(y)
    tests = stationarity(y, season)
    power = chain.names[0] if chain.names and chain.names[0] in ("log", "boxcox") else "none"
    even = make_stationary(power, y, season)  # the scale on which the spread does not follow the level
    verdict = tests.verdict if tests else "unclear"
    wave = cycle(trend + rest, 2 * season if season > 1 else 2)
    lengths = panel.lengths
    return {
        "name": panel.name,
        "series": len(panel),
        "shown": panel.ids[place],
        "variable": panel.variables[0],
        "variables": list(panel.variables),
        "targets": panel.targets,
        "steps": {
            "shown": len(y),
            "shortest": int(lengths.min()),
            "longest": int(lengths.max()),
            "all": int(lengths.sum()),
        },
        "from": _stamp(times[0]),
        "to": _stamp(times[-1]),
        "frequency": panel.frequency,
        "step": freq.words(panel.frequency),
        "season": season,
        "seasons": [_season(y, one) for one in panel.seasons],
        "filled": int(panel.filled[place].sum()) if panel.filled else 0,
        "values": {name: float(getattr(np, name)(y)) for name in ("min", "median", "max", "mean", "std")},
        "strength": {"season": seasonal_strength(y, season), "trend": _trend_strength(trend, rest)},
        "parts": _thinned(times, {"values": y, "trend": trend, "season": pattern, "remainder": rest}),
        "correlation": {"series": _correlation(y, season), "stationary": _correlation(calm, season)},
        "stationarity": _tests(tests),
        "transform": {"names": list(chain.names), "why": list(chain.why)},
        "cycle": None if wave is None else {"steps": wave[0], "share": wave[1]},
        "breaks": _breaks(trend + rest, pattern, even, times, verdict, season, wave is not None),
        "outliers": _outliers(y, even, times, verdict, season),
        "bar": naive_errors(y, season, panel.horizon or (season if season > 1 else 1)),
        "notes": list(panel.notes),
    }


def _stamp(time: Any) -> str:
    return (
        str(time).replace("T", " ").removesuffix(":00").removesuffix(" 00:00")
        if isinstance(time, np.datetime64)
        else str(time)
    )


def _season(y: np.ndarray, season: int) -> dict[str, float]:
    strength, bound = repeats(y, season)
    return {"steps": season, "correlation": strength, "bound": bound if np.isfinite(bound) else 1.0}


def _parts(y: np.ndarray, season: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(trend, season, remainder): STL; without a season a running median of a tenth of the series is the trend."""
    if season > 1 and len(y) >= 2 * season:
        return decompose(y, season)
    import pandas as pd

    window = max(5, len(y) // 10 // 2 * 2 + 1)
    trend = pd.Series(y).rolling(window, center=True, min_periods=1).median().to_numpy()
    return trend, np.zeros(len(y)), y - trend


def _trend_strength(trend: np.ndarray, rest: np.ndarray) -> float:
    """F = max(0, 1 - Var(remainder) / Var(trend + remainder)), 0..1. Source: FPP3, section 4.3."""
    whole = float((trend + rest).var())
    return 0.0 if whole == 0 else float(max(0.0, 1 - rest.var() / whole))


def _thinned(times: np.ndarray, columns: dict[str, np.ndarray]) -> dict[str, Any]:
    """At most MOST_POINTS steps; of each block the first of the values that lie lowest and highest, in their order."""
    count = len(times)
    block = -(-count // (MOST_POINTS // 2))
    if block <= 2:
        steps = np.arange(count)
    else:
        whole = count // block * block
        cut = columns["values"][:whole].reshape(-1, block)
        low, high = cut.argmin(axis=1), cut.argmax(axis=1)
        base = np.arange(len(cut)) * block
        steps = np.unique(np.concatenate([base + low, base + high, [0, count - 1]]))
    return {
        "step": steps.tolist(),
        "time": [_stamp(time) for time in times[steps]],
        **{name: [round(float(value), 6) for value in values[steps]] for name, values in columns.items()},
    }


def _correlation(x: np.ndarray, season: int) -> dict[str, Any]:
    """r_k and p_k up to three seasons (40 lags without one), and Bartlett's bound 1.96 / sqrt(n) for white noise."""
    lags = max(4, min(3 * season if season > 1 else 40, len(x) // 3, MOST_LAGS))
    r = autocorrelation(x, lags)
    partial = partial_autocorrelation(r)
    return {
        "acf": [round(float(value), 5) for value in r],
        "pacf": [round(float(value), 5) for value in partial],
        "bound": 1.96 / float(np.sqrt(len(x))),
    }


def _tests(found: Any) -> dict[str, Any] | None:
    if found is None:
        return None
    names = ("adf", "kpss", "adf_trend", "kpss_trend")
    tests = {name: {"statistic": getattr(found, name).statistic, "p": getattr(found, name).p} for name in names}
    return {"verdict": found.verdict, "meaning": found.meaning, "adjusted": found.adjusted, **tests}


def _breaks(
    x: np.ndarray, pattern: np.ndarray, even: Chain, times: np.ndarray, verdict: str, season: int, waves: bool
) -> dict[str, Any]:
    """Jumps of the level, or of the slope where the series is difference-stationary.

    x: the values less their season, in which levels are told; `even`: the scale on which jumps are looked for. A jump
    makes noise look like a random walk to both tests (Perron 1989), so the level is looked at all the same where
    neighbouring steps hang together too little for one (`persistence` below 0.7).
    """
    if waves:
        return {"of": "level", "found": [], "why": "The level follows a cycle, so jumps of it were not looked for."}
    least, z, told, shift, of = max(10, season), _without_season(even.apply(x + pattern), season), x, 0, "level"
    if verdict == "difference-stationary" and persistence(z) >= 0.7:
        of, z, told, shift = "slope", np.diff(z), np.diff(x), 1
    elif verdict == "trend-stationary" or explained_by_a_line(z, least):
        steps = np.arange(len(z))
        line = np.polynomial.Polynomial.fit(steps, z, 1)(steps)
        of, z, told = "level around the line", z - line, x - even.invert(line, x[:0], 0)
    edges = [0, *level_breaks(z, least), len(z)]
    means = [float(told[first:end].mean()) for first, end in pairwise(edges)]
    found = [
        {"step": edge + shift, "time": _stamp(times[edge + shift]), "before": before, "after": after}
        for edge, before, after in zip(edges[1:-1], means[:-1], means[1:], strict=True)
    ]
    why = "" if found else f"No jump of the {of} stands out beyond what the series does by itself (PELT)."
    return {"of": of, "found": found, "why": why}


def _without_season(z: np.ndarray, season: int) -> np.ndarray:
    trend, _, rest = _parts(z, season) if season > 1 else (z, z, np.zeros(len(z)))
    return trend + rest


def _outliers(y: np.ndarray, even: Chain, times: np.ndarray, verdict: str, season: int) -> dict[str, Any]:
    """Values that fit nothing around them: far from trend and season, or from the step before."""
    z = even.apply(y)
    if season < 2 and verdict == "difference-stationary":
        rest, of = np.concatenate([[0.0], np.diff(z)]), "the value before them"
    else:
        rest, of = _parts(z, season)[2], "trend and season" if season > 1 else "the trend"
    found = outliers(rest)
    expected = even.invert(z - rest, y[:0], 0)
    rows = [
        {
            "step": step,
            "time": _stamp(times[step]),
            "value": float(y[step]),
            "expected": float(expected[step]),
            "score": score,
        }
        for step, score in found[:SHOWN]
    ]
    return {"of": of, "count": len(found), "share": len(found) / len(y), "farthest": rows}


def naive_errors(y: np.ndarray, season: int, horizon: int) -> dict[str, Any]:
    """Errors of the last value and of the last season, carried forward `horizon` steps from origins in the last third.

    mae in units; smape = mean of 200 |y - f| / (|y| + |f|), the M4 scale 0..200 (0 where both are 0). At most 50
    origins, evenly spread; both see the values before the origin only.
    """
    first, last = max(season, 2 * len(y) // 3), len(y) - horizon
    if last < first:
        first = last = max(season, len(y) - horizon)
        horizon = len(y) - first
    origins = np.unique(np.linspace(first, last, min(ORIGINS, last - first + 1)).round().astype(int))
    rows = {}
    for name, back in (("naive", 1), ("seasonal_naive", season)):
        if name == "seasonal_naive" and season < 2:
            continue
        place = np.arange(horizon) % back - back
        forecast = np.stack([y[origin + place] for origin in origins])  # [origins, horizon]
        truth = np.stack([y[origin : origin + horizon] for origin in origins])
        size = np.abs(truth) + np.abs(forecast)
        share = np.divide(200 * np.abs(truth - forecast), size, out=np.zeros_like(size), where=size > 0)
        rows[name] = {"mae": float(np.abs(truth - forecast).mean()), "smape": float(share.mean())}
    return {"horizon": horizon, "origins": len(origins), **rows}
