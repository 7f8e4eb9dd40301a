"""Measures of generated data: beside the textbook, by hand, and on clouds whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from learnloop.errors import DataError
from learnloop.scores import generative
from learnloop.scores.generative import (
    density_coverage,
    frechet,
    frechet_of,
    inception_score,
    memorised,
    moments,
    nearest,
    precision_recall,
    radii,
)
from learnloop.scratch.frechet import example
from learnloop.scratch.frechet import fid as textbook


def _cloud(rows: int, size: int, seed: int, move: float = 0.0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.standard_normal((rows, size)) @ generator.standard_normal((size, size)) + move


def test_the_frechet_distance_is_that_of_the_textbook() -> None:
    one, other = _cloud(60, 7, 0), _cloud(40, 7, 1, 0.5)
    assert frechet(one, other) == pytest.approx(textbook(one, other), rel=1e-9)
    assert frechet(one, other) == pytest.approx(frechet(other, one), rel=1e-9)
    assert frechet(one, one) == pytest.approx(0, abs=1e-6)


def test_the_frechet_distance_of_two_gaussians_by_hand() -> None:
    known = example()
    real = generative.Moments(known["mu_1"], known["S_1"], 10)
    made = generative.Moments(known["mu_2"], known["S_2"], 10)
    # |(1, 2)|^2 + Tr I + Tr S_2 - 2 Tr [[2, 1], [1, 2]] = 5 + 2 + 10 - 8
    assert frechet_of(real, made) == pytest.approx(9, abs=1e-9)


def test_singular_covariances_are_no_obstacle() -> None:
    flat = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
    assert frechet(flat, flat + np.array([0.0, 3.0])) == pytest.approx(9, abs=1e-6)


def test_moments_refuse_one_row_and_what_is_not_finite() -> None:
    with pytest.raises(DataError, match="must be two rows or more"):
        moments(np.ones((1, 3)))
    with pytest.raises(DataError, match="1 NaN or infinite numbers"):
        moments(np.array([[0.0, np.nan], [1.0, 1.0]]))


def test_the_inception_score_is_1_of_what_is_alike_and_the_number_of_classes_of_what_is_sure_and_spread() -> None:
    assert inception_score(np.full((40, 5), 0.2))[0] == pytest.approx(1)
    assert inception_score(np.eye(5)[np.arange(40) % 5], splits=2)[0] == pytest.approx(5)
    assert inception_score(np.eye(5)[np.zeros(40, int)])[0] == pytest.approx(1)


def test_the_inception_score_by_hand() -> None:
    p = np.array([[0.9, 0.1], [0.3, 0.7]])
    mean = [0.6, 0.4]
    gains = [sum(a * np.log(a / b) for a, b in zip(row, mean)) for row in p.tolist()]
    score, spread = inception_score(p, splits=1)
    assert score == pytest.approx(np.exp(np.mean(gains)))
    assert spread == 0
    assert inception_score(np.concatenate([p, np.eye(2)]), splits=2)[1] > 0.1


def test_radii_are_the_distances_to_the_kth_other_row() -> None:
    x = np.array([[0.0], [1.0], [3.0], [7.0]])
    assert radii(x, 1).tolist() == [1, 1, 2, 4]
    assert radii(x, 2).tolist() == [3, 2, 3, 6]
    with pytest.raises(DataError, match="must be more than 4 rows"):
        radii(x, 4)


def test_a_row_that_is_there_twice_is_its_own_nearest_neighbour() -> None:
    assert radii(np.array([[2.0], [2.0], [5.0]]), 1).tolist() == [0, 0, 3]


def test_precision_and_recall_by_hand() -> None:
    real = np.array([[0.0], [1.0], [3.0], [7.0]])  # balls of k = 1: [-1, 1], [0, 2], [1, 5], [3, 11]
    made = np.array([[0.5], [2.5], [20.0]])  # balls: [-1.5, 2.5], [0.5, 4.5], [2.5, 37.5]
    precision, recall = precision_recall(real, made, k=1)
    assert precision == pytest.approx(2 / 3)  # 20 lies in no ball
    assert recall == pytest.approx(4 / 4)
    assert precision_recall(real, made[:2], k=1)[1] == pytest.approx(3 / 4)  # of 0.5 and 2.5 the radii are 2


def test_density_and_coverage_by_hand() -> None:
    real = np.array([[0.0], [1.0], [3.0], [7.0]])
    made = np.array([[0.5], [1.5], [20.0]])
    density, coverage = density_coverage(real, made, k=1)
    assert density == pytest.approx(4 / 3)  # 0.5 is in two balls, 1.5 in two, 20 in none: 4 / (k m)
    assert coverage == pytest.approx(3 / 4)  # no sample near 7


def test_dropped_modes_are_seen_by_recall_and_coverage_and_invented_ones_by_precision_and_density() -> None:
    generator = np.random.default_rng(0)
    both = generator.standard_normal((200, 3)) + np.repeat([[0.0, 0, 0], [30.0, 0, 0]], 100, 0)
    one = generator.standard_normal((200, 3))
    precision, recall = precision_recall(both, one)
    density, coverage = density_coverage(both, one)
    assert precision > 0.9 and 0.4 < recall <= 0.5
    assert density > 0.8 and coverage <= 0.5
    precision, recall = precision_recall(one, both)
    density, _ = density_coverage(one, both)
    assert 0.4 < precision <= 0.5 and recall > 0.9
    assert density < 0.6


def test_small_blocks_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    real, made = _cloud(53, 4, 2), _cloud(41, 4, 3)
    whole = (radii(real, 3), *precision_recall(real, made), *density_coverage(real, made))
    monkeypatch.setattr(generative, "_CELLS", 200)
    small = (radii(real, 3), *precision_recall(real, made), *density_coverage(real, made))
    assert np.allclose(whole[0], small[0], rtol=1e-12)
    assert whole[1:] == small[1:]
    known = (*precision_recall(real, made, 3, radii(real, 3)), *density_coverage(real, made, 5, radii(real, 5)))
    assert whole[1:] == known


def test_nearest_finds_the_copy_among_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generative, "_CELLS", 300)
    training = torch.randint(0, 256, (100, 1, 6, 6), generator=torch.Generator().manual_seed(0)).byte().numpy()
    made = training[[40, 7]].copy()
    made[1, 0, 0, 0] ^= 3  # one pixel differs by 1 to 3
    distance, row = nearest(made, training)
    assert row.tolist() == [40, 7]
    assert distance[0] == 0
    assert distance[1] == abs(int(made[1, 0, 0, 0]) - int(training[7, 0, 0, 0]))


def test_memorised_is_the_share_nearer_than_real_rows_are() -> None:
    held_out = np.arange(1, 101, dtype=float)
    assert memorised(held_out, held_out) == pytest.approx(0.01)
    assert memorised(np.array([0.0, 0.0, 50.0, 60.0]), held_out) == 0.5
