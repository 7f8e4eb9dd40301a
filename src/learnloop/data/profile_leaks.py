"""What each column predicts of the target by itself: the one that predicts it all is probably its
consequence.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from learnloop.data.dataset import Dataset
from learnloop.data.profile_fields import numeric
from learnloop.data.schema import Field

_FOLDS = 5
_BINS = 64
_MOST_CLASSES = 100
_MOST_COLUMNS = 1000
_SCREEN = 0.8
_MOST_TREES = 12
LIMITS = {"roc_auc": 0.99, "balanced_accuracy": 0.98, "r2": 0.98}
"""From these scores on a column is reported as a leak. Honest columns come close: petal width tells iris at
0.95.
"""


def alone(dataset: Dataset, sample: np.ndarray, rng: np.random.Generator) -> list[dict[str, Any]]:
    """For each input column its cross-validated score in predicting the (one) target, the best first.

    score   roc_auc (two classes), balanced_accuracy (more) or r2 (numbers: the higher of that of the values and
            that of their ranks), 5-fold
    chance  what a column that says nothing scores
    method  "bins": the mean of the target in 64 quantile bins, or in each category; "tree": a decision tree
            of depth 4 to 8 (scikit-learn), for numbers and dates whose bins score 0.8 or more
    leaks   the score reaches LIMITS
    """
    targets = dataset.schema.targets
    if len(targets) != 1 or len(sample) < 4 * _FOLDS:
        return []
    y, measure = _target(targets[0], pd.Series(dataset.column(targets[0].name)).iloc[sample])
    if y is None:
        return []
    rows = np.flatnonzero(~np.isnan(y[:, 0]))
    fold = rng.permutation(len(rows)) % _FOLDS
    y = y[rows]
    chance = {"roc_auc": 0.5, "balanced_accuracy": 1 / max(2, y.shape[1]), "r2": 0.0}[measure]
    # One far value can decide R2 of the values; the ranks tell a column that gives the answer all the same.
    answers = [y, pd.Series(y[:, 0]).rank().to_numpy()[:, None]] if measure == "r2" else [y]
    found, trees = [], 0
    for field in dataset.schema.inputs[:_MOST_COLUMNS]:
        if field.kind not in ("number", "category", "boolean", "date"):
            continue
        series = pd.Series(dataset.column(field.name)).iloc[sample].iloc[rows]
        x = _ordered(field, series)
        codes = _codes(series, x)
        scores = [_score(answer, _by_bins(codes, answer, fold), fold, measure) for answer in answers]
        score, method = max(scores), "bins"
        y = answers[scores.index(score)]
        if x is not None and score >= _SCREEN and trees < _MOST_TREES:
            trees += 1
            score, method = max((score, method), (_score(y, _by_tree(x, y, fold, measure), fold, measure), "tree"))
        row = {"column": field.name, "target": targets[0].name, "measure": measure, "score": round(score, 4)}
        found.append({**row, "chance": chance, "method": method, "rows": len(rows), "leaks": score >= LIMITS[measure]})
    return sorted(found, key=lambda row: -row["score"])


def _target(field: Field, series: pd.Series) -> tuple[np.ndarray | None, str]:
    """y float64 [n, 1] (numbers) or one-hot [n, classes], NaN rows where missing; and the measure."""
    if field.kind == "number":
        numbers = numeric(series)
        if numbers is None or not np.isfinite(numbers).any():
            return None, ""
        y = np.where(np.isfinite(numbers), numbers, np.nan)[:, None]
        return (y, "r2") if np.nanstd(y) > 0 else (None, "")
    codes, classes = pd.factorize(series)
    if not 2 <= len(classes) <= _MOST_CLASSES:
        return None, ""
    y = np.eye(len(classes))[codes]
    y[codes < 0] = np.nan
    return y, "roc_auc" if len(classes) == 2 else "balanced_accuracy"


def _ordered(field: Field, series: pd.Series) -> np.ndarray | None:
    """Numbers and dates as float64; None for categories."""
    if field.kind == "date" and series.dtype.kind == "M":
        days = series.to_numpy().astype("datetime64[s]")
        return np.where(np.isnat(days), np.nan, days.astype(np.int64).astype(np.float64))
    return numeric(series) if field.kind == "number" else None


def _codes(series: pd.Series, x: np.ndarray | None) -> np.ndarray:
    """Bin of each row, 0 = missing."""
    if x is None:
        return pd.factorize(series)[0] + 1
    finite = x[np.isfinite(x)]
    edges = np.unique(np.quantile(finite, np.linspace(0, 1, _BINS + 1)[1:-1])) if len(finite) else np.zeros(0)
    return np.where(np.isnan(x), 0, np.searchsorted(edges, x, side="left") + 1)


def _by_bins(codes: np.ndarray, y: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Out-of-fold means of y in each bin, drawn to the overall mean with the weight of one row; [n,
    outputs].
    """
    bins = int(codes.max()) + 1
    predicted = np.empty_like(y)
    for held in range(_FOLDS):
        train, test = fold != held, fold == held
        count = np.bincount(codes[train], minlength=bins)[:, None]
        overall = y[train].mean(axis=0)
        total = np.stack([np.bincount(codes[train], column, bins) for column in y[train].T], axis=1)
        predicted[test] = ((total + overall) / (count + 1))[codes[test]]
    return predicted


def _by_tree(x: np.ndarray, y: np.ndarray, fold: np.ndarray, measure: str) -> np.ndarray:
    """Out-of-fold predictions of a shallow tree on one column; [n, outputs]."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    depth = 6 if measure == "r2" else min(8, 3 + int(np.ceil(np.log2(y.shape[1]))))
    predicted = np.zeros_like(y)
    for held in range(_FOLDS):
        train, test = fold != held, fold == held
        if measure == "r2":
            tree = DecisionTreeRegressor(max_depth=depth, min_samples_leaf=2, random_state=0)
            predicted[test, 0] = tree.fit(x[train, None], y[train, 0]).predict(x[test, None])
        else:
            tree = DecisionTreeClassifier(max_depth=depth, random_state=0)
            tree.fit(x[train, None], y[train].argmax(axis=1))
            predicted[np.ix_(test, tree.classes_)] = tree.predict_proba(x[test, None])
    return predicted


def _score(y: np.ndarray, predicted: np.ndarray, fold: np.ndarray, measure: str) -> float:
    if measure == "r2":
        return float(1 - np.square(y - predicted).sum() / np.square(y - y.mean()).sum())
    if measure == "roc_auc":
        # Fold by fold: each has an overall mean of its own, and ranks across folds would mix them.
        positive, ranked = y[:, 1] > 0.5, predicted[:, 1]
        return float(np.mean([_auc(positive[fold == held], ranked[fold == held]) for held in range(_FOLDS)]))
    actual, guess = y.argmax(axis=1), predicted.argmax(axis=1)
    hits = np.bincount(actual, guess == actual, y.shape[1])
    return float((hits / np.maximum(1, np.bincount(actual, minlength=y.shape[1]))).mean())


def _auc(positive: np.ndarray, score: np.ndarray) -> float:
    """P(score of a positive > score of a negative), ties counted half (Mann and Whitney 1947)."""
    ranks = pd.Series(score).rank().to_numpy()
    n, m = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m)) if n and m else 0.5
