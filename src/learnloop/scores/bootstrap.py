"""Bootstrap percentile intervals, bounded in time whatever the number of rows.

Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 13.3: resample the n test rows with
replacement, compute the metric on each resample, take the 2.5 % and 97.5 % quantiles. What is resampled is
the test set: the interval says how much luck of the draw of test rows is in the figure, not how much another
training run would change it.

Three ways, the cheapest exact one for each family of metric:
  confusion metrics  the matrix of a resample is Multinomial(n, cell shares): its cells are drawn (exact)
  means over rows    counts [resamples, n] times terms [n, k]; beyond `EXACT_ROWS` rows their normal limit
  rank metrics       counts along the sorted rows, fewer resamples (never below 200) when rows times classes
                     is large; beyond `EXACT_ROWS` rows a random subset of m rows is resampled and the
                     deviations are shrunk by sqrt(m / n) (m-out-of-n bootstrap, Bickel et al. 1997)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from learnloop.scores.ranking import Ranking, area_and_precision

RESAMPLES = 1000
EXACT_ROWS = 20_000
CHUNK = 2_000_000  # counts in memory at once
RANK_BUDGET = 30_000_000  # resamples x rows x classes for rank metrics
LEVEL = 0.95


def interval(values: np.ndarray, level: float = LEVEL) -> tuple[float, float] | None:
    """The percentile interval of resampled values [b]; undefined (NaN) ones are left out."""
    values = values[np.isfinite(values)]
    if len(values) < 20:
        return None
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def resample_counts(rows: int, resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """How often each row is drawn, int32 [b, rows], in chunks that add up to `resamples`."""
    size = max(1, min(resamples, CHUNK // rows))
    for start in range(0, resamples, size):
        b = min(size, resamples - start)
        drawn = rng.integers(0, rows, size=(b, rows), dtype=np.int64)
        drawn += (np.arange(b, dtype=np.int64) * rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=b * rows).reshape(b, rows).astype(np.int32)


def resampled_confusion(confusion: np.ndarray, rng: np.random.Generator, resamples: int = RESAMPLES) -> np.ndarray:
    """Confusion matrices of resamples [b, c, c] (int64), drawn from Multinomial(n, C / n)."""
    cells, drawn = _resampled_cells(confusion, rng, resamples)
    stack = np.zeros((resamples, confusion.size), np.int64)
    stack[:, cells] = drawn
    return stack.reshape(resamples, *confusion.shape)


def resampled_margins(
    confusion: np.ndarray, rng: np.random.Generator, resamples: int = RESAMPLES
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(right, support, predicted) of the same matrices, each [b, c], without making them: a thousand matrices
    of a thousand classes would take 8 GB."""
    cells, drawn = _resampled_cells(confusion, rng, resamples)
    truth, answer = np.divmod(cells, len(confusion))
    right = np.zeros((resamples, len(confusion)), np.int64)
    hits = np.flatnonzero(truth == answer)
    right[:, truth[hits]] = drawn[:, hits]
    return right, _summed(drawn, truth, len(confusion)), _summed(drawn, answer, len(confusion))


def _resampled_cells(confusion: np.ndarray, rng: np.random.Generator, resamples: int) -> tuple[np.ndarray, np.ndarray]:
    """(flat positions of the cells that hold rows [k], their counts in each resample [b, k])."""
    rows = int(confusion.sum())
    cells = np.flatnonzero(confusion)
    return cells, rng.multinomial(rows, confusion.ravel()[cells] / rows, size=resamples)


def _summed(drawn: np.ndarray, groups: np.ndarray, count: int) -> np.ndarray:
    """Sums of the columns of `drawn` [b, k] that share a group: [b, count]."""
    order = np.argsort(groups, kind="stable")
    present, starts = np.unique(groups[order], return_index=True)
    sums = np.zeros((len(drawn), count), np.int64)
    sums[:, present] = np.add.reduceat(drawn[:, order], starts, axis=1)
    return sums


def resampled_means(terms: np.ndarray, rng: np.random.Generator, resamples: int = RESAMPLES) -> np.ndarray:
    """Means over resamples of the rows of `terms` [n, k], jointly: [b, k]."""
    rows, columns = terms.shape
    if rows <= EXACT_ROWS:
        totals = [counts @ terms for counts in _floats(rows, resamples, rng)]
        return np.concatenate(totals) / rows
    mean = terms.mean(axis=0)
    centred = terms - mean
    covariance = centred.T @ centred / rows**2  # of the mean of a resample
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.clip(values, 0, None))
    return mean + rng.standard_normal((resamples, columns)) @ root.T


def _floats(rows: int, resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    for counts in resample_counts(rows, resamples, rng):
        yield counts.astype(np.float64)


def resampled_ranking(
    positives: Sequence[np.ndarray], scores: Sequence[np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Macro ROC AUC and average precision of resamples, each [b]. positives and scores: one [n] for each
    class.

    The same resamples serve every class, so that the mean over classes keeps their correlation. A class that
    a resample misses is left out of that resample's mean.
    """
    rows = len(scores[0])
    keep = np.arange(rows)
    most = max(1_000, min(EXACT_ROWS, RANK_BUDGET // (200 * len(scores))))
    if rows > most:
        keep = np.sort(rng.choice(rows, most, replace=False))
    resamples = int(np.clip(RANK_BUDGET // (len(keep) * len(scores)), 200, RESAMPLES))
    rankings = [Ranking.of(positive[keep], score[keep]) for positive, score in zip(positives, scores)]
    drawn = [_macro(rankings, counts) for counts in resample_counts(len(keep), resamples, rng)]
    values = np.concatenate(drawn, axis=1)  # [2, b]
    if rows > most:
        whole = _macro([Ranking.of(positive, score) for positive, score in zip(positives, scores)], None)
        centre = np.nanmean(values, axis=1, keepdims=True)  # not the subset's figure: AP of few positives is biased up
        values = whole + (values - centre) * np.sqrt(len(keep) / rows)
    return values[0], values[1]


def _macro(rankings: list[Ranking], counts: np.ndarray | None) -> np.ndarray:
    """ROC AUC and average precision [2, b], mean over the classes where they are defined."""
    stack = np.stack([area_and_precision(*ranking.counts(counts)) for ranking in rankings])  # [classes, 2, b]
    known = np.isfinite(stack)
    with np.errstate(invalid="ignore"):
        return np.where(known, stack, 0).sum(axis=0) / known.sum(axis=0)


def exact_share(right: int, rows: int, level: float = LEVEL) -> tuple[float, float]:
    """Clopper-Pearson interval of a share at its limits: all right -> [(alpha/2)^(1/n), 1], none right ->
    its mirror.

    There the bootstrap has nothing to resample and would claim certainty ([1, 1]), however few rows there
    are.
    """
    bound = ((1 - level) / 2) ** (1 / rows)
    return (bound, 1.0) if right == rows else (0.0, 1 - bound)
