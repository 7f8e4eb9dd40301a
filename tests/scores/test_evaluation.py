"""Every metric against scikit-learn, the edges, and intervals that cover what they promise."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.preprocessing import label_binarize

from learnloop.errors import DataError, ManyErrors, RecipeError
from learnloop.scores.evaluation import (
    Evaluation,
    evaluate_classes,
    evaluate_labels,
    evaluate_numbers,
    headline,
    higher_is_better,
)

CLOSE = {"rtol": 1e-12, "atol": 1e-12}


def classes_case(rows: int, classes: int, seed: int, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, rows)
    logits = rng.normal(size=(rows, classes))
    logits[np.arange(rows), y] += 1.0
    if ties:
        logits = np.round(logits)  # many equal scores
    p = np.exp(logits)
    return y, p / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("rows", [7, 500])
def test_binary_metrics_equal_scikit_learn(rows: int, ties: bool) -> None:
    y, p = classes_case(rows, 2, seed=1, ties=ties)
    guess = p.argmax(axis=1)
    expected = {
        "accuracy": sk.accuracy_score(y, guess),
        "balanced_accuracy": sk.balanced_accuracy_score(y, guess),
        "precision": sk.precision_score(y, guess),
        "recall": sk.recall_score(y, guess),
        "f1": sk.f1_score(y, guess),
        "precision_macro": sk.precision_score(y, guess, average="macro"),
        "recall_macro": sk.recall_score(y, guess, average="macro"),
        "f1_macro": sk.f1_score(y, guess, average="macro"),
        "f1_weighted": sk.f1_score(y, guess, average="weighted"),
        "roc_auc": sk.roc_auc_score(y, p[:, 1]),
        "average_precision": sk.average_precision_score(y, p[:, 1]),
        "log_loss": sk.log_loss(y, p),
        "brier": sk.brier_score_loss(y, p[:, 1]),
    }
    found = evaluate_classes(y, p, ["no", "yes"]).metrics
    assert set(found) == {*expected, "ece"}
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, err_msg=name, **CLOSE)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("classes", [3, 12])
def test_multiclass_metrics_equal_scikit_learn(classes: int, ties: bool) -> None:
    y, p = classes_case(400, classes, seed=2, ties=ties)
    guess, onehot = p.argmax(axis=1), label_binarize(y, classes=range(classes))
    expected = {
        "accuracy": sk.accuracy_score(y, guess),
        "balanced_accuracy": sk.balanced_accuracy_score(y, guess),
        "precision_macro": sk.precision_score(y, guess, average="macro"),
        "recall_macro": sk.recall_score(y, guess, average="macro"),
        "f1_macro": sk.f1_score(y, guess, average="macro"),
        "f1_weighted": sk.f1_score(y, guess, average="weighted"),
        "roc_auc": sk.roc_auc_score(y, p, multi_class="ovr", average="macro"),
        "average_precision": sk.average_precision_score(onehot, p, average="macro"),
        "log_loss": sk.log_loss(y, p),
        "brier": ((p - onehot) ** 2).sum(axis=1).mean(),
    }
    evaluation = evaluate_classes(y, p, [str(k) for k in range(classes)])
    assert set(evaluation.metrics) == {*expected, "ece"}
    for name, value in expected.items():
        np.testing.assert_allclose(evaluation.metrics[name], value, err_msg=name, **CLOSE)
    assert evaluation.confusion == sk.confusion_matrix(y, guess).tolist()
    each = sk.precision_recall_fscore_support(y, guess)
    for k, row in enumerate(evaluation.per_class):
        np.testing.assert_allclose(
            [row["precision"], row["recall"], row["f1"], row["support"]], [part[k] for part in each], **CLOSE
        )
        np.testing.assert_allclose(row["roc_auc"], sk.roc_auc_score(onehot[:, k], p[:, k]), **CLOSE)


def test_macro_means_run_over_the_classes_that_occur_as_in_scikit_learn() -> None:
    y, p = classes_case(60, 5, seed=3)
    y = np.where(y == 4, 0, y)  # class 4 is in the predictions only
    p[:, 3] = 0
    p /= p.sum(axis=1, keepdims=True)
    guess = p.argmax(axis=1)
    found = evaluate_classes(y, p, list("abcde"))
    np.testing.assert_allclose(found.metrics["f1_macro"], sk.f1_score(y, guess, average="macro"), **CLOSE)
    np.testing.assert_allclose(
        found.metrics["balanced_accuracy"],
        np.mean([np.mean(guess[y == k] == k) for k in range(4)]),
        **CLOSE,
    )
    assert "means over the 4 of 5 classes" in found.notes[0]


def test_labels_metrics_equal_scikit_learn() -> None:
    rng = np.random.default_rng(4)
    y = rng.integers(0, 2, (300, 5))
    p = np.clip(0.35 * y + 0.65 * rng.random((300, 5)), 0, 1)
    guess = (p > 0.5).astype(int)
    expected = {
        "accuracy": sk.accuracy_score(y, guess),
        "f1_macro": sk.f1_score(y, guess, average="macro"),
        "f1_micro": sk.f1_score(y, guess, average="micro"),
        "precision_macro": sk.precision_score(y, guess, average="macro"),
        "recall_macro": sk.recall_score(y, guess, average="macro"),
        "hamming_loss": sk.hamming_loss(y, guess),
        "log_loss": np.mean([sk.log_loss(y[:, k], p[:, k]) for k in range(5)]),
        "roc_auc": sk.roc_auc_score(y, p, average="macro"),
        "average_precision": sk.average_precision_score(y, p, average="macro"),
    }
    evaluation = evaluate_labels(y.astype(np.float32), p, list("abcde"))
    assert set(evaluation.metrics) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(evaluation.metrics[name], value, err_msg=name, **CLOSE)
    f1 = sk.f1_score(y, guess, average=None)
    np.testing.assert_allclose([row["f1"] for row in evaluation.per_class], f1, **CLOSE)


@pytest.mark.parametrize("targets", [1, 3])
def test_number_metrics_equal_scikit_learn(targets: int) -> None:
    rng = np.random.default_rng(5)
    y = 50 + 10 * rng.normal(size=(301, targets))
    p = y + rng.normal(size=(301, targets))
    expected = {
        "mse": sk.mean_squared_error(y, p),
        "rmse": sk.root_mean_squared_error(y, p),
        "mae": sk.mean_absolute_error(y, p),
        "median_absolute_error": sk.median_absolute_error(y, p),
        "r2": sk.r2_score(y, p),
    }
    evaluation = evaluate_numbers(y, p, [f"t{k}" for k in range(targets)])
    assert set(evaluation.metrics) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(evaluation.metrics[name], value, rtol=1e-12, err_msg=name)
        low, high = evaluation.intervals[name]
        assert low < value < high
    counts = evaluation.residuals["t0"]["histogram"]
    assert sum(counts["counts"]) + counts["outside"] == 301
    assert len(counts["edges"]) == len(counts["counts"]) + 1


def test_calibration_error_by_hand() -> None:
    # Four rows at confidence 0.8, of which 2 are right; one at 1.0 and right: (4/5) |0.5 - 0.8| + 0 = 0.24.
    p = np.array([[0.8, 0.2]] * 4 + [[1.0, 0.0]])
    evaluation = evaluate_classes(np.array([0, 0, 1, 1, 0]), p, ["a", "b"])
    assert evaluation.metrics["ece"] == pytest.approx(0.24, abs=1e-12)
    assert evaluation.curves["calibration"]["rows"] == [1, 4]
    assert evaluation.curves["calibration"]["observed"] == [0.0, 0.5]


def test_curves_are_thin_and_end_where_they_must() -> None:
    y, p = classes_case(5000, 2, seed=6)
    curves = evaluate_classes(y, p, ["no", "yes"]).curves
    assert 100 < len(curves["roc"]["fpr"]) <= 200 and 100 < len(curves["pr"]["recall"]) <= 200
    assert (curves["roc"]["fpr"][0], curves["roc"]["tpr"][0]) == (0, 0)
    assert (curves["roc"]["fpr"][-1], curves["roc"]["tpr"][-1]) == (1, 1)
    assert curves["pr"]["recall"][-1] == 1
    area = np.trapezoid(curves["roc"]["tpr"], curves["roc"]["fpr"])
    assert area == pytest.approx(sk.roc_auc_score(y, p[:, 1]), abs=2e-3)


@pytest.mark.parametrize("case", ["binary", "multi", "labels", "numbers"])
def test_json_round_trip(case: str) -> None:
    rng = np.random.default_rng(7)
    evaluation = {
        "binary": lambda: evaluate_classes(*classes_case(50, 2, 8), ["no", "yes"]),
        "multi": lambda: evaluate_classes(*classes_case(50, 4, 8), list("abcd")),
        "labels": lambda: evaluate_labels(rng.integers(0, 2, (50, 2)), rng.random((50, 2)), ["a", "b"]),
        "numbers": lambda: evaluate_numbers(rng.normal(size=(50, 1)), rng.normal(size=(50, 1)), ["y"]),
    }[case]()
    text = json.dumps(evaluation.to_json(), allow_nan=False)
    assert Evaluation.from_json(json.loads(text)) == evaluation


def test_same_seed_same_intervals_other_seed_others() -> None:
    y, p = classes_case(300, 3, seed=9)
    first, again, other = (evaluate_classes(y, p, list("abc"), seed=s) for s in (0, 0, 1))
    assert first == again
    assert first.metrics == other.metrics and first.intervals != other.intervals


def test_one_class_in_the_truth_has_no_auc_and_says_so() -> None:
    p = np.array([[0.9, 0.1], [0.4, 0.6]])
    evaluation = evaluate_classes(np.array([0, 0]), p, ["no", "yes"])
    assert "roc_auc" not in evaluation.metrics and "roc" not in evaluation.curves
    assert evaluation.metrics["accuracy"] == 0.5
    assert evaluation.notes == [
        "ROC AUC and average precision are undefined: the rows are all of one class.",
        "No interval for Precision, Recall, F1: every resample of these 2 rows gives the same value.",
    ]


def test_one_row_is_scored_without_intervals() -> None:
    evaluation = evaluate_classes(np.array([1]), np.array([[0.2, 0.8]]), ["no", "yes"])
    assert evaluation.metrics["accuracy"] == 1 and evaluation.intervals == {}
    numbers = evaluate_numbers(np.array([[3.0]]), np.array([[2.5]]), ["y"])
    assert numbers.metrics["mae"] == 0.5 and "r2" not in numbers.metrics and numbers.intervals == {}
    json.dumps(numbers.to_json(), allow_nan=False)


def test_all_right_is_not_certainty() -> None:
    p = np.tile([0.1, 0.9], (20, 1))
    low, high = evaluate_classes(np.ones(20, int), p, ["no", "yes"]).intervals["accuracy"]
    assert high == 1 and low == pytest.approx(0.025 ** (1 / 20))


def test_an_interval_without_width_is_left_out_and_said() -> None:
    y = np.array([0, 1] * 15)
    found = evaluate_classes(y, np.eye(2)[y] * 0.8 + 0.1, ["no", "yes"])
    assert found.metrics["f1_macro"] == 1 and "f1_macro" not in found.intervals
    assert all(low < high for low, high in found.intervals.values()) and "accuracy" in found.intervals
    (note,) = found.notes
    assert "F1" in note and note.endswith("every resample of these 30 rows gives the same value.")
    two = evaluate_numbers(np.array([[1.0], [1.1]]), np.array([[3.0], [4.0]]), ["y"])
    assert "r2" in two.metrics and "r2" not in two.intervals and "R²" in two.notes[0] and "rmse" in two.intervals


def test_bad_probabilities_are_refused() -> None:
    y, p = classes_case(10, 3, seed=10)
    broken = p.copy()
    broken[4, 1] = np.nan
    with pytest.raises(DataError) as error:
        evaluate_classes(y, broken, list("abc"))
    assert str(error.value) == (
        "probabilities: must be finite numbers\n"
        "  found:     NaN or infinity in 1 of 10 rows, first in row 4\n"
        "  probably:  training diverged (learning rate too high), or an input is not finite"
    )
    with pytest.raises(DataError, match="these are logits; apply softmax"):
        evaluate_classes(y, np.log(p), list("abc"))
    with pytest.raises(DataError, match=r"must add up to 1 in every row\n  found:     row \d adds up to 0.5"):
        evaluate_classes(y, p / 2, list("abc"))
    with pytest.raises(DataError, match=r"must be class codes in 0..2\n  found:     codes from 0 to 3"):
        evaluate_classes(np.append(y[:-1], 3), p, list("abc"))
    with pytest.raises(ManyErrors, match="must have one row for each row of y"):
        evaluate_classes(y[:5].astype(float), p, list("abc"))
    with pytest.raises(DataError, match=r"y: must be \[rows, 2\], one column for each target"):
        evaluate_numbers(p[:, :1], p[:, :2], ["a", "b"])
    with pytest.raises(DataError, match="must have at least one row"):
        evaluate_numbers(np.zeros((0, 1)), np.zeros((0, 1)), ["a"])
    with pytest.raises(DataError, match="must be 0 or 1 in every label"):
        evaluate_labels(np.full((4, 1), 2), np.full((4, 1), 0.5), ["a"])


def test_names() -> None:
    assert headline("classify")[0] == "accuracy" and headline("numbers") == ["rmse", "mae", "r2"]
    assert higher_is_better("roc_auc") and not higher_is_better("validation_log_loss")
    with pytest.raises(RecipeError, match="Did you mean 'accuracy'"):
        higher_is_better("acuracy")
    with pytest.raises(RecipeError, match="Did you mean 'classify'"):
        headline("clasify")
