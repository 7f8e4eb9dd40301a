"""Whether a picture is unlike the training pictures: how much of its features lies outside of where theirs lie.

s(x) = || (I - P P') (f(x) - m) || / || f(x) - m ||,   0 <= s <= 1: the sine of the angle to their principal subspace

f  the input of the network's last linear layer [width];  m [width] the mean of f over training pictures
P  [width, directions] the directions in which f varies most there, with 95 % of its variance; 128 at most
A picture is flagged where s is larger than for 99 % of held-out pictures.

The residual outside of the principal subspace is that of ViM (Wang et al. 2022, arXiv:2203.10807, section 4) and of its
forerunners; taken relative to the length of f because networks answer unfamiliar pictures with short features.
"""

from __future__ import annotations

import numpy as np

from learnloop.contracts import State

QUANTILE = 0.99
VARIANCE, MOST_DIRECTIONS = 0.95, 128
LEAST_ROWS = 100
"""Held-out pictures below which 99 % of them cannot be told."""
MOST_ROWS = 1500
"""Training pictures that are looked at: the eigenvectors of a matrix of this size take about 0.3 s."""
_TINY = 1e-12


class Outliers:
    """mean float32 [width]; directions float32 [width, directions]; limit: the 99 % quantile of s over held-out
    pictures; rows: how many those were.
    """

    def __init__(self, mean: np.ndarray, directions: np.ndarray, limit: float, rows: int) -> None:
        self.mean = mean.astype(np.float32)
        self.directions = np.ascontiguousarray(directions, dtype=np.float32)
        self.limit = limit
        self.rows = rows

    @classmethod
    def fit(cls, train: np.ndarray, held_out: np.ndarray) -> Outliers | None:
        """From features [rows, width] of training pictures and of pictures that were not trained on; None where these
        are too few, or where features do not vary, fill their space, or are not finite."""
        if len(held_out) < LEAST_ROWS or len(train) < LEAST_ROWS or not np.isfinite(train).all():
            return None
        mean = train.mean(0, dtype=np.float64)
        directions = _principal(train - mean)
        if directions is None:
            return None
        found = cls(mean, directions, 1.0, len(held_out))
        scores = found.residual(held_out)
        found.limit = float(np.quantile(scores, QUANTILE))
        return found if np.isfinite(found.limit) and found.limit > 0 else None

    def residual(self, features: np.ndarray) -> np.ndarray:
        """s [rows] of features [rows, width]."""
        centred = features.astype(np.float32) - self.mean
        within = centred @ self.directions  # [rows, directions]; they are orthonormal: lengths stay
        whole, inside = (np.einsum("ij,ij->i", each, each) for each in (centred, within))
        share: np.ndarray = np.sqrt(np.clip(1 - inside / np.maximum(whole, _TINY), 0, 1))
        return share

    def score(self, features: np.ndarray) -> np.ndarray:
        """s over its limit [rows]: above 1 a picture is flagged."""
        scores: np.ndarray = self.residual(features) / self.limit
        return scores

    def state_dict(self) -> State:
        return {"mean": self.mean, "directions": self.directions, "limit": self.limit, "rows": self.rows}

    @classmethod
    def from_state(cls, state: State) -> Outliers:
        """Raises KeyError, TypeError or ValueError for what `state_dict` did not make."""
        return cls(state["mean"], state["directions"], float(state["limit"]), int(state["rows"]))


def _principal(centred: np.ndarray) -> np.ndarray | None:
    """[width, directions], orthonormal: those with most variance, until they have `VARIANCE` of it together or are
    `MOST_DIRECTIONS`."""
    rows, width = centred.shape
    small = centred.T @ centred if width <= rows else centred @ centred.T
    values, vectors = np.linalg.eigh(small)
    values, vectors = np.maximum(values[::-1], 0), vectors[:, ::-1]
    if values[0] <= _TINY:
        return None
    count = min(int(np.searchsorted(np.cumsum(values) / values.sum(), VARIANCE)) + 1, MOST_DIRECTIONS)
    if count >= width:
        return None
    if width <= rows:
        return vectors[:, :count]
    directions: np.ndarray = centred.T @ vectors[:, :count] / np.sqrt(values[:count])
    return directions
