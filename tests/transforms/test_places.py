"""A latitude and a longitude are found and turned."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from learnloop.data.dataset import Dataset
from learnloop.data.schema import Field, Schema
from learnloop.transforms.inputs import InputEncoder
from learnloop.transforms.places import ANGLES, PlaceInput, find_places


def _data(**columns: np.ndarray) -> Dataset:
    fields = tuple(Field(name, "number") for name in columns)
    return Dataset("places", Schema(fields), pd.DataFrame(columns))


def _degrees(rows: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.uniform(32, 42, rows), rng.uniform(-124, -114, rows)


@pytest.mark.parametrize(
    ("latitude", "longitude", "found"),
    [
        ("latitude", "longitude", True),
        ("Lat", "Lng", True),
        ("pickup_lat", "pickup_lon", True),
        ("pickup_lat", "dropoff_lon", False),
        ("plat", "along", False),
    ],
)
def test_pairs_are_found_by_name(latitude: str, longitude: str, found: bool) -> None:
    lat, lon = _degrees()
    data = _data(**{latitude: lat, longitude: lon})
    assert find_places(data.schema.inputs, data.column) == ([(latitude, longitude)] if found else [])


def test_values_beyond_degrees_are_no_place() -> None:
    lat, lon = _degrees()
    data = _data(lat=lat * 10, lon=lon)
    assert find_places(data.schema.inputs, data.column) == []


def test_turned_coordinates_by_hand() -> None:
    lat, lon = _degrees()
    place = PlaceInput("lat", "lon", "none")
    place.fit(lat, lon)
    out = np.empty((len(lat), len(place.names)), np.float32)
    place.write(lat, lon, out)
    position = ANGLES.index(30)
    assert np.allclose(out[:, position], np.sqrt(3) / 2 * lon + 0.5 * lat, atol=1e-4)
    assert len(place.names) == 10


@pytest.mark.parametrize(("numbers", "width"), [("quantile", 12), ("robust", 12), ("standard", 2), ("none", 2)])
def test_only_where_scaling_is_curved_and_said(numbers: str, width: int) -> None:
    lat, lon = _degrees()
    data = _data(lat=lat, lon=lon)
    encoder = InputEncoder(numbers=numbers)  # type: ignore[arg-type]
    encoder.fit(data)
    assert encoder.spec.numbers == width == encoder.apply(data)["x"].shape[1]
    assert any("taken for a place on the map" in note for note in encoder.notes) is False  # apply sets notes anew
    encoder.fit(data)
    assert any("taken for a place on the map" in note for note in encoder.notes) is (width == 12)


def test_state_round_trip_and_missing_values() -> None:
    lat, lon = _degrees()
    lat[3] = np.nan
    data = _data(lat=lat, lon=lon)
    encoder = InputEncoder(numbers="quantile")
    encoder.fit(data)
    x = encoder.apply(data)["x"]
    assert np.isfinite(x).all() and x.shape[1] == 13  # two columns, one indicator, ten turned
    again = InputEncoder.from_state(encoder.state_dict())
    assert np.array_equal(again.apply(data)["x"], x)
    assert again.feature_names == encoder.feature_names
