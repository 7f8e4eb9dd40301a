"""`Origins`: one row for each moment at which something is asked about a series: what was known then, and what came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from learnloop.errors import DataError

Kind = Literal["return", "volatility", "value"]


@dataclass(frozen=True)
class Origins:
    """A question about the steps that follow each origin, in the order of time.

    title    what is asked, in words: "the return of the next day"
    kind     "return" (of a price; its bar is no change), "volatility" (how much it moves) or "value" (of the series)
    horizon  steps ahead
    ids      names of the series;  series int64 [rows]: which one
    time     [rows] the stamp (or count) of the origin, never falling;  known [rows]: that of the step that answers
    names    of the features;  x float64 [rows, features]: functions of the values up to the origin
    y        float64 [rows]: what came; NaN where nobody knows (yet)
    level    float64 [rows]: the value at the origin from which a change is told up or down
    rules    {title: float64 [rows]}: answers that nothing is learnt for; the first is the bar
    season   steps of the shortest season, 1 where there is none
    notes    sentences to show once
    """

    title: str
    kind: Kind
    horizon: int
    ids: tuple[str, ...]
    series: np.ndarray
    time: np.ndarray
    known: np.ndarray
    names: tuple[str, ...]
    x: np.ndarray
    y: np.ndarray
    level: np.ndarray
    rules: Mapping[str, np.ndarray]
    season: int = 1
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        rows = len(self.y)
        sizes = {
            "series": self.series.shape,
            "time": self.time.shape,
            "known": self.known.shape,
            "level": self.level.shape,
            **{f"rule {name!r}": values.shape for name, values in self.rules.items()},
        }
        wrong = [name for name, shape in sizes.items() if shape != (rows,)]
        if wrong or self.x.shape != (rows, len(self.names)):
            found = f"{rows} rows, x {list(self.x.shape)}, {len(self.names)} names; of another length: {wrong}"
            raise DataError("origins", "must have one feature row, answer and rule for each", found=found)

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: np.ndarray) -> Origins:
        """Some of the rows, by a mask or positions in the order of time."""
        return replace(
            self,
            series=self.series[rows],
            time=self.time[rows],
            known=self.known[rows],
            x=self.x[rows],
            y=self.y[rows],
            level=self.level[rows],
            rules={name: values[rows] for name, values in self.rules.items()},
        )

    def columns(self, names: Sequence[str]) -> np.ndarray:
        """Some of the features, [rows, len(names)]. Raises KeyError for an unknown one."""
        places = {name: place for place, name in enumerate(self.names)}
        return self.x[:, [places[name] for name in names]]


def joined(parts: Sequence[Origins]) -> Origins:
    """The same question about several series, rows in the order of time."""
    first = parts[0]
    time = np.concatenate([part.time for part in parts])
    order = np.argsort(time, kind="stable")
    return replace(
        first,
        series=np.concatenate([part.series for part in parts])[order],
        time=time[order],
        known=np.concatenate([part.known for part in parts])[order],
        x=np.concatenate([part.x for part in parts])[order],
        y=np.concatenate([part.y for part in parts])[order],
        level=np.concatenate([part.level for part in parts])[order],
        rules={name: np.concatenate([part.rules[name] for part in parts])[order] for name in first.rules},
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )
