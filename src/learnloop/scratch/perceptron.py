"""The perceptron: one unit, a weighted sum and a step; its learning rule, and what it can never learn.

    z = w . x + b                      yhat = 1 if z >= 0 else 0
    w := w + alpha (y - yhat) x        b := b + alpha (y - yhat)        row by row: a right answer moves nothing

If some (w*, b*) separates the rows, there are at most (R / gamma)^2 corrections from w = 0, b = 0 (Novikoff):
    R = max |(x, 1)|,   gamma = min t (w* . x + b*) / |(w*, b*)|,   t = +1 where y = 1, else -1
If none does, the corrections never end; but (w, b) stays bounded, so with whole numbers it comes back to a place where
it was, and from there goes round for ever. Around a cycle the corrections add up to nothing, sum_i c_i t_i (x_i, 1) = 0
with c_i the corrections of row i. That proves that no (w, b) exists: a right answer has t_i (w . x_i + b) >= 0, and > 0
where y = 0. Weighted by c_i these add up to 0, and to more than 0, as b's part of the sum needs rows of both kinds.

    here              PyTorch
    w, b              nn.Linear(n, 1).weight[0], .bias[0]
    step              none with a gradient: torch.heaviside(z, torch.tensor(1.0))
    alpha (y - yhat)  the step of torch.optim.SGD on sum_i max(0, -t_i z_i), `criterion`, one row at a time

The rule is no gradient of the step, whose slope is 0, but of that criterion. From w = 0, alpha only scales w and b:
the answers on the way are the same for every alpha. Guide 004 fires at z >= 0, as here; guide 002's code at z > 0.

Sources: guide 004, section 2.1 (equations 1, 2); guide 002, perceptron.py (AND). Rosenblatt 1958; Novikoff 1962 (the
bound); Minsky and Papert 1969, chapter 11 (learning, cycling).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from learnloop.scratch.activations import step

Array: TypeAlias = NDArray[np.float64]

INPUTS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
AND = np.array([0.0, 0.0, 0.0, 1.0])
XOR = np.array([0.0, 1.0, 1.0, 0.0])


@dataclass(frozen=True)
class Learning:
    """How the learning went.

    w [n], b    where it ended
    path        [corrections + 1, n + 1], (w, b) at the start and after each correction
    rows        [corrections], the row behind each correction
    mistakes    [epochs], corrections in each epoch; the last is 0 when it converged
    converged   a whole epoch without a mistake
    cycle       [m], c_i, the corrections of each row in one round of the cycle; zeros when none was seen
    why         one sentence: how it ended
    """

    w: Array
    b: float
    path: Array
    rows: Array
    mistakes: Array
    converged: bool
    cycle: Array
    why: str


def score(x: Array, w: Array, b: float) -> Array:
    """z = w . x + b, [m]; x [m, n], w [n]. Raises ValueError when x's columns are not w's entries."""
    if x.shape[-1] != len(w):
        rule = f"x's columns ({x.shape[-1]}) must equal w's entries ({len(w)})"
        raise ValueError(f"z = w . x + b: x is {list(x.shape)}, w is {list(w.shape)}; {rule}")
    return x @ w + b


def predict(x: Array, w: Array, b: float) -> Array:
    return step(score(x, w, b))  # [m]


def criterion(x: Array, y: Array, w: Array, b: float) -> float:
    """sum_i max(0, -t_i z_i): how far the wrong rows are on the wrong side."""
    return float(np.maximum(0.0, -_signs(y) * score(x, w, b)).sum())


def criterion_backward(x: Array, y: Array, w: Array, b: float) -> tuple[Array, float]:
    """(dw, db). Of a wrong row -t_i (x_i, 1) = -(y_i - yhat_i) (x_i, 1), of a right one 0."""
    error = y - predict(x, w, b)  # [m]
    return -(error @ x), -float(error.sum())


def learn(x: Array, y: Array, w: Array, b: float, alpha: float = 1.0, epochs: int = 100) -> Learning:
    """Row by row, epoch by epoch, until an epoch has no mistake, an epoch ends where an earlier one did, or `epochs`.

    x [m, n], y [m] of 0 and 1.
    """
    path: list[Array] = [np.append(w, b)]
    rows: list[int] = []
    mistakes: list[int] = []
    seen = {tuple(path[0]): 0}  # where an epoch ended -> corrections until then
    converged, cycle = False, np.zeros(len(x))
    while len(mistakes) < epochs and not converged and not cycle.any():
        before = len(rows)
        for i in range(len(x)):
            error = y[i] - predict(x[i], w, b)
            if error != 0:
                w, b = w + alpha * error * x[i], b + alpha * float(error)
                path.append(np.append(w, b))
                rows.append(i)
        mistakes.append(len(rows) - before)
        converged = mistakes[-1] == 0
        begin = seen.setdefault(tuple(path[-1]), len(rows))
        counts = np.bincount(rows[begin:], minlength=len(x)).astype(float)
        # With fractions (w, b) can also come back, or stand still, by rounding: that is no proof.
        if begin < len(rows) and not _total(x, y, counts).any():
            cycle = counts
    why = _why(converged, cycle, len(mistakes), len(rows))
    return Learning(w, b, np.array(path), np.array(rows, float), np.array(mistakes, float), converged, cycle, why)


def contradiction(x: Array, y: Array, cycle: Array) -> tuple[list[str], Array]:
    """What a right (w, b) would have to fulfil, row by row of the cycle, and sum_i c_i t_i (x_i, 1), which is 0."""
    lines = []
    for row, target, c in zip(x, y, cycle):
        if c:
            terms = [f"w{j}" if value == 1 else f"{value:g} w{j}" for j, value in enumerate(row, start=1) if value]
            lines.append(f"{c:g} times  {' + '.join([*terms, 'b'])} {'>= 0' if target else '< 0'}")
    return lines, _total(x, y, cycle)


def most_corrections(x: Array, y: Array, w: Array, b: float) -> float:
    """(R / gamma)^2 for a (w, b) that separates the rows; raises ValueError if it does not."""
    margins = _signs(y) * score(x, w, b) / np.sqrt(w @ w + b**2)  # [m]
    if margins.min() <= 0:
        raise ValueError(f"t (w . x + b) > 0 must hold in every row; the smallest is {margins.min():.4g}")
    return float(((x**2).sum(axis=1) + 1).max() / margins.min() ** 2)


def _signs(y: Array) -> Array:
    return np.where(y > 0, 1.0, -1.0)


def _total(x: Array, y: Array, counts: Array) -> Array:
    """sum_i c_i t_i (x_i, 1), [n + 1]."""
    return (counts * _signs(y)) @ np.column_stack([x, np.ones(len(x))])


def _why(converged: bool, cycle: Array, epochs: int, corrections: int) -> str:
    if converged:
        return f"converged: epoch {epochs} made no mistake, after {corrections} corrections"
    if cycle.any():
        return (
            f"does not converge: after epoch {epochs} w and b are where they were before, and will go round for ever; "
            "the corrections of one round add up to 0, so no line separates the rows"
        )
    return f"not converged in {epochs} epochs ({corrections} corrections), and no cycle seen: it may need more"


def example() -> dict[str, Array]:
    """AND by hand with w = (1, 1), b = -1.5; AND learnt from 0; XOR from 0."""
    w, b = np.array([1.0, 1.0]), -1.5
    learnt, cycling = (learn(INPUTS, y, np.zeros(2), 0.0) for y in (AND, XOR))
    return {
        "x": INPUTS,
        "w": w,
        "b": np.array(b),
        "z": score(INPUTS, w, b),
        "yhat": predict(INPUTS, w, b),
        "AND path": learnt.path,
        "AND mistakes": learnt.mistakes,
        "most corrections": np.array(most_corrections(INPUTS, AND, w, b)),
        "XOR path": cycling.path,
        "XOR mistakes": cycling.mistakes,
        "XOR cycle": cycling.cycle,
        "XOR sum": contradiction(INPUTS, XOR, cycling.cycle)[1],
    }
