"""Tables that cannot be read, or cannot be learnt from: each ends with exit code 2 and says what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.bad_input.conftest import Call, good

Csv = Callable[..., Path]


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ("", ["must hold a line of column names and at least one row", "found:     an empty file (0 bytes)"]),
        ("\n\n\n", ["found:     only blank lines"]),
        ("a,b,y\n", ["found:     column names only: a, b, y", "probably:  the export or download failed"]),
        (b"\x00\x01\x02" * 500, ["must be a text file", "save it as CSV in UTF-8"]),
        ("a,a,y\n1,2,no\n3,4,yes\n", ["each column must have a name of its own", "several columns are called 'a'"]),
        ("a,y\n1,no\n2,yes\n3\n", ["data.csv, line 4: must have as many fields as the first line: 2", "1 field"]),
        ("a,y\n1,no\n2,yes,3\n3,no\n", ["data.csv, line 3: must have as many fields", "sed -n 3p"]),
    ],
)
def test_files_that_are_no_table(fit: Call, csv: Csv, content: object, texts: list[str]) -> None:
    _, err = fit(csv(content))
    assert all(text in err for text in texts), err


def test_a_wrong_encoding_is_said_with_its_line(fit: Call, csv: Csv) -> None:
    text = good().to_csv(index=False).replace("green", "grün")
    line = text.splitlines().index(next(row for row in text.splitlines() if "grün" in row)) + 1
    _, err = fit(csv(text.encode("latin-1")), code=0)
    assert f"note: The file is not UTF-8 (line {line}); it was read as Windows-1252" in err


def test_a_missing_target_offers_the_nearest_names(fit: Call, csv: Csv) -> None:
    _, err = fit(csv(), "-t", "color")
    assert "--target: must name a column of" in err and "found:     'color'" in err
    assert "Did you mean 'colour'?" in err and "do:        --target colour" in err and "available: colour, " in err
    _, err = fit(csv(good().rename(columns={"y": "z"})), "--target", "Z")
    assert "Did you mean 'z'?" in err


CHANGED: list[tuple[str, dict[str, object], list[str]]] = [
    ("one class", {"y": "yes"}, ["target y: must have at least two classes", "one class only, 'yes', in all 80 rows"]),
    ("no target at all", {"y": np.nan}, ["must have values to learn from", "missing in all 80 rows"]),
    (
        "one value to regress",
        {"y": 3.5},
        ["target y: must have at least", "do:        --target ANOTHER_COLUMN"],
    ),
    ("an infinity", {"a": [np.inf, *range(79)]}, ["column a: must hold finite numbers", "inf in row 1"]),
    (
        "a name",
        {"y": [f"user{i}" for i in range(80)]},
        ["must have several rows for each class", "an id or a quantity"],
    ),
    (
        "dates",
        {"y": pd.date_range("2024-01-01", periods=80).strftime("%Y-%m-%d")},
        ["80 classes in 80 rows", "days since a date are a number to regress"],
    ),
    (
        "a typing mistake in numbers",
        {"a": ["1,2,3", *map(str, range(79))]},
        ["column a: must hold numbers", "'1,2,3' in row 1", "leave the cell empty to mean missing"],
    ),
]


@pytest.mark.parametrize(("columns", "texts"), [row[1:] for row in CHANGED], ids=[row[0] for row in CHANGED])
def test_columns_that_cannot_be_learnt(fit: Call, csv: Csv, columns: dict[str, object], texts: list[str]) -> None:
    _, err = fit(csv(**columns))
    assert all(text in err for text in texts), err


@pytest.mark.parametrize("value", [np.inf, 1e200])
def test_a_target_that_is_no_usable_number(fit: Call, csv: Csv, value: float) -> None:
    _, err = fit(csv(y=[value, *np.arange(79) / 3]))
    assert "target y: must hold " in err and "in row 1 (counted from 1)" in err and "leave the cell empty" in err


def test_text_to_regress_and_fractions_to_classify(fit: Call, csv: Csv) -> None:
    _, err = fit(csv(), "--task", "regress")
    assert "must hold numbers to be regressed\n  found:     'no', 'yes'" in err and "--task classify" in err
    _, err = fit(csv(y=good()["a"] * 1.7), "--task", "classify")
    assert "must hold classes (text or whole numbers) to be classified" in err and "--task regress" in err


def test_nothing_to_learn_from(fit: Call, csv: Csv) -> None:
    _, err = fit(csv(good()[["a", "b", "y"]], a=np.nan, b=np.nan))
    assert "must have at least one column to learn from" in err and "a: Every value is missing" in err
    assert "learnloop inspect" in err
    texts = [f"what is said here {i} is free text" for i in range(80)]
    _, err = fit(csv(pd.DataFrame({"t": texts, "y": good()["y"]})), "--set", "data.ignore=[t]")
    assert "t: You set it aside." in err and "must have at least one column to learn from" in err


def test_columns_set_aside_are_said(fit: Call, csv: Csv) -> None:
    _, err = fit(csv(a=np.nan, key=[f"k{i}" for i in range(80)]), code=0)
    assert "not learnt from: a: Every value is missing; set aside. key: Every row has a text of its own" in err


def test_labels_that_appear_only_in_test(fit: Call, csv: Csv) -> None:
    labels = [*good()["y"][:60], *["maybe"] * 20]
    _, err = fit(csv(y=labels, split=["train"] * 60 + ["test"] * 20))
    assert "every label of the test part must also be in the training part" in err
    assert "'maybe' in 20 test rows only" in err and "drop the split column" in err


def test_a_split_with_another_word_is_said(fit: Call, csv: Csv) -> None:
    _, err = fit(csv(split=["train"] * 50 + ["test"] * 20 + ["holdout"] * 10), code=0)
    assert "Column split looks like a split but also holds 'holdout'" in err


def test_labels_that_differ_by_a_space_are_said(fit: Call, csv: Csv) -> None:
    _, err = fit(csv(y=[label + " " * (i % 2) for i, label in enumerate(good()["y"])]), code=0)
    assert "labels that differ by spaces or capitals alone are different classes: 'no' and 'no '" in err


WEIGHTS = [
    (-1.0, "must hold finite numbers of at least 0\n  found:     -1 in row 1"),
    (0.0, "must have weights above 0\n  found:     0 in every row"),
    (np.nan, "must have a value in every row"),
    ("heavy", "must hold numbers\n  found:     text such as 'heavy'"),
]


@pytest.mark.parametrize(("weight", "text"), WEIGHTS)
def test_weights(fit: Call, csv: Csv, weight: object, text: str) -> None:
    _, err = fit(csv(w=weight), "--weight", "w")
    assert f"--weight w: {text}" in err


def test_a_batch_of_zero_weights_moves_nothing(fit: Call, csv: Csv) -> None:
    fit(csv(w=[1.0] + [0.0] * 79), "--weight", "w", "--batch-size", "4", "--steps", "30", code=0)


def test_names_of_columns_in_every_role(fit: Call, csv: Csv) -> None:
    _, err = fit(csv(), "--group", "colr", "--set", "data.columns.aa=category", "--set", "data.ignore=[bb]")
    assert err.startswith("3 mistakes:") or "3 mistakes:" in err
    assert "do:        --group colour" in err and "do:        --set data.columns.a=category" in err
    _, err = fit(csv(), "--group", "y")
    assert "--group y: must name a column that has no other part\n  found:     also --target" in err


@pytest.mark.parametrize("name", ["x", "split", "part", "index", "weight", "prediction", "目标 größe"])
def test_any_name_may_be_the_target(fit: Call, csv: Csv, name: str) -> None:
    data = csv(good().rename(columns={"y": name}), name="dätä mit space.csv")
    out, _ = fit(data, "-t", name, code=0)
    assert "accuracy" in out


@pytest.mark.parametrize("rows", [2, 5, 21])
def test_few_rows(fit: Call, csv: Csv, rows: int) -> None:
    frame = good().sort_values("y").iloc[[*range(rows // 2), *range(-(rows - rows // 2), 0)]]
    out, err = fit(csv(frame), code=0)
    assert ("too few to hold any out" in err) == (rows < 20) and "accuracy" in out


def test_a_class_with_one_row_is_kept_for_training(fit: Call, csv: Csv) -> None:
    _, err = fit(csv(y=["rare", *good()["y"][1:]]), code=0)
    assert "a single row each of rare: kept for training" in err


def test_a_thousand_classes_take_no_gigabytes(fit: Call, csv: Csv) -> None:
    frame = pd.DataFrame({"a": np.arange(2000) % 7 * 1.5, "y": [f"c{i % 1000}" for i in range(2000)]})
    out, _ = fit(csv(frame), code=0)
    assert "accuracy" in out


def test_kinds_that_do_not_fit(fit: Call, csv: Csv) -> None:
    _, err = fit(csv(), "--set", "data.columns.colour=number")
    assert "column colour: must hold numbers" in err and "'red' in row" in err
    _, err = fit(csv(), "--set", "data.columns.colour=date")
    assert "column colour: must hold dates" in err
    _, err = fit(csv(), "--set", "data.image_size=8")
    assert "data.image_size: is for images\n  found:     a table" in err


def test_other_files(fit: Call, csv: Csv, trained: Path) -> None:
    _, err = fit(csv(b"PAR1 junk", name="x.parquet"))
    assert "must be a whole Parquet file" in err and "do:" in err
    _, err = fit(csv('[{"a": 1}, {"a": ', name="x.json"))
    assert "x.json, line 1: must be JSON" in err
    _, err = fit(csv(b'[{"a": "\xff"}]', name="x.json"))
    assert "x.json, line 1: must be text in UTF-8\n  found:     the byte 0xff" in err
    _, err = fit(csv(b"PK\x03\x04", name="x.xlsx"))
    assert "found:     a file ending in '.xlsx'" in err and "save the sheet as CSV" in err
    _, err = fit(trained)
    assert "must be data\n  found:     the folder of a run" in err and "learnloop fit --resume" in err
    _, err = fit("/no/where.csv")
    assert "/no/where.csv: must be a file, a folder or a name in the catalog\n  found:     no such file" in err
