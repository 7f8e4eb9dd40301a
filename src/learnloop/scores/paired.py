"""Is one model better than another on the same rows? The paired bootstrap of the difference of a metric.

Both models are scored on the same resamples, so the luck of which rows were drawn cancels: far sharper than
to ask whether two intervals overlap. Source: Efron and Tibshirani 1993, chapter 8; Koehn, Statistical
significance tests for machine translation evaluation, 2004.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from learnloop.scores.bootstrap import exact_share, interval, resampled_means
from learnloop.scores.evaluation import label_metrics, label_terms
from learnloop.scores.language import block_sums
from learnloop.scores.names import ALIASES, headline
from learnloop.scores.probability import binary_log_losses
from learnloop.scores.regression import metrics_of_means, squared_terms
from learnloop.scores.texts import metrics_of, terms_of
from learnloop.seeds import numpy_stream


@dataclass(frozen=True)
class Difference:
    """metric, value = a - b in the metric's unit, and the 95 % interval of that difference."""

    metric: str
    value: float
    low: float
    high: float

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero: one of the two is better by more than luck."""
        return self.low > 0 or self.high < 0


def paired_difference(
    task: str, y: np.ndarray, a: np.ndarray, b: np.ndarray, seed: int = 0, *, metric: str = ""
) -> Difference:
    """`metric(a) - metric(b)` for the first headline metric of the task: accuracy, f1_macro of labels, or
    rmse.

    y, a, b as `evaluate_classes` (probabilities), `evaluate_labels`, `evaluate_numbers` or `evaluate_texts` take them;
    of the task language y are the characters and a, b the nats of each token (`evaluate_text`), whose blocks are drawn.
    metric: of texts, another one than the first; where BLEU has nothing to count it is chrF.
    """
    task = ALIASES.get(task, task)
    rng = numpy_stream(seed, "scores", "paired")
    if task in ("translate", "transcribe"):
        return _of_texts(task, y, a, b, rng, metric or headline(task)[0])
    metric = headline(task)[0]
    if task == "language":
        return _of_one_text(metric, y, a, b, rng)
    if task == "classify":
        terms = ((a.argmax(axis=1) == y) * 1.0 - (b.argmax(axis=1) == y))[:, None]
        point, drawn = terms.mean(axis=0), resampled_means(terms, rng)[:, 0]
        if not terms.any():  # the two agree in every row: no resample can differ, but other rows could
            width = exact_share(0, len(y))[1]
            return Difference(metric, 0.0, -width, width)
    else:
        first, second = _terms(task, y, a), _terms(task, y, b)
        terms = np.concatenate([first, second], axis=1)
        point = _metric(task, metric, y.shape[1], terms.mean(axis=0, keepdims=True))
        drawn = _metric(task, metric, y.shape[1], resampled_means(terms, rng))
    pair = interval(drawn)
    low, high = pair if pair is not None else (-np.inf, np.inf)
    return Difference(metric, float(point[0]), float(low), float(high))


def _of_texts(
    task: str, y: np.ndarray, a: np.ndarray, b: np.ndarray, rng: np.random.Generator, metric: str
) -> Difference:
    """Both corpora are put together from the same rows again and again (Koehn 2004, section 3)."""
    (first, columns), (second, _) = (terms_of(list(y), list(said), task=task) for said in (a, b))  # type: ignore[arg-type]
    sums = np.concatenate([first, second], axis=1)
    point = _text_metric(sums.sum(axis=0, keepdims=True), columns, metric)
    drawn = _text_metric(resampled_means(sums, rng) * len(sums), columns, metric)
    pair = interval(drawn)
    low, high = pair if pair is not None else (-np.inf, np.inf)
    return Difference(metric, float(point[0]), float(low), float(high))


def _of_one_text(metric: str, y: np.ndarray, a: np.ndarray, b: np.ndarray, rng: np.random.Generator) -> Difference:
    """Nats a character of a minus b, whole blocks of neighbouring tokens drawn."""
    sums = block_sums(*(np.asarray(values, np.float64) for values in (a, b, y))).T  # [blocks, 3]
    means = np.concatenate([sums.mean(axis=0, keepdims=True), resampled_means(sums, rng)])
    found = (means[:, 0] - means[:, 1]) / means[:, 2]
    pair = interval(found[1:])
    low, high = pair if pair is not None else (-np.inf, np.inf)
    return Difference(metric, float(found[0]), float(low), float(high))


def _text_metric(sums: np.ndarray, columns: list[str], metric: str) -> np.ndarray:
    """The metric of the first corpus minus that of the second [b]."""
    first, second = np.split(sums, 2, axis=1)
    return metrics_of(first, columns)[metric] - metrics_of(second, columns)[metric]


def _terms(task: str, y: np.ndarray, guess: np.ndarray) -> np.ndarray:
    if task == "labels":
        return np.concatenate([label_terms(y == 1, guess > 0.5), binary_log_losses(y, guess)[:, None]], axis=1)
    return squared_terms(y.astype(np.float64), guess.astype(np.float64))


def _metric(task: str, metric: str, columns: int, means: np.ndarray) -> np.ndarray:
    """a's metric minus b's, [b], from the means of both models' terms side by side."""
    first, second = np.split(means, 2, axis=1)
    if task == "labels":
        return label_metrics(first, columns)[metric] - label_metrics(second, columns)[metric]
    return metrics_of_means(first)[metric] - metrics_of_means(second)[metric]
