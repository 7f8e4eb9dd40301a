"""ROC AUC, average precision and their curves: what depends only on the order of the scores.

With rows sorted by falling score and weights w (1 each, or the counts of a bootstrap resample), at each
distinct score s

    TP(s) = sum of w over positives with score >= s,   FP(s) the same over negatives
    AUC = sum over s of (FP(s) - FP(s-)) (TP(s) + TP(s-)) / 2  /  (P N)     (trapezoid; ties count one half)
    AP  = sum over s of (TP(s) - TP(s-)) / P * TP(s) / (TP(s) + FP(s))      (step rule, no interpolation)

Sources: Fawcett, An introduction to ROC analysis, 2006, sections 5 and 7; scikit-learn's
`average_precision_score`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Ranking:
    """Rows in the order of falling score. order int [n], positive bool [n] (sorted), ends int [g]: last row
    of each group of equal scores, scores [g]."""

    order: np.ndarray
    positive: np.ndarray
    ends: np.ndarray
    scores: np.ndarray

    @classmethod
    def of(cls, positive: np.ndarray, scores: np.ndarray) -> Ranking:
        order = np.argsort(-scores, kind="stable")
        falling = scores[order]
        ends = np.append(np.flatnonzero(np.diff(falling)), len(falling) - 1)
        return cls(order, positive[order].astype(bool), ends, falling[ends])

    def counts(self, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """TP and FP at each distinct score, [b, g]; weights [b, n] in the rows' own order, default 1."""
        if weights is None:
            everything = (self.ends + 1)[None]
            found = np.cumsum(self.positive)[None, self.ends]
        else:
            ranked = weights[:, self.order]
            everything = np.cumsum(ranked, axis=1, dtype=np.int32)[:, self.ends]
            ranked *= self.positive
            found = np.cumsum(ranked, axis=1, dtype=np.int32)[:, self.ends]
        return found, everything - found


def area_and_precision(found: np.ndarray, false: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ROC AUC and average precision from TP and FP [b, g]; each [b], NaN where a class is missing."""
    positives, negatives = found[:, -1].astype(np.float64), false[:, -1].astype(np.float64)
    gained = np.diff(found, axis=1, prepend=0).astype(np.float64)
    height = 2.0 * found - gained  # TP(s) + TP(s-)
    doubled = np.einsum("bg,bg->b", np.diff(false, axis=1, prepend=0), height)
    gained *= found
    precise = np.einsum("bg,bg->b", gained, 1.0 / np.maximum(found + false, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        area = 0.5 * doubled / (positives * negatives)
        precision = precise / positives
    area[(positives == 0) | (negatives == 0)] = np.nan
    precision[(positives == 0) | (negatives == 0)] = np.nan
    return area, precision


def roc_auc(positive: np.ndarray, scores: np.ndarray) -> float:
    """Chance that a positive row scores above a negative one, ties one half. positive, scores: [n]."""
    return float(area_and_precision(*Ranking.of(positive, scores).counts())[0][0])


def average_precision(positive: np.ndarray, scores: np.ndarray) -> float:
    """Area under the precision-recall steps. positive bool [n], scores [n]."""
    return float(area_and_precision(*Ranking.of(positive, scores).counts())[1][0])


def curves(positive: np.ndarray, scores: np.ndarray, most: int = 200) -> dict[str, dict[str, list[float]]]:
    """`{"roc": {"fpr", "tpr", "threshold"}, "pr": {"recall", "precision", "threshold"}}`, at most `most`
    points each.

    Points are thinned evenly along the curve's own horizontal axis and the ends are kept.
    """
    ranking = Ranking.of(positive, scores)
    found, false = (counts[0].astype(np.float64) for counts in ranking.counts())
    tpr = np.concatenate(([0.0], found / found[-1]))
    fpr = np.concatenate(([0.0], false / false[-1]))
    at = np.concatenate(([1.0], ranking.scores))
    roc = _thin(fpr + tpr, most)
    recall, precision = found / found[-1], found / (found + false)
    pr = _thin(recall, most)
    return {
        "roc": {"fpr": _plain(fpr[roc]), "tpr": _plain(tpr[roc]), "threshold": _plain(at[roc])},
        "pr": {
            "recall": _plain(recall[pr]),
            "precision": _plain(precision[pr]),
            "threshold": _plain(ranking.scores[pr]),
        },
    }


def _thin(along: np.ndarray, most: int) -> np.ndarray:
    """Positions of at most `most` points spread evenly over the rising values `along`, first and last
    included."""
    if len(along) <= most:
        return np.arange(len(along))
    wanted = np.linspace(along[0], along[-1], most)
    picked = np.unique(np.searchsorted(along, wanted))
    picked[0], picked[-1] = 0, len(along) - 1
    return picked


def _plain(values: np.ndarray) -> list[float]:
    return [round(float(value), 6) for value in values]
