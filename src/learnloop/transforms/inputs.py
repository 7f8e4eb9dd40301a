"""`InputEncoder`: raw rows -> the arrays that a network takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from learnloop.contracts import X_CAT, InputSpec, State, X
from learnloop.data.dataset import Dataset
from learnloop.data.schema import Field
from learnloop.errors import DataError, SchemaError, UserError, did_you_mean, nearest, raise_all
from learnloop.transforms.columns import CodeInput, DateInput, NumberInput
from learnloop.transforms.places import PlaceInput, find_places
from learnloop.transforms.sole import SOLE, SoleEncoder, make_sole
from learnloop.transforms.table import NUMBERS

_FORMAT = 2
_CURVED = frozenset({"quantile", "robust"})
"""Scalings after which a turned coordinate says something that the two columns do not."""


class InputEncoder:
    """Fitted on the training part only; every column by itself, found by its name.

    numbers     how numbers are scaled: "standard", "quantile", "robust" or "none" (transforms/table.py)
    image_size  resize images to this many pixels a side; None keeps their size
    settings    of the other encoders in `sole.SOLE`, by the name of their section in a recipe

    Numbers and dates go to `x`, categories and booleans to `x_cat`; text, ids and fields that are not inputs
    are not used. A column that says nothing in the training part (one value, none missing) is not used, and
    noted. A latitude and a longitude are also given in turned coordinates where numbers are scaled in a curve
    (transforms/places.py); that is noted too. After `fit` and after each `apply`, `notes` holds what was met
    there: sentences to show once.

    Raises DataError where nothing is left to learn from, SchemaError where rows to apply lack a column.
    """

    def __init__(
        self,
        numbers: Literal["standard", "quantile", "robust", "none"] = "standard",
        image_size: int | None = None,
        settings: Mapping[str, Any] = {},
    ) -> None:
        if numbers not in NUMBERS:
            raise UserError(
                "numbers", "must name a transform", found=repr(numbers), available=nearest(numbers, NUMBERS)
            )
        if image_size is not None and image_size < 1:
            raise UserError("image_size", "must be at least 1 pixel, or None", found=str(image_size))
        self.numbers = numbers
        self.image_size = image_size
        self.settings = {"image_size": image_size, **settings}
        self.notes: tuple[str, ...] = ()
        self.fields: tuple[Field, ...] = ()
        self._numbers: list[NumberInput | DateInput] = []
        self._codes: list[CodeInput] = []
        self._places: list[PlaceInput] = []
        self.sole: SoleEncoder | None = None
        """What encodes a field that is all that the network sees: an image, a text, a series."""

    # What was learnt

    @property
    def spec(self) -> InputSpec:
        """What a model must know to be built."""
        if self.sole:
            return self.sole.spec
        return InputSpec(
            kind="table",
            numbers=len(self.number_names),
            cardinalities=tuple(part.codes.cardinality for part in self._codes),
        )

    @property
    def number_names(self) -> list[str]:
        """The columns of `x` of a table."""
        return [name for part in (*self._numbers, *self._places) for name in part.names]

    @property
    def imputed(self) -> list[str]:
        """Fields of numbers and dates with missing values in training: the median stands in, an indicator says so."""
        return [part.name for part in self._numbers if part.imputes]

    @property
    def category_names(self) -> list[str]:
        """The columns of `x_cat`."""
        return [part.name for part in self._codes]

    @property
    def categories(self) -> dict[str, tuple[str, ...]]:
        """Column of `x_cat` -> the texts of its codes 1, 2, ..."""
        return {part.name: part.codes.categories for part in self._codes}

    @property
    def feature_names(self) -> list[str]:
        """Names of the columns of `x`, then of `x_cat`; of images, texts and series the field's name."""
        return [self.sole.name] if self.sole else [*self.number_names, *self.category_names]

    # Fitting and applying

    def fit(self, train: Dataset) -> None:
        """Learn from the training part; notes are set anew."""
        self._numbers, self._codes, self._places, self.sole = [], [], [], None
        notes: list[str] = []
        inputs = train.schema.inputs
        whole = next((field for field in inputs if field.kind in SOLE), None)
        if whole is not None:
            self._fit_sole(train, whole, [field.name for field in inputs if field is not whole], notes)
        else:
            self._fit_table(train, inputs, notes)
        self.notes = tuple(notes)

    def _fit_sole(self, train: Dataset, field: Field, others: list[str], notes: list[str]) -> None:
        self.sole = make_sole(field, self.settings)
        self.sole.fit(train.column(field.name))
        self.fields = (field,)
        notes += self.sole.notes
        if others:
            words = {"image": "images", "text": "texts"}.get(field.kind, field.kind)
            notes.append(f"Only the {words} {field.name!r} are used; not used beside them: {', '.join(others)}.")

    def _fit_table(self, train: Dataset, inputs: list[Field], notes: list[str]) -> None:
        used, dull = [], []
        for field in inputs:
            part = self._part(field)
            if part is None:
                continue
            part.fit(train.column(field.name))
            if not part.names:
                dull.append(field.name)
                continue
            used.append(field)
            (self._codes if isinstance(part, CodeInput) else self._numbers).append(part)  # type: ignore[arg-type]
        self.fields = tuple(used)
        if dull:
            notes.append(f"Not used, the same value in every training row: {', '.join(map(repr, dull))}.")
        if not used:
            raise _nothing_to_learn_from(train, dull)
        if self.numbers in _CURVED:
            self._fit_places(train, notes)

    def _fit_places(self, train: Dataset, notes: list[str]) -> None:
        for latitude, longitude in find_places(self.fields, train.column):
            place = PlaceInput(latitude, longitude, self.numbers)
            place.fit(train.column(latitude), train.column(longitude))
            self._places.append(place)
            notes.append(
                f"{latitude!r} and {longitude!r} are taken for a place on the map: {len(place.names)} turned "
                "coordinates are added to the inputs (of the baselines too)."
            )

    def _part(self, field: Field) -> NumberInput | DateInput | CodeInput | None:
        if field.kind == "number":
            return NumberInput(field, self.numbers)
        if field.kind == "date":
            return DateInput(field, self.numbers)
        return CodeInput(field) if field.kind in ("category", "boolean") else None

    def apply(self, data: Dataset) -> dict[str, np.ndarray]:
        """`x` float32 [n, numbers] or uint8 [n, c, h, w], and `x_cat` int64 [n, categories] where there are
        any; of texts and series what their encoder gives.
        """
        self._check_columns(data)
        if self.sole:
            arrays = self.sole.apply(data.column(self.sole.name))
            self.notes = self.sole.notes
            return arrays
        notes: list[str] = []
        x = np.empty((len(data), len(self.number_names)), dtype=np.float32)
        start = 0
        for part in self._numbers:
            stop = start + len(part.names)
            part.write(data.column(part.name), x[:, start:stop], notes)
            start = stop
        for place in self._places:
            stop = start + len(place.names)
            place.write(data.column(place.latitude), data.column(place.longitude), x[:, start:stop])
            start = stop
        result: dict[str, np.ndarray] = {X: x}
        if self._codes:
            codes = np.empty((len(data), len(self._codes)), dtype=np.int64)
            for position, code in enumerate(self._codes):
                code.write(data.column(code.name), codes[:, position : position + 1], notes)
            result[X_CAT] = codes
        self.notes = tuple(notes)
        return result

    def _check_columns(self, data: Dataset) -> None:
        if not self.fields:
            raise RuntimeError("InputEncoder.apply before fit or load_state_dict")
        there = [*map(str, data.frame.columns), *data.arrays]
        raise_all(
            [
                SchemaError(
                    f"column {field.name!r}",
                    "must be there, as in training",
                    found="no such column",
                    cause=did_you_mean(field.name, there),
                    available=nearest(field.name, there),
                )
                for field in self.fields
                if field.name not in there
            ]
        )

    # State

    def state_dict(self) -> State:
        """Nested dicts and lists of JSON values and NumPy arrays."""
        return {
            "format": _FORMAT,
            "numbers": self.numbers,
            "image_size": self.image_size,
            "fields": [
                {"name": field.name, "kind": field.kind, "categories": list(field.categories)} for field in self.fields
            ],
            "columns": [part.state_dict() for part in self._numbers],
            "codes": [part.state_dict() for part in self._codes],
            "places": [place.state_dict() for place in self._places],
            "sole": {"kind": self.fields[0].kind, **self.sole.state_dict()} if self.sole else None,
        }

    def load_state_dict(self, state: State) -> None:
        self.numbers, self.image_size = state["numbers"], state["image_size"]
        self.fields = tuple(
            Field(row["name"], row["kind"], categories=tuple(row["categories"])) for row in state["fields"]
        )
        self._numbers, self._codes, self.sole = [], [], None
        self._places = [PlaceInput.from_state(place) for place in state["places"]]
        self.notes = ()
        columns, codes = iter(state["columns"]), iter(state["codes"])
        for field in self.fields:
            part = self._part(field)
            if isinstance(part, CodeInput):
                part.load_state_dict(next(codes))
                self._codes.append(part)
            elif part is not None:
                part.load_state_dict(next(columns))
                self._numbers.append(part)
        whole = state.get("sole")
        if whole is None and state.get("image") is not None:  # format 1
            whole = {"kind": "image", **state["image"]}
        if whole is not None:
            self.sole = SOLE[whole["kind"]]("")
            self.sole.load_state_dict({key: value for key, value in whole.items() if key != "kind"})

    @classmethod
    def from_state(cls, state: State) -> InputEncoder:
        encoder = cls(state["numbers"], state["image_size"])
        encoder.load_state_dict(state)
        return encoder


def _nothing_to_learn_from(train: Dataset, dull: list[str]) -> DataError:
    rest: dict[str, Any] = {
        field.name: field.kind for field in train.schema.fields if field.role != "target" and field.name not in dull
    }
    found = [f"{name!r} ({kind})" for name, kind in rest.items()]
    found += [f"{name!r} (the same in every training row)" for name in dull]
    name = next(iter(rest), "COLUMN")
    return DataError(
        train.name,
        "must have at least one input column of kind number, category, boolean, date or image that varies",
        found=", ".join(found) or "no column besides the target",
        cause="every other column is free text, an id, set aside, or constant",
        do=f"--set data.columns.{name}=category   (or number, date: use a column all the same)",
    )
