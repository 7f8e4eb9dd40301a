"""`evaluate_steps`: numbers at every step of many series against the true ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from learnloop.errors import DataError
from learnloop.scores.bootstrap import interval, resampled_means
from learnloop.scores.evaluation import Evaluation, evaluate_numbers
from learnloop.seeds import numpy_stream


def evaluate_steps(y: np.ndarray, predictions: np.ndarray, names: Sequence[str], seed: int = 0) -> Evaluation:
    """The figures of `evaluate_numbers` over all steps that have a target, with intervals of whole series.

    y            float [rows, time, targets] in the target's unit, NaN where there is none
    predictions  float [rows, longest, targets]; a step that was not predicted counts as missing
    names        of the targets
    mse = sum over rows and steps of (y - p)^2 / steps, rmse its root, mae likewise; several targets: the mean

    Steps of one series are not independent: the bootstrap draws whole series, since an interval that draws steps
    would be too narrow (Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8). It is given
    for mse, rmse and mae. Raises DataError where shapes do not fit, or where a step with a target was not predicted.
    """
    y, predictions = np.asarray(y, np.float64), np.asarray(predictions, np.float64)
    predictions = _as_wide(predictions, y)
    known = ~np.isnan(y).any(axis=2)  # [rows, time]
    if np.isnan(predictions[known]).any():
        row, step = (int(place) for place in np.argwhere(known & np.isnan(predictions).any(axis=2))[0])
        raise DataError(
            "predictions",
            "must have a value at every step that has a target",
            found=f"none in row {row}, step {step} (counted from 0)",
            cause="the target goes on where the series has ended",
        )
    found = evaluate_numbers(y[known], predictions[known], names, seed)
    error = np.where(known[..., None], predictions - y, 0.0)  # [rows, time, targets]
    terms = np.concatenate([known.sum(1)[:, None], np.square(error).sum(1), np.abs(error).sum(1)], axis=1)
    drawn = resampled_means(terms, numpy_stream(seed, "scores", "bootstrap"))  # [b, 1 + 2 targets]
    width = y.shape[2]
    steps, squares, amounts = drawn[:, :1], drawn[:, 1 : 1 + width], drawn[:, 1 + width :]
    values = {
        "mse": (squares / steps).mean(1),
        "rmse": np.sqrt(squares / steps).mean(1),
        "mae": (amounts / steps).mean(1),
    }
    pairs = {name: interval(value) for name, value in values.items()} if len(y) > 1 else {}
    kept = {name: pair for name, pair in pairs.items() if pair is not None and pair[1] > pair[0]}
    note = f"{int(known.sum()):,} steps of {len(y):,} series; the intervals draw whole series."
    return replace(found, rows=len(y), intervals=kept, notes=[note, *found.notes])


def _as_wide(predictions: np.ndarray, y: np.ndarray) -> np.ndarray:
    """[rows, longest, targets] -> [rows, time, targets]: NaN behind what was predicted."""
    if y.ndim != 3 or predictions.ndim != 3 or len(predictions) != len(y) or predictions.shape[2] != y.shape[2]:
        raise DataError(
            "predictions",
            "must be [rows, time, targets] like the targets",
            found=f"{list(predictions.shape)} for targets {list(y.shape)}",
        )
    wide = np.full(y.shape, np.nan)
    time = min(y.shape[1], predictions.shape[1])
    wide[:, :time] = predictions[:, :time]
    return wide
