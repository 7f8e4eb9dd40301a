"""`Dataset`: named columns in memory (or mapped from disk) with their Schema. Raw values: nothing is fitted here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from learnloop.data import mapped
from learnloop.data.schema import Schema

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Dataset:
    """Rows of raw values.

    name    what the user typed, for messages
    schema  the fields; every name is a column of `frame` or a key of `arrays`
    frame   plain columns; missing is NaN/NaT/None. Numbers float64/float32/int, categories as text or `category`
    arrays  array-valued columns: images uint8 [rows, height, width, channels] (may be a memory map)
    part    None, or one of "train", "validation", "test" for each row: the split that the data brings along
    notes   sentences to show once: guesses, repairs, what was set aside
    origin  where it came from: {"path": ..., "sha256": ..., "catalog": ...}
    """

    name: str
    schema: Schema
    frame: pd.DataFrame
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    part: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    origin: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        if len(self.frame.columns) or not self.arrays:
            return len(self.frame)
        return len(next(iter(self.arrays.values())))

    def column(self, name: str) -> pd.Series | np.ndarray:
        """The raw values of one field."""
        return self.arrays[name] if name in self.arrays else self.frame[name]

    def take(self, rows: np.ndarray) -> Dataset:
        """The rows at positions `rows` [n] (integers), in that order."""
        return replace(
            self,
            frame=self.frame.iloc[rows].reset_index(drop=True),
            arrays={name: mapped.take(values, rows) for name, values in self.arrays.items()},
            part=None if self.part is None else self.part[rows],
        )

    def with_schema(self, schema: Schema, *notes: str) -> Dataset:
        return replace(self, schema=schema, notes=(*self.notes, *notes))
