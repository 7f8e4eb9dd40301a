"""Means of what hangs together in time: whole blocks of neighbouring moments are drawn, not single ones.

The circular block bootstrap: n / l blocks of l moments are drawn with replacement, the end followed by the beginning,
so that every moment comes as often as any other. Sources: Kuensch, The Jackknife and the Bootstrap for General
Stationary Observations, Annals of Statistics 17 (1989), section 2; Politis and Romano, A circular block-resampling
procedure for stationary data, 1992. The differences of two forecasters' losses, compared so, are the statistic of
Diebold and Mariano, Comparing Predictive Accuracy, Journal of Business and Economic Statistics 13 (1995), section 1,
without its normal law.
"""

from __future__ import annotations

import math

import numpy as np

from learnloop.errors import DataError

RESAMPLES = 2000
LEAST_BLOCKS = 10
"""Fewer blocks make no interval."""
FITS = 20


def block_length(moments: int, horizon: int, season: int = 1) -> int:
    """`max(2 h, m, n^(1/3))`: errors of h steps ahead hang together over h - 1 steps at least, and over a season m; one
    that fits fewer than `FITS` times (a year of days) is left out, as so few blocks would say nothing."""
    return max(2 * horizon, season if FITS * season <= moments else 1, math.ceil(moments ** (1 / 3)))


def block_sums(terms: np.ndarray, length: int, rng: np.random.Generator, resamples: int = RESAMPLES) -> np.ndarray:
    """Sums of resampled blocks of neighbouring rows of `terms` [n, k], all columns from the same rows: [resamples, k].

    A resample has ceil(n / length) blocks, a few more than n rows: look at ratios of sums. Raises DataError where there
    are fewer than `LEAST_BLOCKS` blocks.
    """
    moments = len(terms)
    blocks = math.ceil(moments / length)
    if blocks < LEAST_BLOCKS:
        raise DataError(
            "intervals", f"need at least {LEAST_BLOCKS} blocks of {length} moments that hang together",
            found=f"{moments} moments", do="more data, or a shorter horizon",
        )  # fmt: skip
    circle = np.concatenate([terms, terms[: length - 1]])
    total = np.concatenate([np.zeros((1, terms.shape[1])), np.cumsum(circle, axis=0)])
    starting = total[length:] - total[:-length]  # [n, k]: the sum of the block that begins at each moment
    drawn = np.empty((resamples, terms.shape[1]))
    for place in range(resamples):
        drawn[place] = starting[rng.integers(0, moments, blocks)].sum(axis=0)
    return drawn


def by_moment(time: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """Sums of the rows of `terms` [rows, k] that share a moment, in the order of time: [moments, k]. Series that are
    measured at the same time fall and rise together; they are drawn together."""
    _, place = np.unique(time, return_inverse=True)
    columns = [np.bincount(place, weights=column) for column in terms.T]
    return np.column_stack(columns)
