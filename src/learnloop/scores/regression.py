"""Metrics of predicted numbers. Several targets: the plain mean of their metrics, scikit-learn's default."""

from __future__ import annotations

from typing import Any

import numpy as np


def target_metrics(y: np.ndarray, predictions: np.ndarray) -> dict[str, np.ndarray]:
    """For each target, [t]; y, predictions [n, t] in the target's unit.

    mse = mean (y - p)^2, rmse = sqrt(mse), mae = mean |y - p|, median_absolute_error = median |y - p|,
    r2 = 1 - sum (y - p)^2 / sum (y - mean y)^2, NaN where y does not vary.
    """
    error = y - predictions
    mse = (error**2).mean(axis=0)
    spread = ((y - y.mean(axis=0)) ** 2).mean(axis=0)
    return {
        "mse": mse,
        "rmse": np.sqrt(mse),
        "mae": np.abs(error).mean(axis=0),
        "median_absolute_error": np.median(np.abs(error), axis=0),
        "r2": explained(mse, spread),
    }


def explained(mse: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """`1 - mse / variance`, NaN where the variance is 0."""
    return 1 - np.divide(mse, spread, out=np.full(np.shape(mse), np.nan), where=spread > 0)


def squared_terms(y: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """Columns whose means give mse, mae and r2 of a resample: e^2, |e|, y - mean, (y - mean)^2; [n, 4 t]."""
    error, centred = y - predictions, y - y.mean(axis=0)
    return np.concatenate([error**2, np.abs(error), centred, centred**2], axis=1)


def metrics_of_means(means: np.ndarray) -> dict[str, np.ndarray]:
    """mse, rmse, mae, r2 of resamples, each [b], from the means [b, 4 t] of `squared_terms`."""
    mse, mae, first, second = np.split(means, 4, axis=1)
    mse = np.maximum(mse, 0)
    spread = second - first**2
    return {
        "mse": mse.mean(axis=1),
        "rmse": np.sqrt(mse).mean(axis=1),
        "mae": mae.mean(axis=1),
        "r2": explained(mse, spread).mean(axis=1),
    }


def resampled_medians(values: np.ndarray, rng: np.random.Generator, resamples: int) -> np.ndarray:
    """Medians of bootstrap resamples of `values` [n] without resampling, exact in distribution: [b].

    The k-th smallest of n uniform draws is Beta(k, n - k + 1), and a resample's k-th smallest value is the
    sorted value at position floor(n U_(k)); for even n the two middle ones are drawn jointly: U_(k) =
    U_(k+1) Beta(k, 1). Source: David and Nagaraja, Order Statistics, 2003, section 2.
    """
    ordered, n = np.sort(values), len(values)
    k = n // 2 + 1  # 1-based position of the (upper) median
    upper = rng.beta(k, n - k + 1, size=resamples)
    high = ordered[np.minimum((upper * n).astype(np.int64), n - 1)]
    if n % 2:
        return high
    lower = upper * rng.beta(k - 1, 1, size=resamples)
    return (high + ordered[np.minimum((lower * n).astype(np.int64), n - 1)]) / 2


def residual_summary(
    y: np.ndarray, predictions: np.ndarray, rng: np.random.Generator, bins: int = 40, most: int = 500
) -> dict[str, Any]:
    """One target: histogram of `y - p` over its central 99 %, a sample of (truth, prediction), quantiles of
    the error.

    y, predictions [n]. Returns `{"histogram": {edges, counts, outside}, "sample": {truth, prediction},
    "bias", "quantiles": {"0.05": .., "0.5": .., "0.95": ..}}`; all in the target's unit.
    """
    error = y - predictions
    low, high = np.quantile(error, [0.005, 0.995]) if len(error) > 200 else (error.min(), error.max())
    if low == high:
        low, high = low - 0.5, high + 0.5
    if not high - low > abs(high) * 1e-9:  # too close to be cut in bins
        low, high = low - abs(low) * 1e-6, high + abs(high) * 1e-6
    bins = min(bins, max(5, int(2 * len(error) ** 0.5)))
    counts, edges = np.histogram(error, bins=bins, range=(low, high))
    shown = np.sort(rng.choice(len(y), most, replace=False)) if len(y) > most else np.arange(len(y))
    return {
        "histogram": {
            "edges": short(edges),
            "counts": [int(count) for count in counts],
            "outside": int(len(error) - counts.sum()),
        },
        "sample": {"truth": short(y[shown]), "prediction": short(predictions[shown])},
        "bias": float(error.mean()),
        "quantiles": {str(q): float(np.quantile(error, q)) for q in (0.05, 0.5, 0.95)},
    }


def short(values: np.ndarray) -> list[float]:
    """Seven significant digits are enough to draw."""
    return [float(f"{value:.7g}") for value in values]
