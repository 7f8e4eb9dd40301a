"""Ranks turned into a normal distribution."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from learnloop.contracts import State

_MOST = 1000
_ROWS_EACH = 30


class Quantile:
    """z = Phi^-1(e + (1 - 2 e) F(x)), e = 1 / (2 n), x [n]; F is the piecewise linear distribution of the
    training part.

    F runs through min(1000, n, max(10, n // 30)) training quantiles; where several quantiles coincide F is
    the middle of the step, so that a value that fills half of the column does not land at an edge. The inner
    shift by e is Hazen's plotting position (i + 1/2) / n: the training minimum and maximum map to finite z,
    and everything beyond them maps to the same: extrapolation is bounded by |Phi^-1(1 / (2 n))| (3.3 for 1000
    rows, 4.9 for a million). NaN is left out when fitting and stays NaN. Invertible inside the training
    range; no noise is added.

    Source: number of quantiles as in Gorishniy et al.: TabM, ICLR 2025, appendix D.
    """

    def __init__(self) -> None:
        self.quantiles = np.zeros(2)
        self.edge = 0.25

    def fit(self, values: Any) -> None:
        x = np.asarray(values, dtype=np.float64)
        x = np.sort(x[~np.isnan(x)])
        if not len(x):
            self.quantiles, self.edge = np.zeros(2), 0.25
            return
        count = max(2, min(_MOST, len(x), max(10, len(x) // _ROWS_EACH)))
        position = np.linspace(0.0, len(x) - 1.0, count)
        below = np.floor(position).astype(np.int64)
        above = np.minimum(below + 1, len(x) - 1)
        share = position - below
        # Weighted, not low + share * (high - low): that difference overflows for values near the largest
        # float.
        self.quantiles = np.maximum.accumulate(x[below] * (1.0 - share) + x[above] * share)
        self.edge = min(0.25, 0.5 / len(x))

    def apply(self, values: Any) -> np.ndarray:
        x = np.asarray(values, dtype=np.float64)
        grid = self._grid()
        # From below and from above: they differ only on a step, whose middle is wanted.
        p = np.interp(x, self.quantiles, grid)
        p -= np.interp(-x, -self.quantiles[::-1], -grid[::-1])
        p *= 0.5
        p = self.edge + (1.0 - 2.0 * self.edge) * p
        return torch.special.ndtri(torch.from_numpy(p)).numpy()

    def invert(self, values: Any) -> np.ndarray:
        z = np.array(values, dtype=np.float64)
        p = torch.special.ndtr(torch.from_numpy(z)).numpy()
        return np.interp((p - self.edge) / (1.0 - 2.0 * self.edge), self._grid(), self.quantiles)

    def _grid(self) -> np.ndarray:
        return np.linspace(0.0, 1.0, len(self.quantiles))

    def state_dict(self) -> State:
        return {"quantiles": self.quantiles.copy(), "edge": self.edge}

    def load_state_dict(self, state: State) -> None:
        self.quantiles = np.array(state["quantiles"], dtype=np.float64)
        self.edge = float(state["edge"])
