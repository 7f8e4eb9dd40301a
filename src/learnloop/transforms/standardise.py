"""z = (x - mean) / std, and the transform that does nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from learnloop.contracts import State


class Identity:
    """z = x. The number transform named "none"."""

    def fit(self, values: Any) -> None:
        """Nothing to learn."""

    def apply(self, values: Any) -> np.ndarray:
        return np.asarray(values, dtype=np.float64)

    def invert(self, values: Any) -> np.ndarray:
        return np.asarray(values, dtype=np.float64)

    def state_dict(self) -> State:
        return {}

    def load_state_dict(self, state: State) -> None:
        """Nothing to load."""


class Standardise:
    """z = (x - mean) / std over the training part, in float64; x [n] or [n, columns], each column by itself.

    NaN is left out when fitting and stays NaN. std is the population's (divided by n). A column that is
    constant in training keeps scale 1: its z is 0 in training and its shift elsewhere. `invert` is exact to
    float64 rounding.
    """

    def __init__(self) -> None:
        self.mean = np.zeros(1)
        self.scale = np.ones(1)

    def fit(self, values: Any) -> None:
        x = np.asarray(values, dtype=np.float64)
        columns = x.reshape(len(x), -1)
        pairs = [_moments(columns[:, column]) for column in range(columns.shape[1])]
        self.mean = np.array([mean for mean, _ in pairs])
        self.scale = np.array([scale for _, scale in pairs])

    def apply(self, values: Any) -> np.ndarray:
        z = np.asarray(values, dtype=np.float64) - self.mean
        z /= self.scale
        return z

    def invert(self, values: Any) -> np.ndarray:
        x = np.asarray(values, dtype=np.float64) * self.scale
        x += self.mean
        return x

    def state_dict(self) -> State:
        return {"mean": self.mean.copy(), "scale": self.scale.copy()}

    def load_state_dict(self, state: State) -> None:
        self.mean = np.array(state["mean"], dtype=np.float64)
        self.scale = np.array(state["scale"], dtype=np.float64)


def _moments(column: np.ndarray) -> tuple[float, float]:
    """Mean and scale of one column without NaN; scale 1 where the spread is no more than rounding."""
    x = column[~np.isnan(column)]
    if not len(x):
        return 0.0, 1.0
    low, high = float(x.min()), float(x.max())
    largest = max(abs(low), abs(high))
    # A spread of a few units in the last place is the file's rounding, not a signal to be blown up.
    if high - low <= 4 * np.finfo(np.float64).eps * largest:
        return low, 1.0
    # Divided by the largest value first, so that the squares can neither overflow nor vanish.
    x = x / largest
    mean = float(x.mean())
    x -= mean
    scale = float(np.sqrt(np.dot(x, x) / len(x))) * largest
    return mean * largest, scale if scale >= np.finfo(np.float64).tiny else 1.0
