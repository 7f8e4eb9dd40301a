"""The two terms of the ELBO against torch.distributions, dice and a case whose log p(x) is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Normal, kl_divergence

from learnloop.scratch.elbo import (
    example,
    gaussian_kl,
    gaussian_kl_backward,
    gaussian_kl_draws,
    log_likelihood,
    log_likelihood_backward,
    reparameterise,
    reparameterise_backward,
)
from tests.scratch.checks import assert_autograd, assert_differences, torch64


def test_the_worked_example_gives_the_numbers_worked_out_by_hand() -> None:
    values = example()
    np.testing.assert_allclose(values["sigma"], [[1, 0.5]], atol=1e-15)
    np.testing.assert_allclose(values["z"], [[1 + 1 * 0.5, -0.5 - 0.5 * 1]], atol=1e-15)
    np.testing.assert_allclose(values["p"], [[0.817574, 0.268941]], atol=5e-7)
    # log 0.817574 + log(1 - 0.268941) = -0.201413 - 0.313262
    np.testing.assert_allclose(values["log_likelihood"], [-0.514675], atol=1e-6)
    # -1/2 (1 + 0 - 1 - 1) - 1/2 (1 - 1.386294 - 0.25 - 0.25) = 0.5 + 0.443147
    np.testing.assert_allclose(values["kl"], [0.943147], atol=5e-7)
    np.testing.assert_allclose(values["elbo"], [-1.457822], atol=2e-6)
    np.testing.assert_allclose(values["dz"], [[0.182426, -0.268941]], atol=5e-7)
    # dz * eps * sigma / 2: 0.182426*0.5*1/2, -0.268941*(-1)*0.5/2
    np.testing.assert_allclose(values["dlogvar_z"], [[0.0456064, 0.0672354]], atol=5e-7)
    np.testing.assert_allclose(values["dmu_kl"], [[1, -0.5]], atol=1e-15)
    np.testing.assert_allclose(values["dlogvar_kl"], [[0, (0.25 - 1) / 2]], atol=1e-15)


@pytest.mark.parametrize("m", [1, 5])
def test_the_code_equals_rsample_and_its_gradients(m: int) -> None:
    mu, logvar, dz = np.random.default_rng(1).normal(size=(3, m, 3))
    torch.manual_seed(2)
    eps = torch.randn(m, 3, dtype=torch.float64).numpy()
    torch.manual_seed(2)
    drawn = Normal(torch64(mu), torch.exp(torch64(logvar) / 2)).rsample()
    z = reparameterise(mu, logvar, eps)
    np.testing.assert_allclose(z, drawn, atol=1e-12)
    gradients = reparameterise_backward(dz, logvar, eps)
    assert_autograd(lambda mu, logvar: mu + torch.exp(logvar / 2) * torch64(eps), [mu, logvar], dz, gradients)
    assert_differences(lambda mu, logvar: reparameterise(mu, logvar, eps), [mu, logvar], dz, gradients)


@given(m=st.integers(1, 4), latent=st.integers(1, 5), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_the_kl_equals_torch_and_is_never_negative(m: int, latent: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mu, logvar, dkl = rng.normal(size=(m, latent)), rng.normal(size=(m, latent)), rng.normal(size=m)

    def in_torch(mu: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
        return kl_divergence(Normal(mu, torch.exp(logvar / 2)), Normal(0.0, 1.0)).sum(dim=-1)

    cost = gaussian_kl(mu, logvar)
    assert cost.shape == (m,) and (cost >= 0).all()
    np.testing.assert_allclose(cost, in_torch(torch64(mu), torch64(logvar)), atol=1e-12)
    gradients = [dkl[:, None] * slope for slope in gaussian_kl_backward(mu, logvar)]
    assert_autograd(in_torch, [mu, logvar], dkl, gradients)
    assert_differences(gaussian_kl, [mu, logvar], dkl, gradients)


def test_the_kl_is_zero_at_the_standard_normal_alone() -> None:
    zero = np.zeros((1, 3))
    assert gaussian_kl(zero, zero)[0] == 0
    assert all((slope == 0).all() for slope in gaussian_kl_backward(zero, zero))
    for mu, logvar in [(0.1, 0.0), (0.0, 0.1), (0.0, -0.1)]:
        assert gaussian_kl(zero + mu, zero + logvar)[0] > 1e-3


def test_the_closed_form_is_the_mean_of_many_draws() -> None:
    mu, logvar = np.array([0.7, -1.2]), np.array([0.4, -0.9])
    eps = np.random.default_rng(3).normal(size=(20_000, 2))
    draws = gaussian_kl_draws(mu, logvar, eps)
    exact = gaussian_kl(mu[None], logvar[None])[0]
    # Five standard errors of the mean, at a fixed seed.
    assert abs(draws.mean() - exact) < 5 * draws.std() / math.sqrt(len(draws))
    assert draws.std() / math.sqrt(len(draws)) < 0.02
    # One draw is exactly log q(z) - log p(z).
    z = torch64(reparameterise(mu[None], logvar[None], eps[:1]))
    q, p = Normal(torch64(mu), torch.exp(torch64(logvar) / 2)), Normal(0.0, 1.0)
    assert draws[0] == pytest.approx((q.log_prob(z) - p.log_prob(z)).sum().item(), abs=1e-12)


@pytest.mark.parametrize("m", [1, 4])
def test_the_likelihoods_equal_torch_and_their_gradients(m: int) -> None:
    rng = np.random.default_rng(4)
    out, weight = 2 * rng.normal(size=(m, 5)), rng.normal(size=m)
    pixels, numbers = rng.integers(0, 2, (m, 5)).astype(float), rng.normal(size=(m, 5))

    def bernoulli(out: torch.Tensor) -> torch.Tensor:
        return Bernoulli(logits=out).log_prob(torch64(pixels)).sum(dim=-1)

    def gaussian(out: torch.Tensor) -> torch.Tensor:
        return Normal(out, 0.7).log_prob(torch64(numbers)).sum(dim=-1)

    np.testing.assert_allclose(log_likelihood(pixels, out, "bernoulli"), bernoulli(torch64(out)), atol=1e-12)
    np.testing.assert_allclose(log_likelihood(numbers, out, "gaussian", 0.7), gaussian(torch64(out)), atol=1e-12)
    slope = weight[:, None] * log_likelihood_backward(pixels, out, "bernoulli")
    assert_autograd(bernoulli, [out], weight, [slope])
    assert_differences(lambda out: log_likelihood(pixels, out, "bernoulli"), [out], weight, [slope])
    slope = weight[:, None] * log_likelihood_backward(numbers, out, "gaussian", 0.7)
    assert_autograd(gaussian, [out], weight, [slope])
    assert_differences(lambda out: log_likelihood(numbers, out, "gaussian", 0.7), [out], weight, [slope])


def test_logits_far_out_stay_finite() -> None:
    said = log_likelihood(np.array([[1.0, 1.0]]), np.array([[1000.0, -1000.0]]), "bernoulli")
    np.testing.assert_allclose(said, [-1000.0], rtol=1e-12)


@given(x=st.floats(-3, 3), mu=st.floats(-2, 2), logvar=st.floats(-3, 1), w=st.floats(0.2, 2))
@settings(max_examples=25, deadline=None)
def test_the_elbo_never_exceeds_log_p_and_meets_it_at_the_posterior(
    x: float, mu: float, logvar: float, w: float
) -> None:
    """z ~ N(0, 1), x ~ N(w z, s^2): then x ~ N(0, w^2 + s^2), and z given x ~ N(w x, s^2) / (w^2 + s^2)."""
    s = 0.7
    log_p = -0.5 * (x**2 / (w**2 + s**2) + math.log(2 * math.pi * (w**2 + s**2)))
    # Gauss-Hermite points integrate the square in log p(x|z) exactly.
    points, weights = np.polynomial.hermite_e.hermegauss(5)

    def elbo(mu: float, logvar: float) -> float:
        z = reparameterise(np.full((5, 1), mu), np.full((5, 1), logvar), points[:, None])
        said = weights / weights.sum() @ log_likelihood(np.full((5, 1), x), w * z, "gaussian", s)
        return float(said - gaussian_kl(np.array([[mu]]), np.array([[logvar]]))[0])

    assert elbo(mu, logvar) <= log_p + 1e-9
    posterior = w * x / (w**2 + s**2), math.log(s**2 / (w**2 + s**2))
    assert elbo(*posterior) == pytest.approx(log_p, abs=1e-9)


def test_a_likelihood_that_does_not_exist_and_an_out_that_would_be_stretched_are_refused() -> None:
    with pytest.raises(ValueError) as caught:
        log_likelihood(np.ones((2, 3)), np.ones((2, 3)), "bernouli")  # type: ignore[arg-type]
    assert str(caught.value) == 'likelihood must be "bernoulli" or "gaussian", found \'bernouli\''
    for function in (log_likelihood, log_likelihood_backward):
        with pytest.raises(ValueError) as caught:
            function(np.ones((2, 3)), np.ones((2, 1)), "gaussian")
        assert str(caught.value) == "log p(x|z): x is [2, 3], out is [2, 1]; they must have the same shape"


def test_shapes_that_do_not_fit_are_named_with_the_equation() -> None:
    with pytest.raises(ValueError) as caught:
        reparameterise(np.ones((2, 3)), np.ones((2, 3)), np.ones(3))
    assert str(caught.value) == (
        "z = mu + sigma * eps: mu is [2, 3], log sigma^2 is [2, 3], eps is [3]; all three must have the same shape"
    )
