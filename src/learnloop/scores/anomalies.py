"""Anomalies: values outside of the interval that was forecast for them before they were known.

An interval of 99 % leaves out one value in a hundred even where nothing is wrong: `expected` says how many flags chance
alone would raise, and `discovered` keeps the share of false ones among the flags below a limit.
Source: Laxhammar and Falkman, Conformal prediction for distribution-independent anomaly detection in streaming vessel
data, 2010 (p-values); Benjamini and Hochberg, JRSS B 57 (1995), section 3 (the limit).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Anomalies:
    """outside bool [..], distance [..]: how far beyond the nearer bound, in half widths of the interval (0 inside);
    measured: values that were looked at; expected: flags that chance alone raises."""

    outside: np.ndarray
    distance: np.ndarray
    measured: int
    expected: float

    @property
    def sentence(self) -> str:
        found = int(self.outside.sum())
        verb = "lies" if found == 1 else "lie"
        return (
            f"{found} of {self.measured} values {verb} outside of their interval; "
            f"{self.expected:.1f} would by chance alone."
        )


def flag(y: np.ndarray, lower: np.ndarray, upper: np.ndarray, level: float) -> Anomalies:
    """Which values of y lie outside of their calibrated interval. y, lower, upper of one shape; NaN in y: not measured.

    distance is infinite for a value outside of an interval without width: the series never changed before.
    """
    known = np.isfinite(y)
    beyond = np.where(known, np.maximum(np.maximum(lower - y, y - upper), 0.0), 0.0)
    half = (upper - lower) / 2
    with np.errstate(divide="ignore"):
        distance = np.divide(beyond, half, out=np.where(beyond > 0, np.inf, 0.0), where=half > 0)
    measured = int(known.sum())
    return Anomalies(beyond > 0, distance, measured, (1 - level) * measured)


def p_values(errors: np.ndarray, past: np.ndarray) -> np.ndarray:
    """`p = (1 + #{past >= error}) / (n + 1)` [..]: how often so large an error comes up where nothing is wrong.

    errors [..] and past [n]: absolute errors in the same units, past ones from forecasts not looked at here."""
    ordered = np.sort(past)
    larger = len(ordered) - np.searchsorted(ordered, errors, side="left")
    return (1 + larger) / (len(ordered) + 1)


def discovered(p: np.ndarray, false_share: float = 0.1) -> np.ndarray:
    """Flags bool [n] of which at most `false_share` are expected to be false: all p up to the largest
    `p_(k) <= k false_share / n` in their order."""
    order = np.argsort(p, kind="stable")
    below = np.flatnonzero(p[order] <= (np.arange(len(p)) + 1) * false_share / len(p))
    flags = np.zeros(len(p), bool)
    if len(below):
        flags[order[: below[-1] + 1]] = True
    return flags
