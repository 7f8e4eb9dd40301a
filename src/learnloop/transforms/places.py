"""A latitude and a longitude -> the same place in rotated coordinates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from learnloop.contracts import State
from learnloop.data.schema import Field
from learnloop.transforms.columns import NumberColumn
from learnloop.transforms.text import as_float

ANGLES = tuple(angle for angle in range(15, 180, 15) if angle != 90)
"""Degrees. 0 and 90 are the longitude and the latitude themselves."""

_LATITUDE = re.compile(r"(^|.*[_\s.-])(lat|latitude)$", re.IGNORECASE)
_LONGITUDE = re.compile(r"(^|.*[_\s.-])(lon|lng|long|longitude)$", re.IGNORECASE)


class PlaceInput:
    """u_a = cos(a) longitude + sin(a) latitude for ten angles a, each scaled like a number column.

    Coastlines and valleys seldom run along a meridian. A network whose scaling acts on each column by itself cannot
    undo it to turn the map; given the turned coordinates it need not (they help trees for the same reason: Blaser
    and Fryzlewicz 2016, JMLR 17(4), "Random rotation ensembles"). benchmarks/README.md has what it does to the error
    on California housing. Degrees are taken as they are: the stretch of longitudes only moves the angles.
    """

    def __init__(self, latitude: str, longitude: str, scaler: str) -> None:
        self.latitude = latitude
        self.longitude = longitude
        self.columns = [NumberColumn(f"{longitude}, {latitude} turned by {a} degrees", scaler) for a in ANGLES]

    @property
    def names(self) -> list[str]:
        return [name for column in self.columns for name in column.names]

    def fit(self, latitude: Any, longitude: Any) -> None:
        for column, values in zip(self.columns, self._turned(latitude, longitude)):
            column.fit(values)
            column.impute.indicator = False  # the two columns have indicators of their own

    def write(self, latitude: Any, longitude: Any, out: np.ndarray) -> None:
        """Fill `out` [n, len(names)] float32; a missing coordinate gives the training median."""
        silent: list[str] = []  # whatever there is to say was said of the two columns themselves
        start = 0
        for column, values in zip(self.columns, self._turned(latitude, longitude)):
            stop = start + len(column.names)
            column.write(values, out[:, start:stop], silent)
            start = stop

    def _turned(self, latitude: Any, longitude: Any) -> list[np.ndarray]:
        lat, lon = as_float(latitude, self.latitude), as_float(longitude, self.longitude)
        return [np.cos(np.radians(a)) * lon + np.sin(np.radians(a)) * lat for a in ANGLES]

    def state_dict(self) -> State:
        return {
            "latitude": self.latitude,
            "longitude": self.longitude,
            "columns": [column.state_dict() for column in self.columns],
        }

    @classmethod
    def from_state(cls, state: State) -> PlaceInput:
        place = cls(state["latitude"], state["longitude"], "none")
        place.columns = [NumberColumn.from_state(column) for column in state["columns"]]
        return place


def find_places(fields: Sequence[Field], columns: Any) -> list[tuple[str, str]]:
    """Pairs (latitude, longitude) of number fields: by name, with the same words before it, and by range in degrees.

    columns  name -> values of the training part
    """
    pairs = []
    longitudes = {_before(f.name, _LONGITUDE): f.name for f in fields if _is(f, _LONGITUDE)}
    for field in fields:
        if not _is(field, _LATITUDE):
            continue
        other = longitudes.get(_before(field.name, _LATITUDE))
        if other is not None and _within(columns(field.name), 90) and _within(columns(other), 180):
            pairs.append((field.name, other))
    return pairs


def _is(field: Field, pattern: re.Pattern[str]) -> bool:
    return field.kind == "number" and pattern.match(field.name) is not None


def _before(name: str, pattern: re.Pattern[str]) -> str:
    found = pattern.match(name)
    return found.group(1).lower() if found else name


def _within(values: Any, bound: float) -> bool:
    numbers = as_float(values, "coordinate")
    there = numbers[~np.isnan(numbers)]
    return bool(len(there)) and bool(np.abs(there).max() <= bound) and bool(there.min() < there.max())
