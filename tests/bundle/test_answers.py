"""Outputs as tables and records, and a bundle of a newer format refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from learnloop.bundle.answers import OUTLIER_SCORE, as_frame, as_records
from learnloop.bundle.stored import read_about
from learnloop.errors import RunError
from learnloop.tasks.classify import PROBABILITIES
from learnloop.tasks.regress import VALUES


def test_several_labels_are_those_of_at_least_a_half() -> None:
    outputs = {PROBABILITIES: np.array([[0.5, 0.49], [0.2, 0.9]])}
    frame = as_frame(outputs, "labels", ["red", "round"])
    assert list(frame.columns) == ["red", "round", "probability_red", "probability_round"]
    assert frame[["red", "round"]].to_numpy().tolist() == [[1, 0], [0, 1]]
    records = as_records(outputs, "labels", ["red", "round"])
    assert records[0] == {"prediction": ["red"], "probabilities": {"red": 0.5, "round": 0.49}}
    assert records[1]["prediction"] == ["round"]


def test_a_class_comes_in_the_users_type_with_its_probability() -> None:
    outputs = {PROBABILITIES: np.array([[0.25, 0.75]]), OUTLIER_SCORE: np.array([1.5])}
    frame = as_frame(outputs, "class", [3, 7])
    assert list(frame.columns) == [
        "prediction",
        "probability",
        "outlier",
        OUTLIER_SCORE,
        "probability_3",
        "probability_7",
    ]
    (record,) = as_records(outputs, "class", [3, 7])
    each = {"prediction": 7, "probability": 0.75, "probabilities": {"3": 0.25, "7": 0.75}}
    assert record == {**each, "outlier": True, OUTLIER_SCORE: 1.5} and type(record["prediction"]) is int


def test_numbers_are_named_by_their_targets_where_there_are_several() -> None:
    values = {VALUES: np.array([[1.0, 2.0]])}
    assert as_records(values, "numbers", ["a", "b"]) == [{"prediction_a": 1.0, "prediction_b": 2.0}]
    assert as_records({VALUES: np.array([[1.0]])}, "numbers", ["a"]) == [{"prediction": 1.0}]


def test_no_rows_are_an_empty_table() -> None:
    frame = as_frame({PROBABILITIES: np.zeros((0, 2))}, "class", ["no", "yes"])
    assert len(frame) == 0 and list(frame.columns) == ["prediction", "probability", "probability_no", "probability_yes"]


def test_a_bundle_of_a_newer_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bundle.json").write_text(json.dumps({"format": 2}), encoding="utf-8")
    with pytest.raises(RunError, match=r"bundle format 1 or older(.|\n)*format 2(.|\n)*newer learnloop"):
        read_about(tmp_path)
