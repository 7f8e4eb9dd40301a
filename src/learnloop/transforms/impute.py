"""Missing numbers: the training median, and a column that says so."""

from __future__ import annotations

from typing import Any

import numpy as np

from learnloop.contracts import State


class Impute:
    """[x] -> [x with NaN replaced by the training median, 1 where it was NaN]; x [n], result [n, 1] or [n,
    2].

    The indicator column exists only where training had missing values: otherwise it would be constant in
    training and mean nothing. Where there is none, a missing value met later still gets the median; `apply`
    cannot mark it, so callers count it (`InputEncoder.notes`) and `invert` returns the median for it.
    """

    def __init__(self) -> None:
        self.median = 0.0
        self.indicator = False

    @property
    def width(self) -> int:
        """Columns of the result."""
        return 2 if self.indicator else 1

    def fit(self, values: Any) -> None:
        x = np.asarray(values, dtype=np.float64)
        present = x[~np.isnan(x)]
        self.median = float(np.median(present)) if len(present) else 0.0
        self.indicator = len(present) < len(x)

    def apply(self, values: Any) -> np.ndarray:
        x = np.asarray(values, dtype=np.float64)
        missing = np.isnan(x)
        result = np.empty((len(x), self.width))
        result[:, 0] = x
        result[missing, 0] = self.median
        if self.indicator:
            result[:, 1] = missing
        return result

    def invert(self, values: Any) -> np.ndarray:
        filled = np.asarray(values, dtype=np.float64)
        if not self.indicator:
            return filled[:, 0].copy()
        return np.where(filled[:, 1] > 0.5, np.nan, filled[:, 0])

    def state_dict(self) -> State:
        return {"median": self.median, "indicator": self.indicator}

    def load_state_dict(self, state: State) -> None:
        self.median, self.indicator = float(state["median"]), bool(state["indicator"])
