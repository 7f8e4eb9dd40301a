"""Flags: which values, how far out, how many by chance, and the limit on false ones."""

from __future__ import annotations

import numpy as np
import pytest

from learnloop.scores.anomalies import discovered, flag, p_values


def test_values_outside_are_flagged_with_their_distance_in_half_widths() -> None:
    y = np.array([0.0, 3.0, -2.0, np.nan, 1.0])
    found = flag(y, np.full(5, -1.0), np.full(5, 1.0), 0.9)
    assert found.outside.tolist() == [False, True, True, False, False]
    np.testing.assert_allclose(found.distance, [0, 2, 1, 0, 0])
    assert found.measured == 4 and found.expected == pytest.approx(0.4)
    assert found.sentence == "2 of 4 values lie outside of their interval; 0.4 would by chance alone."


def test_a_value_beside_an_interval_without_width_is_infinitely_far_out() -> None:
    found = flag(np.array([1.0, 2.0]), np.ones(2), np.ones(2), 0.9)
    assert found.distance.tolist() == [0, np.inf]


def test_p_values_count_past_errors_that_are_as_large() -> None:
    found = p_values(np.array([0.5, 2.0, 9.0]), np.array([3.0, 1.0, 2.0]))
    np.testing.assert_allclose(found, [4 / 4, 3 / 4, 1 / 4])


def test_p_values_of_normal_points_are_uniform() -> None:
    rng = np.random.default_rng(0)
    found = p_values(np.abs(rng.normal(size=5000)), np.abs(rng.normal(size=5000)))
    for share in (0.01, 0.1, 0.5):
        assert (found <= share).mean() == pytest.approx(share, abs=0.03)


def test_of_the_discovered_few_are_false_and_without_anomalies_there_are_almost_none() -> None:
    rng = np.random.default_rng(0)
    past = np.abs(rng.normal(size=20_000))
    false, true = [], []
    for _ in range(50):
        errors = np.abs(rng.normal(size=500))
        errors[:25] += 8
        flags = discovered(p_values(errors, past), 0.1)
        true.append(flags[:25].mean())
        false.append(flags[25:].sum() / max(1, flags.sum()))
    assert np.mean(true) > 0.95
    assert np.mean(false) < 0.15  # at most 0.1 expected; 50 rounds
    assert not discovered(np.linspace(0.01, 1, 500)).any()


def test_flags_are_all_up_to_the_largest_p_below_its_line() -> None:
    # lines at 0.2: 0.05, 0.1, 0.15, 0.2; the second p lies above its own line, the third below
    assert discovered(np.array([0.14, 0.01, 0.11, 0.9]), 0.2).tolist() == [True, True, True, False]
