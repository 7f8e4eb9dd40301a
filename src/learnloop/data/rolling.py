"""Statistics of the last steps, at every step: functions of the values up to it, never of what follows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from learnloop.data.panel import Panel

HARMONICS = 3


def lagged(values: np.ndarray, steps: int) -> np.ndarray:
    """`z_t = y_(t - steps)`, NaN before the beginning; steps >= 0. [n]"""
    result = np.full(len(values), np.nan)
    result[steps:] = values[: len(values) - steps]
    return result


def ahead(values: np.ndarray, steps: int) -> np.ndarray:
    """`z_t = y_(t + steps)`, NaN behind the end: for answers alone, never for features. [n]"""
    result = np.full(len(values), np.nan)
    result[: max(0, len(values) - steps)] = values[steps:]
    return result


def rolling_mean(values: np.ndarray, window: int) -> np.ndarray:
    """The mean of the last `window` values, this one included; NaN until there are so many. [n]"""
    return np.asarray(pd.Series(values).rolling(window).mean().to_numpy())


def rolling_std(values: np.ndarray, window: int) -> np.ndarray:
    """Their standard deviation (n - 1). [n]"""
    return np.asarray(pd.Series(values).rolling(window).std().to_numpy())


def rolling_sum(values: np.ndarray, window: int) -> np.ndarray:
    """Their sum. [n]"""
    return np.asarray(pd.Series(values).rolling(window).sum().to_numpy())


def exponential_mean(values: np.ndarray, decay: float) -> np.ndarray:
    """`m_t = decay m_(t-1) + (1 - decay) y_t` from the first known value on. [n]"""
    return np.asarray(pd.Series(values).ewm(alpha=1 - decay, adjust=False).mean().to_numpy())


def mean_so_far(values: np.ndarray) -> np.ndarray:
    """The mean of all known values up to each step. [n]"""
    return np.asarray(pd.Series(values).expanding().mean().to_numpy())


def calendar_waves(panel: Panel, place: int) -> tuple[list[str], list[np.ndarray]]:
    """(names, columns [n]): sine and cosine of the year, the week and the day at each origin, with overtones.

    For one horizon the calendar of the step ahead is a rotation of that of the origin: these columns hold it, and none
    of them needs to be told the future.
    """
    names, columns = panel.calendar(place)
    found: dict[str, np.ndarray] = {}
    for period in ("year", "week", "day"):
        if f"{period}_sin" not in names:
            continue
        wave = columns[:, names.index(f"{period}_cos")] + 1j * columns[:, names.index(f"{period}_sin")]
        for overtone in range(1, HARMONICS + 1):
            turned = wave**overtone
            found |= {f"{period}_sin{overtone}": turned.imag, f"{period}_cos{overtone}": turned.real}
    return list(found), list(found.values())
