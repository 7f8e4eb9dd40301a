"""Every metric passes the suite, and the suite notices each defect that it claims to notice."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from learnloop.scores.evaluation import Evaluation, evaluate_classes, evaluate_labels, evaluate_numbers
from learnloop.scores.names import METRICS, Metric
from learnloop.testing.scores import CHECKS, NAMES, PLAIN, Evaluate, Kind, ScoresCase, check_scores

EVALUATES: list[tuple[Evaluate, Kind]] = [
    (evaluate_classes, "class"),
    (evaluate_classes, "two_classes"),
    (evaluate_labels, "labels"),
    (evaluate_numbers, "numbers"),
]


WRITTEN = {"nats_per_char", "bits_per_char", "nats_per_token", "perplexity"} | {
    *("bleu", "chrf", "exact_match", "cer", "wer", "token_accuracy")
}
"""Of texts: tests/scores/test_language_scores.py and test_texts.py."""
FORECAST = {"mase", "mape", "smape", "owa", "pinball"} | {
    f"{name}_{level}" for name in ("coverage", "width", "msis") for level in (50, 80, 90, 95, 99)
}
"""Of series in time: tests/scores/test_forecasts.py."""


MADE = {"explained_variance", "adjusted_rand", "purity", "elbo", "reconstruction", "kl", "log_likelihood"} | {
    *("fid", "fid_classifier", "frechet_pixels", "inception_score", "classifier_score", "density", "coverage"),
    *("generated_precision", "generated_recall", "class_share_least", "class_share_most", "class_entropy", "as_asked"),
    *("memorised", "psnr", "cycle_error"),
}
"""Of networks that make data: tests/verbs/test_fit_generative.py and the tests of scores/generative.py and codes.py."""


@pytest.mark.parametrize(("evaluate", "kind"), EVALUATES)
def test_every_evaluation_passes(evaluate: Evaluate, kind: Kind) -> None:
    check_scores(evaluate, kind)


def test_every_metric_is_checked_and_has_a_range() -> None:
    seen = {name for evaluate, kind in EVALUATES for name in ScoresCase(evaluate, kind, METRICS).scored(0.6).metrics}
    assert seen | {"loss"} | WRITTEN | FORECAST | MADE == METRICS.keys()
    plain = {name for name, metric in METRICS.items() if metric.scale == "plain" and name not in MADE}
    coverages = {name for name in FORECAST if name.startswith("coverage")}
    assert plain == PLAIN.keys() | {"loss", "perplexity", "bleu", "chrf"} | FORECAST - coverages


def toy(y: np.ndarray, guess: np.ndarray, names: Sequence[str], seed: int) -> Evaluation:
    return evaluate_numbers(y, guess, names, seed)


Change = Callable[[Evaluation, np.ndarray, np.ndarray], Evaluation]


def broken(change: Change) -> Evaluate:
    def evaluate(y: np.ndarray, guess: np.ndarray, names: Sequence[str], seed: int) -> Evaluation:
        return change(toy(y, guess, names, seed), y, guess)

    return evaluate


def with_mae(value: Callable[[float, np.ndarray, np.ndarray], Any]) -> Evaluate:
    """mae is what `value` makes of it, without an interval."""

    def change(found: Evaluation, y: np.ndarray, guess: np.ndarray) -> Evaluation:
        kept = {name: pair for name, pair in found.intervals.items() if name != "mae"}
        metrics = {**found.metrics, "mae": value(found.metrics["mae"], y, guess)}
        return replace(found, metrics=metrics, intervals=kept)

    return broken(change)


def with_interval(pair: Callable[[float, float, float, int], tuple[float, float]]) -> Evaluate:
    """The interval of mae is what `pair` makes of its value, its bounds and the rows."""

    def change(found: Evaluation, y: np.ndarray, guess: np.ndarray) -> Evaluation:
        if "mae" not in found.intervals:
            return found
        bounds = pair(found.metrics["mae"], *found.intervals["mae"], len(y))
        return replace(found, intervals={**found.intervals, "mae": bounds})

    return broken(change)


def extra(found: Evaluation, y: np.ndarray, guess: np.ndarray) -> Evaluation:
    return replace(found, metrics={**found.metrics, "madness": 1.0})


def no_headline(found: Evaluation, y: np.ndarray, guess: np.ndarray) -> Evaluation:
    return replace(found, metrics={name: value for name, value in found.metrics.items() if name != "rmse"})


def last_row(found: Evaluation, y: np.ndarray, guess: np.ndarray) -> Evaluation:
    """A figure of one target that depends on which row is the last one."""
    per_class = [{**row, "mae": row["mae"] + abs(float(y[-1, 0] - guess[-1, 0]))} for row in found.per_class]
    return replace(found, per_class=per_class)


def drifting_confusion(found: Evaluation, y: np.ndarray, guess: np.ndarray) -> Evaluation:
    return replace(found, confusion=[[int(y[0, 0] > y[-1, 0])], [int(y[0, 0] * 100)]])


def orphan(found: Evaluation, y: np.ndarray, guess: np.ndarray) -> Evaluation:
    return replace(found, intervals={**found.intervals, "accuracy": (0.0, 1.0)})


def array_inside(found: Evaluation, y: np.ndarray, guess: np.ndarray) -> Evaluation:
    return replace(found, curves={"all": y})


def nan_inside(found: Evaluation, y: np.ndarray, guess: np.ndarray) -> Evaluation:
    return replace(found, curves={"all": [math.nan]})


def tuple_inside(found: Evaluation, y: np.ndarray, guess: np.ndarray) -> Evaluation:
    return replace(found, curves={"all": (1.0, 2.0)})


def without_notes(found: Evaluation, y: np.ndarray, guess: np.ndarray) -> Evaluation:
    return replace(found, notes=[])


def undefined(found: Evaluation, y: np.ndarray, guess: np.ndarray) -> Evaluation:
    return replace(found, metrics={"r2": math.nan, **found.metrics})


def count_wrong(found: Evaluation, y: np.ndarray, guess: np.ndarray) -> Evaluation:
    return replace(found, rows=len(y) - 1)


def other_seeds(y: np.ndarray, guess: np.ndarray, names: Sequence[str], seed: int) -> Evaluation:
    return toy(y, guess, names, int(np.random.default_rng().integers(10**9)))


def seeded_value(y: np.ndarray, guess: np.ndarray, names: Sequence[str], seed: int) -> Evaluation:
    found = toy(y, guess, names, seed)
    return replace(found, metrics={**found.metrics, "mse": found.metrics["mse"] * (1 + 1e-6 * seed)})


def writes_y(y: np.ndarray, guess: np.ndarray, names: Sequence[str], seed: int) -> Evaluation:
    y -= y.mean(axis=0)
    return toy(y, guess, names, seed)


def writes_guess(y: np.ndarray, guess: np.ndarray, names: Sequence[str], seed: int) -> Evaluation:
    np.clip(guess, y.min(), y.max() - 10, out=guess)
    return toy(y, guess, names, seed)


def seeds_numpy(y: np.ndarray, guess: np.ndarray, names: Sequence[str], seed: int) -> Evaluation:
    np.random.seed(seed)
    return toy(y, guess, names, seed)


FAULTS: list[tuple[Evaluate, str, str]] = [
    (broken(extra), "declares", "metrics without an entry: madness"),
    (broken(no_headline), "declares", "headline metrics without a value: rmse"),
    (with_mae(lambda v, y, p: v), "declares", "headline metrics without an interval: mae"),
    (broken(count_wrong), "declares", "it says that 239 rows were scored; there were 240"),
    (with_mae(lambda v, y, p: np.float64(v)), "ranges", "mae is a float64, not a float"),
    (with_mae(lambda v, y, p: math.inf), "ranges", "mae is inf"),
    (with_mae(lambda v, y, p: v - 3), "ranges", r"mae is -[\d.]+, outside of 0 to inf"),
    (with_interval(lambda v, low, high, n: (-1.0, high)), "ranges", "the interval of mae reaches to -1, outside"),
    (with_mae(lambda v, y, p: -v), "direction", "for better and better predictions; lower is said to be"),
    (with_mae(lambda v, y, p: 2.0), "direction", "mae is 2, 2, 2, 2 for better and better predictions"),
    (with_mae(lambda v, y, p: abs(y[0] - p[0]).sum()), "rows", "these metrics change: mae"),
    (broken(last_row), "rows", "with rows in another order height has another mae"),
    (broken(drifting_confusion), "rows", "with rows in another order the confusion matrix changes"),
    (broken(orphan), "intervals", "intervals of metrics that have no value: accuracy"),
    (with_interval(lambda v, low, high, n: (high, 2 * high)), "intervals", "the interval of mae, .* does not contain"),
    (with_interval(lambda v, low, high, n: (v, v)), "intervals", "the interval of mae has no width"),
    (with_interval(lambda v, low, high, n: (0.0, 2 * v)), "intervals", "a quarter of that was to be expected"),
    (other_seeds, "intervals", "the same seed gives other intervals"),
    (seeded_value, "intervals", "another seed changes the values of mse"),
    (broken(array_inside), "json", "it is not JSON: Object of type ndarray"),
    (broken(nan_inside), "json", "it is not JSON: Out of range float values"),
    (broken(tuple_inside), "json", "JSON gives back another curves"),
    (broken(undefined), "few_rows", "with one row, r2 is not finite; leave it out and say so in notes"),
    (broken(without_notes), "few_rows", "with one row, r2 is left out without a note"),
    (writes_y, "pure", "it changes y"),
    (writes_guess, "pure", "it changes the predictions"),
    (seeds_numpy, "pure", "it seeds or draws from NumPy's global generator"),
]  # fmt: skip


def test_the_toy_passes() -> None:
    check_scores(toy, "numbers")


@pytest.mark.parametrize(("evaluate", "check", "text"), FAULTS, ids=[f"{check}-{text}" for _, check, text in FAULTS])
def test_the_suite_notices(evaluate: Evaluate, check: str, text: str) -> None:
    state = np.random.get_state()
    with pytest.raises(AssertionError, match=rf"\w+ of numbers: 1 of 1 checks failed\n  {check}: .*(?:{text})"):
        check_scores(evaluate, "numbers", only=[check])
    np.random.set_state(state)


def test_a_wrong_entry_of_the_table_is_noticed() -> None:
    turned = {**METRICS, "r2": replace(METRICS["r2"], higher=False)}
    with pytest.raises(AssertionError, match=r"direction: r2 is .*; lower is said to be better"):
        check_scores(toy, "numbers", metrics=turned, only=["direction"])
    share = {**METRICS, "rmse": replace(METRICS["rmse"], scale="share")}
    with pytest.raises(AssertionError, match=r"ranges: rmse is \d[\d.]+, outside of 0 to 1"):
        check_scores(toy, "numbers", metrics=share, only=["ranges"])
    mute = {**METRICS, "mae": Metric("MAE", False, "unit", "")}
    with pytest.raises(AssertionError, match="declares: mae has no title, or no sentence that says what it is"):
        check_scores(toy, "numbers", metrics=mute, only=["declares"])


def test_every_check_is_seen_to_fail() -> None:
    assert {check for _, check, _ in FAULTS} == CHECKS.keys()
    assert NAMES.keys() == {kind for _, kind in EVALUATES}


def test_all_faults_are_reported_at_once_and_names_are_checked() -> None:
    with pytest.raises(AssertionError, match=r"evaluate of numbers: 2 of 8 checks failed\n  declares: .*\n  ranges: "):
        check_scores(with_mae(lambda value, y, guess: np.float64(value)), "numbers")
    with pytest.raises(ValueError, match="no check named 'order'; there are declares"):
        check_scores(toy, "numbers", only=["order"])
