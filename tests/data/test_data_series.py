"""Series: arrays, wide and long tables become one array column; what is wrong with them is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from learnloop.data.conform import conform
from learnloop.data.dataset import Dataset
from learnloop.data.read import read
from learnloop.errors import DataError, RecipeError, SchemaError

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(30, 12, 2)).astype(np.float32)
Y = np.arange(30) % 3


def series_of(data: Dataset) -> np.ndarray:
    return np.asarray(data.arrays["series"])


def kinds(data: Dataset) -> dict[str, tuple[str, str]]:
    return {field.name: (field.kind, field.role) for field in data.schema.fields}


def wide_frame(rows: int = 30, steps: int = 12) -> pd.DataFrame:
    return pd.DataFrame(X[:rows, :steps, 0], columns=[f"t{step}" for step in range(steps)]).assign(y=Y[:rows])


def long_frame() -> pd.DataFrame:
    """Series 0 .. 9 with 3 .. 12 steps, rows in no order."""
    rows = [
        {"id": f"s{name}", "when": 10 * step, "v": float(X[name, step, 0]), "w": float(X[name, step, 1]), "y": name % 2}
        for name in range(10)
        for step in range(name + 3 if name < 9 else 12)
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=1).reset_index(drop=True)


# --- arrays -----------------------------------------------------------------------------------------------------


def test_an_array_of_three_axes_that_no_picture_could_be_is_a_series() -> None:
    data = read((X, Y))
    assert kinds(data) == {"series": ("series", "input"), "y": ("category", "target")}
    np.testing.assert_array_equal(series_of(data), X)
    assert data.schema["series"].shape == (12, 2)


def test_bytes_and_square_arrays_stay_pictures() -> None:
    pictures = RANDOM.integers(0, 256, (30, 12, 8)).astype(np.uint8)
    assert kinds(read((pictures, Y)))["image"] == ("image", "input")
    square = RANDOM.integers(0, 256, (30, 8, 8)) / 255
    assert kinds(read((square, Y)))["image"] == ("image", "input")
    assert kinds(read((square, Y), series="wide"))["series"] == ("series", "input")
    with pytest.raises(DataError, match="pixels must lie in") as caught:
        read((RANDOM.normal(size=(30, 8, 5)), Y))
    assert "--set data.series=wide   # where each row is a series" in str(caught.value)
    assert kinds(read((RANDOM.normal(size=(30, 11, 5)), Y)))["series"] == ("series", "input")


def test_a_table_of_numbers_stays_a_table_unless_it_is_called_wide() -> None:
    assert "series" not in kinds(read((X[:, :, 0], Y)))
    data = read((X[:, :, 0], Y), series="wide")
    np.testing.assert_array_equal(series_of(data)[..., 0], X[:, :, 0])


def test_npz_with_lengths_and_lists_of_arrays_are_ragged(tmp_path: Path) -> None:
    length = 1 + np.arange(30) % 12
    np.savez(tmp_path / "a.npz", x=X, y=Y, length=length)
    data = read(str(tmp_path / "a.npz"))
    known = ~np.isnan(series_of(data)).all(axis=2)
    np.testing.assert_array_equal(known.sum(axis=1), length)
    same = read(([row[:end] for row, end in zip(X, length)], Y))
    np.testing.assert_array_equal(series_of(same), series_of(data))


@pytest.mark.parametrize(
    ("length", "found"), [([0] * 30, "0 to 0"), ([13] * 30, "13 to 13"), ([2.0] * 30, "float64"), ([2] * 29, r"\[29\]")]
)
def test_lengths_that_do_not_fit_are_refused(length: Any, found: str) -> None:
    with pytest.raises(DataError, match=rf"must be \[30\] whole numbers from 1 to 12\n  found:     .*{found}"):
        read({"x": X, "y": Y, "length": np.asarray(length)})


def test_a_row_without_a_step_and_infinities_are_refused() -> None:
    empty = X.copy()
    empty[[3, 7]] = np.nan
    with pytest.raises(DataError, match="at least one step\n  found:     nothing in row 3, 7 "):
        read((empty, Y))
    endless = X.copy()
    endless[4, 5, 1] = np.inf
    with pytest.raises(DataError, match="inf in row 4, step 5, feature 1"):
        read((endless, Y))


def test_a_target_at_every_step_is_a_series_to_regress() -> None:
    data = read((X, np.cumsum(X[..., 0], 1)))
    assert kinds(data)["y"] == ("series", "target")
    with pytest.raises(DataError, match="has a number at every step, which can be regressed"):
        read((X, np.cumsum(X[..., 0], 1)), task="classify")


# --- wide -------------------------------------------------------------------------------------------------------


def test_wide_columns_become_steps_in_the_order_of_their_numbers() -> None:
    frame = wide_frame()
    data = read(frame[sorted(frame.columns)], series="wide", target="y")  # t0, t1, t10, t11, t2, ...
    np.testing.assert_array_equal(series_of(data)[..., 0], X[:, :, 0])
    assert kinds(data) == {"series": ("series", "input"), "y": ("category", "target")}
    assert "t0 ... t11" in data.schema["series"].why


def test_families_with_the_same_numbers_are_features_and_others_are_set_aside() -> None:
    second = pd.DataFrame(X[:, :, 1], columns=[f"u{step}" for step in range(12)])
    frame = pd.concat([wide_frame(), second], axis=1).assign(age=np.arange(30) + 0.5)
    data = read(frame, series="wide", target="y")
    np.testing.assert_array_equal(series_of(data), X)
    assert kinds(data)["age"] == ("number", "ignore")
    assert any("set aside: age" in note for note in data.notes)


def test_wide_cells_that_are_empty_at_the_end_make_rows_shorter() -> None:
    frame = wide_frame()
    frame.loc[3, [f"t{step}" for step in range(5, 12)]] = np.nan
    assert np.isnan(series_of(read(frame, series="wide", target="y"))[3, 5:]).all()


def test_wide_needs_numbered_columns_of_numbers() -> None:
    with pytest.raises(DataError, match="must have numbered columns, one a step"):
        read(pd.DataFrame({"a": [1, 2] * 5, "y": [0, 1] * 5}), series="wide", target="y")
    frame = wide_frame().astype({"t3": object})
    frame.loc[1, "t3"] = "high"
    with pytest.raises(DataError, match="column t3: must hold numbers"):
        read(frame, series="wide", target="y")


def test_a_family_as_target_is_a_target_at_every_step() -> None:
    answers = pd.DataFrame(np.cumsum(X[:, :, 0], 1), columns=[f"z{step}" for step in range(12)])
    frame = pd.concat([wide_frame().drop(columns="y"), answers], axis=1)
    data = read(frame, series="wide", target=list(answers.columns))
    assert kinds(data)["z"] == ("series", "target")
    np.testing.assert_allclose(np.asarray(data.arrays["z"])[..., 0], answers.to_numpy(np.float32))


# --- long -------------------------------------------------------------------------------------------------------


def test_long_rows_become_one_series_a_group_in_the_order_of_time() -> None:
    data = read(long_frame(), series="long", group="id", time="when", target="y")
    assert len(data) == 10
    place = {name: row for row, name in enumerate(data.frame["id"])}
    for number in range(10):
        steps = number + 3 if number < 9 else 12
        row = series_of(data)[place[f"s{number}"]]
        np.testing.assert_allclose(row[:steps], X[number, :steps])
        assert np.isnan(row[steps:]).all()
        assert str(data.frame["y"].iloc[place[f"s{number}"]]) == str(number % 2)
    assert kinds(data)["id"] == ("id", "id")


def test_a_long_target_that_changes_is_learnt_at_every_step_or_at_the_last() -> None:
    frame = long_frame().assign(y=lambda f: f["v"] * 2)
    data = read(frame, series="long", group="id", time="when", target="y")
    assert kinds(data)["y"] == ("series", "target")
    np.testing.assert_allclose(np.asarray(data.arrays["y"])[..., 0], 2 * series_of(data)[..., 0])
    last = read(frame, series="long", group="id", time="when", target="y", series_target="last", task="regress")
    values = series_of(last)[..., 0]
    ends = (~np.isnan(values)).sum(axis=1) - 1
    np.testing.assert_allclose(last.frame["y"].to_numpy(), 2 * values[np.arange(10), ends], rtol=1e-6)


def test_a_class_that_changes_within_a_series_is_refused() -> None:
    frame = long_frame().assign(y=lambda f: np.where(f["v"] > 0, "up", "down"))
    with pytest.raises(DataError, match="must be the same in all rows of one id when it is a class") as caught:
        read(frame, series="long", group="id", time="when", target="y")
    assert "--set data.series_target=last" in str(caught.value)
    data = read(frame, series="long", group="id", time="when", target="y", series_target="last")
    assert set(data.schema["y"].categories) == {"up", "down"}


def test_a_split_column_of_a_long_table_is_kept() -> None:
    frame = long_frame().assign(split=lambda f: np.where(f["id"].isin(["s1", "s2"]), "test", "train"))
    data = read(frame, series="long", group="id", time="when", target="y")
    assert data.part is not None
    assert sorted(data.frame["id"][data.part == "test"]) == ["s1", "s2"]


def test_long_mistakes_are_said() -> None:
    frame = long_frame()
    with pytest.raises(RecipeError, match="no --time") as caught:
        read(frame, series="long", group="id", target="y")
    assert "--set data.series=long --group ID --time TIME" in str(caught.value)
    with pytest.raises(DataError, match="--time: must name a column"):
        read(frame, series="long", group="id", time="whem", target="y")
    twice = pd.concat([frame, frame[frame["id"] == "s0"].head(1)])
    with pytest.raises(DataError, match="--time when: must be different in all rows of one id"):
        read(twice, series="long", group="id", time="when", target="y")
    with pytest.raises(DataError, match="must have a column of numbers that changes within a series"):
        read(frame[["id", "when", "y"]], series="long", group="id", time="when", target="y")
    with pytest.raises(DataError, match="--group id: must have a value in every row"):
        read(frame.assign(id=frame["id"].where(frame.index > 0)), series="long", group="id", time="when", target="y")


def test_dates_order_a_long_table() -> None:
    frame = long_frame()
    dated = frame.assign(when=(pd.Timestamp("2024-01-01") + pd.to_timedelta(frame["when"], unit="D")).astype(str))
    plain = read(frame, series="long", group="id", time="when", target="y")
    np.testing.assert_array_equal(
        series_of(read(dated, series="long", group="id", time="when", target="y")), series_of(plain)
    )


def test_group_and_time_without_long_name_the_way_to_it() -> None:
    with pytest.raises(RecipeError) as caught:
        read(long_frame(), group="id", time="when", target="y")
    assert "--group id --time when --set data.series=long" in str(caught.value)


# --- new rows ---------------------------------------------------------------------------------------------------


def test_new_arrays_of_other_lengths_and_one_series_are_taken() -> None:
    schema = read((X, Y)).schema
    np.testing.assert_array_equal(series_of(conform(X[:4, :5], schema)), X[:4, :5])
    np.testing.assert_array_equal(series_of(conform(X[3], schema)), X[3:4])  # [time, features]: one series
    np.testing.assert_array_equal(series_of(conform({"x": X[:4]}, schema)), X[:4])
    ragged = series_of(conform([X[0, :3], X[1, :9]], schema))
    assert ragged.shape == (2, 9, 2) and np.isnan(ragged[0, 3:]).all()


def test_one_number_a_step_needs_no_last_axis() -> None:
    schema = read((X[:, :, :1], Y)).schema
    np.testing.assert_array_equal(series_of(conform(X[:4, :, 0], schema))[..., 0], X[:4, :, 0])
    np.testing.assert_array_equal(series_of(conform(X[2, :, 0], schema))[..., 0], X[2:3, :, 0])


def test_new_wide_and_long_rows_are_folded_as_in_training() -> None:
    wide = read(wide_frame(), series="wide", target="y").schema
    fresh = wide_frame(5, 7).drop(columns="y")
    np.testing.assert_array_equal(series_of(conform(fresh, wide))[..., 0], X[:5, :7, 0])
    np.testing.assert_array_equal(series_of(conform(fresh.iloc[2], wide))[..., 0], X[2:3, :7, 0])  # one row
    trained = read(long_frame(), series="long", group="id", time="when", target="y")
    again = conform(long_frame(), trained.schema, need_target=True)
    np.testing.assert_array_equal(series_of(again), series_of(trained))
    assert again.frame["y"].astype(str).tolist() == trained.frame["y"].astype(str).tolist()


def test_other_features_are_refused_and_tables_too() -> None:
    schema = read((X, Y)).schema
    with pytest.raises(SchemaError, match="must have 2 numbers at each step, as in training\n  found:     3"):
        conform(np.zeros((4, 5, 3), np.float32), schema)
    with pytest.raises(SchemaError, match=r"must hold series: an array \[rows, time, 2\]"):
        conform(pd.DataFrame({"a": [1.0, 2.0]}), schema)
    wide = read(wide_frame(), series="wide", target="y").schema
    with pytest.raises(DataError, match="must have the numbered columns t0, t1, ..., as in training"):
        conform(pd.DataFrame({"u0": [1.0], "u1": [2.0]}), wide)
