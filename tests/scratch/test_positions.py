"""Sinusoidal positions: the paper's form, the guide's slip."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learnloop.scratch.positions import example, frequencies, guide_positions, positions, rotation


def test_the_worked_example_of_width_four() -> None:
    values = example()
    np.testing.assert_allclose(values["w"], [1, 0.01], rtol=1e-15)
    s, c = math.sin, math.cos
    rows = [[s(p), c(p), s(p / 100), c(p / 100)] for p in range(4)]
    np.testing.assert_allclose(values["PE"], rows, atol=1e-15)
    np.testing.assert_allclose(values["PE"][1], [0.841471, 0.540302, 0.0099998, 0.99995], atol=5e-7)
    # cos 1 + cos 0.01, cos 2 + cos 0.02, cos 3 + cos 0.03
    np.testing.assert_allclose(values["products"][0], [2, 1.540252, 0.583653, 0.009558], atol=5e-7)
    # The guide's columns turn with 1, 1/10, 1/100, 1/1000.
    np.testing.assert_allclose(values["guide_PE"][1], [s(1), c(0.1), s(0.01), c(0.001)], atol=1e-15)


def test_it_equals_equations_59_and_60_entry_by_entry() -> None:
    PE = positions(50, 10)
    for pos in range(50):
        for i in range(5):
            angle = pos / 10000 ** (2 * i / 10)
            assert PE[pos, 2 * i] == pytest.approx(math.sin(angle), abs=1e-12)
            assert PE[pos, 2 * i + 1] == pytest.approx(math.cos(angle), abs=1e-12)


@given(start=st.integers(0, 40), k=st.integers(-30, 30), half=st.integers(1, 8))
@settings(max_examples=25, deadline=None)
def test_going_on_by_k_is_the_same_rotation_everywhere(start: int, k: int, half: int) -> None:
    PE, R = positions(90, 2 * half), rotation(k, 2 * half)
    np.testing.assert_allclose(R @ R.T, np.eye(2 * half), atol=1e-12)
    if start + k >= 0:
        np.testing.assert_allclose(R @ PE[start], PE[start + k], atol=1e-11)


@given(half=st.integers(1, 10), length=st.integers(1, 30))
@settings(max_examples=25, deadline=None)
def test_products_hang_on_the_distance_alone(half: int, length: int) -> None:
    PE = positions(length, 2 * half)
    assert PE.shape == (length, 2 * half)
    products = PE @ PE.T
    distances = np.abs(np.subtract.outer(np.arange(length), np.arange(length)))
    expected = np.cos(distances[..., None] * frequencies(2 * half)).sum(axis=-1)
    np.testing.assert_allclose(products, expected, atol=1e-11)


def test_in_the_guides_code_they_do_not() -> None:
    PE, guide = positions(8, 16), guide_positions(8, 16)
    np.testing.assert_allclose(np.diag(PE @ PE.T), 8, atol=1e-12)
    lengths = np.diag(guide @ guide.T)
    assert lengths[0] == pytest.approx(8)
    assert np.ptp(lengths) > 0.5
    # Its sines are right, its cosines are those of the next frequency.
    np.testing.assert_allclose(guide[:, 0::2], PE[:, 0::2], atol=1e-12)
    np.testing.assert_allclose(guide[1, 1], math.cos(10000 ** (-1 / 16)), atol=1e-12)
    assert PE[1, 1] == pytest.approx(math.cos(1))


@pytest.mark.parametrize("d", [0, 1, 5])
def test_an_odd_width_is_refused(d: int) -> None:
    text = f"PE[pos, 2i] = sin, PE[pos, 2i + 1] = cos: columns come in pairs, so d must be even, found {d}"
    for function in (lambda: positions(3, d), lambda: rotation(1, d), lambda: guide_positions(3, d)):
        with pytest.raises(ValueError) as caught:
            function()
        assert str(caught.value) == text
