"""A rehearsal of what comes after training: the untrained network predicts some rows and is saved, by the clock."""

from __future__ import annotations

import copy
import math
import statistics
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn

from learnloop.contracts import PADDING, Y
from learnloop.nn.views import VIEWS
from learnloop.tasks.translate import Translate
from learnloop.verbs.outliers import outlier_rows
from learnloop.verbs.packing import bundle_of
from learnloop.verbs.prepare import Prepared, answers_of
from learnloop.verbs.scoring import predicted, score_arrays, truth

TRAIN_ROWS_SCORED = 2000
"""Training rows that are scored at the end, to tell underfitting from overfitting."""
VIEWS_SCORINGS = 2.1
"""The last part's answers are scored without views and with them; to compare the two costs a tenth of that."""
_INSIDE_ROWS = 100
"""What filters, feature maps and Grad-CAM cost a run on pictures, at most, in predicted rows."""
_ENOUGH_SECONDS = 0.1
"""Prediction is timed on ever more rows until it takes this long."""
_FIRST_ROWS, _MOST_ROWS, _MOST_CELLS, _LARGEST_STEP = 64, 20_000, 16_000_000, 8
_MOST_CHANGE = 3.0
_USUAL_SHARE, _MOST_LENGTHS = 0.98, 100_000
"""Share of the answers that are no longer than those of the rehearsal; answers that are looked at."""
_CHECKPOINT_COPIES = 4
"""The last checkpoint holds the weights, the best ones, and two moments of the optimiser."""

Now = Callable[[], float]


class Rehearsal:
    """`seconds` from the end of training to the report: predict and score every held-out part and some training
    rows, the last part once more through all views that are asked for, save a checkpoint and the bundle.

    scored  part -> seconds that scoring a model on it took, where that is known; made-up predictions are scored
            where it is not.   folder  on the disk that the run is written to.
    """

    def __init__(self, prepared: Prepared, net: nn.Module, scored: Mapping[str, float], folder: Path, now: Now) -> None:
        self._bundle = bundle_of(prepared, copy.deepcopy(net))
        if isinstance(self._bundle.task, Translate):
            self._bundle.task.decoding = (usual_tokens(prepared), *self._bundle.task.decoding[1:])
        self._now = now
        parts = held_out(prepared)
        rows = {part: len(getattr(prepared.split, part)) for part in parts}
        largest = getattr(prepared.split, max(parts, key=rows.__getitem__))
        self._rows = prepared.dataset.take(largest[: _most_rows(prepared)])
        scoring = {part: scored[part] if part in scored else _scoring_seconds(prepared, part, now) for part in parts}
        self._a_row = self._seconds_a_row()
        inside = _INSIDE_ROWS if prepared.spec.kind == "image" and prepared.recipe.report.html else 0
        seen = views_rows(prepared)
        predicting = self._a_row * (sum(rows.values()) + TRAIN_ROWS_SCORED + outlier_rows(prepared) + inside + seen)
        # Some training rows are scored too, about as many as the smallest part has.
        measuring = sum(scoring.values()) + min(scoring.values()) + (VIEWS_SCORINGS * scoring[parts[-1]] if seen else 0)
        self.seconds = predicting + measuring + self._saving_seconds(folder)

    @classmethod
    def of(
        cls, prepared: Prepared, net: nn.Module, scored: Mapping[str, float], folder: Path, now: Now
    ) -> Rehearsal | None:
        """None when the network cannot be copied: it must not be touched before training."""
        try:
            return cls(prepared, net, scored, folder, now)
        except (RuntimeError, TypeError):
            return None

    def again(self) -> float:
        """How many times slower the machine has become since, by the prediction of the same rows."""
        return float(np.clip(self._seconds_a_row() / max(self._a_row, 1e-9), 1 / _MOST_CHANGE, _MOST_CHANGE))

    def _seconds_a_row(self) -> float:
        rows = min(_FIRST_ROWS, len(self._rows))
        self._predict(rows)  # the first call pays for what is done once
        took = self._predict(rows)
        while took < _ENOUGH_SECONDS and rows < len(self._rows):
            step = min(2 * _ENOUGH_SECONDS / max(took, 1e-6), _LARGEST_STEP)
            rows = min(int(rows * step), len(self._rows))
            took = self._predict(rows)
        # Other processes disturb some of the times: the middle one of three.
        return statistics.median([took, self._predict(rows), self._predict(rows)]) / rows

    def _predict(self, rows: int) -> float:
        """Seconds that it takes."""
        begin = self._now()
        some = self._rows.take(np.arange(rows))
        truth(self._bundle, some)
        predicted(self._bundle, some)
        return self._now() - begin

    def _saving_seconds(self, folder: Path) -> float:
        """To save the bundle and the last checkpoint."""
        with tempfile.TemporaryDirectory(prefix=".rehearsal-", dir=folder) as scratch:
            begin = self._now()
            self._bundle.save(Path(scratch) / "bundle", self._rows.take(np.arange(min(len(self._rows), 8))))
            return (1 + _CHECKPOINT_COPIES) * (self._now() - begin)


def held_out(prepared: Prepared) -> list[str]:
    """The parts that are scored: those that were not trained on, where there are any."""
    return [name for name in prepared.parts if name != "train"] or ["train"]


def views_rows(prepared: Prepared) -> int:
    """Pictures that are predicted for the figures with views: each of the last part once a view, but for the first
    one, whose answers are known."""
    views, known = prepared.recipe.report.views, prepared.choice.target in ("class", "labels")
    count = len(VIEWS[views]) - known
    return 0 if views == "none" else count * len(getattr(prepared.split, held_out(prepared)[-1]))


def usual_tokens(prepared: Prepared) -> int:
    """Tokens of all but the longest answers of the training part: an untrained network does not know when to end, and
    would write several times as much as the trained one will."""
    tokens = (prepared.tensors["train"][Y] != PADDING).sum(1)
    return max(1, math.ceil(float(torch.quantile(tokens[:_MOST_LENGTHS].float(), _USUAL_SHARE))))


def _scoring_seconds(prepared: Prepared, part: str, now: Now) -> float:
    """Predictions that cost nothing are scored."""
    y, made_up = answers_of(prepared, part), _made_up(prepared, part)
    begin = now()
    score_arrays(prepared.choice.target, y, made_up, prepared.names)
    return now() - begin


def _made_up(prepared: Prepared, part: str) -> np.ndarray:
    """In the shape of real predictions, and as various, for timing."""
    rows = len(getattr(prepared.split, part))
    if prepared.choice.target in ("text", "transcript"):
        return np.roll(answers_of(prepared, part), 1)
    if prepared.choice.target == "steps":
        return np.zeros_like(answers_of(prepared, part))
    if prepared.choice.target == "numbers":
        return np.zeros((rows, prepared.target.outputs))
    classes = prepared.target.outputs
    shares = np.random.default_rng(0).dirichlet(np.ones(max(2, classes)), rows)[:, :classes]
    return shares if prepared.choice.target == "class" else np.clip(shares, 0, 1)


def _most_rows(prepared: Prepared) -> int:
    """Rows that prediction is timed on at most: few of large images."""
    spec = prepared.spec
    cells = int(np.prod(spec.shape)) if spec.kind == "image" else 1
    return max(_FIRST_ROWS, min(_MOST_ROWS, _MOST_CELLS // cells))
