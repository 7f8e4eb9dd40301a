"""Time series: make a series stationary and back again, see how it hangs together with its past, forecast from it.

    difference       d_t = y_t - y_(t-s)     back: y_t = d_t + y_(t-s) from the first s values (s = 1, or a season)
    logarithm        x_t = ln y_t            back: y_t = e^(x_t)
    detrend          x_t = y_t - (a + b t)   a, b by least squares; back: y_t = x_t + (a + b t)
    autocorrelation  r_k = sum_t (y_t - mean)(y_(t+k) - mean) / sum_t (y_t - mean)^2
    partial          p_k = the last of the k coefficients that predict y_t best from y_(t-1) ... y_(t-k), given r
                     p_k = (r_k - sum_j phi_j r_(k-j)) / (1 - sum_j phi_j r_j),  phi_j := phi_j - p_k phi_(k-j)
    AR(p)            y_t = c + phi_1 y_(t-1) + ... + phi_p y_(t-p) + error; c, phi by least squares

    here                      pandas, SciPy, statsmodels, PyTorch
    difference(y, s)          Series.diff(s), which keeps s missing values at the start; torch.diff (s = 1)
    detrend(y)                scipy.signal.detrend(y), which forgets a and b
    autocorrelation           statsmodels acf(adjusted=False): the sum over t is not divided by its n - k terms
    partial_autocorrelation   statsmodels pacf(method="ldb")
    ar_fit(y, p)              statsmodels AutoReg(y, p); torch.linalg.lstsq on the matrix of past values

Source: guide "Data Science with Python, Module 11", "Making Time Series Stationary". Box, Jenkins, Reinsel and Ljung,
Time Series Analysis, 5th edition 2015, sections 2.1 (r_k), 3.2 (partial, Durbin-Levinson) and 7 (AR).

Where the guide stops. It gives each way there and no way back; a forecast of d_t is worth nothing without it. What the
way back needs (the first values, the line) is returned with the result. All are functions of one series y [time].
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]


def difference(y: Array, lag: int = 1) -> tuple[Array, Array]:
    """d_t = y_t - y_(t-lag) [time - lag], and the first values [lag] that undo it.

    Raises ValueError where lag < 1 or the series is not longer than lag."""
    if not 1 <= lag < len(y):
        raise ValueError(f"d_t = y_t - y_(t-lag): y is {list(y.shape)}, lag is {lag}; needs 1 <= lag < {len(y)}")
    return y[lag:] - y[:-lag], y[:lag].copy()


def undifference(d: Array, first: Array) -> Array:
    """y_t = d_t + y_(t-lag): a running sum along each of the lag interleaved series. [time]"""
    lag = len(first)
    y = np.concatenate([first, d])  # [time]
    for phase in range(lag):
        y[phase::lag] = np.cumsum(y[phase::lag])
    return y


def difference_backward(dd: Array, lag: int = 1) -> Array:
    """dy [time] from dd = dL/dd [time - lag]: y_t stands in d_t with +1 and in d_(t+lag) with -1."""
    nothing = np.zeros(lag)
    return np.concatenate([nothing, dd]) - np.concatenate([dd, nothing])  # [time]


def log(y: Array) -> Array:
    """x_t = ln y_t. A season that grows with the level becomes one of constant height. Its inverse is np.exp.

    Raises ValueError where a value is not above 0."""
    if (y <= 0).any():
        t = int(np.argmax(y <= 0))
        raise ValueError(f"x_t = ln y_t: y_{t} is {y[t]:g}; needs y_t > 0 for every t")
    return np.log(y)


def line(intercept: float, slope: float, time: int) -> Array:
    """a + b t for t = 0 ... time - 1. [time]"""
    t: Array = np.arange(time, dtype=np.float64)
    return intercept + slope * t


def detrend(y: Array) -> tuple[Array, tuple[float, float]]:
    """x_t = y_t - (a + b t) [time], and (a, b), the line of least squares: b = cov(t, y) / var(t).

    It is linear in y, and its matrix is symmetric: dL/dy is detrend(dL/dx)[0].
    Raises ValueError for fewer than 2 values."""
    if len(y) < 2:
        raise ValueError(f"x_t = y_t - (a + b t): y is {list(y.shape)}; a line needs 2 values")
    t = np.arange(len(y)) - (len(y) - 1) / 2  # about its middle
    slope = float(t @ y / (t @ t))
    intercept = float(y.mean() - slope * (len(y) - 1) / 2)
    return y - line(intercept, slope, len(y)), (intercept, slope)


def retrend(x: Array, trend: tuple[float, float]) -> Array:
    """y_t = x_t + (a + b t). [time]"""
    return x + line(*trend, len(x))


def autocorrelation(y: Array, lags: int) -> Array:
    """r_0 ... r_lags, with r_0 = 1. [lags + 1]

    Raises ValueError where there are not more values than lags, or they are all the same."""
    away = y - y.mean()
    if lags >= len(y) or y.max() == y.min():
        raise ValueError(f"r_k: y is {list(y.shape)}, lags is {lags}; needs lags < {len(y)} and values that differ")
    return np.array([away[: len(y) - k] @ away[k:] for k in range(lags + 1)]) / (away @ away)


def partial_autocorrelation(r: Array) -> Array:
    """p_0 = 1, p_1 ... p_lags from r_0 ... r_lags, by Durbin and Levinson's recursion. [lags + 1]"""
    partial, phi = [1.0], np.zeros(0)
    for k in range(1, len(r)):
        # phi_j goes with the lag j = 1 ... k - 1, r[1:k] with the same lags, r[k-1:0:-1] with k - j
        new = (r[k] - phi @ r[k - 1 : 0 : -1]) / (1 - phi @ r[1:k])
        phi = np.append(phi - new * phi[::-1], new)  # [k]
        partial.append(float(new))
    return np.array(partial)


def past(y: Array, order: int) -> Array:
    """The row for y_t is [1, y_(t-1), ..., y_(t-order)]. [time - order, 1 + order]

    Raises ValueError where there are fewer rows than columns."""
    if order < 1 or len(y) - order < order + 1:
        raise ValueError(
            f"y_t = c + phi_1 y_(t-1) + ...: y is {list(y.shape)}, order is {order}; "
            f"the {1 + max(order, 1)} coefficients need {2 * max(order, 1) + 1} values"
        )
    lagged = [y[order - k : len(y) - k] for k in range(1, order + 1)]
    return np.stack([np.ones(len(y) - order), *lagged], axis=1)


def ar_fit(y: Array, order: int) -> Array:
    """(c, phi_1, ..., phi_order), where the sum of squared errors has no slope: X^T (y - X phi) = 0. [1 + order]"""
    X = past(y, order)  # [time - order, 1 + order]
    return np.asarray(np.linalg.lstsq(X, y[order:], rcond=None)[0], np.float64)


def ar_forecast(y: Array, phi: Array, steps: int) -> Array:
    """The next values, each from those before it, forecasts included. phi = (c, phi_1, ...). [steps]"""
    known = list(y)
    for _ in range(steps):
        known.append(phi[0] + sum(phi[k] * known[-k] for k in range(1, len(phi))))
    return np.array(known[len(y) :])


def example() -> dict[str, Array]:
    """Two years of four quarters: a trend of 2 a quarter and a season of (1, -1, 2, -2)."""
    y = np.array([11.0, 11.0, 16.0, 14.0, 19.0, 19.0, 24.0, 22.0])
    d, first = difference(y)
    seasonal, year = difference(y, lag=4)
    x, trend = detrend(y)
    r, phi = autocorrelation(y, 3), ar_fit(y, 1)
    back = {
        "back": undifference(d, first),
        "seasonal_back": undifference(seasonal, year),
        "retrended": retrend(x, trend),
    }
    fits = {"r": r, "partial": partial_autocorrelation(r), "phi": phi, "forecast": ar_forecast(y, phi, 2)}
    return {"y": y, "d": d, "seasonal": seasonal, "log": log(y), "x": x, "trend": np.array(trend)} | back | fits
