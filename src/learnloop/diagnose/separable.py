"""Can one straight line (a hyperplane) separate two classes? Exactly, by linear programming."""

from __future__ import annotations

import numpy as np

MOST_CELLS = 2_000_000


def linearly_separable(x: np.ndarray, y: np.ndarray) -> bool | None:
    """Whether w, b exist with `s_i (w . x_i + b) >= 1` for every row i, s_i = +1 for class 1, else -1.

    x [n, d] finite numbers, y [n] of two values (the larger is class 1). None: not two classes, or more than
    2 million cells, or the solver gave no answer. The perceptron's learning rule converges if and only if
    this is True (Novikoff 1962). Source: Boyd and Vandenberghe, Convex Optimization, 2004, section 8.6.1.
    """
    from scipy.optimize import linprog

    values = np.unique(y)
    if len(values) != 2 or x.ndim != 2 or x.size > MOST_CELLS:
        return None
    spread = x.std(axis=0)
    scaled = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1)  # does not change the answer, helps the solver
    sign = np.where(y == values[1], 1.0, -1.0)[:, None]
    rows = np.concatenate([scaled, np.ones((len(x), 1))], axis=1)  # [n, d + 1]
    answer = linprog(
        np.zeros(rows.shape[1]), A_ub=-sign * rows, b_ub=-np.ones(len(x)), bounds=(None, None), method="highs"
    )
    return {0: True, 2: False}.get(answer.status)
