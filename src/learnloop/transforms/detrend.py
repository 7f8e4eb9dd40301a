"""Take a trend out: a straight line by least squares, or trend and season by loess (STL)."""

from __future__ import annotations

import numpy as np

from learnloop.contracts import State
from learnloop.errors import DataError, MissingExtraError


class Line:
    """z_t = y_t - (a + b t), a and b by least squares over the training part; the line goes on behind its end."""

    lost = 0

    def __init__(self) -> None:
        self.level, self.slope = 0.0, 0.0

    def fit(self, y: np.ndarray) -> None:
        """Raises DataError for fewer than two values."""
        if len(y) < 2:
            raise DataError("detrend", "needs at least two values", found=str(len(y)))
        steps = np.arange(len(y), dtype=np.float64)
        centre = steps.mean()
        self.slope = float((steps - centre) @ (y - y.mean()) / ((steps - centre) @ (steps - centre)))
        self.level = float(y.mean() - self.slope * centre)

    def _at(self, at: int, count: int) -> np.ndarray:
        return self.level + self.slope * np.arange(at, at + count)

    def apply(self, y: np.ndarray, at: int = 0) -> np.ndarray:
        return np.asarray(y - self._at(at, len(y)))

    def invert(self, z: np.ndarray, past: np.ndarray, at: int) -> np.ndarray:
        return np.asarray(z + self._at(at, len(z)))

    def state_dict(self) -> State:
        return {"level": self.level, "slope": self.slope}

    def load_state_dict(self, state: State) -> None:
        self.level, self.slope = float(state["level"]), float(state["slope"])


class SeasonalTrend:
    """z_t = y_t - trend_t - season_t, the trend and the season of a robust STL of the training part.

    Behind the end of training the trend goes on with its mean slope over the last season, and the season repeats its
    last turn: fixed when fitted, so that the way back is exact. Needs two seasons. Source: Cleveland, Cleveland, McRae
    and Terpenning, STL, Journal of Official Statistics 6, 1990. Raises MissingExtraError without statsmodels.
    """

    lost = 0

    def __init__(self, season: int) -> None:
        self.season = season
        self.parts = np.zeros(0)
        self.trend = 0.0
        self.slope = 0.0
        self.turn = np.zeros(season)

    def fit(self, y: np.ndarray) -> None:
        """Raises DataError for fewer than two seasons, or where there is no season."""
        if self.season < 2 or len(y) < 2 * self.season:
            raise DataError(
                "--set series.stationary=stl",
                "needs a season, and two of them",
                found=f"a season of {self.season} steps, {len(y)} values",
                do="--set series.stationary=detrend",
            )
        trend, season, _ = decompose(y, self.season)
        self.parts = trend + season
        self.trend = float(trend[-1])
        self.slope = float((trend[-1] - trend[-1 - self.season]) / self.season)
        self.turn = season[-self.season :].copy()

    def _at(self, at: int, count: int) -> np.ndarray:
        known = len(self.parts)
        steps = np.arange(at, at + count)
        ahead = steps - (known - 1)  # 1 is the first step behind the end
        beyond = self.trend + self.slope * ahead + self.turn[(ahead - 1) % self.season]
        return np.where(steps < known, self.parts[np.minimum(steps, known - 1)], beyond)

    def apply(self, y: np.ndarray, at: int = 0) -> np.ndarray:
        return np.asarray(y - self._at(at, len(y)))

    def invert(self, z: np.ndarray, past: np.ndarray, at: int) -> np.ndarray:
        return np.asarray(z + self._at(at, len(z)))

    def state_dict(self) -> State:
        return {
            "season": self.season,
            "parts": self.parts.copy(),
            "trend": self.trend,
            "slope": self.slope,
            "turn": self.turn.copy(),
        }

    def load_state_dict(self, state: State) -> None:
        self.season = int(state["season"])
        self.parts = np.array(state["parts"], dtype=np.float64)
        self.trend, self.slope = float(state["trend"]), float(state["slope"])
        self.turn = np.array(state["turn"], dtype=np.float64)


def decompose(y: np.ndarray, season: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(trend, season, remainder), each [n]: y = trend + season + remainder, by robust STL.

    season at least 2, y at least two of them. Raises MissingExtraError without statsmodels.
    """
    try:
        from statsmodels.tsa.seasonal import STL
    except ImportError:
        raise MissingExtraError.of("statsmodels", "forecast", "trend and season (STL)") from None
    # Robust weights take fifteen passes; beyond this length the plain fit is what an impatient reader can wait for.
    robust = len(y) <= 20_000
    jump = max(1, season // 10)
    found = STL(y, period=season, robust=robust, seasonal_jump=jump, trend_jump=jump, low_pass_jump=jump).fit()
    return np.asarray(found.trend), np.asarray(found.seasonal), np.asarray(found.resid)
