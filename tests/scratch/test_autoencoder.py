"""The autoencoder: its gradients, and PCA as what a linear one finds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from learnloop.scratch.autoencoder import (
    Autoencoder,
    backward,
    example,
    forward,
    principal,
    squared_error,
    squared_error_backward,
    step,
    train,
)
from learnloop.scratch.dense import Dense, random_dense
from tests.scratch.checks import Array, assert_autograd, assert_differences, torch64


def test_the_worked_example_gives_the_numbers_worked_out_by_hand() -> None:
    values = example()
    np.testing.assert_array_equal(values["z"][:, 0], [3, 1, -3, -1])
    np.testing.assert_array_equal(values["x_hat"][:2], [[1.5, 0.0], [0.5, 0.0]])
    # Rows lose 1.5^2 + 1^2 = 3.25 and 0.5^2 + 3^2 = 9.25, twice each: 25 / 4
    assert values["L"] == 6.25
    # dL/dx_hat = 2/4 (x_hat - x)
    np.testing.assert_array_equal(values["dx_hat"], [[-0.75, -0.5], [-0.25, -1.5], [0.75, 0.5], [0.25, 1.5]])
    # -0.75*3 - 0.25*1 - 0.75*3 - 0.25*1 = -5;  -0.5*3 - 1.5*1 - 0.5*3 - 1.5*1 = -6
    np.testing.assert_array_equal(values["dW_dec"], [[-5], [-6]])
    np.testing.assert_array_equal(values["dz"][:, 0], [-0.375, -0.125, 0.375, 0.125])
    # -0.375*3 - 0.125*1 twice;  -0.375*1 - 0.125*3 twice
    np.testing.assert_array_equal(values["dW_enc"], [[-2.5, -1.5]])
    np.testing.assert_allclose(values["W_enc after"], [[1.125, 0.075]], atol=1e-15)
    np.testing.assert_allclose(values["W_dec after"], [[0.75], [0.3]], atol=1e-15)
    # z = 3.45 and 1.35: 0.4125^2 + 0.035^2 = 0.17138125, 0.0125^2 + 2.595^2 = 6.73418125
    assert values["L after"] == pytest.approx((0.17138125 + 6.73418125) / 2, abs=1e-12)
    # Along (1, 1) / sqrt 2 the variance is 5 + 3, across it 5 - 3.
    np.testing.assert_allclose(values["variances"], [8, 2], atol=1e-12)
    np.testing.assert_allclose(values["directions"], [[0.5**0.5, 0.5**0.5]], atol=1e-12)


def _flat(net: Autoencoder) -> list[Array]:
    return [value for layer in [*net.encoder, *net.decoder] for value in (layer.W, layer.b)]


def _built(values: tuple[Array, ...]) -> Autoencoder:
    """3 -> 4 -> 2 -> 4 -> 3, tanh between."""
    layers = [
        Dense(values[2 * i], values[2 * i + 1], g) for i, g in enumerate(["tanh", "identity", "tanh", "identity"])
    ]
    return Autoencoder(layers[:2], layers[2:])


@pytest.mark.parametrize("m", [1, 7])
def test_backward_equals_autograd_and_differences(m: int) -> None:
    rng = np.random.default_rng(1)
    layers = [random_dense(a, b, rng) for a, b in [(3, 4), (4, 2), (2, 4), (4, 3)]]
    values = [value for layer in layers for value in (layer.W, layer.b)]
    x = rng.normal(size=(m, 3))

    def loss(*values: Array) -> float:
        return squared_error(x, forward(x, _built(values)).x_hat)

    def loss_in_torch(*v: torch.Tensor) -> torch.Tensor:
        code = F.linear(torch.tanh(F.linear(torch64(x), v[0], v[1])), v[2], v[3])
        x_hat = F.linear(torch.tanh(F.linear(code, v[4], v[5])), v[6], v[7])
        return F.mse_loss(x_hat, torch64(x)) * 3  # the mean over entries, times the features

    gradients = _flat(backward(forward(x, _built(tuple(values)))))
    assert_autograd(loss_in_torch, values, 1.0, gradients)
    assert_differences(loss, values, 1.0, gradients)


@given(m=st.integers(1, 5), features=st.integers(1, 4), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_the_loss_is_pytorchs_times_the_features(m: int, features: int, seed: int) -> None:
    x, x_hat = np.random.default_rng(seed).normal(size=(2, m, features))
    assert squared_error(x, x_hat) == pytest.approx(features * F.mse_loss(torch64(x_hat), torch64(x)).item(), rel=1e-12)
    assert squared_error(x, x) == 0
    assert_differences(lambda v: squared_error(x, v), [x_hat], 1.0, [squared_error_backward(x, x_hat)])


def _cloud() -> Array:
    """60 points in 5 dimensions, turned at random, of variances 4, 2, 0.5, 0.2, 0.1 and mean 0, exactly."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(60, 5))
    x -= x.mean(axis=0)
    x = x @ np.linalg.inv(np.linalg.cholesky(x.T @ x / 60)).T  # covariance 1
    turned, _ = np.linalg.qr(rng.normal(size=(5, 5)))
    return x * np.sqrt([4, 2, 0.5, 0.2, 0.1]) @ turned


def _linear(code: int, seed: int) -> Autoencoder:
    rng = np.random.default_rng(seed)
    return Autoencoder([random_dense(5, code, rng)], [random_dense(code, 5, rng)])


def test_a_linear_autoencoder_finds_the_subspace_of_pca() -> None:
    x = _cloud()
    net, losses = train(x, _linear(2, seed=3), 0.05, 1500)
    axes = principal(x, 2)
    np.testing.assert_allclose(axes.variances, [4, 2, 0.5, 0.2, 0.1], atol=1e-12)
    # What is left is what PCA leaves out, 0.5 + 0.2 + 0.1.
    assert losses[0] > 4 and losses[-1] == pytest.approx(0.8, abs=1e-9)
    basis, _ = np.linalg.qr(net.decoder[0].W)
    np.testing.assert_allclose(basis @ basis.T, axes.directions.T @ axes.directions, atol=1e-6)
    np.testing.assert_allclose(forward(x, net).x_hat, x @ axes.directions.T @ axes.directions, atol=1e-5)
    # The subspace, not the axes: no column of the decoder points along a principal direction.
    columns = net.decoder[0].W / np.linalg.norm(net.decoder[0].W, axis=0)
    assert np.abs(axes.directions @ columns).max() < 0.999


def test_any_invertible_change_of_the_code_gives_the_same_answer() -> None:
    x, net, C = _cloud(), _linear(2, seed=4), np.array([[2.0, 1.0], [0.5, -1.0]])
    (encoder,), (decoder,) = net
    other = Autoencoder(
        [Dense(np.linalg.inv(C) @ encoder.W, np.linalg.inv(C) @ encoder.b)], [Dense(decoder.W @ C, decoder.b)]
    )
    np.testing.assert_allclose(forward(x, other).x_hat, forward(x, net).x_hat, atol=1e-12)


def test_training_falls_and_the_steps_are_those_of_step() -> None:
    x, net = _cloud(), _linear(1, seed=5)
    after, losses = train(x, net, 0.05, 3)
    for loss in losses:
        net, before = step(x, net, 0.05)
        assert before == loss
    np.testing.assert_array_equal(after.encoder[0].W, net.encoder[0].W)
    assert losses[0] > losses[1] > losses[2]


def test_bending_lets_one_number_describe_an_arc() -> None:
    angle = np.linspace(-1.4, 1.4, 21)
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x -= x.mean(axis=0)
    rng = np.random.default_rng(0)
    start = Autoencoder(
        [random_dense(2, 6, rng, "tanh"), random_dense(6, 1, rng)],
        [random_dense(1, 6, rng, "tanh"), random_dense(6, 2, rng)],
    )
    _, losses = train(x, start, 0.1, 1500)
    assert losses[-1] < 0.2 * principal(x, 1).variances[1]


def test_mistakes_are_named_with_the_equation() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError) as caught:
        step(np.ones((4, 3)), Autoencoder([random_dense(3, 1, rng)], [random_dense(1, 1, rng)]), 0.1)
    assert str(caught.value) == ("L = 1/m sum ||x - x_hat||^2: x is [4, 3], x_hat is [4, 1]; they must be the same")
    with pytest.raises(ValueError) as caught:
        principal(np.array([[1.0, 2.0], [3.0, 2.0]]), 1)
    assert str(caught.value) == ("C = X^T X / m: column means of x must be 0, found [2.0, 2.0]; use x - x.mean(axis=0)")
