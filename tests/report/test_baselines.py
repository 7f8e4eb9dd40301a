"""Baselines beside scikit-learn used by hand, their limits, and what the verdict says."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import HistGradientBoostingClassifier

from learnloop.errors import RecipeError
from learnloop.scores.evaluation import Evaluation, evaluate_classes, evaluate_numbers
from learnloop.verbs.baselines import Baseline, baselines
from learnloop.verbs.verdict import verdict


def halves(*arrays: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    order = np.random.default_rng(0).permutation(len(arrays[0]))
    cut = len(order) // 2
    return [(array[order[:cut]], array[order[cut:]]) for array in arrays]


def test_tables_classes() -> None:
    bunch = load_breast_cancer()
    (x, held), (y, truth) = halves(bunch.data.astype(np.float32), bunch.target)
    found = baselines(
        {"x": x},
        y,
        {"validation": ({"x": held[:90]}, truth[:90]), "test": ({"x": held}, truth)},
        "class",
        ["m", "b"],
    )
    assert [b.name for b in found] == ["majority", "linear", "boosting"]
    assert found[0].test.metrics["accuracy"] == max(np.mean(truth), 1 - np.mean(truth))
    by_hand = HistGradientBoostingClassifier(random_state=0).fit(x, y).predict_proba(held)
    np.testing.assert_allclose(found[2].predictions["test"], by_hand, atol=1e-12)
    assert found[1].test.metrics["accuracy"] > 0.95
    assert found[1].evaluations["validation"].rows == 90
    row = json.loads(json.dumps(found[1].to_json(), allow_nan=False))
    assert row["metrics"] == found[1].test.metrics and row["seconds"] > 0
    low, high = row["intervals"]["accuracy"]
    assert low <= row["metrics"]["accuracy"] <= high


def test_categories_are_used_as_categories() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(1, 9, (600, 1))
    y = np.isin(codes[:, 0], (1, 4, 6)).astype(int)  # no order in it
    inputs = {"x": rng.normal(size=(600, 1)).astype(np.float32), "x_cat": codes}
    unseen = {"x": np.zeros((3, 1), np.float32), "x_cat": np.array([[0], [1], [2]])}
    found = baselines(inputs, y, {"test": (unseen, np.array([0, 1, 0]))}, "class", ["no", "yes"])
    for other in found[1:]:
        np.testing.assert_array_equal(other.predictions["test"][1:].argmax(axis=1), [1, 0])


def test_many_categories_equal_scikit_learn_told_that_they_are_categories() -> None:
    rng = np.random.default_rng(4)
    codes = rng.integers(1, 121, (1200, 1))
    y = rng.integers(0, 2, 121)[codes[:, 0]]
    inputs = {"x": rng.normal(size=(1200, 1)).astype(np.float32), "x_cat": codes}
    found = baselines(inputs, y, {"test": (inputs, y)}, "class", ["no", "yes"])
    joined = np.concatenate([inputs["x"], codes], axis=1)
    told, untold = (
        HistGradientBoostingClassifier(random_state=0, categorical_features=which).fit(joined, y).predict_proba(joined)
        for which in ([1], None)
    )
    np.testing.assert_allclose(found[2].predictions["test"], told, atol=1e-12)
    assert np.abs(told - untold).max() > 0.01


def test_numbers_and_labels() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(400, 3)).astype(np.float32)
    y = np.stack([1000 + 50 * x[:, 0], x[:, 1] ** 2], axis=1).astype(float)
    found = baselines({"x": x[:300]}, y[:300], {"test": ({"x": x[300:]}, y[300:])}, "numbers", ["a", "b"])
    assert [b.name for b in found] == ["mean", "linear", "boosting"]
    assert found[1].test.per_class[0]["r2"] > 0.999 and found[2].test.per_class[1]["r2"] > 0.7
    np.testing.assert_allclose(found[0].predictions["test"][0], y[:300].mean(axis=0))

    labels = np.stack([x[:, 0] > 0, x[:, 1] > 1, np.ones(400)], axis=1).astype(np.float32)  # the last never varies
    found = baselines({"x": x[:300]}, labels[:300], {"test": ({"x": x[300:]}, labels[300:])}, "labels", list("abc"))
    assert found[1].test.metrics["f1_macro"] > 0.9
    np.testing.assert_array_equal(found[2].predictions["test"][:, 2], 1)


def test_images_have_no_boosting_and_a_small_budget_means_fewer_rows() -> None:
    digits = load_digits()
    (x, held), (y, truth) = halves(digits.images[:, None].astype(np.uint8), digits.target)
    found = baselines({"x": x}, y, {"test": ({"x": held}, truth)}, "class", [str(k) for k in range(10)])
    assert [b.name for b in found] == ["majority", "linear"]
    assert found[1].note == "" and found[1].test.metrics["accuracy"] > 0.93
    wide = np.tile(x, (4, 1, 4, 4))
    limited = baselines(
        {"x": wide},
        np.tile(y, 4),
        {"test": ({"x": wide[:50]}, y[:50])},
        "class",
        list("0123456789"),
        budget_s=0,
    )
    assert limited[1].note == (
        "Fitted on a random 1,000 of the 3,592 training rows (to stay within the time for baselines)."
    )


def test_a_class_that_the_sample_misses_gets_probability_zero() -> None:
    x = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    y = np.repeat([0, 2], 30)
    found = baselines({"x": x}, y, {"test": ({"x": x}, y)}, "class", ["a", "b", "c"])
    for other in found:
        assert other.predictions["test"].shape == (60, 3) and (other.predictions["test"][:, 1] == 0).all()


def test_unknown_kind() -> None:
    with pytest.raises(RecipeError, match="Did you mean 'numbers'"):
        baselines({"x": np.zeros((2, 1))}, np.zeros((2, 1)), {}, "number", ["y"])


def rival(y: np.ndarray, guess: np.ndarray, name: str = "boosting") -> Baseline:
    p = np.eye(2)[guess]
    title = {"boosting": "HistGradientBoosting", "majority": "Majority class"}[name]
    return Baseline(name, title, {"test": evaluate_classes(y, p, ["no", "yes"])}, {"test": p}, 2.5)


def flipped(y: np.ndarray, wrong: int) -> np.ndarray:
    guess = y.copy()
    guess[:wrong] = 1 - guess[:wrong]
    return guess


def score_of(y: np.ndarray, p: np.ndarray) -> Evaluation:
    return evaluate_classes(y, p, ["no", "yes"])


def test_verdict_words() -> None:
    y = np.random.default_rng(2).integers(0, 2, 1000)
    best, tied, worse = (np.eye(2)[flipped(y, wrong)] for wrong in (50, 102, 200))
    other = rival(y, flipped(y, 100))
    score = lambda p: evaluate_classes(y, p, ["no", "yes"])  # noqa: E731
    said = verdict("classify", score(best), [other], y=y, predictions=best)
    assert said.startswith("Take the network: it is better than HistGradientBoosting by 5.0 points of accuracy (95 %")
    said = verdict("classify", score(worse), [other], y=y, predictions=worse)
    assert said.startswith("HistGradientBoosting is better than the network by 10.0 points of accuracy")
    assert said.endswith("it was fitted in 2.5 s: take it unless you have another reason to want a network.")
    said = verdict("classify", score(tied), [other], y=y, predictions=tied)
    assert "cannot be told apart on 1,000 test rows: the network's accuracy is 0.2 points lower" in said
    assert "Take HistGradientBoosting, the simpler one" in said
    ahead = np.eye(2)[flipped(y, 99)]
    said = verdict("classify", score(ahead), [other], y=y, predictions=ahead)
    assert said.endswith(
        "Take the network if accuracy is all that counts, HistGradientBoosting (fitted in 2.5 s) if you want the "
        "simpler one."
    )
    majority = rival(y, np.full(1000, int(np.mean(y) >= 0.5)), "majority")
    flat = np.full((1000, 2), 0.5) + np.array([[0.1, -0.1]]) * (1 if np.mean(y) < 0.5 else -1)
    said = verdict("classify", score(flat), [majority], y=y, predictions=flat)
    assert said.startswith(
        "Do not use this network: on 1,000 test rows it is no better than always giving the same answer"
    )
    few = np.array([0, 0, 0, 1])
    said = verdict(
        "classify", score_of(few, np.eye(2)[few]), [rival(few, np.zeros(4, int), "majority")], y=few,
        predictions=np.eye(2)[few],
    )  # fmt: skip
    assert said == (
        "4 test rows are too few to tell the network (100.0 %) from always giving the same answer (Majority class: "
        "75.0 %): measure it on more rows before you use it."
    )
    assert "overlapping 95 % intervals" in verdict("classify", score(tied), [other])
    assert verdict("classify", score(worse), [other]).startswith(
        "Take HistGradientBoosting: it is better than the network by 10.0"
    )
    assert verdict("classify", score(best), []).startswith("No baseline was fitted")
    said = verdict("classify", score(best), [replace(other, cut_short=True)], y=y, predictions=best)
    assert said.endswith(
        "HistGradientBoosting had time for a part of the training rows only: with all of them it may be better."
    )


def test_verdict_of_an_error_prefers_the_lower() -> None:
    rng = np.random.default_rng(3)
    y = rng.normal(size=(500, 1))
    near, far = y + 0.1 * rng.normal(size=y.shape), y + 0.5 * rng.normal(size=y.shape)
    score = lambda p: evaluate_numbers(y, p, ["y"])  # noqa: E731
    other = Baseline("linear", "Ridge regression", {"test": score(far)}, {"test": far}, 0.01)
    assert verdict("regress", score(near), [other], y=y, predictions=near).startswith("Take the network")
    other = Baseline("linear", "Ridge regression", {"test": score(near)}, {"test": near}, 0.01)
    assert verdict("regress", score(far), [other], y=y, predictions=far).startswith("Ridge regression is better")
