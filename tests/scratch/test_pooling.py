"""Pooling against hand-worked numbers, torch's max_pool2d and avg_pool2d, differences and autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from learnloop.scratch.convolution import output_size
from learnloop.scratch.pooling import average_pool, average_pool_backward, example, max_pool, max_pool_backward
from tests.scratch.checks import assert_autograd, assert_differences, torch64

CASES = [  # shape, f, s, p
    ((1, 1, 4, 4), 2, None, 0),
    ((2, 3, 5, 7), 3, 2, 1),
    ((1, 2, 5, 3), 2, 1, 0),
    ((3, 1, 7, 5), 3, 1, 1),
    ((1, 1, 5, 5), 2, 3, 1),
    ((2, 1, 3, 3), 1, None, 0),
]


def test_the_example_is_the_numbers_by_hand() -> None:
    values = example()
    np.testing.assert_array_equal(values["max"], [[6, 4], [8, 6]])
    np.testing.assert_array_equal(values["average"], [[15 / 4, 9 / 4], [18 / 4, 18 / 4]])
    np.testing.assert_array_equal(values["dx of max"], [[0, 0, 0, 2], [0, 1, 0, 0], [0, 3, 0, 0], [0, 0, 0, 4]])
    quarter, half = [0.25, 0.25, 0.5, 0.5], [0.75, 0.75, 1, 1]
    np.testing.assert_array_equal(values["dx of average"], [quarter, quarter, half, half])


def test_where_windows_overlap_the_shares_of_a_winner_add_up() -> None:
    values = example()
    np.testing.assert_array_equal(values["overlapping max"], [[6, 6, 4], [8, 8, 5], [8, 8, 6]])
    assert values["dx of overlapping max"][2, 1] == 4  # the 8 wins four windows
    assert values["dx of overlapping max"].sum() == 9


@pytest.mark.parametrize(("shape", "f", "s", "p"), CASES)
def test_max_pool_is_torchs_and_its_backward_too(shape: tuple, f: int, s: int | None, p: int) -> None:
    x = np.random.default_rng(0).normal(size=shape)
    y, winners = max_pool(x, f, s, p)
    np.testing.assert_array_equal(y, functional.max_pool2d(torch64(x), f, s, p).numpy())
    dy = np.random.default_rng(1).normal(size=y.shape)
    dx = max_pool_backward(dy, winners)
    assert_differences(lambda x: max_pool(x, f, s, p)[0], [x], dy, [dx])
    assert_autograd(lambda x: functional.max_pool2d(x, f, s, p), [x], dy, [dx])


@pytest.mark.parametrize(("shape", "f", "s", "p"), CASES)
def test_average_pool_is_torchs_and_its_backward_too(shape: tuple, f: int, s: int | None, p: int) -> None:
    x = np.random.default_rng(0).normal(size=shape)
    y = average_pool(x, f, s, p)
    np.testing.assert_allclose(y, functional.avg_pool2d(torch64(x), f, s, p).numpy(), rtol=0, atol=1e-14)
    dy = np.random.default_rng(1).normal(size=y.shape)
    dx = average_pool_backward(dy, x, f, s, p)
    assert_differences(lambda x: average_pool(x, f, s, p), [x], dy, [dx])
    assert_autograd(lambda x: functional.avg_pool2d(x, f, s, p), [x], dy, [dx])


def test_padding_never_wins_a_maximum_and_counts_in_a_mean() -> None:
    x = np.full((1, 1, 2, 2), -3.0)
    assert (max_pool(x, 2, 2, 1)[0] == -3).all()
    np.testing.assert_array_equal(average_pool(x, 2, 2, 1), np.full((1, 1, 2, 2), -3 / 4))


def test_a_tie_goes_to_the_first_in_reading_order_as_in_torch() -> None:
    x, dy = np.zeros((1, 1, 4, 4)), np.array([[[[1.0, 2.0], [3.0, 4.0]]]])
    dx = max_pool_backward(dy, max_pool(x, 2)[1])
    np.testing.assert_array_equal(dx[0, 0, ::2, ::2], [[1, 2], [3, 4]])
    assert dx.sum() == 10
    assert_autograd(lambda x: functional.max_pool2d(x, 2), [x], dy, [dx])


def test_the_pool_of_a_relu_is_the_relu_of_the_pool() -> None:
    x = np.random.default_rng(0).normal(size=(2, 2, 6, 6))
    np.testing.assert_array_equal(max_pool(np.maximum(x, 0), 3)[0], np.maximum(max_pool(x, 3)[0], 0))


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(3, 8), st.integers(3, 8)),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(0, 1),
    st.integers(0, 1000),
)
def test_shapes_and_bounds(shape: tuple, f: int, s: int, p: int, seed: int) -> None:
    p = min(p, f // 2)
    x = np.random.default_rng(seed).uniform(0, 1, size=shape)
    largest, winners = max_pool(x, f, s, p)
    mean = average_pool(x, f, s, p)
    assert largest.shape == (*shape[:2], output_size(shape[2], f, p, s), output_size(shape[3], f, p, s)) == mean.shape
    assert (mean <= largest + 1e-15).all() and np.isin(largest, x).all()
    # No gradient is lost but what falls on the padding of a mean
    dx = max_pool_backward(np.ones_like(largest), winners)
    assert dx.shape == x.shape and dx.sum() == largest.size
    assert average_pool_backward(np.ones_like(mean), x, f, s, p).sum() <= mean.size + 1e-9


def test_a_window_of_one_changes_nothing() -> None:
    x = np.random.default_rng(0).normal(size=(1, 2, 3, 5))
    np.testing.assert_array_equal(max_pool(x, 1)[0], x)
    np.testing.assert_array_equal(average_pool(x, 1), x)


def test_errors_name_shapes_and_equation() -> None:
    x = np.zeros((1, 1, 4, 4))
    with pytest.raises(ValueError) as error:
        max_pool(x[0], 2)
    assert str(error.value) == "y = pool(x): x is [1, 4, 4]; it must be [n, c, height, width]"
    with pytest.raises(ValueError, match="p is 2, f is 2; p must be at most f/2"):
        average_pool(x, 2, 2, 2)
    with pytest.raises(ValueError, match="f is 5, n \\+ 2p is 4; the filter must fit"):
        max_pool(x, 5)
    with pytest.raises(ValueError, match=r"dy is \[1, 1, 3, 3\], y is \[1, 1, 2, 2\]; they must be equal"):
        max_pool_backward(np.ones((1, 1, 3, 3)), max_pool(x, 2)[1])
    with pytest.raises(ValueError, match=r"dy is \[1, 1, 3, 3\], y is \[1, 1, 2, 2\]; they must be equal"):
        average_pool_backward(np.ones((1, 1, 3, 3)), x, 2)
    with pytest.raises(RuntimeError):  # PyTorch refuses the same padding
        functional.max_pool2d(torch.zeros(1, 1, 4, 4), 2, 2, 2)
