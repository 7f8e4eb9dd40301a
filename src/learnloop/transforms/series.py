"""Series: numbers [rows, time, features] with NaN behind the end -> standardised `x` and the `length` of each row."""

from __future__ import annotations

from typing import Any

import numpy as np

from learnloop.contracts import LENGTH, InputSpec, State, X
from learnloop.data.series import lengths_of
from learnloop.errors import DataError, SchemaError


class SeriesEncoder:
    """z[n, t, f] = (x[n, t, f] - mean[f]) / std[f] for t < length[n], else 0.

    x       float [rows, time, features]; a row ends at the last step of which anything is known
    mean    of each feature over all steps of the training part; std likewise, 1 for a feature that never changes
    apply   `x` float32 [rows, time, features], `length` int64 [rows]; any number of steps

    A value that is missing inside a series is the last one before it (before the first one: the mean), which is
    noted. Raises DataError (fit) and SchemaError (apply) for another number of features and for rows without a step.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.notes: tuple[str, ...] = ()
        self.spec = InputSpec(kind="series")
        self.mean = np.zeros(0)
        self.std = np.ones(0)

    def summary(self) -> str:
        """What the inputs are, for one line."""
        many = self.spec.numbers > 1
        return f"series of up to {self.spec.length} steps of {self.spec.numbers} number{'s'[:many]}"

    def fit(self, values: Any) -> None:
        values, lengths = self._checked(values, DataError)
        if not len(values):
            raise DataError(f"column {self.name!r}", "must have series in the training part", found="0 rows")
        flat = values.reshape(-1, values.shape[2]).astype(np.float64)  # [rows x time, features]
        known = ~np.isnan(flat)
        unknown = np.flatnonzero(~known.any(axis=0))
        if len(unknown):
            raise DataError(
                f"column {self.name!r}",
                "must have a value of every feature in the training part",
                found=f"none of feature {', '.join(map(str, unknown))} (counted from 0)",
                do="leave the feature out",
            )
        self.mean = np.nanmean(flat, axis=0)
        std = np.nanstd(flat, axis=0)
        # What never changes keeps scale 1; rounding alone makes no deviation.
        self.std = np.where(std > 1e-7 * np.maximum(1.0, np.abs(self.mean)), std, 1.0)
        self.spec = InputSpec(kind="series", numbers=values.shape[2], length=int(lengths.max()))
        same = [str(place) for place in np.flatnonzero(self.std != std)]
        self.notes = self._missing(values, lengths)
        if same:
            self.notes += (f"Feature {', '.join(same)} of the series (counted from 0) never changes.",)

    def apply(self, values: Any) -> dict[str, np.ndarray]:
        values, lengths = self._checked(values, SchemaError)
        if values.shape[2] != self.spec.numbers:
            raise SchemaError(
                f"column {self.name!r}",
                f"must have {self.spec.numbers} number{'s'[: self.spec.numbers > 1]} at each step, as in training",
                found=f"{values.shape[2]}",
            )
        self.notes = self._missing(values, lengths)
        scaled = ((filled(values) - self.mean) / self.std).astype(np.float32)
        scaled[np.isnan(scaled)] = 0.0  # nothing before it to be filled with
        scaled[np.arange(values.shape[1])[None, :] >= lengths[:, None]] = 0.0
        return {X: scaled, LENGTH: lengths}

    def _checked(self, values: Any, error: type[DataError]) -> tuple[np.ndarray, np.ndarray]:
        values = np.asarray(values)
        if values.ndim != 3 or values.dtype.kind != "f":
            raise error(
                f"column {self.name!r}",
                "must hold series as float [rows, time, features]",
                found=f"{values.dtype} {list(values.shape)}",
            )
        lengths = lengths_of(values)
        if len(lengths) and not lengths.min():
            row = int(lengths.argmin())
            raise error(
                f"column {self.name!r}",
                "every series must have at least one step",
                found=f"nothing in row {row} (counted from 0)",
                do="leave the row out",
            )
        return values, lengths

    def _missing(self, values: np.ndarray, lengths: np.ndarray) -> tuple[str, ...]:
        inside = np.arange(values.shape[1])[None, :] < lengths[:, None]  # [rows, time]
        count = int(np.isnan(values[inside]).sum())
        if not count:
            return ()
        return (f"{count} values were missing inside the series {self.name!r}: the last one before stands in.",)

    def state_dict(self) -> State:
        return {"name": self.name, "mean": self.mean, "std": self.std, "spec": self.spec.to_json()}

    def load_state_dict(self, state: State) -> None:
        self.name = state["name"]
        self.mean, self.std = np.asarray(state["mean"]), np.asarray(state["std"])
        self.spec = InputSpec.from_json(state["spec"])


def filled(values: np.ndarray) -> np.ndarray:
    """[rows, time, features] with each NaN replaced by the last value before it; those before the first stay."""
    gone = np.isnan(values)
    if not gone.any():
        return values
    steps = np.arange(values.shape[1])[None, :, None]
    last = np.maximum.accumulate(np.where(gone, 0, steps), axis=1)  # [rows, time, features]
    return np.take_along_axis(values, last, axis=1)
