from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from learnloop.scores import ranking
from learnloop.scores.regression import target_metrics
from learnloop.scratch.metrics import (
    Counts,
    accuracy,
    counts,
    example,
    f1,
    mae,
    mse,
    precision,
    r2,
    ranks,
    recall,
    rmse,
    roc_auc,
    roc_curve,
)
from tests.scratch.checks import Array

bits = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=30)


def labelled(rows: int, levels: int, seed: int) -> tuple[Array, Array]:
    """y with both classes, scores on a few levels: many ties."""
    rng = np.random.default_rng(seed)
    y = np.concatenate([[0.0, 1.0], rng.integers(0, 2, rows - 2)])
    return y, rng.integers(0, levels, rows) / levels


def test_the_example_gives_the_numbers_worked_out_by_hand() -> None:
    values = example()
    expected = {
        # called spam: 0.9 0.8 0.7 0.6 0.6, of which 0.9 0.8 0.6 are; 0.2 is spam and missed
        "counts": [3, 2, 2, 1],
        "accuracy": 5 / 8,
        "precision": 3 / 5,
        "recall": 3 / 4,
        "f1": 2 / 3,
        "ranks": [8, 7, 6, 4.5, 4.5, 3, 2, 1],
        # (8 + 7 + 4.5 + 2 - 10) / 16
        "roc_auc": 11.5 / 16,
        # errors 1, 0, -2, -1; y around its mean 4: -1, 1, -2, 2
        "mse": 6 / 4,
        "rmse": 1.5**0.5,
        "mae": 1,
        "r2": 1 - 6 / 10,
    }
    for name, value in expected.items():
        np.testing.assert_allclose(values[name], value, rtol=1e-12, err_msg=name)


@settings(max_examples=25, deadline=None)
@given(bits)
def test_the_counts_and_what_is_made_of_them_equal_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    y, yhat = np.array(pairs, float).T
    c = counts(y, yhat)
    assert sk.confusion_matrix(y, yhat, labels=[0, 1]).tolist() == [[c.TN, c.FP], [c.FN, c.TP]]
    assert sum(c) == len(y)
    found = [accuracy(c), precision(c), recall(c), f1(c)]
    expected = [sk.accuracy_score(y, yhat)] + [
        score(y, yhat, zero_division=0) for score in (sk.precision_score, sk.recall_score, sk.f1_score)
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_nothing_over_nothing_is_0() -> None:
    assert precision(Counts(0, 3, 0, 2)) == recall(Counts(0, 3, 2, 0)) == f1(Counts(0, 3, 0, 0)) == 0
    assert f1(Counts(0, 3, 1, 1)) == 0


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 40), st.integers(1, 6), st.integers(0, 999))
def test_the_auc_equals_scikit_learns_the_engines_the_share_of_pairs_and_the_area(
    rows: int, levels: int, seed: int
) -> None:
    y, score = labelled(rows, levels, seed)
    found = roc_auc(y, score)
    np.testing.assert_allclose(found, sk.roc_auc_score(y, score), rtol=1e-12)
    np.testing.assert_allclose(found, ranking.roc_auc(y == 1, score), rtol=1e-12)
    above = score[y == 1][:, None] - score[y == 0][None, :]  # every positive against every negative
    np.testing.assert_allclose(found, ((above > 0) + 0.5 * (above == 0)).mean(), rtol=1e-12)
    false_rate, true_rate = roc_curve(y, score)
    np.testing.assert_allclose(found, np.trapezoid(true_rate, false_rate), rtol=1e-12)
    expected = sk.roc_curve(y, score, drop_intermediate=False)
    np.testing.assert_allclose(false_rate, expected[0], rtol=1e-12)
    np.testing.assert_allclose(true_rate, expected[1], rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 30), st.integers(0, 999))
def test_turning_the_scores_round_turns_the_auc_round_and_stretching_changes_nothing(rows: int, seed: int) -> None:
    y, score = labelled(rows, 5, seed)
    np.testing.assert_allclose(roc_auc(y, -score), 1 - roc_auc(y, score), rtol=0, atol=1e-12)
    assert roc_auc(y, np.exp(3 * score)) == roc_auc(y, score)
    assert ranks(score).sum() == rows * (rows + 1) / 2


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 20), st.integers(0, 999))
def test_the_metrics_of_numbers_equal_scikit_learns_and_the_engines(rows: int, seed: int) -> None:
    y, yhat = np.random.default_rng(seed).normal(3, 2, (2, rows))
    found = {"rmse": rmse(y, yhat), "mae": mae(y, yhat)}
    if rows > 1:
        found["r2"] = r2(y, yhat)
        np.testing.assert_allclose(found["r2"], sk.r2_score(y, yhat), rtol=1e-9)
        assert r2(y, y) == 1 and abs(r2(y, np.full(rows, y.mean()))) < 1e-12
    np.testing.assert_allclose(mse(y, yhat), sk.mean_squared_error(y, yhat), rtol=1e-12)
    np.testing.assert_allclose(found["rmse"], sk.root_mean_squared_error(y, yhat), rtol=1e-12)
    np.testing.assert_allclose(found["mae"], sk.mean_absolute_error(y, yhat), rtol=1e-12)
    theirs = target_metrics(y[:, None], yhat[:, None])
    for name, value in found.items():
        np.testing.assert_allclose(np.ravel(theirs[name])[0], value, rtol=1e-9, err_msg=name)


def test_what_does_not_fit_is_named_with_the_equation() -> None:
    two, three = np.array([0.0, 1.0]), np.array([0.0, 1.0, 1.0])
    with pytest.raises(ValueError, match=r"^TP = sum_i .*: y is \[2\], yhat is \[3\]; both must be \[n\], n >= 1"):
        counts(two, three)
    with pytest.raises(ValueError, match=r"^TP = .*: yhat holds \[0.3 0.9\]; it takes 0 and 1"):
        counts(two, np.array([0.3, 0.9]))
    with pytest.raises(ValueError, match=r"^AUC = .*: y is \[2\], score is \[3\]"):
        roc_auc(two, three)
    for y in (np.ones(3), np.zeros(3), np.array([0.0, 1.0, 2.0])):
        for function in (roc_auc, roc_curve):
            with pytest.raises(
                ValueError, match=r"^AUC = U / \(P N\): y holds .*; it takes 0 and 1, at least one of each"
            ):
                function(y, three)
    for metric, equation in ((mse, "MSE = "), (rmse, "MSE = "), (mae, "MAE = "), (r2, "R2 = ")):
        with pytest.raises(ValueError, match=rf"^{equation}.*: y is \[2\], yhat is \[3\]"):
            metric(two, three)
        with pytest.raises(ValueError, match=r"y is \[0\], yhat is \[0\]"):
            metric(two[:0], two[:0])
    with pytest.raises(ValueError, match=r"^R2 = .*: all y are equal, the lower sum is 0"):
        r2(np.full(3, 0.1), three)
