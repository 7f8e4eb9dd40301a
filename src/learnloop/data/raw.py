"""`Raw`: what a reader found, before anybody says what the columns mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from learnloop.data.schema import Field, Kind


@dataclass(frozen=True)
class Raw:
    """Columns as read.

    name    what the user typed, for messages
    frame   plain columns; missing is NaN/NaT/None
    arrays  images, uint8 [rows, height, width, channels]; what else an array is stands in `fields`
    fields  name -> the field of an array that is no image: a series, audio
    part    None, or "train"/"validation"/"test" for each row (folders, x_train/x_test arrays)
    target  names of the target columns, where the source itself says so (folder names, `y`, catalog)
    kinds   name -> (kind, why) where the source knows and nothing needs guessing
    aside   name -> why the column must not be an input (a leak, a row number); the catalog's knowledge
    plain   True when the column names were made up here (x0, x1, ... and y), not given by the user
    notes   sentences to show once
    origin  {"path": ..., "sha256": ..., "catalog": ...}
    """

    name: str
    frame: pd.DataFrame
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    part: np.ndarray | None = None
    target: tuple[str, ...] = ()
    kinds: Mapping[str, tuple[Kind, str]] = field(default_factory=dict)
    aside: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, Field] = field(default_factory=dict)
    plain: bool = False
    notes: tuple[str, ...] = ()
    origin: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        if len(self.frame.columns) or not self.arrays:
            return len(self.frame)
        return len(next(iter(self.arrays.values())))

    @property
    def names(self) -> list[str]:
        return [*self.arrays, *(str(name) for name in self.frame.columns)]

    def take(self, rows: np.ndarray) -> Raw:
        """The rows at positions `rows` [n] (integers), in that order."""
        return replace(
            self,
            frame=self.frame.iloc[rows].reset_index(drop=True),
            arrays={name: values[rows] for name, values in self.arrays.items()},
            part=None if self.part is None else self.part[rows],
        )

    def noted(self, *notes: str) -> Raw:
        return replace(self, notes=(*self.notes, *notes))
