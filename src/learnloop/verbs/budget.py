"""`Budget`: a limit in minutes is about what the user waits for: reading, training, measuring and the report."""

from __future__ import annotations

import math
import time

import numpy as np

from learnloop.verbs.prepare import Prepared, answers_of
from learnloop.verbs.scoring import score_arrays

_IMPORT_SECONDS = 0.45
"""The import of matplotlib on a quiet 2-core machine; how much longer it takes now tells how slow all else is."""
_REPORT_SECONDS = 0.8
_EXIT_SECONDS = 0.5
_FORWARD_SHARE = 0.4
"""Predicting in float32 takes at most this share of a plain float32 training step for as many rows."""
_LEAST_TRAINING_SHARE = 0.3
_LITTLE_TRAINING_SHARE = 0.35
TRAIN_ROWS_SCORED = 2000
"""Training rows that are scored at the end, to tell underfitting from overfitting."""


class Budget:
    """When the command began, when it must be over, and how much of it is kept for what comes after training."""

    def __init__(self, began: float, minutes: float | None) -> None:
        self.began = began
        self.minutes = minutes
        self.too_short = ""
        """A sentence where little of the time is left for training."""

    @property
    def passed(self) -> float:
        """Seconds since the command began."""
        return time.monotonic() - self.began

    def baselines(self) -> float:
        """Seconds that the baselines may take."""
        return 60.0 if self.minutes is None else min(60.0, 0.1 * 60 * self.minutes)

    def deadline(self, prepared: Prepared, plain_seconds: float) -> float:
        """time.monotonic() at which training must end. Asks for a limit in minutes.

        What comes after training is timed now as far as it can be: predictions that cost nothing are scored.
        """
        assert self.minutes is not None
        end = self.began + 60 * self.minutes
        batch = prepared.recipe.train.batch_size
        rows, scoring, least_scoring = 0, 0.0, math.inf
        for part in [name for name in prepared.parts if name != "train"] or ["train"]:
            before = time.monotonic()
            score_arrays(prepared.choice.target, answers_of(prepared, part), _constant(prepared, part), prepared.names)
            took = time.monotonic() - before
            scoring, least_scoring = scoring + took, min(least_scoring, took)
            rows += len(getattr(prepared.split, part))
        # Some training rows are scored too, about as many as the smallest part has.
        reserve = scoring + least_scoring + _FORWARD_SHARE * (rows + TRAIN_ROWS_SCORED) / batch * plain_seconds
        if prepared.recipe.report.html:
            reserve += _REPORT_SECONDS * max(1.0, _import_seconds() / _IMPORT_SECONDS)
        reserve += _EXIT_SECONDS
        least = _LEAST_TRAINING_SHARE * 60 * self.minutes
        now = time.monotonic()
        deadline = max(end - reserve, min(now + least, end))
        if deadline - now < _LITTLE_TRAINING_SHARE * 60 * self.minutes:
            self.too_short = (
                f"{max(0.0, deadline - now):.1f} s of {60 * self.minutes:.0f} s are left for training; reading, "
                "baselines and the report take the rest. Give more --minutes, or --set report.baselines=false"
            )
        return deadline


def _constant(prepared: Prepared, part: str) -> np.ndarray:
    """Predictions that cost nothing, in the shape of real ones, for timing."""
    rows = len(getattr(prepared.split, part))
    if prepared.choice.target == "numbers":
        return np.zeros((rows, prepared.target.outputs))
    classes = prepared.target.outputs
    shares = np.random.default_rng(0).dirichlet(np.ones(max(2, classes)), rows)[:, :classes]
    return shares if prepared.choice.target == "class" else np.clip(shares, 0, 1)


def _import_seconds() -> float:
    """Import what the report draws with, which has to happen anyway, and see how long it takes."""
    before = time.monotonic()
    import matplotlib.figure

    assert matplotlib.figure
    return time.monotonic() - before
