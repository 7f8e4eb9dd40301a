"""Baselines: what the network has to beat to earn its keep, and the verdict on which one a user should
take."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from learnloop.scores.evaluation import Evaluation, evaluate_classes, evaluate_labels, evaluate_numbers
from learnloop.scores.names import ALIASES, METRICS, headline, higher_is_better
from learnloop.scores.paired import Difference, paired_difference
from learnloop.seeds import numpy_stream

Inputs = Mapping[str, np.ndarray]
"""`x` float [n, numbers] or uint8 [n, c, h, w]; optional `x_cat` int [n, columns], 0 = unseen."""
Predict = Callable[[Inputs], np.ndarray]

MOST_IMAGE_ROWS = 10_000
MOST_CODES = 254
"""scikit-learn's histograms have 255 bins; a column with more codes is given to the trees as a number."""


@dataclass(frozen=True)
class Baseline:
    """name         majority, mean, linear or boosting
    title        as shown
    evaluations  part ("validation", "test") -> Evaluation
    predictions  part -> probabilities [n, classes or labels] or values [n, targets], for paired comparison
    seconds      to fit and to predict every part
    note         what was limited (rows, iterations), empty if nothing was
    """

    name: str
    title: str
    evaluations: dict[str, Evaluation]
    predictions: dict[str, np.ndarray] = field(repr=False)
    seconds: float
    note: str = ""

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


def baselines(
    train_inputs: Inputs,
    train_y: np.ndarray,
    parts: Mapping[str, tuple[Inputs, np.ndarray]],
    kind: str,
    names: Sequence[str],
    seed: int = 0,
    budget_s: float = 60.0,
) -> list[Baseline]:
    """Fit and score the baselines on the training part, cheapest first.

    train_y, and y in `parts`: int [n] for kind "class" ("classify"), 0/1 [n, labels] for "labels", values
    in the target's unit [n, targets] for "numbers" ("regress"). names: classes, labels or targets.
    parts: name -> (inputs, y).
    The majority class (or mean), a linear model (logistic or ridge regression) and, for tables,
    scikit-learn's HistGradientBoosting with default settings. A model whose estimated time passes what is
    left of `budget_s` seconds is fitted on fewer rows, and its note says so. Images: the linear model sees
    flattened pixels of at most 10,000 rows.
    """
    task = ALIASES.get(kind, kind)
    headline(task)  # refuses an unknown task
    started = time.perf_counter()
    image = train_inputs["x"].ndim == 4
    found = []
    for name in ("simple", "linear") if image else ("simple", "linear", "boosting"):
        left = budget_s - (time.perf_counter() - started)
        begin = time.perf_counter()
        rows, note = _affordable(name, train_inputs, train_y, len(names), left, seed)
        inputs, y = {key: values[rows] for key, values in train_inputs.items()}, train_y[rows]
        title, predict, extra = FITTERS[name](inputs, y, task, len(names), seed)
        predictions = {part: predict(given) for part, (given, _) in parts.items()}
        seconds = time.perf_counter() - begin
        evaluations = {
            part: _evaluate(task, truth, predictions[part], names, seed) for part, (_, truth) in parts.items()
        }
        label = name if name != "simple" else ("mean" if task == "regress" else "majority")
        found.append(Baseline(label, title, evaluations, predictions, seconds, " ".join(filter(None, (note, extra)))))
    return found


def _evaluate(task: str, y: np.ndarray, guess: np.ndarray, names: Sequence[str], seed: int) -> Evaluation:
    score = {"classify": evaluate_classes, "labels": evaluate_labels, "regress": evaluate_numbers}[task]
    return score(y, guess, names, seed)


def _affordable(
    name: str, inputs: Inputs, y: np.ndarray, outputs: int, left: float, seed: int
) -> tuple[np.ndarray | slice, str]:
    """Rows to fit on: all of them, or a random sample that fits in the seconds that are left."""
    rows = len(y)
    if name == "simple":
        return slice(None), ""
    categories = inputs["x_cat"].shape[1] if "x_cat" in inputs else 0
    columns = int(np.prod(inputs["x"].shape[1:])) + (5 if name == "linear" else 1) * categories
    # Cells (rows x columns x outputs) fitted in a second, from Adult and MNIST on a busy 2-core machine.
    speed = 3e6 if name == "linear" else 5e5
    most = int(max(0.5, left) * speed / max(1, columns) / (outputs if outputs > 2 else 1))
    reason = "to stay within the time for baselines"
    if inputs["x"].ndim == 4 and most > MOST_IMAGE_ROWS:
        most, reason = MOST_IMAGE_ROWS, "pixels as plain columns need no more"
    most = max(most, min(rows, 1000))
    if rows <= most:
        return slice(None), ""
    picked = np.sort(numpy_stream(seed, "baselines", name).choice(rows, most, replace=False))
    return picked, f"Fitted on a random {most:,} of the {rows:,} training rows ({reason})."


def _simple(inputs: Inputs, y: np.ndarray, task: str, outputs: int, seed: int) -> tuple[str, Predict, str]:
    """The same answer for every row: class shares, label shares, or the mean of each target."""
    if task == "classify":
        answer, title = np.bincount(y, minlength=outputs) / len(y), "Majority class"
    else:
        answer = np.asarray(y, np.float64).mean(axis=0)
        title = "Majority of each label" if task == "labels" else "Mean of the training part"
    return title, lambda given: np.tile(answer, (len(given["x"]), 1)), ""


def _linear(inputs: Inputs, y: np.ndarray, task: str, outputs: int, seed: int) -> tuple[str, Predict, str]:
    """Logistic regression (classes, labels) or ridge regression on standardised numbers and one-hot
    categories."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression, Ridge

    encode = _encoder(inputs)
    x = encode(inputs)
    if task == "regress":
        centre, scale = y.mean(axis=0), _safe(y.std(axis=0))
        ridge = Ridge(alpha=1.0).fit(x, (y - centre) / scale)
        title = "Ridge regression"
        return title, lambda given: ridge.predict(encode(given)).reshape(-1, outputs) * scale + centre, ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        columns = [y] if task == "classify" else list(y.T)
        fitted = [_Fitted.of(LogisticRegression(max_iter=300, tol=1e-3), x, column) for column in columns]
    short = any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    note = "Stopped after 300 iterations, not fully converged." if short else ""
    return "Logistic regression", _joined(fitted, encode, task, outputs), note


def _boosting(inputs: Inputs, y: np.ndarray, task: str, outputs: int, seed: int) -> tuple[str, Predict, str]:
    """scikit-learn's HistGradientBoosting, default settings, categories as categories."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    numbers = inputs["x"].shape[1]
    codes = inputs.get("x_cat", np.empty((len(y), 0), np.int64))
    wide = codes.max(axis=0, initial=0) > MOST_CODES if codes.size else np.zeros(codes.shape[1], bool)
    mask = np.concatenate([np.zeros(numbers, bool), ~wide])
    settings: dict[str, Any] = {"categorical_features": mask if mask.any() else None, "random_state": seed}
    note = f"{int(wide.sum())} columns with over {MOST_CODES} categories went in as numbers." if wide.any() else ""

    def encode(given: Inputs) -> np.ndarray:
        if "x_cat" not in given:
            return np.asarray(given["x"], np.float64)
        # Code 0 (missing or unseen) is a category like any other; one that was never seen counts as missing.
        return np.concatenate([given["x"], given["x_cat"]], axis=1, dtype=np.float64)  # [n, numbers + columns]

    x = encode(inputs)
    if task == "regress":
        trees = [HistGradientBoostingRegressor(**settings).fit(x, column) for column in y.T]
        return (
            "HistGradientBoosting",
            lambda given: np.stack([tree.predict(encode(given)) for tree in trees], axis=1),
            note,
        )
    columns = [y] if task == "classify" else list(y.T)
    fitted = [_Fitted.of(HistGradientBoostingClassifier(**settings), x, column) for column in columns]
    return "HistGradientBoosting", _joined(fitted, encode, task, outputs), note


CONSTANT = ("majority", "mean")
FITTERS: dict[str, Callable[[Inputs, np.ndarray, str, int, int], tuple[str, Predict, str]]] = {
    "simple": _simple,
    "linear": _linear,
    "boosting": _boosting,
}


@dataclass(frozen=True)
class _Fitted:
    """A scikit-learn classifier, or None where its training rows were all of the one class `seen[0]`."""

    model: Any
    seen: np.ndarray

    @classmethod
    def of(cls, model: Any, x: Any, y: np.ndarray) -> _Fitted:
        seen = np.unique(y).astype(np.int64)
        return cls(model.fit(x, y.astype(np.int64)) if len(seen) > 1 else None, seen)

    def probabilities(self, x: Any, outputs: int) -> np.ndarray:
        """[n, outputs]; a class that was not in the training rows gets 0."""
        full = np.zeros((x.shape[0], outputs))
        full[:, self.seen] = 1.0 if self.model is None else self.model.predict_proba(x)
        return full


def _joined(fitted: list[_Fitted], encode: Callable[[Inputs], Any], task: str, outputs: int) -> Predict:
    def predict(given: Inputs) -> np.ndarray:
        x = encode(given)
        if task == "classify":
            return fitted[0].probabilities(x, outputs)  # [n, classes]
        return np.stack([label.probabilities(x, 2)[:, 1] for label in fitted], axis=1)  # [n, labels]

    return predict


def _encoder(inputs: Inputs) -> Callable[[Inputs], Any]:
    """Standardised numbers (pixels: centred, one scale for all) beside one-hot categories; fitted on
    `inputs`."""
    image = inputs["x"].ndim == 4
    flat = inputs["x"].reshape(len(inputs["x"]), -1).astype(np.float64)
    centre = flat.mean(axis=0)
    scale = _safe(np.array(flat.std())) if image else _safe(flat.std(axis=0))
    if "x_cat" not in inputs or not inputs["x_cat"].shape[1]:
        return lambda given: (given["x"].reshape(len(given["x"]), -1) - centre) / scale
    from scipy import sparse
    from sklearn.preprocessing import OneHotEncoder

    onehot = OneHotEncoder(handle_unknown="ignore", max_categories=100).fit(inputs["x_cat"])

    def encode(given: Inputs) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # unseen codes become zeros, which is what we ask for
            category = onehot.transform(given["x_cat"])
        return sparse.hstack([(given["x"] - centre) / scale, category]).tocsr()  # [n, numbers + categories]

    return encode


def _safe(scale: np.ndarray) -> np.ndarray:
    return np.where(scale > 1e-12, scale, 1.0)


def verdict(
    task: str,
    network: Evaluation,
    others: Sequence[Baseline],
    *,
    y: np.ndarray | None = None,
    predictions: np.ndarray | None = None,
    part: str = "test",
    seed: int = 0,
) -> str:
    """Which model a user should take, in one or two plain sentences.

    The network is compared with the best baseline by the task's first headline metric. With `y` and the
    network's `predictions` of `part` (as the evaluate functions take them) by a paired bootstrap of the
    difference; without them by whether the two intervals overlap, which is coarser, and said.
    """
    metric = headline(task)[0]
    better = 1 if higher_is_better(metric) else -1
    rivals = [other for other in others if metric in other.test.metrics]
    if not rivals or metric not in network.metrics:
        return "No baseline was fitted, so nothing says whether the network earns its keep."
    best = max(rivals, key=lambda other: better * other.test.metrics[metric])
    if y is not None and predictions is not None and part in best.predictions:
        difference = paired_difference(task, y, predictions, best.predictions[part], seed)
        return _sentence(difference, network, best, better, part)
    return _unpaired(metric, network, best, better)


def _sentence(difference: Difference, network: Evaluation, best: Baseline, better: int, part: str) -> str:
    metric, value = difference.metric, difference.value
    low, high = sorted((abs(difference.low), abs(difference.high)))
    if difference.clear and better * value > 0:
        return (
            f"Take the network: it is better than {best.title} by {_amount(metric, abs(value))} "
            f"(95 % interval {_range(metric, low, high)})."
        )
    if best.name in CONSTANT:
        return (
            f"Do not use this network: on {network.rows:,} {part} rows it is no better than always giving "
            "the same answer "
            f"({best.title}: {_value(metric, best.test.metrics[metric])}, network: "
            f"{_value(metric, network.metrics[metric])})."
        )
    if difference.clear:
        return (
            f"{best.title} is better than the network by {_amount(metric, abs(value))} "
            f"(95 % interval {_range(metric, low, high)}), and it was fitted in {_time(best.seconds)}: "
            "take it unless you have another reason to want a network."
        )
    title = METRICS[metric].title if METRICS[metric].scale == "unit" else METRICS[metric].title.lower()
    unit = " points" if _share(metric) else ""
    way = "higher" if value > 0 else "lower"
    said = f"{_plain(metric, abs(value))}{unit} {way}" if value else "the same"
    told = (
        f"The network and {best.title} cannot be told apart on {network.rows:,} {part} rows: the network's {title} "
        f"is {said} (95 % interval of the difference {_signed(metric, difference.low)} to "
        f"{_signed(metric, difference.high)}). "
    )
    if better * value > 0:
        return told + (
            f"Take the network if {title} is all that counts, {best.title} (fitted in {_time(best.seconds)}) if you "
            "want the simpler one."
        )
    return told + (
        f"Take {best.title}, the simpler one (fitted in {_time(best.seconds)}), unless you have another reason to "
        "want a network."
    )


def _unpaired(metric: str, network: Evaluation, best: Baseline, better: int) -> str:
    gain = better * (network.metrics[metric] - best.test.metrics[metric])
    ours, theirs = network.intervals.get(metric), best.test.intervals.get(metric)
    apart = ours is not None and theirs is not None and (ours[0] > theirs[1] or theirs[0] > ours[1])
    if not apart:
        return (
            f"The network ({_value(metric, network.metrics[metric])}) and {best.title} "
            f"({_value(metric, best.test.metrics[metric])}) have overlapping 95 % intervals of "
            f"{METRICS[metric].title}: "
            f"this test part cannot tell them apart. Take {best.title}, which is simpler, unless you need a "
            "network."
        )
    winner, loser = ("the network", best.title) if gain > 0 else (best.title, "the network")
    return (
        f"Take {winner}: it is better than {loser} by {_amount(metric, abs(gain))}, "
        "and the 95 % intervals do not overlap."
    )


def _share(metric: str) -> bool:
    return METRICS[metric].scale == "share"


def _amount(metric: str, value: float) -> str:
    if _share(metric):
        return f"{100 * value:.1f} points of {METRICS[metric].title.lower()}"
    return f"{value:.3g} in {METRICS[metric].title}"


def _range(metric: str, low: float, high: float) -> str:
    return f"{_plain(metric, low)} to {_plain(metric, high)}"


def _plain(metric: str, value: float) -> str:
    return f"{100 * value:.1f}" if _share(metric) else f"{value:.3g}"


def _signed(metric: str, value: float) -> str:
    return f"{100 * value:+.1f}" if _share(metric) else f"{value:+.3g}"


def _value(metric: str, value: float) -> str:
    return f"{100 * value:.1f} %" if _share(metric) else f"{value:.4g}"


def _time(seconds: float) -> str:
    if seconds < 0.1:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
