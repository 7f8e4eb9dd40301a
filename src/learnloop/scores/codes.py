"""What codes are good for: groups that were found without labels, and rows that do not fit in."""

from __future__ import annotations

import math

import numpy as np

QUANTILE = 0.95
"""Share of held-out rows that a threshold lets pass."""


def clusters(codes: np.ndarray, count: int, seed: int, rows: int = 20_000) -> np.ndarray:
    """k-means of standardised codes: the cluster of each row, int64 [n].

    codes [n, k]. Centres are found from at most `rows` rows drawn by `seed`, ten starts. A code that never changes
    stays out. Raises ValueError for fewer rows than clusters.
    """
    from sklearn.cluster import KMeans

    if not 1 <= count <= len(codes):
        raise ValueError(f"clusters must be between 1 and the {len(codes)} rows, found {count}")
    deviation = codes.std(axis=0)
    scaled = (codes - codes.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    some = np.random.default_rng(seed).permutation(len(codes))[:rows]
    found = KMeans(count, n_init=10, random_state=seed % 2**32).fit(scaled[some].astype(np.float64))
    return found.predict(scaled.astype(np.float64)).astype(np.int64)


def adjusted_rand(one: np.ndarray, other: np.ndarray) -> float:
    """(agreeing pairs - those expected by chance) / (most - expected): 1 for the same groups, 0 in the mean by chance.

    With n_ij rows in group i of `one` and j of `other`: sum C(n_ij, 2) are the pairs that agree. Names of groups do not
    count. Hubert and Arabie 1985, equation 5.
    """
    table = _contingency(one, other)
    pairs, first, second = (_pairs(counts) for counts in (table, table.sum(axis=1), table.sum(axis=0)))
    expected = first * second / max(_pairs(np.array([len(one)])), 1.0)
    most = (first + second) / 2
    return 1.0 if most == expected else float((pairs - expected) / (most - expected))


def purity(groups: np.ndarray, labels: np.ndarray) -> float:
    """Share of the rows whose label is the most frequent one of their group."""
    return float(_contingency(groups, labels).max(axis=1).sum() / len(groups))


def anomaly_auc(familiar: np.ndarray, strange: np.ndarray) -> float:
    """P(score of a strange row > score of a familiar row) + half of P(equal): the area under the ROC curve.

    familiar [n], strange [m]: scores, large for what does not fit in. 0.5 by chance; NaN where either is empty.
    Hanley and McNeil 1982.
    """
    if not len(familiar) or not len(strange):
        return math.nan
    ordered = np.sort(familiar)
    below = np.searchsorted(ordered, strange, side="left") + np.searchsorted(ordered, strange, side="right")
    return float(below.sum() / (2 * len(familiar) * len(strange)))


def threshold(held_out: np.ndarray, quantile: float = QUANTILE) -> float:
    """The score that a share `quantile` of rows like the training rows stays at or below: the smallest of the held-out
    scores of which at least that share, counted with one unseen row more, is at or below.

    held_out [n]: scores of rows that were not trained on. Rank ceil((n + 1) quantile), as in split conformal prediction
    (Vovk, Gammerman and Shafer 2005, section 2): a new row like them is above with probability 1 - quantile or less.
    Where so few rows cannot say, the largest. Raises ValueError for no rows.
    """
    if not len(held_out):
        raise ValueError("a threshold needs at least one held-out score")
    rank = min(math.ceil((len(held_out) + 1) * quantile), len(held_out))
    return float(np.sort(held_out)[rank - 1])


def flagged(scores: np.ndarray, limit: float) -> np.ndarray:
    """bool [n]: which rows do not fit in, score > limit."""
    return scores > limit


def _contingency(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    first, second = np.unique(one, return_inverse=True)[1], np.unique(other, return_inverse=True)[1]
    table = np.zeros((first.max() + 1, second.max() + 1))
    np.add.at(table, (first, second), 1)
    return table


def _pairs(counts: np.ndarray) -> float:
    return float((counts * (counts - 1) / 2).sum())
