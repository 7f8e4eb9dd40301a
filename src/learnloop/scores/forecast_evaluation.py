"""`evaluate_forecasts`: the metrics of a panel with bootstrap intervals; `paired`: which of two forecasters is better.

Windows of one series hang together, so whole series are resampled (a cluster bootstrap: Davison and Hinkley, Bootstrap
Methods and their Application, 1997, section 3.8); of a single series the origins are. Origins that lie closer than the
horizon share true values: with few of them, intervals are too narrow rather than too wide, and a note says so.
"""

from __future__ import annotations

import numpy as np

from learnloop.scores.bootstrap import interval, resampled_means
from learnloop.scores.evaluation import Evaluation
from learnloop.scores.forecasts import Scored, check_metric, owa, terms
from learnloop.scores.paired import Difference
from learnloop.seeds import numpy_stream

_PARTIAL = {
    "mae": "nothing was measured there",
    "mape": "a true value is zero",
    "mase": "the series never changed before its origin",
}
"""Metrics that some rows do not have, and why."""
_BASE = "naive2 "
"""Before the names of the terms of Naive2."""


def evaluate_forecasts(scored: Scored, naive2: Scored | None = None, seed: int = 0) -> Evaluation:
    """mae, rmse, mape, smape, mase and, of each interval, coverage, width and msis; owa where `naive2` is given.

    Means over forecasts, each the mean over its horizon; rmse is the root of the mean of squares over all. width, msis
    and pinball are in units of the scale of MASE. A metric without a single row that has it is absent and noted.
    naive2: the forecasts of Naive2 for the same rows.
    """
    columns, notes = _defined(terms(scored))
    if naive2 is not None:
        base, _ = _defined({name: terms(naive2)[name] for name in ("smape", "mase")})
        columns |= {f"{_BASE}{name}": values for name, values in base.items()}
    sums, counts = _by_group(scored.groups(), columns)
    point = {name: values.sum(keepdims=True) / counts[name].sum() for name, values in sums.items()}
    drawn = _finished(_drawn(sums, counts, numpy_stream(seed, "scores", "forecasts")))
    metrics = {name: float(values[0]) for name, values in _finished(point).items()}
    groups = len(next(iter(sums.values())))
    pairs = {name: interval(values) for name, values in drawn.items()} if groups > 1 else {}
    intervals = {name: pair for name, pair in pairs.items() if pair is not None and pair[1] > pair[0]}
    notes += _few(scored, groups)
    return Evaluation("forecast", len(scored.y), metrics, intervals, notes=notes)


def paired(metric: str, a: Scored, b: Scored, naive2: Scored | None = None, seed: int = 0) -> Difference:
    """`metric(a) - metric(b)` on the same rows with its 95 % interval; below zero a is better. One group: no bounds.

    naive2: needed by owa. Raises RecipeError for an unknown metric, and for mape where a true value is zero.
    """
    check_metric(metric, a)
    value, drawn = _difference(metric, a, b, naive2, numpy_stream(seed, "scores", "forecasts", "paired"))
    pair = interval(drawn) if len(np.unique(a.groups())) > 1 else None
    low, high = pair if pair is not None else (-np.inf, np.inf)
    return Difference(metric, value, low, high)


def metric_of(metric: str, scored: Scored, naive2: Scored | None = None) -> float:
    """One metric over all rows."""
    found = terms(scored)
    if metric == "rmse":
        return float(np.sqrt(_mean(found["mse"])))
    if metric == "owa":
        assert naive2 is not None
        base = terms(naive2)
        return owa(*(_mean(column) for column in (found["smape"], found["mase"], base["smape"], base["mase"])))
    return _mean(found[metric])


def _difference(
    metric: str, a: Scored, b: Scored, naive2: Scored | None, rng: np.random.Generator
) -> tuple[float, np.ndarray]:
    needed = {"rmse": ("mse",), "owa": ("smape", "mase")}.get(metric, (metric,))
    columns: dict[str, np.ndarray] = {}
    for side, scored in (("a", a), ("b", b), ("n", naive2)):
        if scored is not None:
            found = terms(scored)
            columns |= {f"{side} {name}": found[name] for name in needed}
    sums, counts = _by_group(a.groups(), columns)
    drawn = _drawn(sums, counts, rng)
    point = {name: values.sum(keepdims=True) / counts[name].sum() for name, values in sums.items()}
    return float(_minus(metric, point)[0]), _minus(metric, drawn)


def _minus(metric: str, means: dict[str, np.ndarray]) -> np.ndarray:
    """a's metric minus b's [b] from the means of their terms."""
    if metric == "rmse":
        return np.sqrt(means["a mse"]) - np.sqrt(means["b mse"])
    if metric == "owa":
        parts = [(means[f"a {name}"] - means[f"b {name}"]) / means[f"n {name}"] for name in ("smape", "mase")]
        return (parts[0] + parts[1]) / 2
    return means[f"a {metric}"] - means[f"b {metric}"]


def _finished(means: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Metrics [b] from the means of their terms: rmse from mse, owa where the terms of Naive2 are there."""
    found = {name: values for name, values in means.items() if name != "mse" and not name.startswith(_BASE)}
    found["rmse"] = np.sqrt(means["mse"])
    needed = [f"{_BASE}{name}" for name in ("smape", "mase")]
    if all(name in means and (means[name] > 0).all() for name in needed):
        found["owa"] = (means["smape"] / means[needed[0]] + means["mase"] / means[needed[1]]) / 2
    return found


def _defined(found: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[str]]:
    """The metrics that some row has, and a note for each that not all have."""
    notes = []
    for name, values in found.items():
        missing = int(np.isnan(values).sum())
        if missing and name in _PARTIAL:
            left = len(values) - missing
            rest = f"it is the mean of the other {left}" if left else "it is left out"
            notes.append(f"{name} is undefined in {missing} of {len(values)} forecasts ({_PARTIAL[name]}): {rest}.")
    return {name: values for name, values in found.items() if not np.isnan(values).all()}, notes


def _by_group(
    groups: np.ndarray, columns: dict[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Sums and counts of the defined terms of each group, {name: [groups]} each."""
    _, place = np.unique(groups, return_inverse=True)
    known = {name: np.isfinite(values) for name, values in columns.items()}
    counts = {name: np.bincount(place, weights=mask.astype(np.float64)) for name, mask in known.items()}
    sums = {name: np.bincount(place, weights=np.where(known[name], columns[name], 0.0)) for name in columns}
    return sums, counts


def _drawn(
    sums: dict[str, np.ndarray], counts: dict[str, np.ndarray], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Each metric over resamples of the groups {name: [b]}: resampled sums over resampled counts."""
    names = list(sums)
    stack = np.stack([sums[name] for name in names] + [counts[name] for name in names], axis=1)  # [groups, 2 names]
    means = resampled_means(stack, rng)  # [b, 2 names]
    total, count = means[:, : len(names)], means[:, len(names) :]
    ratio = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return {name: ratio[:, place] for place, name in enumerate(names)}


def _few(scored: Scored, groups: int) -> list[str]:
    if groups == 1:
        return ["One series from one origin: there is no interval, the next window may look different."]
    single = len(np.unique(scored.series)) == 1
    overlap = single and bool((np.diff(np.unique(scored.origin)) < scored.y.shape[1]).any())
    if not single or (groups >= 20 and not overlap):
        return []
    why = "that overlap" if overlap else "of one series"
    return [f"The intervals come from {groups} windows {why}: take them as a lower bound of what is unsure."]


def _mean(values: np.ndarray) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")
