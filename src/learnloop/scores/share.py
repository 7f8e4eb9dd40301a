"""How far a share that was counted on few rows can be trusted."""

from __future__ import annotations

import math

_Z = 1.959963984540054
"""The 97.5 % point of the standard normal distribution: 95 % lie between it and its negative."""


def wilson(share: float, rows: int) -> tuple[float, float]:
    """(p + z^2 / 2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n): the 95 % interval of a share.

    p  the share that was seen, 0..1.   n  rows it was seen on, at least 1.   z  1.96
    Unlike p -+ z sqrt(p (1 - p) / n) it never leaves 0..1, and does not claim certainty at its ends. Wilson 1927,
    Journal of the American Statistical Association 22.
    """
    middle = share + _Z**2 / (2 * rows)
    half = _Z * math.sqrt(share * (1 - share) / rows + _Z**2 / (4 * rows**2))
    whole = 1 + _Z**2 / rows
    return max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)
