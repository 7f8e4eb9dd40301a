"""The Wilson interval of a share."""

from __future__ import annotations

import numpy as np
import pytest

from learnloop.scores.share import wilson


def test_known_values() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29
    known = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0.0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for (right, rows), (low, high) in known.items():
        assert wilson(right / rows, rows) == pytest.approx((low, high), abs=5e-5)


def test_covers_the_truth_as_often_as_it_says() -> None:
    drawn = np.random.default_rng(0).binomial(40, 0.9, 4000)
    covered = np.mean([low <= 0.9 <= high for low, high in (wilson(k / 40, 40) for k in drawn)])
    assert 0.93 < covered < 0.98


def test_stays_between_nothing_and_all() -> None:
    low, high = wilson(1.0, 5)
    assert 0 < low < 1 and high == 1.0
    assert wilson(0.0, 5) == pytest.approx((1 - high, 1 - low))
