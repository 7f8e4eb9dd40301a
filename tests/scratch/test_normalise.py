from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from learnloop.scratch.normalise import (
    batch_norm,
    batch_norm_backward,
    batch_norm_eval,
    batch_norm_eval_backward,
    example,
    layer_norm,
    layer_norm_backward,
)
from tests.scratch.checks import Array, assert_autograd, assert_differences, torch64

SHAPES = [(2, 1), (3, 5), (7, 2)]
LAYER_SHAPES = [(1, 3), (5, 2), (2, 3, 4), (6,), (2, 1)]


def inputs(*shape: int, seed: int = 0) -> tuple[Array, Array, Array, Array]:
    """x, gamma, beta, dy"""
    rng = np.random.default_rng(seed)
    return (rng.normal(1, 2, shape), *rng.normal(1, 1, (2, shape[-1])), rng.normal(0, 1, shape))


def statistics(features: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(9)
    return rng.normal(0, 1, features), rng.uniform(0.5, 2, features)


def test_the_example_gives_the_numbers_worked_out_by_hand() -> None:
    values = example()
    expected = {
        # (3 + 9 + 11 + 17)/4; squares of -7, -1, 1, 7: 100/4, unbiased 100/3; second column: -1, -1, 1, 1
        "mean": [10, 2],
        "variance": [25, 1],
        "deviation": [5, 1],
        "x_hat": [[-1.4, -1], [-0.2, -1], [0.2, 1], [1.4, 1]],
        "y": [[-1.8, -1.5], [0.6, -1.5], [1.4, -0.5], [3.8, -0.5]],
        # 0.9 * 0 + 0.1 * 10; 0.9 * 1 + 0.1 * 100/3, 0.9 * 1 + 0.1 * 4/3
        "running_mean": [1, 0.2],
        "running_var": [0.9 + 10 / 3, 0.9 + 0.4 / 3],
        "dgamma": [-1.4, 1],
        "dbeta": [1, 1],
        # gamma/(m s) (m dy - sum dy - x_hat sum dy x_hat): 2/20 (4 dy - 1 + 1.4 x_hat); 0.5/4 (4 dy - 1 - x_hat)
        "dx": [[0.104, 0], [-0.128, 0], [-0.072, 0.25], [0.096, -0.25]],
        "layer_x_hat": [-1.4, -0.2, 0.2, 1.4],
        "layer_y": [-1.8, 0.6, 1.4, 3.8],
    }
    for name, value in expected.items():
        np.testing.assert_allclose(values[name], value, rtol=1e-12, atol=1e-14, err_msg=name)
    # 2 (3 - 1) / sqrt(4.23333) + 1
    np.testing.assert_allclose(values["in_use"][0, 0], 2.944101, atol=5e-7)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("momentum", [0.1, 0.35])
def test_training_and_use_equal_torchs_batch_norm(shape: tuple[int, int], momentum: float) -> None:
    x, gamma, beta, _ = inputs(*shape)
    mean, var = statistics(shape[1])
    module = torch.nn.BatchNorm1d(shape[1], momentum=momentum, eps=1e-3).double()
    module.load_state_dict(
        {"weight": torch64(gamma), "bias": torch64(beta), "running_mean": torch64(mean), "running_var": torch64(var)}
        | {"num_batches_tracked": torch.tensor(0)}
    )
    for _ in range(3):
        y, cache = batch_norm(x, gamma, beta, mean, var, momentum, 1e-3)
        np.testing.assert_allclose(y, module(torch64(x)).detach().numpy(), rtol=1e-11, atol=1e-12)
        mean, var = cache.running_mean, cache.running_var
        np.testing.assert_allclose(mean, module.running_mean.numpy(), rtol=1e-12)
        np.testing.assert_allclose(var, module.running_var.numpy(), rtol=1e-12)
        x = x + 1
    module.eval()
    y, _ = batch_norm_eval(x[:1], gamma, beta, mean, var, 1e-3)
    np.testing.assert_allclose(y, module(torch64(x[:1])).detach().numpy(), rtol=1e-11, atol=1e-12)


def test_the_batch_is_divided_by_the_biased_variance_and_the_unbiased_one_is_remembered() -> None:
    x = np.array([[1.0], [3.0]])
    y, cache = batch_norm(x, np.ones(1), np.zeros(1), np.zeros(1), np.zeros(1), momentum=1.0, eps=0.0)
    np.testing.assert_allclose(y, [[-1], [1]], rtol=1e-14)  # divided by 1; by the unbiased sqrt(2): 0.707
    np.testing.assert_allclose(cache.running_var, [2.0], rtol=1e-14)


@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norms_backward_equals_differences_and_autograd(shape: tuple[int, int]) -> None:
    x, gamma, beta, dy = inputs(*shape)
    mean, var = statistics(shape[1])
    _, cache = batch_norm(x, gamma, beta, mean, var)
    gradients = batch_norm_backward(dy, cache)
    assert_differences(lambda *a: batch_norm(*a, mean, var)[0], [x, gamma, beta], dy, gradients)
    assert_autograd(
        lambda x, g, b: F.batch_norm(x, torch64(mean), torch64(var), g, b, training=True),
        [x, gamma, beta],
        dy,
        gradients,
    )


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (3, 2)])
def test_batch_norms_backward_in_use_equals_differences_and_autograd(shape: tuple[int, int]) -> None:
    x, gamma, beta, dy = inputs(*shape)
    mean, var = statistics(shape[1])
    _, cache = batch_norm_eval(x, gamma, beta, mean, var)
    gradients = batch_norm_eval_backward(dy, cache)
    assert_differences(lambda *a: batch_norm_eval(*a, mean, var)[0], [x, gamma, beta], dy, gradients)
    assert_autograd(
        lambda x, g, b: F.batch_norm(x, torch64(mean), torch64(var), g, b, training=False),
        [x, gamma, beta],
        dy,
        gradients,
    )


@pytest.mark.parametrize("shape", LAYER_SHAPES)
def test_layer_norm_and_its_backward_equal_torch_and_differences(shape: tuple[int, ...]) -> None:
    x, gamma, beta, dy = inputs(*shape)
    y, cache = layer_norm(x, gamma, beta, 1e-3)
    expected = F.layer_norm(torch64(x), shape[-1:], torch64(gamma), torch64(beta), 1e-3).numpy()
    np.testing.assert_allclose(y, expected, rtol=1e-11, atol=1e-12)
    gradients = layer_norm_backward(dy, cache)
    assert_differences(lambda *a: layer_norm(*a, 1e-3)[0], [x, gamma, beta], dy, gradients)
    assert_autograd(lambda x, g, b: F.layer_norm(x, shape[-1:], g, b, 1e-3), [x, gamma, beta], dy, gradients)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 9), st.integers(2, 6), st.integers(0, 99), st.floats(0.1, 50), st.floats(-50, 50))
def test_what_is_normalised_has_mean_0_and_variance_1_whatever_scale_and_shift_came_in(
    rows: int, features: int, seed: int, scale: float, shift: float
) -> None:
    x = np.random.default_rng(seed).normal(size=(rows, features))
    one, zero = np.ones(features), np.zeros(features)
    for turned in (False, True):
        values = x * scale + shift
        y = layer_norm(values, one, zero, 0.0)[0].T if turned else batch_norm(values, one, zero, zero, one, 0.1, 0.0)[0]
        assert y.shape == (x.shape[::-1] if turned else x.shape)
        np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-8)
        np.testing.assert_allclose(y.var(axis=0), 1, rtol=1e-8)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 6), st.integers(1, 6), st.integers(0, 99))
def test_the_gradient_of_the_input_sums_to_zero_over_what_was_averaged(rows: int, features: int, seed: int) -> None:
    x, gamma, beta, dy = inputs(rows, features, seed=seed)
    dx, dgamma, dbeta = batch_norm_backward(dy, batch_norm(x, gamma, beta, *statistics(features))[1])
    assert dx.shape == x.shape and dgamma.shape == dbeta.shape == gamma.shape
    # a shift of the whole column changes nothing; two rows near each other make 1/deviation, and dx, large
    np.testing.assert_allclose(dx.sum(axis=0), 0, atol=1e-9 * max(1.0, np.abs(dx).max()))


def test_layer_norm_is_batch_norm_of_the_transpose() -> None:
    x = inputs(4, 3)[0]
    by_layer, _ = layer_norm(x, np.ones(3), np.zeros(3))
    by_batch, _ = batch_norm(x.T, np.ones(4), np.zeros(4), np.zeros(4), np.ones(4))
    np.testing.assert_allclose(by_layer, by_batch.T, rtol=1e-14)


def test_nothing_that_was_passed_in_is_changed() -> None:
    x, gamma, beta, _ = inputs(3, 2)
    given_values = (x, gamma, beta, *statistics(2))
    copies = [value.copy() for value in given_values]
    batch_norm(*given_values)
    for value, copy in zip(given_values, copies):
        np.testing.assert_array_equal(value, copy)


def test_shapes_that_do_not_fit_are_named_with_the_equation() -> None:
    x, one, two = np.zeros((4, 3)), np.ones(3), np.ones(2)
    equation = r"^y = gamma \(x - mu\) / sqrt\(var \+ eps\) \+ beta: x is \[4, 3\], "
    with pytest.raises(
        ValueError, match=equation + r"gamma is \[2\]; gamma needs one entry for each of x's 3 features"
    ):
        batch_norm(x, two, one, one, one)
    with pytest.raises(ValueError, match=equation + r"beta is \[2\]"):
        layer_norm(x, one, two)
    with pytest.raises(ValueError, match=equation + r"running_mean is \[2\]"):
        batch_norm_eval(x, one, one, two, one)
    with pytest.raises(ValueError, match=equation + r"running_var is \[3, 1\]"):
        batch_norm(x, one, one, one, one[:, None])
    with pytest.raises(
        ValueError, match=r"^var = 1/\(m - 1\) sum \(x - mu\)\^2: x is \[1, 3\]; one row has no variance"
    ):
        batch_norm(x[:1], one, one, one, one)
    _, cache = batch_norm(x, one, one, one, one)
    with pytest.raises(ValueError, match=r"^dy = dLoss/dy: dy is \[1, 3\], y is \[4, 3\]"):
        batch_norm_backward(x[:1], cache)
    with pytest.raises(ValueError, match=r"dy is \[3\], y is \[4, 3\]"):
        layer_norm_backward(one, layer_norm(x, one, one)[1])
    with pytest.raises(ValueError, match=r"dy is \[3\], y is \[4, 3\]"):
        batch_norm_eval_backward(one, batch_norm_eval(x, one, one, one, one)[1])
