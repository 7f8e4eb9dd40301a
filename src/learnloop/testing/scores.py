"""`check_scores`: what functions that turn predictions into an `Evaluation` must keep to, as named checks.

    from learnloop.testing.scores import check_scores
    check_scores(evaluate_classes, "class")

Every metric is checked against its entry in METRICS: its range follows from `scale`, what is an improvement from
`higher`. Each check raises AssertionError with what was expected and what was found; `check_scores` runs all and
reports all.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from learnloop.scores.evaluation import Evaluation
from learnloop.scores.names import METRICS, Metric, headline
from learnloop.seeds import numpy_stream
from learnloop.testing.suite import run_checks

Kind = Literal["class", "two_classes", "labels", "numbers"]
Evaluate = Callable[[np.ndarray, np.ndarray, Sequence[str], int], Evaluation]
ROWS = 240
NAMES: dict[Kind, list[str]] = {
    "class": ["red", "green", "blue"],
    "two_classes": ["no", "yes"],
    "labels": ["tall", "old", "new"],
    "numbers": ["height", "weight"],
}
QUALITIES = (0.0, 0.4, 0.8, 1.0)
"""Shares of rows that are predicted well; the rest is predicted at random with the same confidence."""
SCALES: dict[str, tuple[float, float]] = {
    "share": (0.0, 1.0),
    "nats": (0.0, math.inf),
    "unit": (0.0, math.inf),
    "unit squared": (0.0, math.inf),
    "plain": (-math.inf, math.inf),
}
PLAIN: dict[str, tuple[float, float]] = {
    "roc_auc": (0.0, 1.0),
    "average_precision": (0.0, 1.0),
    "brier": (0.0, 2.0),
    "r2": (-math.inf, 1.0),
}
"""The ranges of metrics whose scale is no share and no unit."""


@dataclass(frozen=True)
class ScoresCase:
    """One function on one kind of target.

    kind     class        y int64 [n] in 0..2, guess probabilities [n, 3]
             two_classes  y int64 [n] of 0 and 1, guess probabilities [n, 2]
             labels       y [n, 3] of 0 and 1, guess probabilities [n, 3]
             numbers      y float [n, 2], guess float [n, 2]
    metrics  what each metric means
    """

    evaluate: Evaluate
    kind: Kind
    metrics: Mapping[str, Metric]

    @property
    def task(self) -> str:
        return "classify" if self.kind == "two_classes" else self.kind

    def toy(self, quality: float, rows: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
        """(y, guess) with `quality` of the rows predicted well, all of them and surely at 1.

        The rows that are well predicted at one quality are so at each higher one.
        """
        rng = numpy_stream(0, "check_scores", self.kind)
        good = rng.random(rows) < quality
        if self.kind == "numbers":
            y = 50 + 10 * rng.normal(size=(rows, 2)) * [1, 3]
            noise = rng.normal(size=(rows, 2)) * [8, 24]
            return y, y + (1 - quality) * noise
        size = len(NAMES[self.kind])
        sure = 1.0 if quality == 1 else 0.95
        blur = rng.uniform(-0.04, 0.04, size=(rows, size)) * (quality < 1)  # no two probabilities are equal
        if self.kind == "labels":
            labels = rng.integers(0, 2, size=(rows, size))
            said = np.where(good[:, None], labels, rng.integers(0, 2, size=(rows, size)))
            return labels, np.where(said == 1, sure, 1 - sure) + blur
        codes = rng.integers(0, size, size=rows)
        said = np.where(good, codes, rng.integers(0, size, size=rows))
        guess = np.full((rows, size), (1 - sure) / (size - 1))
        guess[np.arange(rows), said] = sure
        guess = np.clip(guess + 0.5 * blur, 0, None)
        return codes, guess / guess.sum(axis=1, keepdims=True)

    def scored(self, quality: float, rows: int = ROWS, seed: int = 0) -> Evaluation:
        return self.evaluate(*self.toy(quality, rows), NAMES[self.kind], seed)


def check_scores(
    evaluate: Evaluate, kind: Kind, *, metrics: Mapping[str, Metric] = METRICS, only: Collection[str] = ()
) -> None:
    """Run the checks on `evaluate(y, guess, names, seed) -> Evaluation`; AssertionError names every one that
    failed and why.

    kind     what y and guess are, see `ScoresCase`
    metrics  the meaning of each metric that it may give
    only     names of CHECKS to run; empty = all
    """
    name = getattr(evaluate, "__name__", repr(evaluate))
    run_checks(f"{name} of {kind}", CHECKS, ScoresCase(evaluate, kind, metrics), only)


def check_declares(case: ScoresCase) -> None:
    """Every metric has an entry with a title and a meaning; the headline metrics are there, with intervals."""
    found = case.scored(0.8)
    strange = sorted(set(found.metrics) - set(case.metrics))
    assert not strange, f"metrics without an entry: {', '.join(strange)}"
    for name in found.metrics:
        entry = case.metrics[name]
        assert entry.title and entry.meaning.endswith("."), f"{name} has no title, or no sentence that says what it is"
    for part, names in (("a value", found.metrics), ("an interval", found.intervals)):
        missing = [name for name in headline(case.task) if name not in names]
        assert not missing, f"headline metrics without {part}: {', '.join(missing)}"
    assert found.rows == ROWS, f"it says that {found.rows} rows were scored; there were {ROWS}"


def check_ranges(case: ScoresCase) -> None:
    """Every metric is a finite float in its range, from random predictions to perfect ones; so are intervals."""
    for quality in QUALITIES:
        found = case.scored(quality)
        for name, value in found.metrics.items():
            low, high = _range(case, name)
            assert type(value) is float, f"{name} is a {type(value).__name__}, not a float"
            assert math.isfinite(value), f"{name} is {value}"
            inside = low - 1e-12 <= value <= high + 1e-12
            assert inside, f"{name} is {value:.6g}, outside of {low:g} to {high:g}"
            for bound in found.intervals.get(name, ()):
                inside = low - 1e-9 <= bound <= high + 1e-9
                assert inside, f"the interval of {name} reaches to {bound:.6g}, outside of {low:g} to {high:g}"


def _range(case: ScoresCase, name: str) -> tuple[float, float]:
    scale = case.metrics[name].scale
    return PLAIN.get(name, SCALES[scale]) if scale == "plain" else SCALES[scale]


def check_direction(case: ScoresCase) -> None:
    """Better predictions give a better value of every metric, as its `higher` says; perfect ones the best."""
    scored = [case.scored(quality).metrics for quality in QUALITIES]
    for name in scored[0]:
        values = [metrics[name] for metrics in scored]
        signed = values if case.metrics[name].higher else [-value for value in values]
        word = "higher" if case.metrics[name].higher else "lower"
        rises = all(worse < better for worse, better in pairwise(signed))
        shown = ", ".join(f"{value:.4g}" for value in values)
        assert rises, f"{name} is {shown} for better and better predictions; {word} is said to be better"


def check_rows(case: ScoresCase) -> None:
    """The order of rows changes no metric and no figure of a class."""
    y, guess = case.toy(0.6)
    order = numpy_stream(1, "check_scores").permutation(ROWS)
    plain = case.evaluate(y, guess, NAMES[case.kind], 0)
    shuffled = case.evaluate(y[order], guess[order], NAMES[case.kind], 0)
    moved = [name for name, value in plain.metrics.items() if not _near(shuffled.metrics.get(name), value)]
    assert not moved, f"with rows in another order these metrics change: {', '.join(moved)}"
    assert plain.confusion == shuffled.confusion, "with rows in another order the confusion matrix changes"
    for one, other in zip(plain.per_class, shuffled.per_class):
        moved = [key for key, value in one.items() if isinstance(value, float) and not _near(other[key], value)]
        assert not moved, f"with rows in another order {one['name']} has another {', '.join(moved)}"


def check_intervals(case: ScoresCase) -> None:
    """An interval contains its value, has a width where there is luck in the draw, narrows with more rows,
    and is the same for the same seed.
    """
    few, many = case.scored(0.6), case.scored(0.6, rows=16 * ROWS)
    strange = sorted(set(few.intervals) - set(few.metrics))
    assert not strange, f"intervals of metrics that have no value: {', '.join(strange)}"
    for found in (few, many, *(case.scored(quality) for quality in QUALITIES)):
        for name, (low, high) in found.intervals.items():
            value = found.metrics[name]
            inside = low - 1e-9 * abs(low) <= value <= high + 1e-9 * abs(high)
            assert inside, f"the interval of {name}, {low:.6g} to {high:.6g}, does not contain its value {value:.6g}"
    for name, (low, high) in few.intervals.items():
        width, later = high - low, many.intervals[name][1] - many.intervals[name][0]
        assert width > 0, f"the interval of {name} has no width with {ROWS} rows"
        assert later < 0.5 * width, (
            f"the interval of {name} is {width:.3g} wide with {ROWS} rows and {later:.3g} with {16 * ROWS}; "
            "a quarter of that was to be expected"
        )
    again, other = case.scored(0.6), case.scored(0.6, seed=1)
    assert again.intervals == few.intervals, "the same seed gives other intervals"
    moved = [name for name, value in few.metrics.items() if other.metrics[name] != value]
    assert not moved, f"another seed changes the values of {', '.join(moved)}"


def check_json(case: ScoresCase) -> None:
    """to_json -> text -> from_json gives the same Evaluation; there is no NaN in the text."""
    for found in (case.scored(0.6), case.scored(1.0), case.scored(0.6, rows=3)):
        try:
            text = json.dumps(found.to_json(), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise AssertionError(f"it is not JSON: {error}") from error
        again = Evaluation.from_json(json.loads(text))
        different = [name for name in vars(found) if getattr(again, name) != getattr(found, name)]
        assert not different, f"JSON gives back another {', '.join(different)}"


def check_few_rows(case: ScoresCase) -> None:
    """One row, and rows that are all alike, are scored: every metric that is given is finite, undefined ones
    are left out and `notes` says so.
    """
    full = set(case.scored(0.6).metrics)
    y, guess = case.toy(0.6)
    alike = (np.repeat(y[:1], 9, axis=0), np.repeat(guess[:1], 9, axis=0))
    for title, given in (("one row", (y[:1], guess[:1])), ("nine equal rows", alike)):
        found = case.evaluate(*given, NAMES[case.kind], 0)
        wild = [name for name, value in found.metrics.items() if not math.isfinite(value)]
        assert not wild, f"with {title}, {', '.join(wild)} is not finite; leave it out and say so in notes"
        missing = full - set(found.metrics)
        assert not missing or found.notes, f"with {title}, {', '.join(sorted(missing))} is left out without a note"


def check_pure(case: ScoresCase) -> None:
    """It leaves y and the predictions alone, and NumPy's global generator too."""
    y, guess = case.toy(0.6)
    given, before = (y.copy(), guess.copy()), np.random.get_state()[1].copy()  # type: ignore[index, union-attr]
    case.evaluate(*given, NAMES[case.kind], 0)
    assert np.array_equal(given[0], y), "it changes y"
    assert np.array_equal(given[1], guess), "it changes the predictions"
    after = np.random.get_state()[1]  # type: ignore[index]
    assert np.array_equal(before, after), "it seeds or draws from NumPy's global generator"


def _near(found: float | None, expected: float) -> bool:
    return found is not None and math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-12)


CHECKS: dict[str, Callable[[ScoresCase], None]] = {
    "declares": check_declares,
    "ranges": check_ranges,
    "direction": check_direction,
    "rows": check_rows,
    "intervals": check_intervals,
    "json": check_json,
    "few_rows": check_few_rows,
    "pure": check_pure,
}
"""Every check by name, in the order in which they run."""
