"""Splits: sizes, strata, time, groups, the data's own, and the few rows that cannot be split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from learnloop.data.read import read
from learnloop.data.split import Split, split
from learnloop.errors import DataError, RecipeError, RunError

N = 1000
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=N)


def data(y: Any, **options: Any) -> Any:
    columns = options.pop("columns", {})
    return read(pd.DataFrame({"x": X[: len(y)], **columns, "y": y}), **options)


def whole(found: Split, rows: int) -> bool:
    return bool((np.sort(np.concatenate([found.train, found.validation, found.test])) == np.arange(rows)).all())


def test_shares_and_determinism() -> None:
    source = data(X * 2)
    first, again, other = split(source), split(source), split(source, seed=1)
    assert (len(first.test), len(first.validation), len(first.train)) == (200, 120, 680) and whole(first, N)
    assert (first.test == again.test).all() and not (first.test == other.test).all()
    assert first.train.dtype == np.int64 and (np.diff(first.train) > 0).all()
    none = split(source, validation=0, test=0)
    assert len(none.train) == N and len(none.validation) == len(none.test) == 0
    with pytest.raises(DataError) as caught:
        split(source, test=1.5)
    assert "data.test: must be a share from 0 to below 1\n  found:     1.5" in str(caught.value)


def test_the_split_depends_on_the_seed_alone() -> None:
    assert split(data(X * 2), seed=0).test[:5].tolist() == [0, 2, 3, 5, 7]


def test_classes_keep_their_shares() -> None:
    y = RANDOM.choice(["a", "b", "c"], N, p=[0.9, 0.08, 0.02])
    found = split(data(y))
    for part in (found.train, found.validation, found.test):
        for label in "abc":
            assert abs((y[part] == label).mean() - (y == label).mean()) < 1.5 / len(part) + 1e-9
    assert len(found.test) == 200 and "with the same shares of y" in found.how


def test_a_class_with_one_row_stays_in_training() -> None:
    y = np.array(["a", "b"] * 50 + ["lonely"] + ["pair"] * 2)
    found = split(data(y))
    assert "lonely" in y[found.train] and "lonely" not in y[np.concatenate([found.test, found.validation])]
    assert "pair" in y[found.train]
    assert "(a single row each of lonely: kept for training)" in found.how


def test_many_single_rows_all_stay_in_training() -> None:
    y = np.array(["a", "b"] * 20 + [f"s{place}" for place in range(18)])
    found = split(data(y), test=0.4)
    assert set(y[found.train]) == set(y) and set(y[found.test]) == {"a", "b"}


def test_time_holds_out_the_latest() -> None:
    days = RANDOM.permutation(pd.date_range("2020", periods=N))
    found = split(data(X * 2, columns={"day": days}, time="day"))
    assert days[found.train].max() < days[found.validation].min()
    assert days[found.validation].max() < days[found.test].min() and "the latest by day" in found.how
    week = np.arange(N) // 90
    found = split(data(X * 2, columns={"week": week}, time="week"))
    assert not set(week[found.train]) & set(week[found.test]) and whole(found, N)


def test_groups_stay_together() -> None:
    shop = RANDOM.integers(0, 40, N)
    found = split(data(X * 2, columns={"shop": shop}, group="shop"))
    parts = [set(shop[part]) for part in (found.train, found.validation, found.test)]
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]
    assert whole(found, N) and 100 < len(found.test) < 300
    with pytest.raises(DataError) as caught:
        split(data(X * 2, columns={"shop": ["a", "b"] * 500}, group="shop"))
    assert "must have at least three groups" in str(caught.value)
    with pytest.raises(RecipeError) as caught:  # type: ignore[assignment]
        data(X, columns={"a": shop, "b": shop}, group="a", time="b")
    assert "must not be given together" in str(caught.value)


def test_the_data_s_own_split_is_kept() -> None:
    part = np.array(["train"] * 700 + ["test"] * 300)
    found = split(data(RANDOM.integers(0, 2, N), columns={"split": part}))
    assert (found.test == np.arange(700, 1000)).all() and len(found.validation) == 105 and whole(found, N)
    assert "own split was kept; it has no validation part, so 105 training rows were held out" in found.how
    part = np.array(["train"] * 700 + ["val"] * 100 + ["test"] * 200)
    found = split(data(RANDOM.integers(0, 2, N), columns={"split": part}))
    assert found.how == "The data's own split was kept." and len(found.validation) == 100


def test_labels_that_appear_only_in_test() -> None:
    y = np.array(["a", "b"] * 500)
    y[[800, 900]] = "z"
    part = np.array(["train"] * 700 + ["test"] * 300)
    with pytest.raises(DataError) as caught:
        split(data(y, columns={"split": part}))
    text = str(caught.value)
    assert "target y: every label of the test part must also be in the training part" in text
    assert "found:     'z' in 2 test rows only" in text and "drop the split column" in text


def test_four_rows_are_in_all_parts_and_it_is_said() -> None:
    table = pd.DataFrame({"a": [0, 0, 1, 1], "b": [0, 1, 0, 1], "y": [0, 0, 0, 1]})
    found = split(read(table))
    assert len(found.train) == len(found.validation) == len(found.test) == 4
    assert "only 4 rows" in found.how and "not how well new ones would be predicted" in found.how


def test_saved_and_loaded(tmp_path: Path) -> None:
    found = split(data(X * 2))
    path = tmp_path / "splits.npz"
    found.save(path)
    again = Split.load(path)
    assert again.how == found.how and (again.test == found.test).all() and list(tmp_path.iterdir()) == [path]
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(RunError) as caught:
        Split.load(path)
    assert "must be a whole saved split" in str(caught.value) or "must be a saved split" in str(caught.value)
