"""The shortcuts of the bootstrap against the plain bootstrap, the normal limit, and against coverage."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk

from learnloop.scores import bootstrap
from learnloop.scores.bootstrap import (
    interval,
    resample_counts,
    resampled_confusion,
    resampled_means,
    resampled_ranking,
)
from learnloop.scores.confusion import confusion_matrix, confusion_metrics
from learnloop.scores.paired import paired_difference
from learnloop.scores.regression import resampled_medians


def plain(rows: int, resamples: int, metric) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.array([metric(rng.integers(0, rows, rows)) for _ in range(resamples)])


def same_distribution(found: np.ndarray, expected: np.ndarray, rel: float = 0.15) -> None:
    spread = expected.std()
    assert abs(found.mean() - expected.mean()) < 0.15 * spread
    assert found.std() == pytest.approx(spread, rel=rel)


def test_counts_add_up_to_the_rows_in_every_resample() -> None:
    chunks = list(resample_counts(30, 7, np.random.default_rng(0)))
    counts = np.concatenate(chunks)
    assert counts.shape == (7, 30) and (counts.sum(axis=1) == 30).all()


def test_confusion_cells_are_distributed_as_in_the_plain_bootstrap() -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 3, 120)
    guess = np.where(rng.random(120) < 0.7, y, rng.integers(0, 3, 120))
    confusion = confusion_matrix(y, guess, 3)
    found = confusion_metrics(resampled_confusion(confusion, rng))["f1_macro"]
    expected = plain(120, 500, lambda i: sk.f1_score(y[i], guess[i], average="macro"))
    same_distribution(found, expected)


def test_means_have_the_normal_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    terms = np.random.default_rng(2).exponential(size=(800, 2)) @ np.array([[1.0, 0.5], [0.0, 1.0]])
    exact = resampled_means(terms, np.random.default_rng(3))
    monkeypatch.setattr(bootstrap, "EXACT_ROWS", 100)
    limit = resampled_means(terms, np.random.default_rng(3))
    for k in range(2):
        same_distribution(limit[:, k], exact[:, k])
    assert np.corrcoef(limit.T)[0, 1] == pytest.approx(np.corrcoef(exact.T)[0, 1], abs=0.1)


def test_ranking_is_distributed_as_in_the_plain_bootstrap(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    y = rng.random(600) < 0.3
    score = np.round(rng.normal(size=600) + y, 1)  # ties
    area, precision = resampled_ranking([y], [score], rng)
    same_distribution(area, plain(600, 400, lambda i: sk.roc_auc_score(y[i], score[i])))
    same_distribution(precision, plain(600, 400, lambda i: sk.average_precision_score(y[i], score[i])))


def test_a_subset_of_rows_gives_the_width_of_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    y = rng.random(4000) < 0.3
    score = rng.normal(size=4000) + y
    whole = resampled_ranking([y], [score], np.random.default_rng(0))[0]
    monkeypatch.setattr(bootstrap, "EXACT_ROWS", 1000)
    part = resampled_ranking([y], [score], np.random.default_rng(0))[0]
    assert part.std() == pytest.approx(whole.std(), rel=0.2)
    assert part.mean() == pytest.approx(sk.roc_auc_score(y, score), abs=1e-9)


@pytest.mark.parametrize("rows", [51, 50])
def test_medians_without_resampling(rows: int) -> None:
    values = np.random.default_rng(6).exponential(size=rows)
    found = resampled_medians(values, np.random.default_rng(0), 4000)
    same_distribution(found, plain(rows, 4000, lambda i: np.median(values[i])), rel=0.1)


def test_intervals_cover_the_truth_about_95_times_in_100() -> None:
    rng = np.random.default_rng(7)
    covered = 0
    for _ in range(300):
        right = int(rng.binomial(200, 0.8))
        confusion = np.array([[right, 200 - right], [0, 0]])
        low, high = interval(confusion_metrics(resampled_confusion(confusion, rng, 400))["accuracy"])
        covered += low <= 0.8 <= high
    assert 0.90 < covered / 300 < 0.985


def test_paired_difference_sees_what_overlapping_intervals_hide() -> None:
    rng = np.random.default_rng(8)
    y = rng.integers(0, 2, 2000)
    weak = np.where(rng.random(2000) < 0.80, y, 1 - y)
    strong = np.where((weak != y) & (rng.random(2000) < 0.08), y, weak)  # mends some mistakes, makes none
    a, b = np.eye(2)[strong], np.eye(2)[weak]
    difference = paired_difference("classify", y, a, b)
    assert difference.clear and difference.low > 0 and difference.metric == "accuracy"
    assert difference.value == pytest.approx((strong == y).mean() - (weak == y).mean())
    mirrored = paired_difference("class", y, b, a)
    assert mirrored.value == pytest.approx(-difference.value) and mirrored.high < 0
    same = paired_difference("classify", y, a, a)
    assert same.value == 0 and not same.clear and same.low < 0 < same.high


def test_paired_difference_of_numbers_and_labels() -> None:
    rng = np.random.default_rng(9)
    y = rng.normal(size=(500, 2))
    a, b = y + 0.1 * rng.normal(size=y.shape), y + 0.3 * rng.normal(size=y.shape)
    difference = paired_difference("regress", y, a, b)
    expected = sk.root_mean_squared_error(y, a) - sk.root_mean_squared_error(y, b)
    assert difference.value == pytest.approx(expected) and difference.clear and difference.value < 0
    labels = (y > 0).astype(int)
    p, q = np.clip(0.5 + a, 0, 1), np.clip(0.5 + b, 0, 1)
    found = paired_difference("labels", labels, p, q)
    f1 = [sk.f1_score(labels, (values > 0.5).astype(int), average="macro") for values in (p, q)]
    assert found.value == pytest.approx(f1[0] - f1[1])
