"""Make a series stationary and bring forecasts back: differences, logarithms, trends, seasons, scales.

Each transform is fitted on the training part of one series only and keeps what the way back needs. `apply` takes
values that begin at any step `at` behind the beginning of training; `invert` brings forecasts of the steps that follow
`past` back to the original units. Both are exact: invert(apply(y)) = y to rounding.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from learnloop.contracts import State
from learnloop.errors import DataError


class Stationary(Protocol):
    """One way of making a series stationary. y, z float64 [n]; `steps` of a transform are what differences cost.

    fit(y)            learn from the training part
    apply(y, at)      z of values that begin `at` steps behind the first training value; the first `lost` values of y
                      have no z, since it needs values before them: z [n - lost]
    invert(z, past, at)  the original values at the steps behind `past`, of which the last value is at step `at` - 1;
                      past [at least `lost`]
    """

    lost: int

    def fit(self, y: np.ndarray) -> None: ...
    def apply(self, y: np.ndarray, at: int = 0) -> np.ndarray: ...
    def invert(self, z: np.ndarray, past: np.ndarray, at: int) -> np.ndarray: ...
    def state_dict(self) -> State: ...
    def load_state_dict(self, state: State) -> None: ...


class Difference:
    """z_t = y_t - y_(t-lag); back: y_t = z_t + y_(t-lag). lag 1 takes out a changing level, a season's length a season.

    Source: Box, Jenkins, Reinsel and Ljung, Time Series Analysis, 5th edition 2015, sections 4.1 and 9.1.
    """

    def __init__(self, lag: int = 1) -> None:
        self.lag = self.lost = lag

    def fit(self, y: np.ndarray) -> None:
        """Raises DataError for a series that is not longer than the lag."""
        if len(y) <= self.lag:
            raise DataError(
                f"difference of lag {self.lag}",
                f"needs more than {self.lag} values",
                found=f"{len(y)}",
                do="--set series.stationary=none",
            )

    def apply(self, y: np.ndarray, at: int = 0) -> np.ndarray:
        return np.asarray(y[self.lag :] - y[: -self.lag])

    def invert(self, z: np.ndarray, past: np.ndarray, at: int) -> np.ndarray:
        last = past[-self.lag :]
        y = np.concatenate([last, z])  # [lag + n]
        for phase in range(self.lag):
            y[phase :: self.lag] = np.cumsum(y[phase :: self.lag])
        return y[self.lag :]

    def state_dict(self) -> State:
        return {"lag": self.lag}

    def load_state_dict(self, state: State) -> None:
        self.lag = self.lost = int(state["lag"])


class Log:
    """z = ln y; back: y = e^z, the median of the forecast's distribution where z is its mean or median.

    A season that grows with the level becomes one of constant height. Raises DataError where a value is not positive.
    """

    lost = 0

    def fit(self, y: np.ndarray) -> None:
        require_positive(y, "log")

    def apply(self, y: np.ndarray, at: int = 0) -> np.ndarray:
        require_positive(y, "log")
        return np.log(y)

    def invert(self, z: np.ndarray, past: np.ndarray, at: int) -> np.ndarray:
        return np.exp(z)

    def state_dict(self) -> State:
        return {}

    def load_state_dict(self, state: State) -> None:
        """Nothing to load."""


class BoxCox:
    """z = (y^lambda - 1) / lambda, ln y for lambda = 0; lambda by maximum likelihood over -1 .. 2.

    l(lambda) = -n/2 ln(RSS_lambda / n) + (lambda - 1) sum ln y, the likelihood of normal residuals of z_t around a
    straight line, phi z_(t-1) and, with `season` > 1, a mean for each place in the season. What lambda makes even is
    the spread of what is new at each step; without the step before, the slow waves of a random walk would decide. Back:
    y = (lambda z + 1)^(1 / lambda), the median; where lambda z + 1 is not positive no y has this z, and the bound of
    the range stands there: 0 for lambda > 0, and for lambda < 0 a thousand times the largest training value in place of
    infinity. Source: Box and Cox 1964, section 3.
    """

    lost = 0

    def __init__(self, season: int = 1) -> None:
        self.season = season
        self.power = 1.0
        self.most = np.inf

    def fit(self, y: np.ndarray) -> None:
        """Raises DataError where a value is not positive."""
        require_positive(y, "boxcox")
        from scipy.optimize import minimize_scalar

        def loss(power: float) -> float:
            return -self.likelihood(y, power)

        found = float(minimize_scalar(loss, bounds=(-1.0, 2.0), method="bounded").x)
        self.power = 0.0 if abs(found) < 1e-3 else found
        self.most = 1000 * float(y.max())

    def likelihood(self, y: np.ndarray, power: float) -> float:
        """l(lambda), up to a constant that is the same for every lambda; y [n] above 0."""
        logs = np.log(y)
        z = self._forward(y / np.exp(logs.mean()), power)  # scaled, so that powers stay in range
        basis = np.column_stack([_line_and_season(len(y), self.season)[1:], z[:-1]])
        rest = z[1:] - basis @ np.linalg.lstsq(basis, z[1:], rcond=None)[0]
        spread = max(float(rest @ rest) / len(rest), 1e-300)
        return -len(rest) / 2 * float(np.log(spread)) + (power - 1) * float(logs[1:].sum() - len(rest) * logs.mean())

    def apply(self, y: np.ndarray, at: int = 0) -> np.ndarray:
        require_positive(y, "boxcox")
        return self._forward(y, self.power)

    def invert(self, z: np.ndarray, past: np.ndarray, at: int) -> np.ndarray:
        if self.power == 0:
            return np.exp(z)
        inside = self.power * z + 1
        bound = 0.0 if self.power > 0 else self.most
        return np.where(inside > 0, np.power(np.where(inside > 0, inside, 1.0), 1 / self.power), bound)

    @staticmethod
    def _forward(y: np.ndarray, power: float) -> np.ndarray:
        return np.log(y) if abs(power) < 1e-12 else np.asarray((y**power - 1) / power)

    def state_dict(self) -> State:
        return {"season": self.season, "power": self.power, "most": self.most}

    def load_state_dict(self, state: State) -> None:
        self.season, self.power, self.most = int(state["season"]), float(state["power"]), float(state["most"])


class Standard:
    """z = (y - mean) / std of the training part of this series; std 1 for a constant one. The scale of one series.

    The scale of one window (RevIN, Kim et al. 2022) is `WindowStandard`, which needs no fit.
    """

    lost = 0

    def __init__(self) -> None:
        self.mean, self.scale = 0.0, 1.0

    def fit(self, y: np.ndarray) -> None:
        self.mean = float(y.mean())
        spread = float(y.std())
        self.scale = spread if spread > 1e-12 * max(1.0, abs(self.mean)) else 1.0

    def apply(self, y: np.ndarray, at: int = 0) -> np.ndarray:
        return np.asarray((y - self.mean) / self.scale)

    def invert(self, z: np.ndarray, past: np.ndarray, at: int) -> np.ndarray:
        return np.asarray(z * self.scale + self.mean)

    def state_dict(self) -> State:
        return {"mean": self.mean, "scale": self.scale}

    def load_state_dict(self, state: State) -> None:
        self.mean, self.scale = float(state["mean"]), float(state["scale"])


class WindowStandard:
    """z = (y - mean(past)) / std(past), the mean and std of the last `window` values before the forecast.

    apply(y) scales y by its own last `window` values; invert(z, past) by those of `past`, which are the same where past
    is the window that was applied. Source: reversible instance normalisation without its learnt scale, Kim et al., ICLR
    2022, equations 1 and 2.
    """

    lost = 0

    def __init__(self, window: int) -> None:
        self.window = window

    def fit(self, y: np.ndarray) -> None:
        """Nothing to learn: every window has its own scale."""

    def apply(self, y: np.ndarray, at: int = 0) -> np.ndarray:
        mean, scale = self._moments(y)
        return np.asarray((y - mean) / scale)

    def invert(self, z: np.ndarray, past: np.ndarray, at: int) -> np.ndarray:
        mean, scale = self._moments(past)
        return np.asarray(z * scale + mean)

    def _moments(self, y: np.ndarray) -> tuple[float, float]:
        last = y[-self.window :]
        mean, spread = float(last.mean()), float(last.std())
        return mean, spread if spread > 1e-12 * max(1.0, abs(mean)) else 1.0

    def state_dict(self) -> State:
        return {"window": self.window}

    def load_state_dict(self, state: State) -> None:
        self.window = int(state["window"])


def _line_and_season(count: int, season: int) -> np.ndarray:
    """Columns of a straight line and, where there is a season, of its places; float64 [n, 2 or 1 + season]."""
    steps = np.arange(count)
    line = steps / max(1, count)
    if season < 2 or count < 2 * season or season > 60:
        return np.column_stack([np.ones(count), line])
    return np.column_stack([line, (steps[:, None] % season == np.arange(season)).astype(np.float64)])


def require_positive(y: np.ndarray, name: str) -> None:
    """Raises DataError where a value is not positive, with how many and the first."""
    bad = np.flatnonzero(~(y > 0))
    if not len(bad):
        return
    zeros = int((y == 0).sum())
    what = (
        f"{len(bad)} values are not: {zeros} zeros, {len(bad) - zeros} negative"
        if zeros
        else f"{len(bad)} negative values"
    )
    raise DataError(
        f"--set series.stationary={name}",
        "needs values above 0",
        found=f"{what}; the first is {y[bad[0]]:g} at step {int(bad[0]) + 1} (steps are counted from 1)",
        cause="a quantity that can be negative or nothing has no logarithm",
        do=("--set series.stationary=difference", "--set series.stationary=none"),
    )
