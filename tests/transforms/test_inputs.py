"""InputEncoder: what goes where, what depends on what, state, notes and refusals."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnloop.data import mapped
from learnloop.data.dataset import Dataset
from learnloop.data.schema import Field, Schema
from learnloop.errors import DataError, ManyErrors, SchemaError, UserError
from learnloop.transforms import images
from learnloop.transforms.inputs import InputEncoder


def people(rows: int = 60, seed: int = 0) -> Dataset:
    """A table with every kind of column."""
    rng = np.random.default_rng(seed)
    age = rng.normal(40, 12, rows)
    age[rng.random(rows) < 0.2] = np.nan
    frame = pd.DataFrame(
        {
            "age": age,
            "fare": rng.exponential(30, rows),
            "port": rng.choice(["C", "Q", "S"], rows),
            "alone": rng.random(rows) < 0.5,
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 700, rows), unit="D"),
            "same": np.ones(rows),
            "name": [f"person {i} of {rows}" for i in range(rows)],
            "survived": rng.integers(0, 2, rows),
        }
    )
    schema = Schema(
        (
            Field("age", "number"),
            Field("fare", "number"),
            Field("port", "category", dtype="str", categories=("S", "C", "Q")),
            Field("alone", "boolean", dtype="bool", categories=("False", "True")),
            Field("when", "date", dtype="date"),
            Field("same", "number"),
            Field("name", "text", role="ignore", dtype="str"),
            Field("survived", "category", role="target", dtype="int", categories=("0", "1")),
        )
    )
    return Dataset("people.csv", schema, frame)


def with_frame(data: Dataset, **columns: Any) -> Dataset:
    return Dataset(data.name, data.schema, data.frame.assign(**columns), data.arrays)


def fitted(data: Dataset, numbers: Any = "standard") -> InputEncoder:
    encoder = InputEncoder(numbers=numbers)
    encoder.fit(data)
    return encoder


def test_layout_of_a_table() -> None:
    data = people()
    encoder = fitted(data)
    assert encoder.number_names == [
        "age",
        "age is missing",
        "fare",
        "when year",
        "when month",
        "when day_of_week",
        "when day_of_year_sin",
        "when day_of_year_cos",
        "when elapsed_days",
    ]
    assert encoder.category_names == ["port", "alone"]
    assert encoder.feature_names == encoder.number_names + encoder.category_names
    assert encoder.spec.numbers == 9 and encoder.spec.cardinalities == (4, 3) and encoder.spec.kind == "table"
    assert encoder.notes == ("Not used, the same value in every training row: 'same'.",)
    arrays = encoder.apply(data)
    assert arrays["x"].dtype == np.float32 and arrays["x"].shape == (60, 9) and arrays["x"].flags.c_contiguous
    assert arrays["x_cat"].dtype == np.int64 and arrays["x_cat"].shape == (60, 2)
    assert np.isfinite(arrays["x"]).all()
    np.testing.assert_array_equal(arrays["x"][:, 1], data.frame["age"].isna())
    assert arrays["x"][:, 2].mean() == pytest.approx(0, abs=1e-6) and arrays["x"][:, 2].std() == pytest.approx(1)
    ports = np.array(["?", "S", "C", "Q"])[arrays["x_cat"][:, 0]]
    np.testing.assert_array_equal(ports, data.frame["port"])
    assert encoder.notes == ()


@pytest.mark.parametrize("numbers", ["standard", "quantile", "robust", "none"])
def test_state_round_trip_is_exact(numbers: str) -> None:
    data = people()
    encoder = fitted(data, numbers)
    state = encoder.state_dict()
    again = InputEncoder.from_state(json_and_arrays(state))
    assert again.feature_names == encoder.feature_names and again.spec == encoder.spec
    other = people(seed=5)
    for key, value in encoder.apply(other).items():
        np.testing.assert_array_equal(again.apply(other)[key], value)


def json_and_arrays(state: Any) -> Any:
    if isinstance(state, dict):
        return {key: json_and_arrays(value) for key, value in state.items()}
    if isinstance(state, list):
        return [json_and_arrays(value) for value in state]
    return state.copy() if isinstance(state, np.ndarray) else json.loads(json.dumps(state))


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.randoms(use_true_random=False), st.sampled_from(["standard", "quantile", "robust"]))
def test_columns_and_rows_may_come_in_any_order(random: Any, numbers: str) -> None:
    data = people()
    encoder = fitted(data, numbers)
    expected = encoder.apply(data)
    columns = list(data.frame.columns)
    random.shuffle(columns)
    fields = list(data.schema.fields)
    random.shuffle(fields)
    rows = list(range(len(data)))
    random.shuffle(rows)
    shuffled = Dataset("x", Schema(tuple(fields)), data.frame[columns])
    for key, value in encoder.apply(shuffled.take(np.array(rows))).items():
        np.testing.assert_array_equal(value, expected[key][rows])
    refitted = fitted(shuffled.take(np.array(rows)), numbers)
    values = refitted.apply(data)
    for name in encoder.number_names:
        a = expected["x"][:, encoder.number_names.index(name)]
        np.testing.assert_allclose(values["x"][:, refitted.number_names.index(name)], a, rtol=1e-5, atol=1e-6)
    for name in encoder.category_names:
        codes = expected["x_cat"][:, encoder.category_names.index(name)]
        np.testing.assert_array_equal(values["x_cat"][:, refitted.category_names.index(name)], codes)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.integers(0, 1000), st.floats(-1e9, 1e9))
def test_a_row_does_not_depend_on_the_rows_beside_it(seed: int, value: float) -> None:
    data, test = people(), people(20, seed)
    encoder = fitted(data)
    expected = encoder.apply(test)
    fare = test.frame["fare"].to_numpy().copy()
    fare[10:] = value
    changed = encoder.apply(with_frame(test, fare=fare))
    np.testing.assert_array_equal(changed["x"][:10], expected["x"][:10])
    np.testing.assert_array_equal(changed["x_cat"], expected["x_cat"])


def test_unseen_and_newly_missing_values_are_defined_and_noted() -> None:
    data = people()
    encoder = fitted(data)
    rows = data.take(np.arange(4))
    port, fare = ["X", "Y", "X", "S"], [np.nan, 1e30, 1.0, 2.0]
    arrays = encoder.apply(
        with_frame(rows, port=port, fare=fare, alone=pd.Series([None, True, False, True], dtype=object))
    )
    assert arrays["x_cat"][:3, 0].tolist() == [0, 0, 0] and arrays["x_cat"][3, 0] == 1
    assert arrays["x_cat"][:, 1].tolist() == [0, 2, 1, 2]
    median = float(np.median(data.frame["fare"]))
    assert encoder.notes == (
        "'fare': 1 value far outside the training range, limited.",
        f"'fare': 1 value missing, where training had none; the training median {median:g} stands in.",
        "'port': 3 values never seen in training ('X', 'Y'): code 0.",
        "'alone': 1 value missing, where training had none: code 0.",
    )
    assert arrays["x"][1, 2] == 1e6
    assert arrays["x"][0, 2] == pytest.approx((median - data.frame["fare"].mean()) / data.frame["fare"].std(ddof=0))


def test_categories_that_only_other_parts_have_get_no_code() -> None:
    data = people()
    encoder = fitted(with_frame(data, port=np.where(data.frame["port"] == "Q", "S", data.frame["port"])))
    assert encoder.categories["port"] == ("S", "C")


def test_missing_dates_share_one_indicator() -> None:
    data = people()
    when = data.frame["when"].copy()
    when[3] = pd.NaT
    encoder = fitted(with_frame(data, when=when))
    assert [name for name in encoder.number_names if "when" in name and "missing" in name] == [
        "when elapsed_days is missing"
    ]
    x = encoder.apply(with_frame(data, when=when))["x"]
    assert np.isfinite(x).all() and x[:, -1].sum() == 1 and x[3, -1] == 1


def test_numbers_may_be_left_alone() -> None:
    data = people()
    x = fitted(data, "none").apply(data)["x"]
    np.testing.assert_array_equal(x[:, 2], data.frame["fare"].to_numpy(np.float32))


def test_nothing_to_learn_from() -> None:
    data = people()
    schema = Schema(tuple(f for f in data.schema.fields if f.name in ("same", "name", "survived")))
    with pytest.raises(DataError) as caught:
        fitted(Dataset("people.csv", schema, data.frame))
    assert str(caught.value) == (
        "people.csv: must have at least one input column of kind number, category, boolean, date or image "
        "that varies\n"
        "  found:     'name' (text), 'same' (the same in every training row)\n"
        "  probably:  every other column is free text, an id, set aside, or constant\n"
        "  do:        --set data.columns.name=category   (or number, date: use a column all the same)"
    )


def test_lacking_columns_are_named_together() -> None:
    data = people()
    encoder = fitted(data)
    frame = data.frame.rename(columns={"fare": "Fare", "port": "harbour"})
    with pytest.raises(ManyErrors) as caught:
        encoder.apply(Dataset("new.csv", data.schema, frame))
    assert "column 'fare': must be there, as in training\n  found:     no such column" in str(caught.value)
    assert "Did you mean 'Fare'?" in str(caught.value) and "column 'port'" in str(caught.value)


def test_infinite_numbers_and_foreign_text_are_refused() -> None:
    data = people()
    with pytest.raises(SchemaError, match="column 'fare': must hold finite numbers"):
        fitted(with_frame(data, fare=np.where(np.arange(60) == 7, np.inf, data.frame["fare"])))
    with pytest.raises(SchemaError, match="column 'fare': must hold numbers, as in training"):
        fitted(data).apply(with_frame(data, fare=["cheap"] * 60))


def test_arguments_are_checked() -> None:
    with pytest.raises(
        UserError, match=r"numbers: must name a transform\n  found:     'standart'\n  available: standard"
    ):
        InputEncoder(numbers="standart")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="image_size: must be at least 1 pixel"):
        InputEncoder(image_size=0)


def photos(shape: tuple[int, ...], rows: int = 30, values: np.ndarray | None = None) -> Dataset:
    pixels = np.random.default_rng(0).integers(0, 256, (rows, *shape), dtype=np.uint8)
    schema = Schema((Field("image", "image", shape=shape), Field("age", "number")))
    frame = pd.DataFrame({"age": np.arange(rows)})
    return Dataset("photos", schema, frame, {"image": pixels if values is None else values})


def test_images_become_channels_first() -> None:
    data = photos((4, 5, 3))
    encoder = InputEncoder()
    encoder.fit(data)
    assert encoder.notes == ("Only the images 'image' are used; not used beside them: age.",)
    x = encoder.apply(data)["x"]
    pixels = data.arrays["image"]
    assert x.dtype == np.uint8 and x.flags.c_contiguous and encoder.spec.shape == (3, 4, 5)
    np.testing.assert_array_equal(x, pixels.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(encoder.spec.mean, (pixels / 255).mean((0, 1, 2)), rtol=1e-12)
    np.testing.assert_allclose(encoder.spec.std, (pixels / 255).std((0, 1, 2)), rtol=1e-12)
    again = InputEncoder.from_state(json_and_arrays(encoder.state_dict()))
    assert again.spec == encoder.spec
    np.testing.assert_array_equal(again.apply(data)["x"], x)


def test_grey_images_are_not_copied() -> None:
    data = photos((4, 5, 1))
    encoder = InputEncoder()
    encoder.fit(data)
    assert np.shares_memory(encoder.apply(data)["x"], data.arrays["image"])


def test_images_are_resized() -> None:
    flat = np.zeros((3, 10, 20, 3), np.uint8) + np.array([10, 200, 90], np.uint8)
    flat[0, :, :10] = 250
    encoder = InputEncoder(image_size=8)
    encoder.fit(photos((10, 20, 3), 3, flat))
    x = encoder.apply(photos((10, 20, 3), 3, flat))["x"]
    assert encoder.spec.shape == (3, 8, 8) and x.shape == (3, 3, 8, 8)
    np.testing.assert_array_equal(x[1, :, 4, 4], [10, 200, 90])
    np.testing.assert_array_equal(x[0, :, 4, 0], [250, 250, 250])


def test_mapped_images_stay_mapped(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "ABOVE_BYTES", 100)
    monkeypatch.setattr(images, "_CHUNK_BYTES", 4 * 5 * 3 * 7)
    plain = photos((4, 5, 3))
    np.save(tmp_path / "x.npy", plain.arrays["image"])
    large = photos((4, 5, 3), values=np.load(tmp_path / "x.npy", mmap_mode="r"))
    encoder = InputEncoder()
    encoder.fit(large)
    x = encoder.apply(large)["x"]
    assert isinstance(x, np.memmap)
    np.testing.assert_array_equal(x, plain.arrays["image"].transpose(0, 3, 1, 2))


def test_images_of_another_size_are_refused() -> None:
    encoder = InputEncoder()
    encoder.fit(photos((4, 5, 3)))
    with pytest.raises(SchemaError) as caught:
        encoder.apply(photos((4, 6, 1)))
    assert str(caught.value) == (
        "column 'image': must hold images of 5 x 4 pixels and 3 channels, as in training\n"
        "  found:     images of 6 x 4 pixels and 1 channel\n"
        "  do:        resize the images, or train again with --set data.image_size=N"
    )
    with pytest.raises(DataError, match=r"found:     float64 \[3, 4, 5, 3\]"):
        encoder.fit(photos((4, 5, 3), 3, np.zeros((3, 4, 5, 3))))
