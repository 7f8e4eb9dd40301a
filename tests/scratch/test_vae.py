"""The variational autoencoder: the gradients of -ELBO through both heads."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Normal, kl_divergence
from torch.nn import functional as F

from learnloop.scratch.dense import Dense, random_dense
from learnloop.scratch.elbo import Likelihood
from learnloop.scratch.vae import VAE, backward, example, forward, step
from tests.scratch.checks import Array, assert_autograd, assert_differences, torch64


def test_the_worked_example_gives_the_numbers_worked_out_by_hand() -> None:
    values = example()
    assert values["mu"] == 0.5
    np.testing.assert_allclose(values["sigma"], [[0.5]], atol=1e-15)
    np.testing.assert_allclose(values["z"], [[0.5 + 0.5 * 0.5]], atol=1e-15)
    np.testing.assert_allclose(values["out"], [[1.5, -0.75]], atol=1e-15)
    # log sigmoid(1.5) + log(1 - sigmoid(-0.75)) = -0.201413 - 0.386871
    np.testing.assert_allclose(values["log_likelihood"], [-0.588284], atol=1e-6)
    # -1/2 (1 - 1.386294 - 0.25 - 0.25)
    np.testing.assert_allclose(values["kl"], [0.443147], atol=5e-7)
    assert values["elbo"] == pytest.approx(-1.031431, abs=2e-6)
    # dz = -(0.182426 * 2 + (0 - 0.320821) * (-1)) = -0.685672; dmu = dz + 0.5
    np.testing.assert_allclose(values["dmu"], [-0.185672], atol=1e-6)
    # -0.685672 * 0.5 * 0.5 / 2 + (0.25 - 1) / 2 = -0.085709 - 0.375
    np.testing.assert_allclose(values["dlogvar"], [-0.460709], atol=1e-6)
    # dout = (-0.182426, 0.320821), times z = 0.75
    np.testing.assert_allclose(values["dW_dec"], [[-0.136819], [0.240616]], atol=1e-6)
    assert values["elbo after"] > values["elbo"] + 0.2


def _flat(net: VAE) -> list[Array]:
    return [value for layer in [*net.body, net.mu, net.logvar, *net.decoder] for value in (layer.W, layer.b)]


def _built(values: tuple[Array, ...]) -> VAE:
    """5 -> 4 tanh -> two heads of 2 -> 3 relu -> 5."""
    layers = [
        Dense(values[2 * i], values[2 * i + 1], g)
        for i, g in enumerate(["tanh", "identity", "identity", "relu", "identity"])
    ]
    return VAE(layers[:1], layers[1], layers[2], layers[3:])


def _net(seed: int = 0) -> VAE:
    rng = np.random.default_rng(seed)
    layers = [random_dense(a, b, rng) for a, b in [(5, 4), (4, 2), (4, 2), (2, 3), (3, 5)]]
    return _built(tuple(value for layer in layers for value in (layer.W, layer.b)))


def _loss_in_torch(x: Array, eps: Array, likelihood: Likelihood, v: tuple[torch.Tensor, ...]) -> torch.Tensor:
    h = torch.tanh(F.linear(torch64(x), v[0], v[1]))
    mu, sigma = F.linear(h, v[2], v[3]), torch.exp(F.linear(h, v[4], v[5]) / 2)
    out = F.linear(torch.relu(F.linear(mu + sigma * torch64(eps), v[6], v[7])), v[8], v[9])
    p = Bernoulli(logits=out) if likelihood == "bernoulli" else Normal(out, 1.0)
    said = p.log_prob(torch64(x)).sum(dim=-1)
    return (kl_divergence(Normal(mu, sigma), Normal(0.0, 1.0)).sum(dim=-1) - said).mean()


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("m", [1, 6])
def test_backward_equals_autograd_and_differences(likelihood: Likelihood, m: int) -> None:
    rng = np.random.default_rng(1)
    x = rng.integers(0, 2, (m, 5)).astype(float)
    eps, values = rng.normal(size=(m, 2)), _flat(_net())
    cache = forward(x, eps, _net(), likelihood)
    assert -cache.elbo == pytest.approx(
        _loss_in_torch(x, eps, likelihood, tuple(map(torch64, values))).item(), abs=1e-12
    )
    gradients = _flat(backward(cache))
    assert_autograd(lambda *v: _loss_in_torch(x, eps, likelihood, v), values, 1.0, gradients)
    assert_differences(lambda *v: -forward(x, eps, _built(v), likelihood).elbo, values, 1.0, gradients)


@given(m=st.integers(1, 5), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_without_dice_and_kl_it_is_an_autoencoder(m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, net = rng.random((m, 5)), _net(seed)
    cache = forward(x, np.zeros((m, 2)), net)
    assert cache.z.shape == (m, 2) and cache.out.shape == x.shape and cache.kl.shape == (m,)
    np.testing.assert_array_equal(cache.z, cache.mu.y)
    expected = F.binary_cross_entropy_with_logits(torch64(cache.out), torch64(x), reduction="sum") / m
    assert cache.elbo + cache.kl.mean() == pytest.approx(-expected.item(), abs=1e-12)


def test_averaging_the_reconstruction_over_pixels_overweighs_the_kl() -> None:
    """PyTorch's default divides the reconstruction by the 5 pixels too: the KL then weighs five times as much."""
    rng = np.random.default_rng(2)
    x, eps = rng.integers(0, 2, (4, 5)).astype(float), rng.normal(size=(4, 2))
    cache = forward(x, eps, _net())
    averaged = F.binary_cross_entropy_with_logits(torch64(cache.out), torch64(x)).item() + cache.kl.mean()
    assert 5 * averaged == pytest.approx(-cache.log_likelihood.mean() + 5 * cache.kl.mean(), abs=1e-12)


def test_steps_make_the_elbo_grow() -> None:
    rng = np.random.default_rng(3)
    x, net = np.repeat(np.eye(5), 4, axis=0), _net(4)
    elbos = []
    for _ in range(300):
        net, elbo = step(x, rng.normal(size=(20, 2)), net, 0.2)
        elbos.append(elbo)
    # Five pictures with one of five pixels lit: knowing only that costs 5 * entropy(1/5) = 2.502 nats.
    assert np.mean(elbos[:10]) < -3.2
    assert np.mean(elbos[-50:]) > -2.6


def test_shapes_that_do_not_fit_are_named_with_the_equation() -> None:
    with pytest.raises(ValueError, match=r"z = mu \+ sigma \* eps: mu is \[3, 2\], .* eps is \[1, 2\]; all three"):
        forward(np.ones((3, 5)), np.ones((1, 2)), _net())
    with pytest.raises(ValueError, match=r"z = x W\^T \+ b: x is \[3, 4\], W is \[4, 5\]"):
        forward(np.ones((3, 4)), np.ones((3, 2)), _net())
