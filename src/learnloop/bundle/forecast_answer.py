"""`Answer`: forecasts with their stamps, as rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from learnloop.data.newer import stamp_text
from learnloop.data.panel import Panel
from learnloop.models.classical.forecast import Forecasts


@dataclass(frozen=True)
class Answer:
    """panel: what was forecast from; forecasts: its rows as in `panel.univariate()`; notes: sentences to show."""

    panel: Panel
    forecasts: Forecasts
    notes: tuple[str, ...]

    @property
    def times(self) -> list[np.ndarray]:
        """The stamps of the steps ahead, of each series of the panel."""
        return [self.panel.future(place, self.forecasts.mean.shape[1]) for place in range(len(self.panel))]

    def rows(self, level: float | None) -> list[dict[str, Any]]:
        """One dict a step: "series" where there are several, "variable" where several targets, "time" (ISO 8601),
        "forecast", "lower" and "upper" of this level (None without intervals)."""
        found, rows = self.forecasts, []
        for place, times in enumerate(self.times):
            stamps = stamp_text(times, self.panel.zone)
            for target in range(self.panel.targets):
                row = place * self.panel.targets + target
                names: dict[str, Any] = {"series": self.panel.ids[place]} if len(self.panel) > 1 else {}
                names |= {"variable": self.panel.variables[target]} if self.panel.targets > 1 else {}
                for step, stamp in enumerate(stamps):
                    bounds = [
                        None if level is None else float(side[level][row, step]) for side in (found.lower, found.upper)
                    ]
                    one = {"forecast": float(found.mean[row, step]), "lower": bounds[0], "upper": bounds[1]}
                    rows.append({**names, "time": stamp, **one})
        return rows


def counted(notes: Sequence[str]) -> list[str]:
    """Each note once, with how many series it is about."""
    counts = Counter(note for note in notes if note)
    many = len(notes) > 1
    return [
        f"Of {count:,} of {len(notes):,} forecasts: {note}" if many and count < len(notes) else note
        for note, count in counts.most_common(5)
    ]
