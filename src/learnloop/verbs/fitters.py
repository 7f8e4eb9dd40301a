"""The models that a network has to beat, each a function of arrays: the same answer for every row, a linear model,
boosted trees."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from learnloop.contracts import TOKENS
from learnloop.verbs.text_fitters import nbsvm, tfidf

Inputs = Mapping[str, np.ndarray]
"""`x` float [n, numbers] or uint8 [n, c, h, w]; optional `x_cat` int [n, columns], 0 = unseen. Of texts `tokens`
int [n, time], 0 behind the end; of series `x` [n, time, numbers] and `length` [n]."""
Predict = Callable[[Inputs], np.ndarray]
Check = Callable[[], None]
"""Called between the parts of a long fit; raises OutOfTime to end it."""

MOST_CODES = 254
"""scikit-learn's histograms have 255 bins; a column with more codes is given to the trees as a number."""
ROUNDS_AT_ONCE = 10
SMALL_CELLS = 400_000


class OutOfTime(Exception):
    """A fit went on for longer than it may."""


def load(name: str) -> None:
    """Import what a fitter needs, so that the import is not taken for a slow fit."""
    if name in ("linear", "tfidf", "nbsvm"):
        import sklearn.linear_model

        assert sklearn.linear_model
    elif name == "boosting":
        import sklearn.ensemble

        assert sklearn.ensemble


def _simple(
    inputs: Inputs, y: np.ndarray, task: str, outputs: int, seed: int, check: Check
) -> tuple[str, Predict, str]:
    """The same answer for every row: class shares, label shares, or the mean of each target."""
    if task == "classify":
        answer, title = np.bincount(y, minlength=outputs) / len(y), "Majority class"
    else:
        answer = np.asarray(y, np.float64).mean(axis=0)
        title = "Majority of each label" if task == "labels" else "Mean of the training part"
    return title, lambda given: np.tile(answer, (rows_of(given), 1)), ""


def _linear(
    inputs: Inputs, y: np.ndarray, task: str, outputs: int, seed: int, check: Check
) -> tuple[str, Predict, str]:
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
        fitted = []
        for column in columns:
            check()
            fitted.append(_Fitted.of(LogisticRegression(max_iter=300, tol=1e-3), x, column))
    short = any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    note = "Stopped after 300 iterations, not fully converged." if short else ""
    return "Logistic regression", _joined(fitted, encode, task, outputs), note


def _boosting(
    inputs: Inputs, y: np.ndarray, task: str, outputs: int, seed: int, check: Check
) -> tuple[str, Predict, str]:
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
        trees = []
        for column in y.T:
            check()
            with _few_threads(x):
                trees.append(HistGradientBoostingRegressor(**settings).fit(x, column))
        return (
            "HistGradientBoosting",
            lambda given: np.stack([tree.predict(encode(given)) for tree in trees], axis=1),
            note,
        )
    columns = [y] if task == "classify" else list(y.T)
    fitted = []
    for column in columns:
        check()
        with _few_threads(x):
            fitted.append(_Fitted.of(_InRounds(HistGradientBoostingClassifier(**settings), check), x, column))
    return "HistGradientBoosting", _joined(fitted, encode, task, outputs), note


FITTERS: dict[str, Callable[[Inputs, np.ndarray, str, int, int, Check], tuple[str, Predict, str]]] = {
    "simple": _simple,
    "linear": _linear,
    "boosting": _boosting,
    "tfidf": tfidf,
    "nbsvm": nbsvm,
}
BY_KIND = {
    "table": ("simple", "linear", "boosting"),
    "image": ("simple", "linear"),
    "text": ("simple", "tfidf", "nbsvm"),
    "series": ("simple",),
}
"""What is fitted for each kind of input, cheapest first."""


def kind_of(inputs: Inputs) -> str:
    """The kind of input, from its arrays."""
    if TOKENS in inputs:
        return "text"
    if "length" in inputs:
        return "series"
    return "image" if inputs["x"].ndim == 4 else "table"


def rows_of(inputs: Inputs) -> int:
    return len(next(iter(inputs.values())))


def _few_threads(x: np.ndarray) -> AbstractContextManager[Any]:
    """One thread where there is little to share: a tree has dozens of places where threads wait for each other, and
    beside other processes that took ten times as long as the work (1,000 rows: 3 s instead of 0.3 s)."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, "openmp") if x.size < SMALL_CELLS else nullcontext()


@dataclass(frozen=True)
class _InRounds:
    """Boosted trees for more than two classes grow a tree a class in each round, which can take minutes whatever the
    number of rows: they are fitted a few rounds at a time. The result is that of one call, to the bit."""

    model: Any
    check: Check

    def fit(self, x: np.ndarray, y: np.ndarray) -> Any:
        if len(np.unique(y)) <= 2:
            return self.model.fit(x, y)
        most = self.model.max_iter
        self.model.set_params(warm_start=True)
        for rounds in range(ROUNDS_AT_ONCE, most + ROUNDS_AT_ONCE, ROUNDS_AT_ONCE):
            self.check()
            self.model.set_params(max_iter=min(rounds, most)).fit(x, y)
            if self.model.n_iter_ < min(rounds, most):  # it stopped early
                break
        return self.model


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


def first_guess(name: str, inputs: Inputs, rows: int, outputs: int) -> float:
    """Seconds that a fit on `rows` rows takes, from Adult and MNIST on a busy 2-core machine: good to a factor of a
    few, and only asked whether a fit is so short that nobody need measure it."""
    if name == "simple":
        return 0.0
    if TOKENS in inputs:
        share = rows / max(1, rows_of(inputs))
        return share * np.count_nonzero(inputs[TOKENS]) * (outputs if outputs > 2 else 1) / 4e5
    categories = inputs["x_cat"].shape[1] if "x_cat" in inputs else 0
    columns = int(np.prod(inputs["x"].shape[1:])) + (5 if name == "linear" else 1) * categories
    each = outputs if outputs > 2 else 1
    if name == "linear":
        return rows * columns * each / 3e6
    return rows * columns * each / 5e5 + 0.2 * each
