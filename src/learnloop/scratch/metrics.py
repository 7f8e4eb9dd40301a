"""Metrics: what a classifier and a regression are judged by. (FID, for generated data, is in `frechet`.)

    accuracy  = (TP + TN) / (TP + TN + FP + FN)                          (75)
    precision = TP / (TP + FP)                                           (76)
    recall    = TP / (TP + FN)                                           (77)
    F1        = 2 precision recall / (precision + recall)                (78)
    ROC-AUC   = (sum of the positives' ranks - P (P + 1) / 2) / (P N)    P positives, N negatives; ties share their rank
              = how often a positive scores above a negative, ties counted half
    MSE  = 1/n sum_i (y_i - yhat_i)^2        RMSE = sqrt(MSE)            MAE = 1/n sum_i |y_i - yhat_i|
    R2   = 1 - sum_i (y_i - yhat_i)^2 / sum_i (y_i - mean(y))^2

| here            | scikit-learn (sklearn.metrics; PyTorch has none)         |
|-----------------|----------------------------------------------------------|
| Counts          | confusion_matrix: [[TN, FP], [FN, TP]]                   |
| recall          | recall_score; also called sensitivity, true positive rate|
| roc_curve       | roc_curve: the points, with drop_intermediate=False      |
| roc_auc         | roc_auc_score                                            |
| rmse            | root_mean_squared_error                                  |

y, yhat, score [n]; for the first four y and yhat are 0 or 1. Where nothing was predicted positive, precision is 0/0;
it is 0 here, as in scikit-learn, and so are recall without positives and F1 without either. ROC-AUC with one class
only and R2 of a constant y have no meaning: ValueError (scikit-learn answers with nan and a warning, or 0 or 1).

Source: guide 004, section 12.2, equations 75 to 78; guide 000, "Model Evaluation Metrics"; Hanley and McNeil 1982, The
Meaning and Use of the Area under a ROC Curve (the AUC as a rank statistic).
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]


class Counts(NamedTuple):
    """Predicted positive and right, predicted negative and right, predicted positive and wrong, ... and wrong."""

    TP: int
    TN: int
    FP: int
    FN: int


def counts(y: Array, yhat: Array) -> Counts:
    _same(y, yhat, "TP = sum_i [y_i = 1 and yhat_i = 1]")
    for name, values in (("y", y), ("yhat", yhat)):
        if not np.isin(values, (0, 1)).all():
            raise ValueError(f"TP = sum_i [y_i = 1 and yhat_i = 1]: {name} holds {np.unique(values)}; it takes 0 and 1")
    positive, predicted = y == 1, yhat == 1
    return Counts(
        TP=int((positive & predicted).sum()),
        TN=int((~positive & ~predicted).sum()),
        FP=int((~positive & predicted).sum()),
        FN=int((positive & ~predicted).sum()),
    )


def accuracy(c: Counts) -> float:
    return (c.TP + c.TN) / (c.TP + c.TN + c.FP + c.FN)


def precision(c: Counts) -> float:
    return c.TP / (c.TP + c.FP) if c.TP + c.FP else 0.0


def recall(c: Counts) -> float:
    return c.TP / (c.TP + c.FN) if c.TP + c.FN else 0.0


def f1(c: Counts) -> float:
    total = precision(c) + recall(c)
    return 2 * precision(c) * recall(c) / total if total else 0.0


def ranks(score: Array) -> Array:
    """[n]: 1 for the lowest score, n for the highest; equal scores get the mean of the places they fill."""
    _, group, size = np.unique(score, return_inverse=True, return_counts=True)
    last = np.cumsum(size)  # the last place of each group of equal scores
    middle: Array = last - (size - 1) / 2
    return middle[group]


def roc_auc(y: Array, score: Array) -> float:
    P, N = _classes(y, score)
    return float((ranks(score)[y == 1].sum() - P * (P + 1) / 2) / (P * N))


def roc_curve(y: Array, score: Array) -> tuple[Array, Array]:
    """(false positive rate, true positive rate), [k + 1]: "positive" means score >= one of the k scores, falling."""
    P, N = _classes(y, score)
    thresholds = np.unique(score)[::-1]  # [k]
    called = score[None, :] >= thresholds[:, None]  # [k, n]
    true_rate = np.concatenate([[0.0], (called & (y == 1)).sum(axis=1) / P])  # [k + 1]
    false_rate = np.concatenate([[0.0], (called & (y == 0)).sum(axis=1) / N])  # [k + 1]
    return false_rate, true_rate


def mse(y: Array, yhat: Array) -> float:
    _same(y, yhat, "MSE = 1/n sum_i (y_i - yhat_i)^2")
    return float(((y - yhat) ** 2).mean())


def rmse(y: Array, yhat: Array) -> float:
    """In the unit of y."""
    return float(np.sqrt(mse(y, yhat)))


def mae(y: Array, yhat: Array) -> float:
    _same(y, yhat, "MAE = 1/n sum_i |y_i - yhat_i|")
    return float(np.abs(y - yhat).mean())


def r2(y: Array, yhat: Array) -> float:
    """1: perfect. 0: as good as the mean of y. Below 0: worse than that."""
    _same(y, yhat, "R2 = 1 - sum (y - yhat)^2 / sum (y - mean(y))^2")
    spread = float(((y - y.mean()) ** 2).sum())
    if np.all(y == y[0]):
        raise ValueError("R2 = 1 - sum (y - yhat)^2 / sum (y - mean(y))^2: all y are equal, the lower sum is 0")
    return 1 - float(((y - yhat) ** 2).sum()) / spread


def _classes(y: Array, score: Array) -> tuple[int, int]:
    _same(y, score, "AUC = share of pairs with score(positive) > score(negative)", second="score")
    P, N = int((y == 1).sum()), int((y == 0).sum())
    if len(y) > P + N or P == 0 or N == 0:
        raise ValueError(f"AUC = U / (P N): y holds {np.unique(y)}; it takes 0 and 1, at least one of each")
    return P, N


def _same(y: Array, other: Array, equation: str, second: str = "yhat") -> None:
    if y.shape != other.shape or y.ndim != 1 or not len(y):
        raise ValueError(f"{equation}: y is {list(y.shape)}, {second} is {list(other.shape)}; both must be [n], n >= 1")


def example() -> dict[str, Array]:
    """Eight mails scored by a spam filter, called spam from 0.5 on; four predictions of a number."""
    y = np.array([1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0])
    score = np.array([0.9, 0.8, 0.7, 0.6, 0.6, 0.3, 0.2, 0.1])
    c = counts(y, (score >= 0.5).astype(float))
    target, guess = np.array([3.0, 5.0, 2.0, 6.0]), np.array([2.0, 5.0, 4.0, 7.0])
    classed = {"accuracy": accuracy(c), "precision": precision(c), "recall": recall(c), "f1": f1(c)}
    numbers = {
        "mse": mse(target, guess),
        "rmse": rmse(target, guess),
        "mae": mae(target, guess),
        "r2": r2(target, guess),
    }
    arrays = {"y": y, "score": score, "counts": np.array(c, float), "ranks": ranks(score)}
    singles = {**classed, "roc_auc": roc_auc(y, score), **numbers}
    return {**arrays, "target": target, "guess": guess, **{name: np.array(value) for name, value in singles.items()}}
