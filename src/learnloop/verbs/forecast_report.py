"""What report.json says of forecasts: the table, errors by the step ahead, examples, intervals, odd values."""

from __future__ import annotations

from typing import Any

import numpy as np

from learnloop.bundle.forecast_intervals import main_level
from learnloop.data.newer import stamp_text
from learnloop.recipe.forecast import AUTO
from learnloop.scores.anomalies import flag
from learnloop.scores.forecasts import Scored
from learnloop.verbs.contest import ENSEMBLE
from learnloop.verbs.forecast_choice import Served
from learnloop.verbs.forecast_data import ForecastPrepared
from learnloop.verbs.forecast_verdict import differences

MOST_EXAMPLES, MOST_ANOMALIES = 8, 20
_PAST, _SEASONS = 3, 2
"""Of the past of an example so many horizons are kept, at least so many seasons."""


def forecast_part(prepared: ForecastPrepared, served: Served, naive2: Scored | None) -> dict[str, Any]:
    """The key "forecast" of report.json. naive2: its forecasts in the windows of the final figures."""
    panel = prepared.panel
    level = main_level(prepared.levels)
    anomalies, told = odd_values(prepared, served.last)
    return {
        "horizon": prepared.horizon,
        "frequency": panel.frequency,
        "season": panel.season,
        "series": len(panel),
        "levels": list(prepared.levels),
        "metric": served.contest.metric,
        "served": served.name,
        "title": served.title,
        "network": prepared.network,
        "table": _table(prepared, served, naive2),
        "weights": dict(served.weights),
        "sentence": f"Past windows alone say: {served.contest.sentence}" if prepared.serve == AUTO else "",
        "windows": {"validation": served.contest.windows, "test": prepared.ends.tests},
        "examples": examples(prepared, served.last, level),
        "by_step": by_step(served),
        "anomalies": anomalies,
        "anomalies_told": told,
        "calibration": _calibration(served),
        "stationary": prepared.series.stationary,
        "stationary_told": [] if prepared.chains is None else list(prepared.chains.notes),
    }


def _table(prepared: ForecastPrepared, served: Served, naive2: Scored | None) -> list[dict[str, Any]]:
    """One row a forecaster, best on past windows first: its figures there, and on the windows that chose nothing."""
    apart = differences(served.contest.metric, served.shown, naive2, prepared.recipe.seed)
    past = {row.name: row.to_json() for row in served.contest.table}
    order = [*past, *(one.name for one in served.shown if one.name not in past)]
    shown = {one.name: one for one in served.shown}
    rows = []
    for name in order:
        one, found = shown[name], past.get(name, {"metrics": {}, "intervals": {}, "seconds": None, "notes": []})
        difference = apart.get(name)
        test = {
            "metrics": one.evaluation.metrics,
            "intervals": {key: list(pair) for key, pair in one.evaluation.intervals.items()},
            "forecasts": len(one.scored.y),
        }
        if difference is not None and not one.served:
            low, high = (float(side) if np.isfinite(side) else None for side in (difference.low, difference.high))
            test["behind"] = {"value": difference.value, "low": low, "high": high}
        kind = "network" if one.network else "ensemble" if name == ENSEMBLE else "method"
        rows.append({**_finite(found), "name": name, "title": one.title, "kind": kind, "served": one.served,
                     "share": served.weights.get(name, 0.0), "seconds": one.seconds, "test": test})  # fmt: skip
    return rows


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """Without the infinite bounds of a difference that has none: JSON has no others than finite numbers."""
    behind = row.get("behind")
    if behind is None:
        return row
    return {**row, "behind": {key: value if np.isfinite(value) else None for key, value in behind.items()}}


def by_step(served: Served) -> dict[str, Any]:
    """{"metric": "mase" or "mae", "steps": [1 ...], name: [error at each step ahead, over all windows]}."""
    scale = served.last.scale
    metric = "mase" if np.isfinite(scale).any() else "mae"
    found: dict[str, Any] = {"metric": metric, "steps": list(range(1, served.last.y.shape[1] + 1))}
    for one in served.shown:
        unit = one.scored.scale[:, None] if metric == "mase" else 1.0
        errors = np.abs(one.scored.y - one.scored.mean) / unit
        known = np.isfinite(errors)
        total = np.where(known, errors, 0.0).sum(axis=0)
        found[one.name] = [
            float(value / count) if count else None for value, count in zip(total, known.sum(axis=0), strict=True)
        ]
    return found


def examples(prepared: ForecastPrepared, last: Scored, level: float | None) -> list[dict[str, Any]]:
    """The newest window of some series, from the one forecast best to the one forecast worst."""
    newest = np.array([last.origin[last.series == row].max() for row in last.series])
    rows = np.flatnonzero(last.origin == newest)
    if len(rows) > MOST_EXAMPLES:
        with np.errstate(invalid="ignore", divide="ignore"):
            errors = np.nan_to_num(np.nanmean(np.abs(last.y - last.mean), axis=1)[rows] / last.scale[rows])
        order = rows[np.argsort(errors, kind="stable")]
        rows = order[np.linspace(0, len(order) - 1, MOST_EXAMPLES).astype(int)]
    return [_example(prepared, last, int(row), level) for row in rows]


def _example(prepared: ForecastPrepared, last: Scored, row: int, level: float | None) -> dict[str, Any]:
    panel = prepared.panel
    place, target = divmod(int(last.series[row]), panel.targets)
    end, horizon = int(last.origin[row]), last.y.shape[1]
    begin = max(0, end - max(_PAST * horizon, _SEASONS * panel.season, 12))
    return {
        "id": panel.ids[place],
        "variable": panel.variables[target],
        "times_past": stamp_text(panel.times[place][begin:end], panel.zone),
        "past": panel.series(place, target)[begin:end].tolist(),
        "times": stamp_text(panel.times[place][end : end + horizon], panel.zone),
        "truth": [float(value) if np.isfinite(value) else None for value in last.y[row]],
        "mean": last.mean[row].tolist(),
        "level": level,
        "lower": None if level is None else last.lower[level][row].tolist(),
        "upper": None if level is None else last.upper[level][row].tolist(),
    }


def odd_values(prepared: ForecastPrepared, last: Scored) -> tuple[list[dict[str, Any]], str]:
    """(values outside of the widest interval that was forecast for them, farthest first; a sentence)."""
    panel = prepared.panel
    if not last.lower:
        return [], ""
    level = max(last.lower)
    found = flag(last.y, last.lower[level], last.upper[level], level)
    places = np.argwhere(found.outside)
    order = np.argsort(-found.distance[found.outside], kind="stable")[:MOST_ANOMALIES]
    rows = []
    for row, step in places[order]:
        place, target = divmod(int(last.series[row]), panel.targets)
        distance = float(found.distance[row, step])
        rows.append(
            {
                "id": panel.ids[place],
                "variable": panel.variables[target],
                "time": stamp_text(panel.times[place][[int(last.origin[row]) + int(step)]], panel.zone)[0],
                "value": float(last.y[row, step]),
                "lower": float(last.lower[level][row, step]),
                "upper": float(last.upper[level][row, step]),
                "distance": distance if np.isfinite(distance) else None,
            }
        )
    return rows, f"{found.sentence} (intervals of {100 * level:g} %)"


def _calibration(served: Served) -> dict[str, Any]:
    """How wide the intervals are made, and what share of the final figures' values they hold."""
    found = {
        f"{level:g}": float(served.itself.evaluation.metrics[f"coverage_{100 * level:g}"])
        for level in served.last.lower
        if f"coverage_{100 * level:g}" in served.itself.evaluation.metrics
    }
    if served.calibration is None:
        return {"kind": "none", "rows": 0, "coverage": found, "notes": []}
    one = served.calibration
    return {"kind": one.scale, "rows": one.rows, "coverage": found, "notes": list(one.notes)}
