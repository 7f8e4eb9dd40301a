"""Baselines: what the network has to beat to earn its keep, fitted within the time that they may take."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from learnloop.scores.evaluation import Evaluation, evaluate_classes, evaluate_labels, evaluate_numbers
from learnloop.scores.names import ALIASES, headline
from learnloop.seeds import numpy_stream
from learnloop.verbs.fitters import BY_KIND, FITTERS, Inputs, OutOfTime, Predict, first_guess, kind_of, load

CONSTANT = ("majority", "mean")
TITLES = {
    "linear": "The linear model",
    "boosting": "HistGradientBoosting",
    "tfidf": "TF-IDF with a linear model",
    "nbsvm": "NB-SVM",
}
SHARES = {"simple": 1, "linear": 1, "boosting": 3, "tfidf": 1, "nbsvm": 1}
"""Of the time that is left. A straight line needs few rows; trees become better with every one."""
MOST_IMAGE_ROWS = 10_000
FIRST_ROWS = 1000
"""A fit that may be long is tried on this many rows, then on as many more as its clock allows."""
PREDICTED_ROWS = 5000
"""Rows that prediction is timed on."""
SURE = 0.25
"""A fit whose guessed time is below this share of what there is needs no trial."""
_TRIAL, _CAREFUL, _FIT_SHARE = 0.25, 0.8, 0.3
"""Shares of the time that is left: of another trial, and of the last fit; and of its whole time that a model may be
fitted in, however long predicting and scoring take: one that is worth those is worth a fit."""
_LARGEST_STEP = 20
_OVERRUN, _PATIENCE = 1.5, 2.0
"""Times its share that a fit may take; and that prediction and scoring of the last model may, the strongest rival: it
is better to leave out an earlier one."""
_ALWAYS_SECONDS = 1.0
"""A baseline may take this long whatever the limit: a command that is over in seconds has baselines too."""

Say = Callable[[str], None]
Now = Callable[[], float]


@dataclass(frozen=True)
class Baseline:
    """name         majority, mean, linear, boosting, tfidf or nbsvm
    title        as shown
    evaluations  part ("validation", "test") -> Evaluation
    predictions  part -> probabilities [n, classes or labels] or values [n, targets], for paired comparison
    seconds      to fit and to predict every part
    note         what was limited (rows, iterations), empty if nothing was
    scoring      part -> seconds that its evaluation took
    cut_short    whether there was time for a part of the training rows only
    """

    name: str
    title: str
    evaluations: dict[str, Evaluation]
    predictions: dict[str, np.ndarray] = field(repr=False)
    seconds: float
    note: str = ""
    scoring: dict[str, float] = field(default_factory=dict, repr=False)
    cut_short: bool = False

    @property
    def test(self) -> Evaluation:
        """The evaluation of the test part, or of the last part there is."""
        return self.evaluations.get("test") or list(self.evaluations.values())[-1]

    def to_json(self) -> dict[str, Any]:
        """The row of report.json: metrics and intervals of the test part, those of the others under their
        names."""
        others = {
            part: {"metrics": e.metrics, "intervals": {k: list(v) for k, v in e.intervals.items()}}
            for part, e in self.evaluations.items()
        }
        return {
            "name": self.name,
            "title": self.title,
            "metrics": self.test.metrics,
            "intervals": {name: list(pair) for name, pair in self.test.intervals.items()},
            "seconds": self.seconds,
            "note": self.note,
            "parts": others,
        }


@dataclass(frozen=True)
class _Case:
    """What every baseline is fitted on and measured with."""

    inputs: Inputs
    y: np.ndarray
    parts: Mapping[str, tuple[Inputs, np.ndarray]]
    task: str
    names: Sequence[str]
    seed: int
    now: Now

    @property
    def rows(self) -> int:
        return len(self.y)

    @property
    def kind(self) -> str:
        return kind_of(self.inputs)

    @property
    def most(self) -> int:
        """Rows to fit on where time is no matter."""
        return min(self.rows, MOST_IMAGE_ROWS) if self.kind == "image" else self.rows

    @property
    def held_out(self) -> int:
        """Rows that are predicted and scored."""
        return sum(len(y) for _, y in self.parts.values())


@dataclass(frozen=True)
class _Trained:
    """A fitted baseline. seconds: of the fit that is kept."""

    title: str
    predict: Predict
    extra: str
    rows: int
    seconds: float


class _LeftOut(Exception):
    """A baseline that the time does not reach for; the text says why."""


def baselines(
    train_inputs: Inputs,
    train_y: np.ndarray,
    parts: Mapping[str, tuple[Inputs, np.ndarray]],
    kind: str,
    names: Sequence[str],
    seed: int = 0,
    budget_s: float = 60.0,
    *,
    say: Say | None = None,
    now: Now = time.perf_counter,
) -> list[Baseline]:
    """Fit and score the baselines on the training part, cheapest first.

    train_y, and y in `parts`: int [n] for kind "class" ("classify"), 0/1 [n, labels] for "labels", values
    in the target's unit [n, targets] for "numbers" ("regress"). names: classes, labels or targets.
    parts: name -> (inputs, y).
    The majority class (or mean), a linear model (logistic or ridge regression) and, for tables,
    scikit-learn's HistGradientBoosting with default settings. Images: the linear model sees flattened pixels of at
    most 10,000 rows. Texts: linear models of n-grams (verbs/text_fitters.py).

    Each may take a share of what is left of `budget_s` seconds, fitting, predicting and scoring together. One that
    may take longer is timed on 1,000 rows first and then fitted on as many as its share allows, which its note says;
    one whose share does not even reach for that is left out.
    say: gets a sentence on each that was cut short or left out. now: the clock, in seconds.
    """
    task = ALIASES.get(kind, kind)
    headline(task)  # refuses an unknown task
    case = _Case(train_inputs, train_y, parts, task, names, seed, now)
    order = [name for name in BY_KIND[case.kind] if not (name == "nbsvm" and task == "regress")]
    ends, found, say = now() + budget_s, [], say or (lambda text: None)
    scoring = 0.0
    for place, name in enumerate(order):
        load(name)
        share = max(0.0, ends - now()) * SHARES[name] / sum(SHARES[other] for other in order[place:])
        try:
            trained = _trained(name, case, share, scoring, patience=_PATIENCE if name == order[-1] else 1.0)
        except _LeftOut as reason:
            say(f"{TITLES[name]} was left out of the baselines: {reason}.")
            continue
        if trained.rows < case.most:
            say(f"{trained.title}: {_cut_note(case, trained.rows)}")
        found.append(_measured(name, case, trained))
        scoring = sum(found[-1].scoring.values())
    return found


def _measured(name: str, case: _Case, trained: _Trained) -> Baseline:
    """Predict and score every part."""
    begin = case.now()
    predictions = {part: trained.predict(given) for part, (given, _) in case.parts.items()}
    seconds = trained.seconds + case.now() - begin
    evaluations, scoring = {}, {}
    for part, (_, truth) in case.parts.items():
        begin = case.now()
        evaluations[part] = _evaluate(case.task, truth, predictions[part], case.names, case.seed)
        scoring[part] = case.now() - begin
    label = name if name != "simple" else ("mean" if case.task == "regress" else "majority")
    note = " ".join(filter(None, (_cut_note(case, trained.rows), trained.extra)))
    cut_short = trained.rows < case.most
    return Baseline(label, trained.title, evaluations, predictions, seconds, note, scoring, cut_short)


def _evaluate(task: str, y: np.ndarray, guess: np.ndarray, names: Sequence[str], seed: int) -> Evaluation:
    score = {"classify": evaluate_classes, "labels": evaluate_labels, "regress": evaluate_numbers}[task]
    return score(y, guess, names, seed)


def _cut_note(case: _Case, rows: int) -> str:
    if rows == case.rows:
        return ""
    reason = "pixels as plain columns need no more" if rows == case.most else "to stay within the time for baselines"
    return f"Fitted on a random {rows:,} of the {case.rows:,} training rows ({reason})."


# --- as many rows as the clock allows -----------------------------------------------------------------------------


def _trained(name: str, case: _Case, share: float, scoring: float, patience: float) -> _Trained:
    """Fit on all rows, or on as many as `share` seconds allow beside prediction and `scoring`. Raises _LeftOut where
    these alone take `patience` times the share."""
    most = case.most
    if name == "simple" or first_guess(name, case.inputs, most, len(case.names)) + scoring <= SURE * share:
        return _fitted(name, case, most, check=lambda: None)
    began = case.now()
    check = partial(_check, case.now, began + _OVERRUN * max(share, _ALWAYS_SECONDS))
    try:
        best = _fitted(name, case, min(most, FIRST_ROWS), check)
    except OutOfTime:
        raise _LeftOut(f"it could not be fitted on {min(most, FIRST_ROWS):,} rows in {share:.1f} s") from None
    while True:
        after = _prediction_seconds(case, best.predict) + scoring
        spent = case.now() - began
        left = max(share - after, _FIT_SHARE * share) - spent
        if after > patience * max(share, _ALWAYS_SECONDS):
            raise _LeftOut(f"to predict and score {case.held_out:,} rows takes {after:.1f} s of {share:.1f} s")
        rows = min(_affordable(best, left), most)
        if rows < min(2 * best.rows, most) or rows <= best.rows:  # no small steps
            return best
        try:
            best = _fitted(name, case, rows, check)
        except OutOfTime:
            return best


def _affordable(best: _Trained, seconds: float) -> int:
    """How many rows to fit next, in proportion, with `seconds` left: a larger trial while that leaves most of the time
    (what does not grow with the rows weighs less in it), then as many as the time allows."""
    if seconds <= 0:
        return 0
    share = _TRIAL if _TRIAL * seconds >= 2 * best.seconds else _CAREFUL
    return int(best.rows * min(share * seconds / max(best.seconds, 1e-6), _LARGEST_STEP))


def _fitted(name: str, case: _Case, rows: int, check: Callable[[], None]) -> _Trained:
    begin = case.now()
    inputs, y = case.inputs, case.y
    if rows < case.rows:
        picked = np.sort(numpy_stream(case.seed, "baselines", name).choice(case.rows, rows, replace=False))
        inputs, y = {key: values[picked] for key, values in inputs.items()}, y[picked]
    title, predict, extra = FITTERS[name](inputs, y, case.task, len(case.names), case.seed, check)
    return _Trained(title, predict, extra, rows, case.now() - begin)


def _prediction_seconds(case: _Case, predict: Predict) -> float:
    """Of all parts, from a few rows of the largest."""
    given, y = max(case.parts.values(), key=lambda part: len(part[1]))
    some = {key: values[:PREDICTED_ROWS] for key, values in given.items()}
    begin = case.now()
    predict(some)
    return (case.now() - begin) * case.held_out / min(PREDICTED_ROWS, len(y))


def _check(now: Now, ends: float) -> None:
    if now() > ends:
        raise OutOfTime
