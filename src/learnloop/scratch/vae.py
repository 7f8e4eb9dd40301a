"""Variational autoencoder: the code of x is a cloud N(mu, sigma^2), kept near N(0, 1) so that codes can be drawn.

    h = body(x)    mu = f_mu(h)    log sigma^2 = f_sigma(h)    z = mu + sigma * eps    out = decoder(z)
    L = -ELBO = 1/m sum_i (KL_i - log p(x_i|z_i))                    the terms are in `learnloop.scratch.elbo`

    backward: mu and log sigma^2 are pulled from two sides, by the decoder through z and by the KL
    dL/dmu            = dL/dz                   + mu / m
    dL/dlog sigma^2   = dL/dz * eps sigma / 2   + (sigma^2 - 1) / (2 m)

| here           | shape             | PyTorch                                                       |
|----------------|-------------------|---------------------------------------------------------------|
| body, decoder  | lists of `Dense`  | two nn.Sequential                                             |
| mu, logvar     | `Dense`           | two nn.Linear side by side; no bend: any number may come out  |
| out            | [m, features]     | logits (bernoulli) or means with s = 1 (gaussian)             |
| eps            | [m, latent]       | torch.randn(m, latent); here always an argument               |

To generate: z ~ N(0, I), then the decoder alone.
Source: Kingma and Welling 2014, Auto-Encoding Variational Bayes, section 3 and appendix C (guide 004, section 9.2,
equations 68 to 71). The expectation over z is one draw a sample, which section 2.3 finds enough in large batches.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from learnloop.scratch.dense import Dense, DensePass, dense, dense_backward, descend, stack, stack_backward
from learnloop.scratch.elbo import (
    Likelihood,
    gaussian_kl,
    gaussian_kl_backward,
    log_likelihood,
    log_likelihood_backward,
    reparameterise,
    reparameterise_backward,
)

Array: TypeAlias = NDArray[np.float64]


class VAE(NamedTuple):
    """body (may be empty) feeds both heads; decoder ends in logits or means. Also the gradients, in the same places."""

    body: list[Dense]
    mu: Dense
    logvar: Dense
    decoder: list[Dense]


class VAEPass(NamedTuple):
    """eps, z [m, latent]; out [m, features]; log_likelihood, kl [m]; the passes of the layers; mu.y and logvar.y."""

    x: Array
    eps: Array
    z: Array
    out: Array
    log_likelihood: Array
    kl: Array
    body: list[DensePass]
    mu: DensePass
    logvar: DensePass
    decoder: list[DensePass]
    likelihood: Likelihood

    @property
    def elbo(self) -> float:
        """1/m sum_i (log p(x_i|z_i) - KL_i), in nats a sample."""
        return float((self.log_likelihood - self.kl).mean())


def forward(x: Array, eps: Array, net: VAE, likelihood: Likelihood = "bernoulli") -> VAEPass:
    """x [m, features] to its code, a draw from it, and back. The draw is the given eps [m, latent]."""
    h, body = stack(x, net.body)  # [m, hidden]
    mu, logvar = dense(h, net.mu), dense(h, net.logvar)  # [m, latent] each
    z = reparameterise(mu.y, logvar.y, eps)  # [m, latent]
    out, decoder = stack(z, net.decoder)  # [m, features]
    said, cost = log_likelihood(x, out, likelihood), gaussian_kl(mu.y, logvar.y)  # [m] each
    return VAEPass(x, eps, z, out, said, cost, body, mu, logvar, decoder, likelihood)


def backward(cache: VAEPass) -> VAE:
    """The gradients of L = -ELBO in the places of the weights."""
    m = len(cache.x)
    dout = -log_likelihood_backward(cache.x, cache.out, cache.likelihood) / m  # [m, features]
    dz, decoder = stack_backward(dout, cache.decoder)  # [m, latent]
    dmu_z, dlogvar_z = reparameterise_backward(dz, cache.logvar.y, cache.eps)
    dmu_kl, dlogvar_kl = gaussian_kl_backward(cache.mu.y, cache.logvar.y)
    dh_mu, dW_mu, db_mu = dense_backward(dmu_z + dmu_kl / m, cache.mu)
    dh_logvar, dW_logvar, db_logvar = dense_backward(dlogvar_z + dlogvar_kl / m, cache.logvar)
    # Both heads read h: their slopes add up.
    _, body = stack_backward(dh_mu + dh_logvar, cache.body)
    return VAE(body, Dense(dW_mu, db_mu), Dense(dW_logvar, db_logvar), decoder)


def step(
    x: Array, eps: Array, net: VAE, learning_rate: float, likelihood: Likelihood = "bernoulli"
) -> tuple[VAE, float]:
    """One descent on -ELBO: the net after it, and the ELBO before it."""
    cache = forward(x, eps, net, likelihood)
    slope = backward(cache)
    mu, logvar = descend([net.mu, net.logvar], [slope.mu, slope.logvar], learning_rate)
    body, decoder = descend(net.body, slope.body, learning_rate), descend(net.decoder, slope.decoder, learning_rate)
    return VAE(body, mu, logvar, decoder), cache.elbo


def example() -> dict[str, Array]:
    """One picture of two pixels, a code of one number, Bernoulli pixels; one step of 0.5 with the same eps."""
    x, eps, rate = np.array([[1.0, 0.0]]), np.array([[0.5]]), 0.5
    heads = Dense(np.array([[0.5, 0.0]]), np.zeros(1)), Dense(np.array([[-2.0, 0.0]]), np.array([2 - 2 * np.log(2)]))
    decoder = Dense(np.array([[2.0], [-1.0]]), np.zeros(2))
    net = VAE([], *heads, [decoder])
    cache = forward(x, eps, net)
    slope = backward(cache)
    after, elbo = step(x, eps, net, rate)
    inputs = {
        "x": x,
        "eps": eps,
        "W_mu": net.mu.W,
        "W_logvar": net.logvar.W,
        "b_logvar": net.logvar.b,
        "W_dec": decoder.W,
    }
    values = {
        "mu": cache.mu.y,
        "logvar": cache.logvar.y,
        "sigma": np.exp(cache.logvar.y / 2),
        "z": cache.z,
        "out": cache.out,
    }
    terms = {
        "learning_rate": np.array(rate),
        "log_likelihood": cache.log_likelihood,
        "kl": cache.kl,
        "elbo": np.array(elbo),
    }
    # With m = 1 and one input that is 1, the slope of a head's bias is the slope of what it says.
    slopes = {"dmu": slope.mu.b, "dlogvar": slope.logvar.b, "dW_mu": slope.mu.W, "dW_logvar": slope.logvar.W}
    slopes["dW_dec"] = slope.decoder[0].W
    return {**inputs, **values, **terms, **slopes, "elbo after": np.array(forward(x, eps, after).elbo)}
