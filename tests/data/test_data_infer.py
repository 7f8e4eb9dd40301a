"""Kinds, roles, targets and tasks: each guess, each override, each refusal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from learnloop.data.infer import infer_task, set_task
from learnloop.data.read import read
from learnloop.errors import DataError, ManyErrors, RecipeError

N = 400
RANDOM = np.random.default_rng(0)


def frame(**columns: Any) -> pd.DataFrame:
    values = {"value": RANDOM.normal(size=N), "y": RANDOM.integers(0, 2, N)}
    return pd.DataFrame(values | columns)


def kind(values: Any, name: str = "c") -> tuple[str, str]:
    field = read(frame(**{name: values})).schema[name]
    assert field.why.endswith((".", ").")), field.why
    return field.kind, field.role


def message(source: Any, **options: Any) -> str:
    with pytest.raises((DataError, RecipeError, ManyErrors)) as caught:
        read(source, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (RANDOM.normal(size=N), "number"),
        (RANDOM.integers(0, 300, N), "number"),
        (RANDOM.integers(1, 5, N), "category"),
        (RANDOM.poisson(0.8, N), "number"),  # a count: large values are rare
        (RANDOM.choice([1, 1000, 100000], N), "number"),  # gaps: not codes
        (RANDOM.integers(0, 2, N), "boolean"),
        (RANDOM.random(N) < 0.5, "boolean"),
        (RANDOM.choice(["yes", "no"], N), "boolean"),
        (RANDOM.choice(["m", "f"], N), "category"),
        (pd.date_range("2020", periods=N), "date"),
        ([f"{day % 28 + 1:02d}.03.2021" for day in range(N)], "date"),
        ([f"{month % 12 + 1}/{month % 28 + 1}/2021" for month in range(N)], "date"),
        (["word " * 5 + str(place) for place in range(N)], "text"),
        ([f"k{place}" for place in range(N)], "id"),
        (range(1, N + 1), "id"),
        (RANDOM.permutation(N), "id"),
        ([3.5] * N, "constant"),
        (["same"] * N, "constant"),
        ([np.nan] * N, "constant"),
    ],
)
def test_kinds(values: Any, expected: str) -> None:
    roles = {"text": "ignore", "id": "id", "constant": "ignore"}
    assert kind(values) == (expected, roles.get(expected, "input"))


def test_ids_by_name() -> None:
    unique = RANDOM.permutation(N * 7)[:N]
    assert kind(unique, "user_id")[0] == kind(unique, "PassengerId")[0] == kind(unique, "ID")[0] == "id"
    assert kind(unique, "acid")[0] == kind(unique, "grid")[0] == "number"
    assert kind(RANDOM.integers(0, 100, N), "store_id")[0] == "id"
    assert "--group store_id" in read(frame(store_id=RANDOM.integers(0, 100, N))).schema["store_id"].why


@pytest.mark.parametrize(
    "name", ["zip", "ZIP", "zip_code", "Zipcode", "postcode", "postal code", "plz", "item_code", "areaCode"]
)
def test_whole_numbers_that_are_called_codes_say_how_they_become_categories(name: str) -> None:
    why = read(frame(**{name: RANDOM.integers(10_000, 99_999, N)})).schema[name].why
    assert why.endswith(
        f"Its name speaks of codes, whose order means nothing (categories: --set data.columns.{name}=category)."
    )


@pytest.mark.parametrize("name", ["encode", "decoded", "zipper", "posts", "barcode_length", "unicode"])
def test_other_names_say_nothing_about_codes(name: str) -> None:
    assert "codes" not in read(frame(**{name: RANDOM.integers(10_000, 99_999, N)})).schema[name].why


def test_no_advice_that_would_be_refused() -> None:
    values = np.random.default_rng(0).permutation(40_000)[:10_500] * 3
    assert "codes" not in read(pd.DataFrame({"zip": values, "y": values % 2})).schema["zip"].why
    assert "codes" not in read(frame(zip=RANDOM.integers(0, 300, N) + 0.5)).schema["zip"].why


def test_digits_that_begin_with_0_are_names() -> None:
    towns = [("01067", "10115", "80331")[place % 3] for place in range(N)]
    data = read(
        frame(plz=towns, day=[f"{place % 28 + 1:02d}" for place in range(N)], key=[f"{p:06d}" for p in range(N)])
    )
    assert data.schema["plz"].kind == "category" and data.schema["plz"].categories == ("01067", "10115", "80331")
    assert data.schema["day"].kind == "category" and data.schema["key"].kind == "id"
    assert (
        "Column plz: '01067' begins with 0, so these are names and not numbers (numbers after all: "
        "--set data.columns.plz=number)."
    ) in data.notes
    assert read(frame(plz=towns), columns={"plz": "number"}).frame["plz"][0] == 1067
    assert read(frame(share=["0.5", "0", "1.25", "-0.75"] * (N // 4))).schema["share"].kind == "number"


@pytest.mark.parametrize(
    "values", [range(1, N + 1), range(N, 0, -1), np.arange(N) * 1.0, np.delete(np.arange(N * 5 // 4), slice(0, N, 4))]
)
def test_a_target_that_counts_the_rows_is_said(values: Any) -> None:
    values = np.asarray(values)
    data = read(frame(y=values), target="y")
    first = ", ".join(f"{value:.0f}" for value in values[:3])
    assert data.notes == (
        f"Target y looks like a row number ({first}, ...): then it says where a row stands in the file, and there is "
        "nothing to learn (learn another column: --target COLUMN).",
    )


@pytest.mark.parametrize("values", [np.arange(N) ** 2, 2 * np.arange(N) + 1, RANDOM.permutation(N), np.arange(N) / 2])
def test_other_targets_are_not_taken_for_row_numbers(values: Any) -> None:
    assert read(frame(y=values), target="y").notes == ()


def test_numbered_families_stay_numbers() -> None:
    pixels = {f"pixel{place}": RANDOM.integers(0, 16, N) for place in range(12)}
    assert {read(frame(**pixels)).schema[name].kind for name in pixels} == {"number"}


def test_the_only_column_is_never_set_aside() -> None:
    data = read(pd.DataFrame({"x": range(1, 51), "y": np.arange(50) ** 2.5}))
    assert data.schema["x"].role == "input" and data.schema["x"].kind == "number"


def test_overrides() -> None:
    data = read(
        frame(zip=RANDOM.integers(10000, 99999, N) // 1000),
        columns={"zip": "category", "value": "id"},
        ignore=(),
    )
    assert data.schema["zip"].kind == "category" and data.schema["zip"].why == "You said category."
    assert data.schema["value"].role == "id"
    text = message(frame(name=["x"] * N), columns={"name": "number"})
    assert "column name: must hold numbers" in text and "'x' in row 1" in text
    assert "must hold dates" in message(frame(when=["soon"] * N), columns={"when": "date"})
    assert "two distinct values" in message(frame(c=list("abcd") * 100), columns={"c": "boolean"})


def test_all_wrong_names_at_once() -> None:
    text = message(
        frame(),
        target="z",
        columns={"valu": "number", "value": "numbr"},
        ignore=["gone"],
        group="customer",  # type: ignore[dict-item]
    )
    assert text.startswith("5 mistakes:")
    assert "--target: must name a column of the data frame\n  found:     'z'" in text
    assert "probably:  Did you mean 'value'?" in text
    assert "data.columns.value: must be a kind of column\n  found:     'numbr'" in text
    assert "Did you mean 'number'?" in text and "--set data.columns.value=number" in text
    assert "--group" in text and "data.ignore" in text


def test_a_missing_target_offers_the_nearest_columns() -> None:
    text = message(frame(Survived=RANDOM.integers(0, 2, N)), target="Survivd")
    assert text.splitlines()[0] == "--target: must name a column of the data frame"
    assert "  found:     'Survivd'" in text and "  probably:  Did you mean 'Survived'?" in text
    assert "  do:        --target Survived" in text and "  available: Survived, " in text


def test_without_a_target_the_columns_are_listed() -> None:
    text = message(pd.DataFrame({"a": [1.5, 2.5], "b": [3, 4]}))
    assert "must say which column of the data frame is to be predicted" in text and "available: b, a" in text
    assert read(pd.DataFrame({"a": [1.5, 2.5], "b": [3, 4]}), need_target=False).schema.targets == []
    assert [field.name for field in read(frame().rename(columns={"y": "Label"})).schema.targets] == ["Label"]


@pytest.mark.parametrize(
    ("target", "task", "field_kind"),
    [
        (RANDOM.integers(0, 2, N), "classify", "category"),
        (RANDOM.integers(3, 9, N), "classify", "category"),
        (RANDOM.choice([5, 6], N), "classify", "category"),
        (RANDOM.choice([0.0, 1.0], N), "classify", "category"),
        (RANDOM.choice(["a", "b", "c"], N), "classify", "category"),
        (RANDOM.random(N) < 0.3, "classify", "boolean"),
        (RANDOM.integers(0, 300, N), "regress", "number"),
        (RANDOM.normal(size=N), "regress", "number"),
    ],
)
def test_tasks(target: Any, task: str, field_kind: str) -> None:
    data = read(frame(y=target))
    assert infer_task(data)[0] == task and data.schema["y"].kind == field_kind
    if task == "classify":
        assert list(data.frame["y"].astype(str).unique()) and len(data.schema["y"].categories) == len(set(target))


def test_categories_of_whole_numbers_are_sorted_numerically() -> None:
    field = read(frame(y=np.arange(N) % 12)).schema["y"]
    assert field.categories == tuple(str(place) for place in range(12)) and field.dtype == "int"


def test_a_task_can_be_forced_and_refused() -> None:
    data = read(frame(), task="regress")
    assert data.schema["y"].kind == "number" and set(data.frame["y"]) == {0.0, 1.0}
    again = set_task(read(frame()), "regress")
    assert again.schema["y"].kind == "number" and again.frame["y"].dtype == np.float64
    text = message(frame(y=RANDOM.normal(size=N)), task="classify")
    assert "target y: must hold classes" in text and "do:        --task regress" in text
    text = message(frame(y=RANDOM.choice(["cat", "dog"], N)), task="regress")
    assert "must hold numbers to be regressed" in text and "'cat', 'dog'" in text and "--task classify" in text


def test_targets_that_cannot_be_learnt() -> None:
    text = message(frame(y=["only"] * N))
    assert "must have at least two classes" in text and f"one class only, 'only', in all {N} rows" in text
    assert "must have at least two distinct values" in message(frame(y=[2.5] * N))
    assert f"missing in all {N} rows" in message(frame(y=[np.nan] * N))
    assert "must hold finite numbers" in message(frame(y=[np.inf, *RANDOM.normal(size=N - 1)]))
    assert "must have several rows for each class" in message(frame(y=[f"n{place}" for place in range(N)]))


def test_rows_without_a_target_are_dropped_and_said() -> None:
    target = RANDOM.integers(0, 3, N).astype(float)
    target[[5, 9]] = np.nan
    data = read(frame(y=target))
    assert len(data) == N - 2 and f"2 of {N} rows have no y; they were dropped." in data.notes
    assert data.schema["y"].categories == ("0", "1", "2") and data.schema["y"].dtype == "int"


def test_several_targets() -> None:
    labels = read(frame(a=RANDOM.integers(0, 2, N), b=RANDOM.integers(0, 2, N)), target=["a", "b"])
    assert [field.kind for field in labels.schema.targets] == ["boolean", "boolean"]
    assert infer_task(labels)[0] == "classify"
    numbers = read(frame(a=RANDOM.normal(size=N), b=RANDOM.integers(0, 2, N)), target=["a", "b"])
    assert infer_task(numbers)[0] == "regress"
    text = message(frame(a=RANDOM.normal(size=N), b=RANDOM.choice(["u", "v", "w"], N)), target=["a", "b"])
    assert "several targets must be all numbers, or all 0/1 labels" in text


def test_infinities_name_column_and_row_all_at_once() -> None:
    first, second = RANDOM.normal(size=N), RANDOM.normal(size=N)
    first[16], second[3] = np.inf, -np.inf
    text = message(frame(first=first, second=second))
    assert text.startswith("2 mistakes:")
    assert "column first: must hold finite numbers\n  found:     inf in row 17" in text
    assert "column second" in text and "-inf in row 4" in text and "--set data.ignore=first" in text


def test_one_nan_is_fine() -> None:
    values = RANDOM.normal(size=N)
    values[7] = np.nan
    assert read(frame(value=values)).schema["value"].missing == 1


def test_split_column_and_roles() -> None:
    data = read(
        frame(split=["train"] * 300 + ["val"] * 50 + ["Test"] * 50, shop=RANDOM.choice(["a", "b", "c"], N)),
        group="shop",
    )
    assert data.schema["split"].role == "split" and data.schema["shop"].role == "group"
    assert data.part is not None and (data.part[[0, 320, 399]] == ["train", "validation", "test"]).all()
    assert read(frame(split=["train", "other"] * 200)).part is None
    text = message(frame(w=np.where(np.arange(N) == 4, -1.0, 1.0), g=[None, *"a" * (N - 1)]), weight="w", group="g")
    assert "--weight w: must hold finite numbers of at least 0\n  found:     -1 in row 5" in text
    assert "--group g: must have a value in every row" in text


def test_text_that_is_set_aside_leaves_nothing_to_learn_from() -> None:
    frame = pd.DataFrame({"t": ["some long words in a row " + str(i) for i in range(30)], "y": [0, 1] * 15})
    assert "must have at least one column to learn from" in message(frame, ignore=["t"])
