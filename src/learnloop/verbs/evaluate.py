"""`evaluate`: how good a trained model is on rows with known answers."""

from __future__ import annotations

import os

from learnloop.scores.evaluation import Evaluation
from learnloop.verbs.run import Run


def evaluate(run: Run | str | os.PathLike[str], data: object | None = None) -> Evaluation:
    """Metrics with 95 % intervals; without `data` those of the run's held-out test part. See `Run.evaluate`."""
    return _open(run).evaluate(data)


def _open(run: Run | str | os.PathLike[str]) -> Run:
    return run if isinstance(run, Run) else Run.open(run)
