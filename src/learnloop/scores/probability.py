"""Metrics of the probabilities themselves: log loss, Brier score, calibration."""

from __future__ import annotations

import numpy as np

BINS = 15
"""Number of equal-width bins of the expected calibration error, as in Guo et al. 2017, section 2."""


def log_losses(y: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """`-ln p[i, y_i]`, in nats, [n]. Probabilities are clipped at float64's epsilon, as scikit-learn does."""
    truth = probabilities[np.arange(len(y)), y].astype(np.float64)
    epsilon = np.finfo(np.float64).eps
    return -np.log(np.clip(truth, epsilon, 1 - epsilon))


def brier_terms(y: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Two classes: `(p_i1 - y_i)^2`, in 0..1. More: `sum_k (p_ik - [y_i = k])^2`, in 0..2 (Brier 1950)."""
    p = probabilities.astype(np.float64)
    if p.shape[1] == 2:
        return (p[:, 1] - y) ** 2
    return (p**2).sum(axis=1) - 2 * p[np.arange(len(y)), y] + 1


def binary_log_losses(y: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Mean over labels of `-[y ln p + (1 - y) ln (1 - p)]`, [n]. y, probabilities [n, labels]."""
    epsilon = np.finfo(np.float64).eps
    p = np.clip(probabilities.astype(np.float64), epsilon, 1 - epsilon)
    return -np.where(y == 1, np.log(p), np.log1p(-p)).mean(axis=1)


def bins_of(confidence: np.ndarray, bins: int = BINS) -> np.ndarray:
    """The bin of each value of 0..1, bins of equal width closed on the right: (0, 1/15], (1/15, 2/15], ...
    [n]"""
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)


def calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> float:
    """`ECE = sum_b (n_b / n) |accuracy_b - confidence_b|` over 15 equal-width bins of the top probability.

    confidence [n]: probability of the predicted class. right bool [n]. Source: Guo et al., On Calibration of
    Modern Neural Networks, 2017, equation 3. For two classes the predicted class is used too, so confidence
    is 0.5 or more.
    """
    gap = np.bincount(bins_of(confidence, bins), weights=confidence - right, minlength=bins)
    return float(np.abs(gap).sum() / len(confidence))


def reliability(probability: np.ndarray, happened: np.ndarray, bins: int = BINS) -> dict[str, list[float]]:
    """The calibration curve: mean probability said, share that happened, and rows, in each bin that has
    rows."""
    position = bins_of(probability, bins)
    rows = np.bincount(position, minlength=bins)
    some = rows > 0
    said = np.bincount(position, weights=probability, minlength=bins)[some] / rows[some]
    share = np.bincount(position, weights=happened, minlength=bins)[some] / rows[some]
    return {
        "predicted": [round(float(value), 6) for value in said],
        "observed": [round(float(value), 6) for value in share],
        "rows": [int(value) for value in rows[some]],
    }
