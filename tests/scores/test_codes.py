"""Groups and anomalies, against scikit-learn and hand examples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, roc_auc_score

from learnloop.scores.codes import adjusted_rand, anomaly_auc, clusters, flagged, purity, threshold


def groups_of_points(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(3, size=rows)
    return np.array([[0, 0], [8, 0], [0, 8]])[labels] + generator.normal(size=(rows, 2)), labels


def test_clusters_find_the_groups_that_are_there() -> None:
    points, labels = groups_of_points(300)
    # A number that never changes, and one in other units, change nothing: codes are standardised.
    wide = np.column_stack([points * [1, 1000], np.ones(300)])
    found = clusters(wide, 3, seed=0)
    assert adjusted_rand(found, labels) > 0.98 and purity(found, labels) > 0.99
    assert (clusters(wide, 3, seed=0) == found).all()
    assert adjusted_rand(clusters(wide, 3, seed=0, rows=60), labels) > 0.95


def test_more_clusters_than_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="between 1 and the 2 rows, found 3"):
        clusters(np.zeros((2, 1)), 3, seed=0)


@pytest.mark.parametrize("seed", range(5))
def test_the_adjusted_rand_index_is_that_of_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    one, other = generator.integers(4, size=50), generator.integers(2, 6, size=50)
    assert adjusted_rand(one, other) == pytest.approx(adjusted_rand_score(one, other))


def test_the_adjusted_rand_index_of_a_table_by_hand() -> None:
    # n_ij = [[2, 0], [1, 1]]: 1 pair agrees; 2 and 3 pairs within groups of 6: expected 1, most 2.5.
    assert adjusted_rand(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1])) == pytest.approx((1 - 1) / 1.5)
    assert adjusted_rand(np.array([0, 0, 1, 1]), np.array([5, 5, 2, 2])) == 1
    assert adjusted_rand(np.zeros(4), np.zeros(4)) == 1


def test_purity_is_the_share_of_the_most_frequent_label_of_each_group() -> None:
    assert purity(np.array([0, 0, 0, 1, 1]), np.array([3, 3, 4, 4, 5])) == pytest.approx(3 / 5)


def test_the_area_under_the_roc_curve_counts_ties_half() -> None:
    generator = np.random.default_rng(0)
    familiar, strange = generator.integers(10, size=80).astype(float), generator.integers(4, 14, size=30).astype(float)
    truth = np.repeat([0, 1], [80, 30])
    assert anomaly_auc(familiar, strange) == pytest.approx(roc_auc_score(truth, np.concatenate([familiar, strange])))
    assert anomaly_auc(np.array([1.0, 2]), np.array([2.0])) == pytest.approx(0.75)
    assert math.isnan(anomaly_auc(np.array([1.0]), np.zeros(0)))


def test_a_threshold_lets_at_most_its_share_of_new_rows_be_flagged() -> None:
    assert threshold(np.arange(1, 20.0), 0.95) == 19  # rank ceil(20 * 0.95) = 19
    assert threshold(np.arange(1, 100.0), 0.95) == 95
    assert threshold(np.array([3.0]), 0.95) == 3
    generator = np.random.default_rng(0)
    shares = []
    for _ in range(2000):
        drawn = generator.exponential(size=41)
        shares.append(flagged(drawn[40:], threshold(drawn[:40], 0.9)).mean())
    assert np.mean(shares) == pytest.approx(1 - 37 / 41, abs=0.02)
    with pytest.raises(ValueError, match="at least one"):
        threshold(np.zeros(0))
