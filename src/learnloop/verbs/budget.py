"""`Budget`: a limit in minutes is about what the user waits for: reading, training, measuring and the report."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from torch import nn

from learnloop.verbs.baselines import CONSTANT, Baseline
from learnloop.verbs.prepare import Prepared
from learnloop.verbs.rehearsal import TRAIN_ROWS_SCORED, Rehearsal, held_out, views_rows

_IMPORT_SECONDS = 0.45
"""The import of matplotlib on a quiet 2-core machine; how much longer it takes now tells how slow all else is."""
_REPORT_SECONDS = 0.8
_INSIDE_SECONDS = 0.6
"""Filters, feature maps, Grad-CAM and confused pairs of a run on pictures."""
_SEARCH_SECONDS, _SEARCH_SHARE = 3.0, 0.02
_OUTSIDE_SECONDS = 0.6
"""Before the clock is started and after the last line: Python itself begins and ends."""
_MARGIN = 1.1
"""Other processes come and go: being over late is worse than being over early."""
_FORWARD_SHARE = 0.4
"""Predicting in float32 takes at most this share of a plain float32 training step for as many rows."""
_LEAST_TRAINING_SHARE = 0.3
_LITTLE_TRAINING_SHARE = 0.35
_LONG_SHARE = _LATE_SHARE = 0.05
_BASELINES_SHARE, _BASELINES_SECONDS, _PICTURE_BASELINES_SECONDS = 0.1, 60.0, 15.0


class Budget:
    """When the command began, when it must be over, and how much of it is kept for what comes after training.

    now: the clock, in seconds; `began` is on it.
    """

    def __init__(self, began: float, minutes: float | None, *, now: Callable[[], float] = time.monotonic) -> None:
        self.began = began
        self.minutes = minutes
        self.now = now
        self.notes: list[str] = []
        """Sentences on what the limit cost: a baseline that was cut short, little time for training."""
        self.late = False
        """Whether the limit cannot be kept: training has no time to give away."""
        self._scored: dict[str, float] = {}
        self._rehearsal: Rehearsal | None = None
        self._reserve = 0.0

    @property
    def passed(self) -> float:
        """Seconds since the command began."""
        return self.now() - self.began

    def baselines(self, kind: str) -> float:
        """Seconds that the baselines may take. kind: of the inputs; a straight line through pixels needs few."""
        most = _PICTURE_BASELINES_SECONDS if kind == "image" else _BASELINES_SECONDS
        return most if self.minutes is None else min(most, _BASELINES_SHARE * 60 * self.minutes)

    @property
    def search_seconds(self) -> float:
        """Seconds that the search for odd training pictures may take."""
        return _SEARCH_SECONDS if self.minutes is None else min(_SEARCH_SECONDS, _SEARCH_SHARE * 60 * self.minutes)

    def learn_from(self, rivals: Sequence[Baseline]) -> None:
        """How long scoring takes is known from the baselines: the same rows are scored in the same way."""
        for rival in rivals:
            if rival.name not in CONSTANT:  # ties make a constant answer cheaper to rank
                self._scored = rival.scoring

    def training_seconds(self, prepared: Prepared, net: nn.Module, folder: Path, plain_seconds: float) -> float:
        """Seconds that training may take from now on. Asks for a limit in minutes.

        What comes after training is timed with the untrained `net`; it keeps at least three tenths of the limit, and
        a note says so where that is little. plain_seconds: of a training step in float32.
        """
        assert self.minutes is not None
        whole = 60 * self.minutes
        self._rehearsal = Rehearsal.of(prepared, net, self._scored, folder, self.now)
        after = self._guess(prepared, plain_seconds) if self._rehearsal is None else self._rehearsal.seconds
        html = prepared.recipe.report.html
        slowness = max(1.0, self._import_seconds() / _IMPORT_SECONDS) if html else 1.0
        drawn = _REPORT_SECONDS if html else 0.0
        if html and prepared.spec.kind == "image":
            drawn += _INSIDE_SECONDS
            after += self.search_seconds
        self._reserve = _MARGIN * after + slowness * (_OUTSIDE_SECONDS + drawn)
        left, least = whole - self.passed, _LEAST_TRAINING_SHARE * whole
        seconds = max(left - self._reserve, min(least, left))
        late = seconds - (left - self._reserve)
        self.late = late > 0
        if seconds < _LITTLE_TRAINING_SHARE * whole:
            over = f" The whole command will take about {whole + late:.0f} s." if late > _LATE_SHARE * whole else ""
            self.notes.append(
                f"{max(0.0, seconds):.1f} s of {whole:.0f} s are left for training; reading, baselines and the "
                f"report take the rest.{over} Give more --minutes, or --set report.baselines=false"
            )
        return seconds

    def look_again(self) -> float | None:
        """Seconds that training may still take, where what follows it is long: other processes have come or gone."""
        if self.minutes is None or self._rehearsal is None or self._reserve < _LONG_SHARE * 60 * self.minutes:
            return None
        return 60 * self.minutes - self._reserve * self._rehearsal.again() - self.passed

    def _guess(self, prepared: Prepared, plain_seconds: float) -> float:
        """Where the network cannot be copied, from its training step."""
        rows = sum(len(getattr(prepared.split, part)) for part in held_out(prepared)) + TRAIN_ROWS_SCORED
        rows += views_rows(prepared)
        steps = rows / prepared.recipe.train.batch_size
        return sum(self._scored.values()) + _FORWARD_SHARE * steps * plain_seconds

    def _import_seconds(self) -> float:
        """Import what the report draws with, which has to happen anyway, and see how long it takes."""
        before = self.now()
        import matplotlib.figure

        assert matplotlib.figure
        return self.now() - before
