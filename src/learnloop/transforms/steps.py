"""A number (or several) at every step of a series as what the network is to answer, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from learnloop.contracts import State
from learnloop.data.dataset import Dataset
from learnloop.errors import DataError, SchemaError


class StepsTarget:
    """z[n, t, k] = (y[n, t, k] - mean[k]) / std[k], float32 [rows, time, targets]; NaN where nothing is to be learnt.

    mean, std  over all steps of the training part
    A step without a value (behind the end of a row, or inside it) does not count, in the loss and in the figures.
    Raises DataError (fit) and SchemaError (apply): no column of numbers at every step, another number of them.
    """

    def __init__(self) -> None:
        self.name = ""
        self.names: list[str] = []
        self.mean = np.zeros(0)
        self.std = np.ones(0)
        self.notes: tuple[str, ...] = ()

    @property
    def outputs(self) -> int:
        """Values at each step."""
        return len(self.names)

    def fit(self, train: Dataset) -> None:
        field = next((item for item in train.schema.targets if item.kind == "series"), None)
        if field is None or not len(train):
            raise DataError("target", "must have numbers at every step of a series", found="none")
        values = np.asarray(train.column(field.name))
        self.name = field.name
        width = values.shape[2]
        self.names = [field.name] if width == 1 else [f"{field.name}{place}" for place in range(width)]
        flat = values.reshape(-1, width).astype(np.float64)  # [rows x time, targets]
        self.mean, std = np.nanmean(flat, axis=0), np.nanstd(flat, axis=0)
        self.std = np.where(std > 0, std, 1.0)
        same = [name for name, spread in zip(self.names, std) if not spread > 0]
        self.notes = tuple(f"The target {name!r} has the same value at every training step." for name in same)

    def raw(self, data: Dataset) -> np.ndarray:
        """The targets in their own units, float64 [rows, time, targets], NaN where there is none."""
        values = np.asarray(data.column(self.name), dtype=np.float64)
        if values.ndim != 3 or values.shape[2] != self.outputs:
            raise SchemaError(
                f"target {self.name!r}",
                f"must be [rows, time, {self.outputs}], as in training",
                found=f"{list(values.shape)}",
            )
        return values

    def apply(self, data: Dataset) -> np.ndarray:
        return ((self.raw(data) - self.mean) / self.std).astype(np.float32)

    def invert(self, values: Any) -> np.ndarray:
        """Standardised [..., targets] -> float64 in the targets' units."""
        return np.asarray(values, dtype=np.float64) * self.std + self.mean

    def state_dict(self) -> State:
        return {"name": self.name, "names": list(self.names), "mean": self.mean, "std": self.std}

    def load_state_dict(self, state: State) -> None:
        self.name, self.names = state["name"], list(state["names"])
        self.mean, self.std = np.asarray(state["mean"]), np.asarray(state["std"])
