"""The evidence lower bound of the variational autoencoder: its two terms, and the draw of the code between them.

    z  = mu + sigma * eps,   eps ~ N(0, I)                         reparameterisation: the dice stand outside
    KL = -1/2 sum_j (1 + log sigma_j^2 - mu_j^2 - sigma_j^2)       KL(N(mu, sigma^2) || N(0, I)), in nats
    log p(x|z) = sum_j x_j log p_j + (1 - x_j) log(1 - p_j)        Bernoulli, p = sigmoid(out), 0 <= x <= 1
    log p(x|z) = -1/2 sum_j ((x_j - out_j)^2 / s^2 + log(2 pi s^2))     Gaussian around out, s given
    ELBO = E_z[log p(x|z)] - KL  <=  log p(x)                      to be made large: the loss is -ELBO

    dz/dmu = 1    dz/dlog sigma^2 = eps sigma / 2    dKL/dmu = mu    dKL/dlog sigma^2 = (sigma^2 - 1) / 2

| here            | shape          | PyTorch                                                               |
|-----------------|----------------|-----------------------------------------------------------------------|
| mu, logvar      | [m, latent]    | what the encoder says; logvar = log sigma^2                           |
| eps, z          | [m, latent]    | torch.randn_like(mu), Normal(mu, sigma).rsample()                     |
| gaussian_kl     | [m]            | distributions.kl_divergence(Normal(mu, sigma), Normal(0, 1)).sum(-1)  |
| log_likelihood  | [m]            | Bernoulli(logits=out).log_prob(x).sum(-1), which is -binary_cross_    |
|                 |                | entropy_with_logits summed; Normal(out, s).log_prob(x).sum(-1)        |

Source: Kingma and Welling 2014, Auto-Encoding Variational Bayes, sections 2.2 and 2.4, appendix B (guide 004,
section 9.2, equations 70 and 71).
Against the guide: its equation 71 calls the ELBO the loss; its code minimises the negative, as here.
Against PyTorch: both terms are summed over pixels and over codes. With mse_loss or binary_cross_entropy at
reduction="mean" the reconstruction is divided by the number of pixels, and the KL weighs that many times too much.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from learnloop.scratch.activations import sigmoid

Array: TypeAlias = NDArray[np.float64]
Likelihood: TypeAlias = Literal["bernoulli", "gaussian"]


def reparameterise(mu: Array, logvar: Array, eps: Array) -> Array:
    """z = mu + sigma * eps, sigma = exp(logvar / 2). All [m, latent]. Raises ValueError when the shapes differ."""
    if not mu.shape == logvar.shape == eps.shape:
        raise ValueError(
            f"z = mu + sigma * eps: mu is {list(mu.shape)}, log sigma^2 is {list(logvar.shape)}, "
            f"eps is {list(eps.shape)}; all three must have the same shape"
        )
    return mu + np.exp(logvar / 2) * eps


def reparameterise_backward(dz: Array, logvar: Array, eps: Array) -> tuple[Array, Array]:
    """dmu = dz, dlogvar = dz * eps * sigma / 2. eps is a constant: no slope has to go through the dice."""
    return dz, dz * eps * np.exp(logvar / 2) / 2


def gaussian_kl(mu: Array, logvar: Array) -> Array:
    """KL(N(mu, sigma^2) || N(0, I)) = -1/2 sum_j (1 + logvar_j - mu_j^2 - exp(logvar_j)), [m]."""
    return -0.5 * (1 + logvar - mu**2 - np.exp(logvar)).sum(axis=-1)


def gaussian_kl_backward(mu: Array, logvar: Array) -> tuple[Array, Array]:
    """dmu = mu, dlogvar = (exp(logvar) - 1) / 2, for each sample's own KL. Both are 0 at mu = 0, sigma = 1."""
    return mu, (np.exp(logvar) - 1) / 2


def gaussian_kl_draws(mu: Array, logvar: Array, eps: Array) -> Array:
    """log q(z) - log p(z) at z = mu + sigma * eps, summed over latent: its mean over draws of eps is the KL."""
    z = reparameterise(*np.broadcast_arrays(mu, logvar, eps))
    # log q = -1/2 sum (eps^2 + log sigma^2 + log 2 pi), log p = -1/2 sum (z^2 + log 2 pi)
    return 0.5 * (z**2 - eps**2 - logvar).sum(axis=-1)


def log_likelihood(x: Array, out: Array, likelihood: Likelihood, s: float = 1.0) -> Array:
    """log p(x|z) of each sample, [m], from the decoder's logits (bernoulli) or means (gaussian).

    Raises ValueError when x and out differ in shape, or for another likelihood.
    """
    _check(x, out, likelihood)
    if likelihood == "bernoulli":
        # log sigmoid(a) = a - log(1 + e^a), log(1 - sigmoid(a)) = -log(1 + e^a)
        return (x * out - np.logaddexp(0, out)).sum(axis=-1)
    return -0.5 * (((x - out) / s) ** 2 + np.log(2 * np.pi * s**2)).sum(axis=-1)


def log_likelihood_backward(x: Array, out: Array, likelihood: Likelihood, s: float = 1.0) -> Array:
    """d log p(x|z) / d out: x - sigmoid(out), or (x - out) / s^2. Both are what is there less what was said."""
    _check(x, out, likelihood)
    if likelihood == "bernoulli":
        return x - sigmoid(out)
    return (x - out) / s**2


def _check(x: Array, out: Array, likelihood: Likelihood) -> None:
    if x.shape != out.shape:
        raise ValueError(f"log p(x|z): x is {list(x.shape)}, out is {list(out.shape)}; they must have the same shape")
    if likelihood not in ("bernoulli", "gaussian"):
        raise ValueError(f'likelihood must be "bernoulli" or "gaussian", found {likelihood!r}')


def example() -> dict[str, Array]:
    """One sample of two pixels with a code of two numbers; the decoder hands z through as logits."""
    x, eps = np.array([[1.0, 0.0]]), np.array([[0.5, -1.0]])
    mu, logvar = np.array([[1.0, -0.5]]), np.array([[0.0, 2 * np.log(0.5)]])
    z = reparameterise(mu, logvar, eps)
    said, cost = log_likelihood(x, z, "bernoulli"), gaussian_kl(mu, logvar)
    dz = log_likelihood_backward(x, z, "bernoulli")
    dmu_z, dlogvar_z = reparameterise_backward(dz, logvar, eps)
    dmu_kl, dlogvar_kl = gaussian_kl_backward(mu, logvar)
    values = {"x": x, "mu": mu, "logvar": logvar, "sigma": np.exp(logvar / 2), "eps": eps, "z": z, "p": sigmoid(z)}
    slopes = {"dz": dz, "dmu_z": dmu_z, "dlogvar_z": dlogvar_z, "dmu_kl": dmu_kl, "dlogvar_kl": dlogvar_kl}
    return {**values, "log_likelihood": said, "kl": cost, "elbo": said - cost, **slopes}
