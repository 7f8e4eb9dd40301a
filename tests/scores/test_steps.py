"""Figures of numbers at every step: over all steps that have a target, with intervals of whole series."""

from __future__ import annotations

import numpy as np
import pytest

from learnloop.errors import DataError
from learnloop.scores.evaluation import evaluate_numbers
from learnloop.scores.steps import evaluate_steps

RANDOM = np.random.default_rng(0)


def series(rows: int = 40, time: int = 12, shared: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Targets and predictions; `shared` of the error is the same at all steps of a row."""
    y = RANDOM.normal(size=(rows, time, 1))
    error = shared * RANDOM.normal(size=(rows, 1, 1)) + (1 - shared) * RANDOM.normal(size=(rows, time, 1))
    for row in range(rows):
        y[row, 2 + row % 11 :] = np.nan
    return y, y + error


def test_figures_are_those_of_all_steps_with_a_target() -> None:
    y, p = series()
    found = evaluate_steps(y, p, ["y"])
    known = ~np.isnan(y[..., 0])
    plain = evaluate_numbers(y[known], p[known], ["y"])
    assert found.metrics == plain.metrics and found.rows == 40
    assert found.metrics["rmse"] == pytest.approx(np.sqrt(np.nanmean((y - p) ** 2)))
    assert found.notes[0] == f"{known.sum():,} steps of 40 series; the intervals draw whole series."


def test_intervals_are_wider_where_the_steps_of_a_series_err_together() -> None:
    def widths(shared: float) -> tuple[float, float]:
        y, p = series(shared=shared)
        known = ~np.isnan(y[..., 0])
        ours, plain = evaluate_steps(y, p, ["y"]), evaluate_numbers(y[known], p[known], ["y"])
        return tuple(float(np.ptp(e.intervals["mae"])) for e in (ours, plain))  # type: ignore[return-value]

    apart, together = widths(0.0), widths(1.0)
    assert together[0] > 1.5 * together[1]
    assert 0.6 < apart[0] / apart[1] < 1.6


def test_what_was_not_predicted_is_refused() -> None:
    y, p = series()
    with pytest.raises(DataError, match="must have a value at every step that has a target"):
        evaluate_steps(y, p[:, :5], ["y"])
    longest = int((~np.isnan(y[..., 0])).sum(1).max())
    assert evaluate_steps(y, p[:, :longest], ["y"]).metrics == evaluate_steps(y, p, ["y"]).metrics
    with pytest.raises(DataError, match=r"must be \[rows, time, targets\] like the targets"):
        evaluate_steps(y, p[:5], ["y"])
