"""Targets: there and back, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnloop.data.dataset import Dataset
from learnloop.data.schema import Field, Schema
from learnloop.errors import DataError, ManyErrors, SchemaError
from learnloop.transforms.table import TARGETS
from learnloop.transforms.targets import ClassTarget, LabelsTarget, NumberTarget


def dataset(fields: list[Field], **columns: Any) -> Dataset:
    return Dataset("d.csv", Schema(tuple(fields)), pd.DataFrame(columns))


def target(name: str, kind: Any = "category", dtype: str = "str", categories: tuple[str, ...] = ()) -> Field:
    return Field(name, kind, role="target", dtype=dtype, categories=categories)


def reloaded(fitted: Any) -> Any:
    again = type(fitted)()
    again.load_state_dict(fitted.state_dict())
    return again


def test_table() -> None:
    expected = {"class": ClassTarget, "labels": LabelsTarget, "numbers": NumberTarget}
    assert expected.items() <= TARGETS.items()


@pytest.mark.parametrize(
    ("dtype", "categories", "values", "kind"),
    [
        ("int", ("3", "5", "6"), [6, 5, 3, 5], "i"),
        ("float", ("0.5", "2"), [2.0, 0.5, 0.5, 2.0], "f"),
        ("str", ("no", "yes"), ["yes", "no", "no", "yes"], "O"),
        ("bool", ("False", "True"), [True, False, False, True], "b"),
    ],
)
def test_classes_keep_their_dtype(dtype: str, categories: tuple[str, ...], values: list[Any], kind: str) -> None:
    data = dataset([target("y", dtype=dtype, categories=categories)], y=values)
    transform = ClassTarget()
    transform.fit(data)
    transform = reloaded(transform)
    assert transform.classes == list(categories) and transform.outputs == len(categories)
    codes = transform.apply(data)
    assert codes.dtype == np.int64 and [categories[code] for code in codes] == [
        str(v).removesuffix(".0") for v in values
    ]
    assert transform.invert(codes).tolist() == values and transform.values().dtype.kind == kind


def test_whole_numbers_read_as_floats_are_the_same_classes() -> None:
    transform = ClassTarget()
    transform.fit(dataset([target("y", dtype="int", categories=("5", "6"))], y=[5.0, 6.0]))
    assert transform.apply(dataset([target("y")], y=["6", "5"])).tolist() == [1, 0]
    assert transform.values().tolist() == [5, 6]


def test_an_unknown_label_is_named_with_the_known_ones() -> None:
    transform = ClassTarget()
    transform.fit(dataset([target("y")], y=["cat", "dog", "cow"]))
    with pytest.raises(SchemaError) as caught:
        transform.apply(dataset([target("y")], y=["cat", "cart", "cart"]))
    assert str(caught.value) == (
        "target 'y': must hold one of the classes that the model was trained on\n"
        "  found:     'cart' in 2 rows\n"
        "  do:        correct the label, leave the row out, or train again with rows of this class\n"
        "  available: cat, cow, dog"
    )
    with pytest.raises(SchemaError, match=r"must have a value in every row .*\n  found:     1 row without one"):
        transform.apply(dataset([target("y")], y=["cat", None]))


def test_one_class_and_classes_without_training_rows_are_refused() -> None:
    with pytest.raises(DataError) as caught:
        ClassTarget().fit(dataset([target("y")], y=["a", "a"]))
    assert str(caught.value).startswith(
        "target 'y': must have at least two classes in the training part\n  found:     only 'a'"
    )
    with pytest.raises(DataError) as caught:
        ClassTarget().fit(dataset([target("y", categories=("a", "b", "c"))], y=["a", "b"]))
    assert str(caught.value) == (
        "target 'y': must have a training row of every class\n"
        "  found:     no training row of 'c'\n"
        "  probably:  these labels appear only in the validation or test part\n"
        "  do:        collect more rows of them, or leave their rows out\n"
        "  available: a, b"
    )
    with pytest.raises(DataError, match="target: must be named: the column to be predicted"):
        ClassTarget().fit(dataset([Field("x", "number")], x=[1.0]))
    with pytest.raises(DataError, match="target: must be one column for a choice between classes"):
        ClassTarget().fit(dataset([target("a"), target("b")], a=["1"], b=["2"]))


def test_labels() -> None:
    fields = [
        target("rain", "boolean", "bool"),
        target("wind", "number", "int"),
        target("sun", categories=("yes", "no")),
    ]
    data = dataset(fields, rain=[True, False, True], wind=[0, 1, 1], sun=["no", "yes", "no"])
    transform = LabelsTarget()
    transform.fit(data)
    transform = reloaded(transform)
    y = transform.apply(data)
    assert y.dtype == np.float32 and y.tolist() == [[1, 0, 0], [0, 1, 1], [1, 1, 0]] and transform.outputs == 3
    assert transform.invert(y * 0.8 + 0.1).tolist() == [[True, 0, "no"], [False, 1, "yes"], [True, 1, "no"]]
    alike = LabelsTarget()
    alike.fit(dataset([target("a", "number", "int"), target("b", "number", "int")], a=[0, 1], b=[1, 0]))
    assert alike.invert(np.array([[0.2, 0.9]])).dtype == np.int64


def test_labels_refuse_a_third_value_and_a_gap() -> None:
    fields = [target("a", "number", "int"), target("b", "number", "int")]
    with pytest.raises(ManyErrors) as caught:
        LabelsTarget().fit(dataset(fields, a=[0, 1, 2], b=[0, 1, None]))
    assert "target 'a': must hold '0' or '1': it is one of several labels\n  found:     '2'" in str(caught.value)
    assert "target 'b': must have a value in every row" in str(caught.value)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.floats(-1e5, 1e5), st.floats(-1e-3, 1e-3)), min_size=2, max_size=50))
def test_numbers_invert(rows: list[tuple[float, float]]) -> None:
    y = np.array(rows)
    data = dataset([target("a", "number"), target("b", "number")], a=y[:, 0], b=y[:, 1])
    transform = NumberTarget()
    transform.fit(data)
    transform = reloaded(transform)
    z = transform.scale.apply(transform.raw(data))
    np.testing.assert_allclose(transform.invert(z), y, rtol=1e-12, atol=1e-13 * np.abs(y).max())
    assert transform.apply(data).dtype == np.float32 and transform.apply(data).shape == (len(rows), 2)
    np.testing.assert_array_equal(transform.apply(data), z.astype(np.float32))


def test_numbers_are_fitted_on_what_they_are_given_only() -> None:
    transform = NumberTarget()
    transform.fit(dataset([target("a", "number")], a=[1.0, 3.0]))
    assert transform.mean.tolist() == [2.0] and transform.std.tolist() == [1.0] and transform.notes == ()
    assert transform.apply(dataset([target("a", "number")], a=[10.0])).tolist() == [[8.0]]
    transform.fit(dataset([target("a", "number")], a=[4.0, 4.0]))
    assert transform.notes == ("The target 'a' has the same value in every training row.",)
    assert transform.invert(np.zeros((1, 1))).tolist() == [[4.0]]


def test_numbers_refuse_gaps_infinities_and_text_together() -> None:
    fields = [target("a", "number"), target("b", "number"), target("c", "number")]
    with pytest.raises(ManyErrors) as caught:
        NumberTarget().fit(dataset(fields, a=[1.0, None], b=[1.0, np.inf], c=["x", "1"]))
    text = str(caught.value)
    assert text.startswith("3 mistakes:\ntarget 'a': must have a value in every row")
    assert "column 'b': must hold finite numbers" in text and "column 'c': must hold numbers" in text
