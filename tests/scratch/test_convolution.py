"""Convolution against hand-worked numbers, scipy.signal, torch's conv2d, differences and autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from learnloop.scratch.convolution import (
    convolve,
    convolve_backward,
    cross_correlate,
    cross_correlate_backward,
    example,
    output_size,
    pad,
    sides,
    turned,
)
from tests.scratch.checks import Array, assert_autograd, assert_differences, torch64

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")

CASES = [  # n, c, o, height, width, f_height, f_width, s, p, d
    (1, 1, 1, 2, 3, 2, 2, 1, 0, 1),
    (2, 3, 2, 5, 7, 3, 3, 2, 1, 1),
    (1, 2, 3, 6, 5, 3, 2, 1, 2, 2),
    (3, 1, 2, 7, 4, 1, 1, 3, 0, 1),
    (2, 2, 1, 7, 9, 2, 3, 2, "valid", 2),
    (1, 2, 2, 5, 5, 2, 4, 1, "same", 1),
    (2, 1, 1, 3, 4, 3, 3, 1, "full", 1),
]


def _arrays(case: tuple, seed: int = 0) -> tuple[Array, Array, Array]:
    n, c, o, height, width, f_height, f_width = case[:7]
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, c, height, width)), rng.normal(size=(o, c, f_height, f_width)), rng.normal(size=o)


def _torch_conv(case: tuple):
    s, p, d = case[7:]
    if p == "full":
        p = (d * (case[5] - 1), d * (case[6] - 1))
    return lambda x, W, b: torch.nn.functional.conv2d(x, W, b, stride=s, padding=p, dilation=d)


def test_the_guides_example_is_6_8_and_its_slip_is_the_first_row_of_the_filter_alone() -> None:
    values = example()
    np.testing.assert_array_equal(values["y"], [[6, 8]])  # 1*1 + 5*1, 2*1 + 6*1
    np.testing.assert_array_equal(values["first row of the filter only"], [[1, 2], [4, 5]])


def test_the_example_padded_and_backwards_equals_the_numbers_by_hand() -> None:
    values = example()
    np.testing.assert_array_equal(values["full"], [[1, 2, 3, 0], [4, 6, 8, 3], [0, 4, 5, 6]])
    np.testing.assert_array_equal(values["same"], [[6, 8, 3], [4, 5, 6]])
    np.testing.assert_array_equal(values["dx"], [[1, 2, 0], [0, 1, 2]])
    np.testing.assert_array_equal(values["dW"], [[1 * 1 + 2 * 2, 1 * 2 + 2 * 3], [1 * 4 + 2 * 5, 1 * 5 + 2 * 6]])
    np.testing.assert_array_equal(values["db"], [3])


def test_the_turn_changes_the_sign_of_the_edge_filter_and_nothing_for_the_diagonal() -> None:
    values = example()
    np.testing.assert_array_equal(values["edge, cross-correlation"], [[-4, -4]])
    np.testing.assert_array_equal(values["edge, true convolution"], [[4, 4]])
    diagonal = values["filter"][None, None]
    np.testing.assert_array_equal(turned(diagonal), diagonal)


@pytest.mark.parametrize(
    ("n", "f", "p", "s", "d", "size"),
    [
        (2, 2, 0, 1, 1, 1),
        (28, 5, 2, 1, 1, 28),
        (28, 3, 0, 2, 1, 13),
        (224, 7, 3, 2, 1, 112),
        (7, 3, 0, 1, 2, 3),
        (6, 4, "same", 1, 1, 6),
        (5, 3, "full", 1, 1, 7),
        (5, 3, "same", 2, 1, 3),
    ],
)
def test_output_size_is_the_formula(n: int, f: int, p: int | str, s: int, d: int, size: int) -> None:
    assert output_size(n, f, p, s, d) == size


@pytest.mark.parametrize("case", CASES)
def test_cross_correlation_is_torchs_conv2d(case: tuple) -> None:
    x, W, b = _arrays(case)
    expected = _torch_conv(case)(torch64(x), torch64(W), torch64(b)).numpy()
    np.testing.assert_allclose(cross_correlate(x, W, b, *case[7:]), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("f", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("d", [1, 2])
def test_same_padding_is_torchs_for_odd_and_even_filters(f: int, d: int) -> None:
    x, W, b = _arrays((1, 1, 1, 9, 8, f, f))
    expected = torch.nn.functional.conv2d(torch64(x), torch64(W), torch64(b), padding="same", dilation=d).numpy()
    np.testing.assert_allclose(cross_correlate(x, W, b, p="same", d=d), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_backward_is_differences_and_autograd(case: tuple) -> None:
    x, W, b = _arrays(case)
    options = case[7:]
    dy = np.random.default_rng(1).normal(size=cross_correlate(x, W, b, *options).shape)
    gradients = cross_correlate_backward(dy, x, W, *options)
    assert_differences(lambda x, W, b: cross_correlate(x, W, b, *options), [x, W, b], dy, gradients)
    assert_autograd(_torch_conv(case), [x, W, b], dy, gradients)


@pytest.mark.parametrize("case", CASES[:3])
def test_backward_of_the_true_convolution_is_differences(case: tuple) -> None:
    x, W, b = _arrays(case)
    options = case[7:]
    dy = np.random.default_rng(1).normal(size=convolve(x, W, b, *options).shape)
    gradients = convolve_backward(dy, x, W, *options)
    assert_differences(lambda x, W, b: convolve(x, W, b, *options), [x, W, b], dy, gradients)


@pytest.mark.parametrize("mode", ["full", "valid", "same"])
def test_convolve_is_scipys_convolve2d_and_cross_correlate_its_correlate2d(mode: str) -> None:
    x, W, _ = _arrays((1, 1, 1, 6, 7, 3, 5))
    true, crossed = convolve(x, W, np.zeros(1), p=mode), cross_correlate(x, W, np.zeros(1), p=mode)
    np.testing.assert_allclose(true[0, 0], signal.convolve2d(x[0, 0], W[0, 0], mode), rtol=0, atol=1e-12)
    np.testing.assert_allclose(crossed[0, 0], signal.correlate2d(x[0, 0], W[0, 0], mode), rtol=0, atol=1e-12)
    assert np.abs(true - crossed).max() > 0.1, "the turn must matter for a random filter"


def test_the_true_convolution_is_the_double_sum_of_the_definition() -> None:
    x, W, _ = _arrays((1, 1, 1, 3, 4, 2, 2))
    I, K = x[0, 0], W[0, 0]
    y = np.zeros((4, 5))
    for i, j in np.ndindex(4, 5):
        y[i, j] = sum(I[m, n] * K[i - m, j - n] for m, n in np.ndindex(3, 4) if 0 <= i - m < 2 and 0 <= j - n < 2)
    np.testing.assert_allclose(convolve(x, W, np.zeros(1), p="full")[0, 0], y, rtol=0, atol=1e-12)


@pytest.mark.parametrize("p", [0, 1, 2])
def test_the_derivative_by_x_is_a_true_convolution_of_dy_padded_by_what_is_left(p: int) -> None:
    x, W, b = _arrays((2, 3, 4, 5, 6, 3, 3))
    dy = np.random.default_rng(1).normal(size=cross_correlate(x, W, b, p=p).shape)
    dx, _, _ = cross_correlate_backward(dy, x, W, p=p)
    channels_swapped = W.transpose(1, 0, 2, 3)
    np.testing.assert_allclose(convolve(dy, channels_swapped, np.zeros(3), p=3 - 1 - p), dx, rtol=0, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(1, 8), st.integers(1, 8)),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 3),
    st.one_of(st.integers(0, 2), st.sampled_from(["valid", "same", "full"])),
    st.integers(1, 2),
)
def test_shapes_follow_the_formula(sizes: tuple, f_height: int, f_width: int, s: int, p: int | str, d: int) -> None:
    n, c, o, height, width = sizes
    if d * (f_height - 1) + 1 > height or d * (f_width - 1) + 1 > width:
        height, width = height + 6, width + 6
    x, W, b = _arrays((n, c, o, height, width, f_height, f_width))
    y = cross_correlate(x, W, b, s, p, d)
    assert y.shape == (n, o, output_size(height, f_height, p, s, d), output_size(width, f_width, p, s, d))
    dx, dW, db = cross_correlate_backward(np.ones_like(y), x, W, s, p, d)
    assert (dx.shape, dW.shape, db.shape) == (x.shape, W.shape, b.shape)
    if p == "same" and s == 1:
        assert y.shape[2:] == x.shape[2:]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 1000))
def test_shifting_the_image_shifts_the_answer(down: int, right: int, seed: int) -> None:
    x, W, b = _arrays((1, 2, 2, 5, 5, 3, 3), seed)
    canvas, shifted = np.zeros((1, 2, 8, 8)), np.zeros((1, 2, 8, 8))
    canvas[:, :, :5, :5] = x
    shifted[:, :, down : down + 5, right : right + 5] = x
    y, y_shifted = cross_correlate(canvas, W, b, p="full"), cross_correlate(shifted, W, b, p="full")
    np.testing.assert_allclose(y_shifted[:, :, down:, right:], y[:, :, : 10 - down, : 10 - right], rtol=0, atol=1e-12)


def test_a_batch_is_its_rows_one_by_one() -> None:
    x, W, b = _arrays((3, 2, 2, 4, 5, 2, 3))
    rows = [cross_correlate(row[None], W, b, 1, "same") for row in x]
    np.testing.assert_allclose(np.concatenate(rows), cross_correlate(x, W, b, 1, "same"), rtol=0, atol=1e-14)


def test_padding_leaves_the_input_alone_and_puts_the_odd_zero_after() -> None:
    x = np.ones((1, 1, 1, 2))
    np.testing.assert_array_equal(pad(x, (1, 2), "same")[0, 0], [[1, 1, 0]])
    assert (sides(4, "same"), sides(3, "full", 2), sides(3, "valid"), sides(3, 1)) == ((1, 2), (4, 4), (0, 0), (1, 1))


def test_errors_name_shapes_and_equation() -> None:
    x, W, b = _arrays((1, 4, 2, 5, 5, 2, 2))
    with pytest.raises(ValueError) as error:
        cross_correlate(x, W[:, :3], b)
    assert str(error.value) == (
        "y = W * x + b: W is [2, 3, 2, 2], x is [1, 4, 5, 5], b is [2]; W's channels (3) must equal x's channels (4)"
    )
    with pytest.raises(ValueError, match=r"b must have one entry for each of W's filters \(2\)"):
        cross_correlate(x, W, np.zeros(3))
    with pytest.raises(ValueError, match=r"W must be \[o, c, f_height, f_width\] and x \[n, c, height, width\]"):
        cross_correlate(x[0], W, b)
    with pytest.raises(ValueError, match=r"dy is \[1, 2, 5, 5\], y is \[1, 2, 4, 4\]; they must be equal"):
        cross_correlate_backward(np.ones((1, 2, 5, 5)), x, W)
    with pytest.raises(ValueError, match=r"floor\(\(n \+ 2p - f\)/s\) \+ 1: f is 5, n \+ 2p is 4; the filter must fit"):
        output_size(2, 3, 1, 1, 2)
    with pytest.raises(ValueError, match=r'padding is "valid", "same", "full" or .* not \'half\''):
        sides(3, "half")
    with pytest.raises(ValueError, match="not -1"):
        sides(3, -1)
