"""The baselines against a clock that the test moves: as many rows as the time allows, or left out, and said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from learnloop.verbs import baselines as module
from learnloop.verbs import fitters
from learnloop.verbs.baselines import baselines
from learnloop.verbs.fitters import FITTERS, OutOfTime

ROWS, HELD_OUT = 400_000, 100_000


class Clock:
    """Stands still unless it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Fake:
    """A fitter that takes `once + each * rows` seconds, and `predicts` seconds a row afterwards."""

    def __init__(self, clock: Clock, title: str, *, once: float = 0.0, each: float, predicts: float = 0.0) -> None:
        self.clock, self.title, self.once, self.each, self.predicts = clock, title, once, each, predicts
        self.tried: list[int] = []

    def __call__(
        self, inputs: Any, y: np.ndarray, task: str, outputs: int, seed: int, check: Callable[[], None]
    ) -> Any:
        self.tried.append(len(y))
        self.clock.seconds += self.once + self.each * len(y)
        check()
        return self.title, self._predict, ""

    def _predict(self, given: Any) -> np.ndarray:
        self.clock.seconds += self.predicts * len(given["x"])
        return np.full((len(given["x"]), 2), 0.5)


class Case:
    """Baselines of a large table with a fake linear model and fake trees."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, scoring: float = 0.0) -> None:
        self.clock = Clock()
        self.linear = Fake(self.clock, "Line", each=1e-9)
        self.trees = Fake(self.clock, "Trees", each=1e-9)
        self.said: list[str] = []
        self.monkeypatch = monkeypatch
        evaluate = module._evaluate

        def scored(task: str, y: np.ndarray, guess: np.ndarray, names: Any, seed: int) -> Any:
            self.clock.seconds += scoring
            return evaluate(task, y[:50], guess[:50], names, seed)

        monkeypatch.setattr(module, "_evaluate", scored)

    def run(self, budget_s: float) -> list[module.Baseline]:
        self.monkeypatch.setitem(FITTERS, "linear", self.linear)
        self.monkeypatch.setitem(FITTERS, "boosting", self.trees)
        x, y = np.zeros((ROWS, 2), np.float32), np.arange(ROWS) % 2
        held_out = {"test": ({"x": x[:HELD_OUT]}, y[:HELD_OUT])}
        say = self.said.append
        return baselines({"x": x}, y, held_out, "class", ["no", "yes"], budget_s=budget_s, say=say, now=self.clock)


def test_a_slow_fit_gets_as_many_rows_as_its_share_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(monkeypatch)
    case.trees = Fake(case.clock, "Trees", once=0.2, each=1e-4, predicts=1e-6)  # all rows: 40 s
    found = case.run(budget_s=6)
    assert case.trees.tried[0] == 1000 and len(case.trees.tried) <= 4
    kept = case.trees.tried[-1]
    assert 20_000 < kept < ROWS and found[2].seconds == pytest.approx(0.2 + 1e-4 * kept + 1e-6 * HELD_OUT)
    assert 4 < case.clock.seconds <= 6
    assert found[2].note == (
        f"Fitted on a random {kept:,} of the {ROWS:,} training rows (to stay within the time for baselines)."
    )
    assert case.said == [f"Trees: {found[2].note}"]
    assert [baseline.cut_short for baseline in found] == [False, False, True]


def test_time_for_prediction_and_scoring_is_kept_back(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(monkeypatch, scoring=0.5)
    case.trees = Fake(case.clock, "Trees", each=1e-4, predicts=1e-5)  # 1 s to predict
    case.run(budget_s=6)
    assert 5 < case.clock.seconds <= 6


def test_what_is_surely_short_is_fitted_once_on_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(monkeypatch)
    case.run(budget_s=600)
    assert case.linear.tried == case.trees.tried == [ROWS] and case.said == []


def test_a_fit_that_is_faster_than_guessed_gets_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(monkeypatch)
    found = case.run(budget_s=1)
    assert case.trees.tried == [1000, 20_000, ROWS] and found[2].note == "" and case.said == []


def test_left_out_where_prediction_and_scoring_alone_take_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(monkeypatch)
    case.trees = Fake(case.clock, "Trees", each=1e-6, predicts=2e-4)
    found = case.run(budget_s=6)
    assert [baseline.name for baseline in found] == ["majority", "linear"]
    assert case.said == [
        "HistGradientBoosting was left out of the baselines: to predict and score 100,000 rows takes 20.0 s of 6.0 s."
    ]


def test_left_out_where_a_thousand_rows_take_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(monkeypatch)
    case.trees = Fake(case.clock, "Trees", once=90, each=0)
    found = case.run(budget_s=6)
    assert [baseline.name for baseline in found] == ["majority", "linear"]
    said = "HistGradientBoosting was left out of the baselines: it could not be fitted on 1,000 rows in 6.0 s."
    assert case.said == [said]


def test_a_larger_fit_that_runs_out_of_time_leaves_the_smaller_one(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(monkeypatch)

    class Sudden(Fake):
        def __call__(
            self, inputs: Any, y: np.ndarray, task: str, outputs: int, seed: int, check: Callable[[], None]
        ) -> Any:
            self.once = 20.0 if len(y) > 1000 else 0.0
            return super().__call__(inputs, y, task, outputs, seed, check)

    case.trees = Sudden(case.clock, "Trees", each=1e-5)
    found = case.run(budget_s=6)
    assert len(case.trees.tried) == 2 and "a random 1,000 of the" in found[2].note


def test_trees_of_three_classes_are_stopped_between_rounds_and_equal_one_call() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 2)).astype(np.float32)
    y = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0)
    calls = []
    _, predict, _ = fitters.FITTERS["boosting"]({"x": x}, y, "classify", 3, 0, lambda: calls.append(1))
    assert len(calls) == 1 + 100 / fitters.ROUNDS_AT_ONCE
    whole = HistGradientBoostingClassifier(random_state=0).fit(x, y)
    np.testing.assert_array_equal(predict({"x": x}), whole.predict_proba(x))

    def refuse() -> None:
        if len(calls) > 15:
            raise OutOfTime
        calls.append(1)

    with pytest.raises(OutOfTime):
        fitters.FITTERS["boosting"]({"x": x}, y, "classify", 3, 0, refuse)


def test_the_strongest_rival_is_kept_longest_and_worth_a_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case(monkeypatch, scoring=3.2)
    case.trees = Fake(case.clock, "Trees", each=1e-6)  # all rows: 0.4 s
    found = case.run(budget_s=6)
    assert [baseline.name for baseline in found] == ["majority", "boosting"]
    assert case.said[0] == (
        "The linear model was left out of the baselines: to predict and score 100,000 rows takes 3.2 s of 0.7 s."
    )
    assert case.trees.tried[-1] > 100_000  # though scoring takes more than the 2.8 s that are left
