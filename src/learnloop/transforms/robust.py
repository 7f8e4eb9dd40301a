"""Centre and scale by the median and the quartiles, then clip smoothly."""

from __future__ import annotations

from typing import Any

import numpy as np

from learnloop.contracts import State

_LIMIT = 3.0


class Robust:
    """z = u / sqrt(1 + (u / 3)^2), u = (x - median) * s, x [n].

    s = 1 / (q75 - q25); 2 / (max - min) where the quartiles coincide; 0 for a constant column or a spread
    below 2.3e-308 (z = 0, also for other values later). |z| < 3 whatever comes: extrapolation is bounded.
    NaN is left out when fitting and stays NaN. Invertible, but digits are lost far outside: near
    |u| = 10^k about 3k of float64's 15 decimal digits.

    Source: Holzmüller, Grinsztajn, Steinwart: Better by Default (RealMLP), NeurIPS 2024, section 3.
    """

    def __init__(self) -> None:
        self.median = 0.0
        self.scale = 0.0

    def fit(self, values: Any) -> None:
        x = np.asarray(values, dtype=np.float64)
        x = x[~np.isnan(x)]
        if not len(x):
            self.median, self.scale = 0.0, 0.0
            return
        low, q25, median, q75, high = (float(q) for q in np.quantile(x, [0.0, 0.25, 0.5, 0.75, 1.0]))
        spread = q75 - q25 if q75 > q25 else (high - low) / 2
        self.median = median
        self.scale = 1.0 / spread if spread > np.finfo(np.float64).tiny else 0.0

    def apply(self, values: Any) -> np.ndarray:
        u = np.asarray(values, dtype=np.float64) - self.median
        if self.scale:
            # Limited first: beyond 1e9 the curve is 3 to the last digit, and the square could overflow.
            limit = 1e9 / self.scale
            np.clip(u, -limit, limit, out=u)
        u *= self.scale
        return u / np.sqrt(1.0 + np.square(u / _LIMIT))

    def invert(self, values: Any) -> np.ndarray:
        z = np.asarray(values, dtype=np.float64)
        if self.scale == 0.0:
            return np.where(np.isnan(z), z, self.median)
        edge = np.nextafter(_LIMIT, 0.0)
        z = np.clip(z, -edge, edge)
        return z / np.sqrt(1.0 - np.square(z / _LIMIT)) / self.scale + self.median

    def state_dict(self) -> State:
        return {"median": self.median, "scale": self.scale}

    def load_state_dict(self, state: State) -> None:
        self.median, self.scale = float(state["median"]), float(state["scale"])
