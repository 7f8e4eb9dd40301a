"""What the network is to answer, as arrays, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from learnloop.contracts import State
from learnloop.data.dataset import Dataset
from learnloop.data.schema import Field
from learnloop.errors import DataError, SchemaError, nearest, raise_all
from learnloop.transforms.categories import Boolean, codes_of
from learnloop.transforms.standardise import Standardise
from learnloop.transforms.text import TRUE, as_float, factorise, find, in_order, lookup, truth_last


class ClassTarget:
    """One of several classes -> y int64 [n], the position in `classes`.

    classes  the schema's category texts, in its order (without those: the training part's values, sorted)
    Raises DataError for one class only and for a class without a training row, SchemaError for an unknown or
    missing label when applied.
    """

    def __init__(self) -> None:
        self.name = ""
        self.dtype = "str"
        self.classes: list[str] = []

    @property
    def outputs(self) -> int:
        """One logit a class."""
        return len(self.classes)

    @property
    def names(self) -> list[str]:
        return [self.name]

    def fit(self, train: Dataset) -> None:
        field = _one_target(train)
        codes, texts = factorise(train.column(field.name))
        seen = in_order([texts[code] for code in np.unique(codes[codes >= 0])], field.categories)
        self.name, self.dtype = field.name, field.dtype
        self.classes = list(field.categories) or seen
        known = lookup(seen, 0)
        absent = [text for text in self.classes if find(known, text, -1) < 0]
        if len(seen) < 2:
            raise DataError(
                f"target {field.name!r}",
                "must have at least two classes in the training part",
                found=f"only {seen[0]!r}" if seen else "no value at all",
                do="check that the right column is the target, and that the training part holds every class",
            )
        if absent:
            raise DataError(
                f"target {field.name!r}",
                "must have a training row of every class",
                found=f"no training row of {_listed(absent)}",
                cause="these labels appear only in the validation or test part",
                do="collect more rows of them, or leave their rows out",
                available=seen,
            )

    def apply(self, data: Dataset) -> np.ndarray:
        codes, missing, unknown = codes_of(data.column(self.name), self.classes)
        if missing:
            raise _missing(self.name, missing)
        if unknown:
            text = max(unknown, key=lambda label: unknown[label])
            rows = sum(unknown.values())
            raise SchemaError(
                f"target {self.name!r}",
                "must hold one of the classes that the model was trained on",
                found=f"{_listed(list(unknown))} in {rows} row{'s' if rows != 1 else ''}",
                do="correct the label, leave the row out, or train again with rows of this class",
                available=nearest(text, self.classes),
            )
        return codes - 1

    def values(self) -> np.ndarray:
        """The classes [outputs] in the field's own dtype: int, float, bool or text."""
        return restored(self.classes, self.dtype)

    def invert(self, values: Any) -> np.ndarray:
        """Class positions [n] -> values in the field's own dtype [n]."""
        return self.values()[np.asarray(values, dtype=np.int64)]

    def state_dict(self) -> State:
        return {"name": self.name, "dtype": self.dtype, "classes": list(self.classes)}

    def load_state_dict(self, state: State) -> None:
        self.name, self.dtype, self.classes = state["name"], state["dtype"], list(state["classes"])


class LabelsTarget:
    """Several yes/no columns (multi-label) -> y float32 [n, labels] of 0 and 1, one output a column.

    A column holds two values: booleans, 0/1, no/yes, or the two categories of its field (the second is the
    positive). Raises SchemaError for any other value, and for a missing one.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.dtypes: list[str] = []
        self.pairs: list[list[str]] = []

    @property
    def outputs(self) -> int:
        """One logit a label."""
        return len(self.names)

    def fit(self, train: Dataset) -> None:
        fields = _some_targets(train)
        self.names = [field.name for field in fields]
        self.dtypes = [field.dtype for field in fields]
        self.pairs = [_pair(field, train.column(field.name)) for field in fields]
        self.apply(train)

    def apply(self, data: Dataset) -> np.ndarray:
        y = np.empty((len(data), self.outputs), dtype=np.float32)
        errors: list[DataError] = []
        for position, (name, pair) in enumerate(zip(self.names, self.pairs)):
            codes, missing, unknown = Boolean(pair).codes(data.column(name))
            if missing:
                errors.append(_missing(name, missing))
            if unknown:
                errors.append(
                    SchemaError(
                        f"target {name!r}",
                        f"must hold {pair[0]!r} or {pair[1]!r}: it is one of several labels",
                        found=_listed(list(unknown)),
                    )
                )
            y[:, position] = codes - 1
        raise_all(errors)
        return y

    def invert(self, values: Any) -> np.ndarray:
        """Probabilities [n, labels] -> the columns' own values [n, labels]; from 1/2 on the positive."""
        chosen = (np.asarray(values) >= 0.5).astype(np.int64)
        columns = [
            restored(pair, dtype)[chosen[:, position]]
            for position, (pair, dtype) in enumerate(zip(self.pairs, self.dtypes))
        ]
        alike = len({column.dtype for column in columns}) == 1
        return np.stack(columns if alike else [column.astype(object) for column in columns], axis=1)

    def state_dict(self) -> State:
        return {
            "names": list(self.names),
            "dtypes": list(self.dtypes),
            "pairs": [list(pair) for pair in self.pairs],
        }

    def load_state_dict(self, state: State) -> None:
        self.names, self.dtypes = list(state["names"]), list(state["dtypes"])
        self.pairs = [list(pair) for pair in state["pairs"]]


class NumberTarget:
    """z = (y - mean) / std of each target over the training part -> float32 [n, targets].

    `invert` goes back in float64. A target that is constant in training keeps scale 1, and `notes` says so.
    Raises DataError (fit) and SchemaError (apply) for missing, infinite and non-numeric values.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.notes: tuple[str, ...] = ()
        self.scale = Standardise()

    @property
    def outputs(self) -> int:
        """One value a target."""
        return len(self.names)

    @property
    def mean(self) -> np.ndarray:
        """float64 [targets], in the targets' units."""
        return self.scale.mean

    @property
    def std(self) -> np.ndarray:
        """float64 [targets], in the targets' units."""
        return self.scale.scale

    def fit(self, train: Dataset) -> None:
        self.names = [field.name for field in _some_targets(train)]
        y = self.raw(train)
        self.scale.fit(y)
        same = [name for name, column in zip(self.names, y.T) if column.min() == column.max()]
        self.notes = tuple(f"The target {name!r} has the same value in every training row." for name in same)

    def raw(self, data: Dataset) -> np.ndarray:
        """The targets in their own units, float64 [n, targets]."""
        y = np.empty((len(data), self.outputs))
        errors: list[SchemaError] = []
        for position, name in enumerate(self.names):
            try:
                y[:, position] = as_float(data.column(name), name)
            except SchemaError as error:
                errors.append(error)
                continue
            missing = int(np.isnan(y[:, position]).sum())
            if missing:
                errors.append(_missing(name, missing))
        raise_all(errors)
        return y

    def apply(self, data: Dataset) -> np.ndarray:
        return self.scale.apply(self.raw(data)).astype(np.float32)

    def invert(self, values: Any) -> np.ndarray:
        """Standardised [n, targets] (or [..., targets]) -> float64 in the targets' units."""
        return self.scale.invert(values)

    def state_dict(self) -> State:
        return {"names": list(self.names), "scale": self.scale.state_dict()}

    def load_state_dict(self, state: State) -> None:
        self.names = list(state["names"])
        self.scale.load_state_dict(state["scale"])


def restored(texts: list[str], dtype: str) -> np.ndarray:
    """Category texts in the dtype that the file had: int64 (Python integers where that is too small), float64, bool,
    or text in an object array.
    """
    try:
        if dtype == "int":
            whole = [int(text) if text.lstrip("-").isdecimal() else int(float(text)) for text in texts]
            return np.array(whole, dtype=np.int64 if all(abs(number) < 2**63 for number in whole) else object)
        if dtype == "float":
            return np.array([float(text) for text in texts], dtype=np.float64)
    except ValueError:
        return np.array(texts, dtype=object)
    if dtype == "bool":
        return np.array([text.lower() in TRUE for text in texts], dtype=bool)
    return np.array(texts, dtype=object)


def _pair(field: Field, values: Any) -> list[str]:
    """The texts of (no, yes) of one label column."""
    if len(field.categories) == 2:
        return truth_last(list(field.categories))
    codes, texts = factorise(values)
    seen = in_order([texts[code] for code in np.unique(codes[codes >= 0])], ())
    if len(seen) == 2:
        return truth_last(seen)
    return ["0", "1"] if field.dtype in ("int", "float") else ["False", "True"]


def _one_target(train: Dataset) -> Field:
    fields = _some_targets(train)
    if len(fields) > 1:
        raise DataError(
            "target",
            "must be one column for a choice between classes",
            found=", ".join(repr(field.name) for field in fields),
            do="name one target, or give several yes/no columns (several labels) or several numbers",
        )
    return fields[0]


def _some_targets(train: Dataset) -> list[Field]:
    fields = train.schema.targets
    if not fields:
        raise DataError(
            "target",
            "must be named: the column to be predicted",
            found="no column has the role target",
            do=f"learnloop fit {train.name} --target COLUMN",
            available=train.schema.names,
        )
    if not len(train):
        raise DataError("target", "must have training rows", found="0 rows")
    return fields


def _listed(texts: list[str]) -> str:
    return ", ".join(map(repr, texts[:5])) + (", ..." if len(texts) > 5 else "")


def _missing(name: str, rows: int) -> SchemaError:
    return SchemaError(
        f"target {name!r}",
        "must have a value in every row that is learnt from or measured on",
        found=f"{rows} row{'s' if rows != 1 else ''} without one",
        do="leave these rows out",
    )
