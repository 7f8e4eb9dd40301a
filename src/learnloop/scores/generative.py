"""How near generated data is to real data: two clouds of features compared, in NumPy and torch, without networks.

Compare only figures of one set of features and one number of rows: every one of them depends on both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from learnloop.errors import DataError

_CELLS = 4_000_000
"""Distances that are held at once."""
_CANDIDATES = 4
"""Neighbours that are found in single precision, of which the nearest is told in double precision."""


@dataclass(frozen=True)
class Moments:
    """mean [d] and unbiased covariance [d, d] of `rows` rows of features."""

    mean: np.ndarray
    covariance: np.ndarray
    rows: int


def moments(features: np.ndarray) -> Moments:
    """mu = 1/n sum_i x_i,  S = 1/(n - 1) sum_i (x_i - mu)(x_i - mu)'. features [n, d], n >= 2.

    Raises DataError for fewer rows, and for features that are not finite.
    """
    x = np.asarray(features, np.float64)
    if x.ndim != 2 or len(x) < 2:
        raise DataError("features", "must be two rows or more of numbers", found=f"an array of shape {x.shape}")
    if not np.isfinite(x).all():
        raise DataError("features", "must be finite", found=f"{int((~np.isfinite(x)).sum())} NaN or infinite numbers")
    centred = x - x.mean(0)
    return Moments(x.mean(0), centred.T @ centred / (len(x) - 1), len(x))


def frechet_of(real: Moments, made: Moments) -> float:
    """d^2 = |mu_r - mu_m|^2 + Tr(S_r + S_m - 2 (S_r S_m)^(1/2)) of the Gaussians with these moments, >= 0.

    Tr (S_r S_m)^(1/2) is the sum of the roots of the eigenvalues of A S_m A, A = S_r^(1/2), which is symmetric. Dowson
    and Landau 1982; Heusel et al. 2017 (FID), equation 6. Covariances of fewer rows than features are singular, and
    the number is then far too large: whoever publishes it must ask for more rows.
    """
    values, vectors = np.linalg.eigh(real.covariance)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T  # [d, d]; rounding leaves zeros a little below 0
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ made.covariance @ root), 0)).sum()
    apart = ((real.mean - made.mean) ** 2).sum()
    return float(max(apart + np.trace(real.covariance) + np.trace(made.covariance) - 2 * cross, 0.0))


def frechet(real: np.ndarray, made: np.ndarray) -> float:
    """The squared Frechet distance of two clouds of features [n, d] and [m, d]; see `frechet_of`."""
    return frechet_of(moments(real), moments(made))


def inception_score(probabilities: np.ndarray, splits: int = 10) -> tuple[float, float]:
    """IS = exp(mean_i KL(p_i || p)), p the mean of the p_i: 1 (all alike) to the number of classes.

    probabilities [n, classes]. Returns mean and standard deviation over `splits` equal parts, as Salimans et al. 2016
    (section 4) do; parts are made fewer where there are fewer rows.
    """
    p = np.asarray(probabilities, np.float64)
    scores = []
    for part in np.array_split(p, min(splits, len(p))):
        mean = part.mean(0)
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(part > 0, part * (np.log(part) - np.log(mean)), 0.0)
        scores.append(np.exp(terms.sum(1).mean()))
    return float(np.mean(scores)), float(np.std(scores))


def radii(features: np.ndarray, k: int) -> np.ndarray:
    """The distance of each row to its k-th nearest other row, float64 [n].

    Raises DataError where there are not k others.
    """
    x = _rows(features)
    if len(x) <= k:
        raise DataError("features", f"must be more than {k} rows, for the {k} nearest of each", found=f"{len(x)} rows")
    found = torch.empty(len(x), dtype=torch.float64)
    for start, block in _blocks(x, x):
        block[torch.arange(len(block)), torch.arange(start, start + len(block))] = -1.0  # itself comes first
        found[start : start + len(block)] = block.topk(k + 1, 1, largest=False).values[:, -1]
    return found.numpy()


def precision_recall(
    real: np.ndarray, made: np.ndarray, k: int = 3, real_radii: np.ndarray | None = None
) -> tuple[float, float]:
    """precision: share of made rows that lie in the ball of some real row (its radius: `radii(real, k)`);
    recall: share of real rows that lie in the ball of some made row.

    real [n, d], made [m, d]. Kynkaanniemi et al. 2019, equations 1 and 2, k = 3; they use n = m.
    """
    around_real = torch.from_numpy(radii(real, k) if real_radii is None else real_radii)
    around_made = torch.from_numpy(radii(made, k))
    x, z = _rows(real), _rows(made)
    inside = torch.zeros(len(z), dtype=torch.bool)
    reached = torch.zeros(len(x), dtype=torch.bool)
    for start, block in _blocks(x, z):  # [some real, m]
        rows = slice(start, start + len(block))
        inside |= (block <= around_real[rows, None]).any(0)
        reached[rows] = (block <= around_made[None, :]).any(1)
    return float(inside.double().mean()), float(reached.double().mean())


def density_coverage(
    real: np.ndarray, made: np.ndarray, k: int = 5, real_radii: np.ndarray | None = None
) -> tuple[float, float]:
    """density: 1/(k m) times the number of (real, made) pairs with the made row in the real row's ball, 1 where both
    clouds are alike; coverage: share of real rows with a made row in their ball, 0..1.

    real [n, d], made [m, d]; `real_radii`: `radii(real, k)`. Naeem et al. 2020, equations 4 and 5, k = 5.
    """
    around = torch.from_numpy(radii(real, k) if real_radii is None else real_radii)
    x, z = _rows(real), _rows(made)
    pairs, covered = 0, 0
    for start, block in _blocks(x, z):  # [some real, m]
        within = block <= around[start : start + len(block), None]
        pairs += int(within.sum())
        covered += int(within.any(1).sum())
    return pairs / (k * len(z)), covered / len(x)


def nearest(made: np.ndarray, training: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance to, and row of, the training row that is nearest to each made row: float64 [m], int64 [m].

    made [m, ...], training [n, ...]: pictures or features, flattened; Euclidean distance in their own units.
    """
    rows, others = np.asarray(made).reshape(len(made), -1), np.asarray(training).reshape(len(training), -1)
    centre = others[:: max(1, len(others) // 1000)].mean(0, dtype=np.float64).astype(np.float32)
    z = torch.from_numpy(rows.astype(np.float32) - centre)
    x = torch.from_numpy(others.astype(np.float32) - centre)
    place = np.empty(len(rows), np.int64)
    distance = np.empty(len(rows), np.float64)
    for start, block in _blocks(z, x):  # [some made, n]
        near = block.topk(min(_CANDIDATES, len(others)), 1, largest=False).indices.numpy()  # [some, 4]
        own = rows[start : start + len(block), None].astype(np.float64)  # [some, 1, d]
        exact = ((others[near].astype(np.float64) - own) ** 2).sum(2)  # [some, 4]
        best = exact.argmin(1)
        place[start : start + len(block)] = near[np.arange(len(near)), best]
        distance[start : start + len(block)] = np.sqrt(exact.min(1))
    return distance, place


def memorised(made: np.ndarray, held_out: np.ndarray, share: float = 0.01) -> float:
    """Share of samples nearer to a training row than all but `share` of the held-out rows are, 0..1; of a model that
    copies nothing about `share`.

    made, held_out: distances to the nearest training row, from `nearest`. After Meehan et al. 2020 (a sample is
    copied where it is nearer to the training part than other real data is); the quantile is ours.
    """
    return float((made < np.quantile(held_out, share)).mean())


def _rows(features: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(features, dtype=np.float64))


def _blocks(one: Tensor, other: Tensor) -> Iterator[tuple[int, Tensor]]:
    """|a_i - b_j| of some rows of `one` and all of `other` [some, m], with the number of the first of them."""
    size = max(1, _CELLS // max(1, len(other)))
    norms = other.square().sum(1)  # [m]
    for start in range(0, len(one), size):
        some = one[start : start + size]
        block = torch.addmm(some.square().sum(1, keepdim=True) + norms, some, other.T, alpha=-2)  # [some, m]
        yield start, block.clamp_min_(0).sqrt_()
