"""Blocks of neighbouring moments: how long, how they are drawn, and that they know what hangs together."""

from __future__ import annotations

import numpy as np
import pytest

from learnloop.errors import DataError
from learnloop.scores.blocks import block_length, block_sums, by_moment


def test_a_block_is_as_long_as_errors_hang_together() -> None:
    assert block_length(1000, 1) == 10  # the cube root
    assert block_length(1000, 20) == 40
    assert block_length(1000, 1, season=24) == 24
    assert block_length(1000, 1, season=365) == 10  # so few years would say nothing


def test_every_moment_is_drawn_as_often_as_any_other() -> None:
    n = 40
    drawn = block_sums(np.eye(n), 4, np.random.default_rng(0), resamples=20_000).mean(axis=0)
    np.testing.assert_allclose(drawn, 1.0, atol=0.05)  # 40 moments in 10 blocks of 4


def test_blocks_are_neighbours_and_wrap_around() -> None:
    terms = np.arange(30.0)[:, None]
    starts = np.random.default_rng(1).integers(0, 30, 10)  # what the first resample draws
    expected = sum((start + step) % 30 for start in starts for step in range(3))
    drawn = block_sums(np.column_stack([terms, 2 * terms]), 3, np.random.default_rng(1), resamples=5)
    assert drawn.shape == (5, 2) and drawn[0, 0] == expected
    np.testing.assert_allclose(drawn[:, 1], 2 * drawn[:, 0])  # both columns from the same rows


def test_what_hangs_together_widens_the_interval() -> None:
    """The variance of a mean of AR(1) values is (1 + a) / (1 - a) times that of independent ones: 3 at a = 0.5."""
    rng = np.random.default_rng(2)
    values = np.zeros(4000)
    for step, shock in enumerate(rng.normal(size=3999), start=1):
        values[step] = 0.5 * values[step - 1] + shock
    single, blocks = (block_sums(values[:, None], length, np.random.default_rng(3)).std() for length in (1, 40))
    assert (blocks / single) ** 2 == pytest.approx(3, abs=0.6)


def test_series_of_the_same_moment_are_drawn_together() -> None:
    time = np.array([3, 1, 3, 2])
    sums = by_moment(time, np.array([[1.0, 10], [2, 20], [4, 40], [8, 80]]))
    np.testing.assert_array_equal(sums, [[2, 20], [8, 80], [5, 50]])


def test_too_few_blocks_are_refused() -> None:
    with pytest.raises(DataError, match="need at least 10 blocks of 20 moments that hang together"):
        block_sums(np.ones((150, 1)), 20, np.random.default_rng(0))
