"""Each check triggers on what it is about, stays silent otherwise, and its words say it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from learnloop.diagnose.finding import Evidence, Finding
from learnloop.diagnose.separable import linearly_separable
from learnloop.diagnose.table import CHECKS, diagnose
from learnloop.scores.evaluation import Evaluation, evaluate_classes, evaluate_numbers

RNG = np.random.default_rng(0)
RECIPE = {
    "model": {"name": "mlp", "dropout": 0.1},
    "optimiser": {"lr": 0.01, "weight_decay": 0.0},
    "train": {"epochs": 10},
}


def curve(train: Any, validation: Any) -> list[dict[str, Any]]:
    rows = [{"step": k, "kind": "train", "loss": float(loss)} for k, loss in enumerate(train)]
    return rows + [{"step": k, "kind": "validation", "loss": float(loss)} for k, loss in enumerate(validation)]


def binary(rows: int, share: float = 0.5, right: float = 0.9, sure: float = 0.9, seed: int = 1) -> Evaluation:
    """`right` of the rows predicted rightly, each with probability `sure`."""
    rng = np.random.default_rng(seed)
    y = (rng.random(rows) < share).astype(int)
    guess = np.where(rng.random(rows) < right, y, 1 - y)
    p = np.where(guess == 1, sure, 1 - sure)
    return evaluate_classes(y, np.stack([1 - p, p], axis=1), ["no", "yes"])


FLAT = np.full(20, 0.693) + 0.001 * RNG.normal(size=20)
FALL = np.exp(-np.linspace(0, 6, 40)) + 0.1  # levels off
SLOPE = np.linspace(2, 1, 40)  # does not
UP = np.concatenate([np.linspace(1, 0.5, 10), np.linspace(0.5, 0.9, 30)])
SPIKES = FALL.copy()
SPIKES[[15, 25, 35]] = 1.0
BOOSTING = {"name": "boosting", "title": "HistGradientBoosting", "metrics": {"accuracy": 0.97}}
MAJORITY = {"name": "majority", "title": "Majority class", "metrics": {"accuracy": 0.55}}
XOR = {"linearly_separable": False}


def imbalanced() -> Evaluation:
    y = np.array([0] * 900 + [1] * 100)
    p = np.where(np.arange(1000) < 930, 0.1, 0.9)  # finds 70 of 100 at the end, none before
    p[900:960] = 0.1
    return evaluate_classes(y, np.stack([1 - p, p], axis=1), ["no", "yes"])


def copied(characters: int, usual: int = 20) -> dict[str, Any]:
    """A sample that shares so many characters in a row with the training text."""
    return {"temperature": 0.8, "usual": usual, "copied": {"characters": characters, "text": "x" * characters}}


CASES: dict[str, tuple[Evidence, Evidence, str]] = {
    "not_learning": (
        Evidence(RECIPE, curve(FLAT, [])),
        Evidence(RECIPE, curve(FALL, [])),
        "The training loss was 0.69",
    ),
    "too_short": (
        Evidence(RECIPE, curve(SLOPE, SLOPE)),
        Evidence(RECIPE, curve(FALL, FALL)),
        "in the last fifth of the run",
    ),
    "learning_rate_high": (
        Evidence(RECIPE, curve(SPIKES, [])),
        Evidence(RECIPE, curve(FALL, [])),
        "In 3 of 40 recorded steps the training loss was more than twice",
    ),
    "learning_rate_extreme": (
        Evidence({"optimiser.lr": 1000.0, "optimiser.name": "adamw"}, curve(FALL, [])),
        Evidence({"optimiser.lr": 5.0, "optimiser.name": "adadelta"}, curve(FALL, [])),
        "The learning rate was 1000; 0.0001 to 0.1 is usual",
    ),
    "overfitting": (
        Evidence(RECIPE, curve(FALL, UP)),
        Evidence(RECIPE, curve(FALL, FALL)),
        "The validation loss was best (0.5) after 25 % of the run and rose to 0.9",
    ),
    "underfitting": (
        Evidence(RECIPE, evaluations={"train": binary(900), "test": binary(900)}, baselines=[BOOSTING]),
        Evidence(RECIPE, evaluations={"train": binary(900, right=1), "test": binary(900)}, baselines=[BOOSTING]),
        "and HistGradientBoosting reaches 0.97 on new rows",
    ),
    "worse_than_baseline": (
        Evidence(RECIPE, evaluations={"test": binary(900)}, baselines=[MAJORITY, BOOSTING]),
        Evidence(RECIPE, evaluations={"test": binary(900)}, baselines=[MAJORITY]),
        "0.97 for HistGradientBoosting, which is outside the network's 95 % interval",
    ),
    "not_linearly_separable": (
        Evidence({"model": {"name": "perceptron"}}, extras=XOR),
        Evidence(RECIPE, extras=XOR),
        "so it can never learn these classes without error",
    ),
    "class_imbalance": (
        Evidence(RECIPE, evaluations={"test": imbalanced()}),
        Evidence(RECIPE, evaluations={"test": binary(900, share=0.1, right=0.95)}),
        "always saying that would reach an accuracy of 0.900",
    ),
    "poorly_calibrated": (
        Evidence(RECIPE, evaluations={"test": binary(2000, right=0.8, sure=0.99)}),
        Evidence(RECIPE, evaluations={"test": binary(2000, right=0.9, sure=0.9)}),
        "differ by",
    ),
    "small_test": (
        Evidence(RECIPE, evaluations={"test": binary(60)}),
        Evidence(RECIPE, evaluations={"test": binary(2000)}),
        "was measured on 60 rows and the 95 % interval is",
    ),
    "copies_text": (
        Evidence(RECIPE, extras={"samples": [copied(20), copied(90)]}),
        Evidence(RECIPE, extras={"samples": [copied(45), copied(60, usual=40)]}),
        "it wrote 90 characters that stand in the training text word for word",
    ),
    "stopped_early": (
        Evidence(
            RECIPE,
            training={
                "stopped": "loss has not improved in 5 evaluations (best 0.1 at step 600)",
                "steps": 900,
                "best_step": 600,
            },
        ),
        Evidence(RECIPE, training={"stopped": "the limit was reached: 9 epochs", "steps": 900, "best_step": 900}),
        "Validation got no better after step 600",
    ),
}


def test_losses_of_small_batches_that_scatter_are_no_jumps() -> None:
    noise = np.random.default_rng(3).normal(size=500)
    scattered = np.r_[0.7, 0.15 * np.exp(0.45 * noise)]
    assert (scattered[1:] > 0.3).sum() > 10, "many rows are more than twice the usual loss"
    assert CHECKS["learning_rate_high"](Evidence(RECIPE, curve(scattered, []))) is None
    scattered[[200, 400]] = 3.0
    finding = CHECKS["learning_rate_high"](Evidence(RECIPE, curve(scattered, [])))
    assert finding is not None and finding.text.startswith("In 2 of 501 recorded steps")


def test_every_check_has_a_case() -> None:
    assert set(CASES) == set(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_triggers_and_stays_silent(name: str) -> None:
    present, absent, words = CASES[name]
    finding = CHECKS[name](present)
    assert finding is not None and finding.name == name
    assert words in finding.text
    assert finding.title and finding.evidence and finding.remedy["text"].endswith((".", "mlp"))
    assert CHECKS[name](absent) is None
    assert CHECKS[name](Evidence()) is None, "no evidence, no finding"
    assert Finding.from_json(json.loads(json.dumps(finding.to_json(), allow_nan=False))) == finding


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("not_learning", {"optimiser.lr": 0.1}),
        ("too_short", {"train.epochs": 20}),
        ("overfitting", {"model.dropout": 0.3, "optimiser.weight_decay": 0.01}),
        ("learning_rate_high", {"optimiser.lr": 0.01 / 3}),
        ("not_linearly_separable", {"model.name": "mlp"}),
        ("class_imbalance", {"task.class_weights": "balanced"}),
    ],
)
def test_remedies_change_the_recipe(name: str, changes: dict[str, Any]) -> None:
    finding = CHECKS[name](CASES[name][0])
    assert finding is not None and finding.remedy["changes"] == changes


def test_a_diverging_run_is_told_to_lower_the_learning_rate() -> None:
    finding = CHECKS["not_learning"](Evidence(RECIPE, curve(np.linspace(1, 3, 20), [])))
    assert finding is not None and finding.remedy["changes"] == {"optimiser.lr": 0.001}
    assert "is too high" in finding.text


def test_longer_doubles_the_limit_that_is_there() -> None:
    rows = curve(SLOPE, SLOPE)
    for limit in ({"minutes": 3.0}, {"steps": 500}, {"epochs": 2.5}):
        (name, value), *_ = limit.items()
        finding = CHECKS["too_short"](Evidence({"train": {"epochs": None, **limit}}, rows))
        assert finding is not None and finding.remedy["changes"] == {f"train.{name}": 2 * value}


def test_too_unsure_is_not_mended_by_label_smoothing() -> None:
    sure = CHECKS["poorly_calibrated"](Evidence(evaluations={"test": binary(2000, right=0.8, sure=0.99)}))
    unsure = CHECKS["poorly_calibrated"](Evidence(evaluations={"test": binary(2000, right=0.95, sure=0.7)}))
    assert sure is not None and "too sure" in sure.text and sure.remedy["changes"]
    assert unsure is not None and "too unsure" in unsure.text and not unsure.remedy["changes"]
    assert unsure.evidence["mean_confidence_minus_accuracy"] == pytest.approx(-0.25, abs=0.03)


def test_an_error_is_better_when_it_is_lower() -> None:
    y = RNG.normal(size=(500, 1))
    evaluation = evaluate_numbers(y, y + 0.5 * RNG.normal(size=(500, 1)), ["y"])
    better = {"name": "linear", "title": "Ridge regression", "metrics": {"rmse": 0.1}}
    worse = {**better, "metrics": {"rmse": 0.9}}
    finding = CHECKS["worse_than_baseline"](Evidence(evaluations={"test": evaluation}, baselines=[worse, better]))
    assert finding is not None and finding.evidence["baseline"] == 0.1
    assert CHECKS["worse_than_baseline"](Evidence(evaluations={"test": evaluation}, baselines=[worse])) is None


def test_problems_come_first() -> None:
    evidence = Evidence(
        {"model": {"name": "perceptron"}},
        evaluations={"test": binary(60)},
        baselines=[BOOSTING],
        extras=XOR,
    )
    found = diagnose(evidence)
    order = ["problem", "warning", "note"]
    severities = [order.index(finding.severity) for finding in found]
    assert severities == sorted(severities) and found[0].name == "not_linearly_separable"
    assert len({finding.name for finding in found}) == len(found) >= 2


def test_separable() -> None:
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)
    assert linearly_separable(x, np.array([0, 0, 0, 1])) is True  # AND
    assert linearly_separable(x, np.array([0, 1, 1, 1])) is True  # OR
    assert linearly_separable(x, np.array([0, 1, 1, 0])) is False  # XOR
    assert linearly_separable(x, np.array([0, 1, 2, 0])) is None
    assert linearly_separable(x, np.array([1, 1, 1, 1])) is None
    far = RNG.normal(size=(2000, 5)) * 1e4
    assert linearly_separable(far, (far @ np.arange(1, 6) > 3).astype(int)) is True
    assert linearly_separable(np.zeros((2, 1)), np.array([0, 1])) is False  # equal rows, different classes
