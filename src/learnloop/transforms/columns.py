"""One input field -> its columns of `x` or `x_cat`. Internal to InputEncoder, which puts them side by
side.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from learnloop.contracts import State
from learnloop.data.schema import Field
from learnloop.transforms.calendar import Calendar
from learnloop.transforms.categories import Boolean, Categories
from learnloop.transforms.impute import Impute
from learnloop.transforms.table import NUMBERS
from learnloop.transforms.text import as_float

# No training value lies 1e6 standard deviations out (that takes 1e12 rows), so the bound changes training
# never.
_BOUND = 1e6
_BOUND_UNSCALED = float(np.finfo(np.float32).max)


class NumberColumn:
    """A number -> its scaled value (where it varies in training), its missing indicator (where training had
    any).
    """

    def __init__(self, name: str, scaler: str) -> None:
        self.name = name
        self.scaler = scaler
        self.impute = Impute()
        self.scale: Any = NUMBERS[scaler]()
        self.varies = True

    @property
    def names(self) -> list[str]:
        value = [self.name] if self.varies else []
        return [*value, f"{self.name} is missing"] if self.impute.indicator else value

    def fit(self, values: np.ndarray) -> None:
        self.impute.fit(values)
        self.scale.fit(values)
        present = values[~np.isnan(values)]
        self.varies = bool(len(present)) and bool(present.min() < present.max())

    def write(self, values: np.ndarray, out: np.ndarray, notes: list[str]) -> None:
        """Fill `out` [n, len(names)] float32 from float64 `values` [n]."""
        filled = self.impute.apply(values)
        if self.varies:
            bound = _BOUND_UNSCALED if self.scaler == "none" else _BOUND
            scaled = self.scale.apply(filled[:, 0])
            far = int((np.abs(scaled) > bound).sum())
            if far:
                np.clip(scaled, -bound, bound, out=scaled)
                notes.append(f"{self.name!r}: {_values(far)} far outside the training range, limited.")
            out[:, 0] = scaled
        if self.impute.indicator:
            out[:, -1] = filled[:, 1]
        elif self.varies and (missing := int(np.isnan(values).sum())):
            notes.append(
                f"{self.name!r}: {_values(missing)} missing, where training had none; "
                f"the training median {self.impute.median:g} stands in."
            )

    def state_dict(self) -> State:
        return {
            "name": self.name,
            "scaler": self.scaler,
            "varies": self.varies,
            "impute": self.impute.state_dict(),
            "scale": self.scale.state_dict(),
        }

    @classmethod
    def from_state(cls, state: State) -> NumberColumn:
        column = cls(state["name"], state["scaler"])
        column.varies = bool(state["varies"])
        column.impute.load_state_dict(state["impute"])
        column.scale.load_state_dict(state["scale"])
        return column


class NumberInput:
    """A field of kind number."""

    kind = "number"

    def __init__(self, field: Field, scaler: str) -> None:
        self.name = field.name
        self.column = NumberColumn(field.name, scaler)

    @property
    def names(self) -> list[str]:
        return self.column.names

    @property
    def imputes(self) -> bool:
        """Whether training had missing values, which the median stands in for."""
        return self.column.impute.indicator

    def fit(self, values: Any) -> None:
        self.column.fit(as_float(values, self.name))

    def write(self, values: Any, out: np.ndarray, notes: list[str]) -> None:
        self.column.write(as_float(values, self.name), out, notes)

    def state_dict(self) -> State:
        return {"column": self.column.state_dict()}

    def load_state_dict(self, state: State) -> None:
        self.column = NumberColumn.from_state(state["column"])


class DateInput:
    """A field of kind date: every calendar feature that varies, and one missing indicator."""

    kind = "date"

    def __init__(self, field: Field, scaler: str) -> None:
        self.name = field.name
        # Calendar features have neither outliers nor odd shapes: they are standardised or left alone.
        self.scaler = "none" if scaler == "none" else "standard"
        self.calendar = Calendar()
        self.columns: list[NumberColumn] = []

    @property
    def names(self) -> list[str]:
        return [name for column in self.columns for name in column.names]

    @property
    def imputes(self) -> bool:
        """Whether training had missing values, which the medians of the calendar features stand in for."""
        return self.columns[-1].impute.indicator

    def fit(self, values: Any) -> None:
        self.calendar.fit(values)
        features = self.calendar.apply(values)
        self.columns = []
        for position, name in enumerate(self.calendar.names):
            scaler = "none" if name.endswith(("_sin", "_cos")) else self.scaler
            column = NumberColumn(f"{self.name} {name}", scaler)
            column.fit(features[:, position])
            self.columns.append(column)
        for column in self.columns[:-1]:
            column.impute.indicator = False  # one indicator says it for all: the last's

    def write(self, values: Any, out: np.ndarray, notes: list[str]) -> None:
        features = self.calendar.apply(values)
        start = 0
        told: list[str] = []
        for position, column in enumerate(self.columns):
            width = len(column.names)
            told.clear()
            column.write(features[:, position], out[:, start : start + width], told)
            start += width
        notes.extend(told)  # the last feature's: elapsed_days is missing or far out whenever any is

    def state_dict(self) -> State:
        return {
            "calendar": self.calendar.state_dict(),
            "columns": [column.state_dict() for column in self.columns],
        }

    def load_state_dict(self, state: State) -> None:
        self.calendar.load_state_dict(state["calendar"])
        self.columns = [NumberColumn.from_state(column) for column in state["columns"]]


class CodeInput:
    """A field of kind category or boolean -> one column of codes."""

    def __init__(self, field: Field) -> None:
        self.kind = field.kind
        self.name = field.name
        self.codes: Categories | Boolean
        if field.kind == "boolean":
            self.codes = Boolean(field.categories if len(field.categories) == 2 else ())
        else:
            self.codes = Categories(field.categories)
        self.varies = True
        self.had_missing = False

    @property
    def names(self) -> list[str]:
        return [self.name] if self.varies else []

    def fit(self, values: Any) -> None:
        self.codes.fit(values)
        codes, missing, _ = self.codes.codes(values)
        self.had_missing = missing > 0
        self.varies = bool(len(codes)) and bool(codes.min() < codes.max())

    def write(self, values: Any, out: np.ndarray, notes: list[str]) -> None:
        """Fill `out` [n, 1] int64."""
        codes, missing, unknown = self.codes.codes(values)
        out[:, 0] = codes
        if unknown:
            shown = ", ".join(repr(text) for text in list(unknown)[:5]) + (", ..." if len(unknown) > 5 else "")
            notes.append(f"{self.name!r}: {_values(sum(unknown.values()))} never seen in training ({shown}): code 0.")
        if missing and not self.had_missing:
            notes.append(f"{self.name!r}: {_values(missing)} missing, where training had none: code 0.")

    def state_dict(self) -> State:
        return {"codes": self.codes.state_dict(), "varies": self.varies, "had_missing": self.had_missing}

    def load_state_dict(self, state: State) -> None:
        self.codes.load_state_dict(state["codes"])
        self.varies, self.had_missing = bool(state["varies"]), bool(state["had_missing"])


def _values(count: int) -> str:
    return "1 value" if count == 1 else f"{count} values"
