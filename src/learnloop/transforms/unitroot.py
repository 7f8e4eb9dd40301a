"""Is a series stationary? ADF and KPSS, and what the pair of them means in words."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np

from learnloop.data.seasons import without_pattern
from learnloop.errors import MissingExtraError

Verdict = Literal["stationary", "trend-stationary", "difference-stationary", "unclear"]
MEANING: dict[Verdict, str] = {
    "stationary": "Stationary: level and spread stay where they are, and shocks fade. It can be forecast as it is.",
    "trend-stationary": (
        "Trend-stationary: it returns to a straight line after every shock. Take the line out (detrend); a difference "
        "would throw away what is known of the way back."
    ),
    "difference-stationary": (
        "Difference-stationary: a shock stays for good, as in a random walk. Forecast its changes (difference); a "
        "trend line through it is an accident, and intervals widen with the horizon."
    ),
    "unclear": (
        "Unclear: the two tests do not agree, as with a break in the level, long memory, or too few values. Try with "
        "and without a difference, and let a backtest decide."
    ),
}
LEVEL = 0.05
LEAST = 12
"""Fewer values than this can tell nothing."""
MOST = 5000
"""Of longer series the tests look at the last so many steps: more would find every small shift significant."""


@dataclass(frozen=True)
class Test:
    """One test. statistic; p (KPSS: interpolated from a table of 0.01 to 0.1, and cut there); rejects at 5 %."""

    statistic: float
    p: float
    lags: int

    @property
    def rejects(self) -> bool:
        return self.p < LEVEL


@dataclass(frozen=True)
class Stationarity:
    """Both tests around a constant and around a straight line, and the verdict.

    looked_at  steps that were tested; adjusted  whether a season was taken out first
    """

    verdict: Verdict
    adf: Test
    kpss: Test
    adf_trend: Test
    kpss_trend: Test
    looked_at: int
    adjusted: bool

    @property
    def meaning(self) -> str:
        return MEANING[self.verdict]


def stationarity(y: np.ndarray, season: int = 1) -> Stationarity | None:
    """ADF (null hypothesis: a unit root) and KPSS (null hypothesis: stationary), at 5 %. None for fewer than 12 values.

        around a constant: ADF rejects, KPSS does not                 stationary
        else around a line: ADF rejects, KPSS does not                trend-stationary
        else KPSS rejects around a line, ADF neither around it
        nor around a constant                                         difference-stationary
        otherwise                                                     unclear

    The mean pattern of `season` is taken out first: neither test knows of seasons. Lags of ADF by AIC, of KPSS by
    Hobijn, Franses and Ooms 2004. Sources: Said and Dickey 1984; Kwiatkowski, Phillips, Schmidt and Shin 1992. Raises
    MissingExtraError without statsmodels.
    """
    y = y[-MOST:]
    adjusted = season > 1 and len(y) >= 3 * season
    x = without_pattern(y, season) if adjusted else y
    if len(x) < LEAST or float(x.max() - x.min()) <= 1e-12 * max(1.0, float(np.abs(x).max())):
        return None
    adf, kpss = _adf(x, "c"), _kpss(x, "c")
    adf_trend, kpss_trend = _adf(x, "ct"), _kpss(x, "ct")
    if adf.rejects and not kpss.rejects:
        verdict: Verdict = "stationary"
    elif adf_trend.rejects and not kpss_trend.rejects:
        verdict = "trend-stationary"
    elif kpss_trend.rejects and not adf_trend.rejects and not adf.rejects:
        verdict = "difference-stationary"
    else:
        verdict = "unclear"
    return Stationarity(verdict, adf, kpss, adf_trend, kpss_trend, len(x), adjusted)


def _adf(x: np.ndarray, trend: Literal["c", "ct"]) -> Test:
    try:
        from statsmodels.tsa.stattools import adfuller
    except ImportError:
        raise MissingExtraError.of("statsmodels", "forecast", "the tests of stationarity (ADF, KPSS)") from None
    most = min(int(12 * (len(x) / 100) ** 0.25), len(x) // 2 - 3, 30)  # Schwert 1989
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = adfuller(x, maxlag=max(0, most), regression=trend, autolag="AIC")
    return Test(float(found[0]), float(found[1]), int(found[2]))


def _kpss(x: np.ndarray, trend: Literal["c", "ct"]) -> Test:
    from statsmodels.tsa.stattools import kpss

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # p beyond the table is cut at 0.01 and 0.1, as the docstring says
        found = kpss(x, regression=trend, nlags="auto")
    return Test(float(found[0]), float(found[1]), int(found[2]))
