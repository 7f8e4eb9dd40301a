"""Baselines of series: models of tables on a few figures of each series, and of every step on the last steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from learnloop.contracts import LENGTH, Batch, X
from learnloop.scores.steps import evaluate_steps
from learnloop.verbs.baselines import CONSTANT, Baseline, baselines

SUMMARY = "mean, deviation, smallest, largest, first and last value and mean change of each feature, and the length"
NOTE = f"Sees of each series: {SUMMARY}"
_MOST_VALUES = 400
"""Values of a series that are all given to the models beside its summary, where all have one length."""
LAGS = 10
_RIDGE = 1e-3
"""Penalty of the regression on lags, as a share of the mean of the diagonal of the Gram matrix."""

Parts = Mapping[str, tuple[Batch, np.ndarray]]


def series_baselines(
    train: Batch,
    y: np.ndarray,
    parts: Parts,
    kind: str,
    names: Sequence[str],
    *,
    seed: int,
    budget_s: float,
    say: Callable[[str], None],
) -> list[Baseline]:
    """As `baselines.baselines`, for inputs `x` [rows, time, features] and `length` [rows].

    kind "steps" is learnt from the last LAGS steps by ridge regression, beside the mean; every other kind from
    summaries. parts: name -> (inputs, answers).
    """
    if kind == "steps":
        return _of_steps(train, y, parts, names, seed)
    whole = bool((train[LENGTH] == train[LENGTH].max()).all()) and train[X][0].numel() <= _MOST_VALUES
    time_steps = train[X].shape[1] if whole else 0
    found = baselines(
        summaries(train, time_steps),
        y,
        {name: (summaries(given, time_steps), answers) for name, (given, answers) in parts.items()},
        kind,
        names,
        seed=seed,
        budget_s=budget_s,
        say=say,
    )
    note = NOTE + (", and all of its values." if whole else ".")
    return [
        rival if rival.name in CONSTANT else replace(rival, note=" ".join([note, rival.note]).strip())
        for rival in found
    ]


def summaries(batch: Batch, steps: int = 0) -> dict[str, np.ndarray]:
    """`x` float32 [rows, 7 features + 1]: SUMMARY. steps: that many values of each series beside them."""
    x, length = batch[X].numpy(), batch[LENGTH].numpy()
    inside = (np.arange(x.shape[1])[None, :] < length[:, None])[..., None]  # [rows, time, 1]
    count = length[:, None].astype(np.float64)
    mean = (x * inside).sum(1) / count
    deviation = np.sqrt((np.square(x - mean[:, None]) * inside).sum(1) / count)
    low, high = np.where(inside, x, np.inf).min(1), np.where(inside, x, -np.inf).max(1)
    first, last = x[:, 0], x[np.arange(len(x)), length - 1]
    change = (np.abs(np.diff(x, axis=1)) * inside[:, 1:]).sum(1) / np.maximum(count - 1, 1)
    columns = [mean, deviation, low, high, first, last, change, count]
    if steps:
        columns.append(_cut(x, steps).reshape(len(x), -1))
    return {X: np.concatenate(columns, axis=1).astype(np.float32)}


def _cut(x: np.ndarray, steps: int) -> np.ndarray:
    """[rows, time, features] -> [rows, steps, features]: cut, or 0 behind the end."""
    return np.pad(x[:, :steps], ((0, 0), (0, max(0, steps - x.shape[1])), (0, 0)))


# --- every step ---------------------------------------------------------------------------------------------------


def _of_steps(train: Batch, y: np.ndarray, parts: Parts, names: Sequence[str], seed: int) -> list[Baseline]:
    """The mean, and y_t = w . (x_t, x_t-1, ..., x_t-LAGS+1) + b by ridge regression."""
    known = ~np.isnan(y).any(2)  # [rows, time]
    mean = y[known].mean(0)  # [targets]

    def constant(given: Batch, answers: np.ndarray) -> np.ndarray:
        return np.broadcast_to(mean, answers.shape)

    found = [_measured("mean", "The mean", constant, parts, names, seed, time.perf_counter(), "")]
    began = time.perf_counter()
    weights = _ridge(lagged(train[X].numpy())[:, : y.shape[1]][known], y[known] - mean)

    def line(given: Batch, answers: np.ndarray) -> np.ndarray:
        return lagged(given[X].numpy())[:, : answers.shape[1]] @ weights + mean

    title = f"Ridge regression on the last {LAGS} steps"
    return [*found, _measured("linear", title, line, parts, names, seed, began, "")]


def lagged(x: np.ndarray) -> np.ndarray:
    """(x_t, x_t-1, ..., x_t-LAGS+1, 1), zeros before the first step: [rows, time, LAGS features + 1]."""
    late = [np.pad(x, ((0, 0), (lag, 0), (0, 0)))[:, : x.shape[1]] for lag in range(LAGS)]
    return np.concatenate([*late, np.ones((*x.shape[:2], 1), x.dtype)], axis=2).astype(np.float64)


def _ridge(features: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """(A^T A + a I)^-1 A^T y, float64 [features, targets]."""
    gram = features.T @ features
    penalty = _RIDGE * float(np.trace(gram)) / len(gram)
    solved: np.ndarray = np.linalg.solve(gram + penalty * np.eye(len(gram)), features.T @ answers)
    return solved


def _measured(
    name: str,
    title: str,
    predict: Callable[[Batch, np.ndarray], np.ndarray],
    parts: Parts,
    names: Sequence[str],
    seed: int,
    began: float,
    note: str,
) -> Baseline:
    evaluations = {
        part: evaluate_steps(answers, _wide(predict(given, answers), answers), names, seed)
        for part, (given, answers) in parts.items()
    }
    # Predictions at every step are not kept: the verdict compares the intervals.
    return Baseline(name, title, evaluations, {}, time.perf_counter() - began, note)


def _wide(predictions: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """As many steps as there are answers: those behind the end have none to be compared with."""
    missing = answers.shape[1] - predictions.shape[1]
    return np.pad(predictions, ((0, 0), (0, max(0, missing)), (0, 0)), constant_values=np.nan)
