"""New rows against a trained schema: what is accepted, and the text of every refusal."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from learnloop.data.conform import conform
from learnloop.data.read import read
from learnloop.data.schema import Schema
from learnloop.errors import DataError, ManyErrors, SchemaError

RANDOM = np.random.default_rng(0)
N = 400
TABLE = pd.DataFrame(
    {
        "age": RANDOM.integers(18, 90, N),
        "city": RANDOM.choice(["Oslo", "Bergen", "Bodø"], N),
        "class_": RANDOM.integers(1, 4, N),
        "member": RANDOM.random(N) < 0.5,
        "since": [f"{1 + day % 28:02d}.{1 + day % 12:02d}.2020" for day in range(N)],
        "user_id": RANDOM.permutation(N),
        "y": RANDOM.choice(["no", "yes"], N),
    }
)
SCHEMA = read(TABLE).schema
ROW = {"age": 31, "city": "Oslo", "class_": 2, "member": True, "since": "05.06.2021"}


def message(source: Any, schema: Schema = SCHEMA, **options: Any) -> str:
    with pytest.raises((SchemaError, ManyErrors)) as caught:
        conform(source, schema, **options)
    return str(caught.value)


def test_the_training_table_conforms_to_itself() -> None:
    data = conform(TABLE, SCHEMA, need_target=True)
    pd.testing.assert_series_equal(data.frame["city"], read(TABLE).frame["city"])
    assert data.frame["since"].equals(read(TABLE).frame["since"])
    assert "user_id" in data.frame and data.schema["y"].role == "target" and data.notes == ()
    assert "y" not in conform(TABLE, SCHEMA).schema


def test_rows_as_dicts() -> None:
    for source in (ROW, [ROW], [ROW, ROW], pd.DataFrame([ROW]), {key: [value] for key, value in ROW.items()}):
        data = conform(source, SCHEMA)
        assert data.frame["age"][0] == 31 and data.frame["class_"][0] == "2" and data.frame["member"][0] == "True"
        assert data.frame["since"][0] == pd.Timestamp(2021, 6, 5)
    texts = {"age": "31", "city": "Oslo", "class_": "2.0", "member": "true", "since": "05.06.2021"}
    assert conform(texts, SCHEMA).frame[["class_", "member"]].iloc[0].tolist() == ["2", "True"]
    assert conform(texts, SCHEMA).frame["age"][0] == 31


def test_the_schema_survives_json() -> None:
    again = Schema.from_json(SCHEMA.to_json())
    assert conform(ROW, again).frame["since"][0] == pd.Timestamp(2021, 6, 5)


def test_dates_are_read_in_the_form_of_the_training_data() -> None:
    days = pd.date_range("2020-01-01", periods=60)
    schema = read(pd.DataFrame({"on": days.strftime("%d/%m/%Y"), "y": np.arange(60) % 2})).schema
    assert (schema["on"].dtype, schema["on"].format) == ("date", "%d/%m/%Y")
    again = Schema.from_json(schema.to_json())
    row = conform({"on": "03/04/2020"}, again)  # read by itself, it would be taken for the 4th of March
    assert row.frame["on"][0] == pd.Timestamp(2020, 4, 3)
    for value in (date(2020, 4, 3), datetime(2020, 4, 3), pd.Timestamp(2020, 4, 3), pd.Timestamp("2020-04-03T00:00Z")):
        assert conform({"on": value}, again).frame["on"][0] == pd.Timestamp(2020, 4, 3)
    assert "column on: must hold dates (%d/%m/%Y)\n  found:     '2020-04-03' in row 1" in message(
        {"on": "2020-04-03"}, again
    )


def test_the_form_of_dates_in_bundles_of_an_earlier_format_is_understood() -> None:
    (row,) = Schema.from_json([{"name": "on", "kind": "date", "dtype": "date:%d.%m.%Y %H:%M"}]).fields
    assert (row.dtype, row.format) == ("date", "%d.%m.%Y %H:%M")


def test_dates_that_were_no_text_and_iso_dates_have_their_form_too() -> None:
    days = pd.date_range("2020-01-01", periods=60)
    y = np.arange(60) % 2
    assert read(pd.DataFrame({"on": days, "y": y})).schema["on"].format == ""
    assert read(pd.DataFrame({"on": days.strftime("%Y-%m-%d"), "y": y})).schema["on"].format == "ISO8601"
    schema = read(pd.DataFrame({"on": days, "y": y})).schema
    assert conform({"on": "2020-04-03"}, schema).frame["on"][0] == pd.Timestamp(2020, 4, 3)


def test_missing_columns_all_at_once_with_nearest_names() -> None:
    row = {("Age" if key == "age" else "town" if key == "city" else key): value for key, value in ROW.items()}
    text = message(row)
    assert "the list: must have the columns that the model was trained on\n  found:     no age, city" in text
    assert "age: Did you mean 'Age'?" in text and "do:        df = df.rename(columns={'Age': 'age'})" in text
    assert "available: Age, " in text and "town" in text


def test_values_of_another_kind_all_at_once() -> None:
    text = message([ROW, ROW | {"age": "old", "since": "soon"}])
    assert text.startswith("2 mistakes:")
    assert "column age: must hold numbers\n  found:     'old' in row 2" in text
    assert "column since: must hold dates (%d.%m.%Y)\n  found:     'soon' in row 2" in text
    assert "--set" not in text
    with pytest.raises(DataError) as caught:
        conform([ROW | {"age": np.inf}], SCHEMA)
    assert "column age: must hold finite numbers" in str(caught.value)


def test_missing_values_and_unseen_categories_pass() -> None:
    data = conform([ROW, ROW | {"city": "Paris", "age": None, "since": None}], SCHEMA)
    assert data.frame["city"].tolist() == ["Oslo", "Paris"] and data.schema["age"].missing == 1
    assert SCHEMA["city"].categories == ("Bergen", "Bodø", "Oslo")


def test_other_columns_are_left_out_with_a_note() -> None:
    data = conform(ROW | {"colour": "red"}, SCHEMA)
    assert "colour" not in data.frame
    assert data.notes == ("Columns that the model does not know were left out: colour.",)


def test_labels_that_the_model_does_not_know() -> None:
    text = message([ROW | {"y": "yes"}, ROW | {"y": "Yes"}, ROW | {"y": "maybe"}], need_target=True)
    assert "target y: must hold labels that the model was trained on" in text
    assert "'Yes', 'maybe' in 2 rows" in text and "available: yes, no" in text
    assert "the target is needed to evaluate" in message([ROW], need_target=True)


X = RANDOM.normal(size=(60, 64))
ARRAY = read((X, np.arange(60) % 2)).schema


def test_array_width() -> None:
    assert len(conform(X, ARRAY)) == 60 and len(conform(X[0], ARRAY)) == 1 and len(conform(X[0].tolist(), ARRAY)) == 1
    text = message(X[:, :63], ARRAY)
    assert "expected 64 numbers in each row\n  found:     found 63" in text
    data = conform((X, np.arange(60) % 2), ARRAY, need_target=True)
    assert set(data.frame["y"]) == {"0", "1"}
    named = read(pd.DataFrame(X, columns=[f"f{place}" for place in range(64)]).assign(y=np.arange(60) % 2)).schema
    assert conform(X, named).frame["f3"][5] == X[5, 3]
    assert "found:     images" not in message(np.zeros((2, 7)), named)


def test_constant_columns_of_an_array_do_not_change_its_width() -> None:
    x = X.copy()
    x[:, 5] = 1
    schema = read((x, np.arange(60) % 2)).schema
    assert schema["x5"].kind == "constant"
    assert conform(x, schema).frame["x6"][3] == x[3, 6]


PIXELS = RANDOM.integers(0, 256, (40, 12, 10), dtype=np.uint8)
IMAGES = read((PIXELS, np.arange(40) % 2)).schema


def test_images_from_arrays_and_files(tmp_path: Path) -> None:
    assert (conform(PIXELS, IMAGES).arrays["image"][..., 0] == PIXELS).all()
    assert conform(PIXELS[0], IMAGES).arrays["image"].shape == (1, 12, 10, 1)
    larger = conform(np.repeat(PIXELS, 2, axis=1), IMAGES)
    assert larger.arrays["image"].shape == (40, 12, 10, 1)
    assert "converted to 12 x 10 x 1, the size of the training images." in larger.notes[-1]
    Image.fromarray(RANDOM.integers(0, 256, (30, 30, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(PIXELS[3]).save(tmp_path / "b.png")
    for source in (
        tmp_path,
        [tmp_path / "a.png", tmp_path / "b.png"],
        [str(tmp_path / "a.png"), str(tmp_path / "b.png")],
    ):
        data = conform(source, IMAGES)
        assert (data.arrays["image"][1, ..., 0] == PIXELS[3]).all()
        assert any("1 images were resized to 12 x 10 pixels" in note for note in data.notes)
    assert len(conform(str(tmp_path / "b.png"), IMAGES)) == 1
    assert "found:     no image" in message(pd.DataFrame(X), IMAGES)
    flat = conform(PIXELS.reshape(40, -1), IMAGES)
    assert (flat.arrays["image"][..., 0] == PIXELS).all()
    assert "must have 64 columns" in message(PIXELS, ARRAY)


def test_class_folders_to_evaluate(tmp_path: Path) -> None:
    schema = read((PIXELS, np.array(["cat", "dog"])[np.arange(40) % 2])).schema
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        Image.fromarray(PIXELS[0]).save(tmp_path / name / "a.png")
    data = conform(tmp_path, schema, need_target=True)
    assert data.frame["y"].tolist() == ["cat", "dog"]
