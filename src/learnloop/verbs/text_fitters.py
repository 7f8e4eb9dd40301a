"""Linear models of texts, from token codes alone: TF-IDF with logistic regression, and NB-SVM."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from learnloop.contracts import TOKENS

Inputs = Mapping[str, np.ndarray]
Predict = Callable[[Inputs], np.ndarray]
Check = Callable[[], None]
Scores = Callable[[Any], np.ndarray]
"""Sparse features [n, columns] -> probabilities of the second class [n]."""

MOST_COLUMNS = 3_000_000
TFIDF_C, NBSVM_C = 5.0, 0.3
"""Inverse penalties: near the best on sentence polarity, SMS spam and IMDB alike, and the figures are flat there."""
_MOST_CODES = 1 << 21
"""Three codes below this make one int64."""


@dataclass(frozen=True)
class Grams:
    """Columns of a bag of n-grams: their keys, those of words first."""

    longest: int
    base: int
    keys: pd.Index

    @classmethod
    def of(cls, tokens: np.ndarray, longest: int, check: Check) -> Grams:
        """Learnt from the codes [n, time] of training texts; of n-grams longer than a word those that come once are
        left out: they say something of one text alone."""
        base = int(tokens.max(initial=1)) + 2  # base - 1 stands for all codes that training never had
        longest = longest if base <= _MOST_CODES else min(longest, 2)
        kept = []
        for size in range(1, longest + 1):
            check()
            keys, counts = np.unique(_grams(tokens, size, base)[1], return_counts=True)
            kept.append(keys if size == 1 else keys[counts > 1])
        return cls(
            longest, base, pd.Index(np.concatenate(kept)[:MOST_COLUMNS])
        )  # the longest go where all are too many

    def count(self, tokens: np.ndarray) -> Any:
        """How often each n-gram comes in each text: scipy.sparse.csr_array [n, columns]."""
        from scipy import sparse

        rows, columns = [], []
        for size in range(1, self.longest + 1):
            row, key = _grams(np.minimum(tokens, self.base - 1), size, self.base)
            place = self.keys.get_indexer(pd.Index(key))  # by hash: three times as fast as a search in sorted keys
            met = place >= 0
            rows.append(row[met])
            columns.append(place[met])
        row, column = np.concatenate(rows), np.concatenate(columns)
        shape = (len(tokens), len(self.keys))
        return sparse.coo_array((np.ones(len(row)), (row, column)), shape=shape).tocsr()  # duplicates are added


def _grams(tokens: np.ndarray, size: int, base: int) -> tuple[np.ndarray, np.ndarray]:
    """(row, key) of every run of `size` tokens; key = sum over i of code_i base^(size-1-i) + the keys of shorter ones,
    which are below base^(size-1) (a code is at least 1)."""
    time = tokens.shape[1] - size + 1
    if time < 1:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    rows, places = np.nonzero(tokens[:, size - 1 :])  # no padding stands before a token
    key = np.zeros(len(rows), np.int64)
    for step in range(size):
        key = key * base + tokens[rows, places + step]
    return rows, key


def tfidf(inputs: Inputs, y: np.ndarray, task: str, outputs: int, seed: int, check: Check) -> tuple[str, Predict, str]:
    """Logistic or ridge regression on (1 + ln count) ln((1 + n) / (1 + texts with it)) + 1 of uni- and bigrams, each
    text divided by its length."""
    grams = Grams.of(inputs[TOKENS], 2, check)
    counts = grams.count(inputs[TOKENS])
    texts = np.bincount(counts.indices, minlength=counts.shape[1])
    idf = np.log((1 + len(y)) / (1 + texts)) + 1

    def encode(counted: Any) -> Any:
        weighted = counted.copy()
        weighted.data = (1 + np.log(counted.data)) * idf[counted.indices]
        return _unit_rows(weighted)

    x = encode(counts)
    if task == "regress":
        from sklearn.linear_model import Ridge

        centre, scale = y.mean(axis=0), np.where(y.std(axis=0) > 1e-12, y.std(axis=0), 1.0)
        ridge = Ridge(alpha=1.0, solver="sparse_cg").fit(x, (y - centre) / scale)
        answer = lambda given: ridge.predict(encode(grams.count(given[TOKENS]))).reshape(-1, outputs)  # noqa: E731
        return "TF-IDF and ridge regression", lambda given: answer(given) * scale + centre, ""
    scores = [_logistic(x, column, TFIDF_C, seed, check) for column in _columns(y, task, outputs)]
    return (
        "TF-IDF and logistic regression",
        lambda given: _joined(scores, encode(grams.count(given[TOKENS])), task),
        "",
    )


def nbsvm(inputs: Inputs, y: np.ndarray, task: str, outputs: int, seed: int, check: Check) -> tuple[str, Predict, str]:
    """Logistic regression on r * [n-gram is there], r = ln((1 + p) / |1 + p|) - ln((1 + q) / |1 + q|) with p and q the
    texts of a class and of the others that have the n-gram; words, pairs and triples.

    Source: Wang and Manning 2012, section 2.1 (with a logistic loss in place of the hinge, for probabilities).
    """
    grams = Grams.of(inputs[TOKENS], 3, check)
    x = _there(grams.count(inputs[TOKENS]))
    scores = []
    for column in _columns(y, task, outputs):
        check()
        ratio = _log_ratio(x, column)
        scores.append(_weighted(_logistic(x.multiply(ratio).tocsr(), column, NBSVM_C, seed, check), ratio))
    return "NB-SVM", lambda given: _joined(scores, _there(grams.count(given[TOKENS])), task), ""


def _weighted(scores: Scores, ratio: np.ndarray) -> Scores:
    return lambda x: scores(x.multiply(ratio).tocsr())


def _log_ratio(x: Any, y: np.ndarray) -> np.ndarray:
    """[columns]"""
    inside = 1 + np.asarray(x[y == 1].sum(axis=0)).ravel()
    outside = 1 + np.asarray(x[y == 0].sum(axis=0)).ravel()
    ratio: np.ndarray = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
    return ratio


def _there(counts: Any) -> Any:
    counts.data = np.ones_like(counts.data)
    return counts


def _unit_rows(x: Any) -> Any:
    norm = np.sqrt(np.bincount(np.repeat(np.arange(x.shape[0]), np.diff(x.indptr)), x.data**2, minlength=x.shape[0]))
    x.data /= np.repeat(np.where(norm > 0, norm, 1.0), np.diff(x.indptr))
    return x


def _columns(y: np.ndarray, task: str, outputs: int) -> list[np.ndarray]:
    """0/1 [n] each: the labels, the second of two classes, or each class against the others."""
    if task == "labels":
        return list(y.T)
    if outputs == 2:
        return [(y == 1).astype(np.int64)]
    return [(y == place).astype(np.int64) for place in range(outputs)]


def _logistic(x: Any, y: np.ndarray, inverse_penalty: float, seed: int, check: Check) -> Scores:
    check()
    if len(np.unique(y)) < 2:
        share = float(y.mean())
        return lambda given: np.full(given.shape[0], share)
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=inverse_penalty, solver="liblinear", random_state=seed, dual=True, max_iter=300)
    model.fit(_as_matrix(x), y)
    return lambda given: model.predict_proba(_as_matrix(given))[:, 1]  # type: ignore[no-any-return]


def _as_matrix(x: Any) -> Any:
    """liblinear wants 32-bit indices."""
    x.indices, x.indptr = x.indices.astype(np.int32), x.indptr.astype(np.int32)
    return x


def _joined(scores: list[Scores], x: Any, task: str) -> np.ndarray:
    """[n, classes or labels]; of more than two classes each one's share of all."""
    each = np.stack([score(x) for score in scores], axis=1)
    if task == "labels":
        return each
    if len(scores) == 1:
        return np.concatenate([1 - each, each], axis=1)
    whole: np.ndarray = each / np.maximum(each.sum(axis=1, keepdims=True), 1e-12)
    return whole
