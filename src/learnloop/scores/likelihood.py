"""How likely rows are under a network with latent codes: a lower bound of log p(x) that more draws make tighter."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

Read = tuple[Tensor, ...]

AT_ONCE = 1024
"""Codes that are decoded in one call: what they are decoded to stays in a processor's cache."""


class Latent(Protocol):
    """A network with p(x | z), z ~ N(0, I), and q(z | x) = N(mu, diag sigma^2)."""

    def read(self, *inputs: Tensor) -> Read: ...

    def drawn(self, rows: Read, generator: torch.Generator | None = None) -> Read: ...

    def posterior(self, rows: Read) -> tuple[Tensor, Tensor]: ...

    def log_likelihood(self, rows: Read, codes: Tensor, label: Tensor | None = None) -> Tensor: ...


def importance_bound(
    net: Latent,
    inputs: tuple[Tensor, ...],
    k: int,
    generator: torch.Generator,
    *,
    label: Tensor | None = None,
    at_once: int = AT_ONCE,
    watch: Callable[[float], None] | None = None,
) -> Tensor:
    """L_k = log 1/k sum_i p(x | z_i) p(z_i) / q(z_i | x), z_i ~ q(z | x), i = 1 .. k: float64 [n], nats, <= log p(x) in
    the mean, and rising with k. k = 1 is a draw of the ELBO.

    inputs     the batch keys of the network, n rows, on its device
    generator  of that device: draws the codes, and which pixels are white where they are binarised
    label      int64 [n] for a network that is told a class
    at_once    codes decoded in one call, whatever k and n are: bounded memory
    watch      told the share that is done
    The network is left in the mode that it was in; nothing else is drawn.
    Burda, Grosse and Salakhutdinov 2016, Importance Weighted Autoencoders, section 3, equation 8.
    Raises ValueError for k < 1.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, found {k}")
    rows_at_once = max(1, at_once // k)
    found = []
    n = len(inputs[0])
    with torch.inference_mode():
        for start in range(0, n, rows_at_once):
            stop = min(start + rows_at_once, n)
            some = tuple(part[start:stop] for part in inputs)
            told = None if label is None else label[start:stop]
            rows = net.drawn(net.read(*some), generator)
            found.append(_bound(net, rows, k, generator, told, max(at_once // (stop - start), 1)))
            if watch is not None:
                watch(stop / n)
    return torch.cat(found) if found else torch.zeros(0, dtype=torch.float64)


def _bound(net: Latent, rows: Read, k: int, generator: torch.Generator, label: Tensor | None, at_once: int) -> Tensor:
    mu, logvar = net.posterior(rows)
    mu, logvar, sigma = mu.unsqueeze(1), logvar.unsqueeze(1), (0.5 * logvar).exp().unsqueeze(1)  # [n, 1, code]
    total: Tensor | None = None
    for done in range(0, k, at_once):
        draws = min(at_once, k - done)
        noise = torch.randn(len(mu), draws, mu.shape[2], generator=generator, device=mu.device)  # [n, draws, code]
        codes = mu + sigma * noise
        # log p(z) - log q(z | x); both have the same constant
        prior = 0.5 * (noise.square() - codes.square() + logvar).sum(2)  # [n, draws]
        weights = (net.log_likelihood(rows, codes, label).double() + prior.double()).logsumexp(1)  # [n]
        total = weights if total is None else torch.logaddexp(total, weights)
    assert total is not None
    return total - math.log(k)
