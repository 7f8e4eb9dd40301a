"""The importance-weighted bound, against a network whose likelihood is known in closed form."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from learnloop.contracts import InputSpec
from learnloop.models.generative.vae import VAEConfig
from learnloop.models.generative.variational import bernoulli_log_likelihood
from learnloop.scores.likelihood import importance_bound
from learnloop.seeds import seed_torch


class Plain:
    """z ~ N(0, 1), x ~ N(z, 1), so that x ~ N(0, 2); q(z | x) is N(x / 2 + shift, spread), true at 0 and 1/2."""

    def __init__(self, shift: float = 0.0, spread: float = 0.5) -> None:
        self.shift, self.spread = shift, spread
        self.sizes: list[int] = []

    def read(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return inputs

    def drawn(self, rows: tuple[Tensor, ...], generator: torch.Generator | None = None) -> tuple[Tensor, ...]:
        return rows

    def posterior(self, rows: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        mu = rows[0] / 2 + self.shift
        return mu, torch.full_like(mu, math.log(self.spread))

    def log_likelihood(self, rows: tuple[Tensor, ...], codes: Tensor, label: Tensor | None = None) -> Tensor:
        self.sizes.append(codes.shape[0] * codes.shape[1])
        return -0.5 * ((rows[0].unsqueeze(1) - codes).square() + math.log(2 * math.pi)).sum(2)


X = torch.tensor([[0.3], [-1.0], [2.5]])
TRUE = (-0.25 * X.square() - 0.5 * math.log(4 * math.pi)).squeeze(1).double()


def bound(net: Plain, k: int, seed: int = 0, at_once: int = 2048, x: Tensor = X) -> Tensor:
    return importance_bound(net, (x,), k, torch.Generator().manual_seed(seed), at_once=at_once)


def test_with_the_true_posterior_every_draw_gives_the_likelihood() -> None:
    for k in (1, 7):
        assert torch.allclose(bound(Plain(), k), TRUE, atol=1e-5)


def test_with_another_posterior_more_draws_bring_it_nearer_from_below() -> None:
    net = Plain(shift=0.7, spread=0.8)
    found = {k: bound(net, k, x=X.repeat(500, 1)).view(500, 3).mean(0) for k in (1, 5, 50)}
    # -KL(q || posterior) is what the ELBO, k = 1, is short of
    gap = 0.5 * (0.8 / 0.5 + 0.7**2 / 0.5 - 1 - math.log(0.8 / 0.5))
    assert torch.allclose(found[1], TRUE - gap, atol=0.15)
    assert (found[1] < found[5]).all() and (found[5] < found[50]).all() and (found[50] < TRUE).all()
    assert torch.allclose(bound(net, 20_000), TRUE, atol=0.05)


def test_chunks_bound_the_codes_decoded_at_once_and_all_draws_count() -> None:
    net = Plain(shift=0.7, spread=0.8)
    split = bound(net, 1000, at_once=64)
    assert max(net.sizes) <= 64 and sum(net.sizes) == 3000
    assert torch.allclose(split, bound(net, 1000), atol=0.2)  # other draws of the same number
    assert torch.equal(bound(net, 1000, at_once=64), split)
    net.sizes.clear()
    bound(net, 10, at_once=64, x=X.repeat(5, 1))
    assert max(net.sizes) == 60 and sum(net.sizes) == 150


def test_the_share_that_is_done_is_told() -> None:
    shares: list[float] = []
    importance_bound(Plain(), (X,), 8, torch.Generator().manual_seed(0), at_once=8, watch=shares.append)
    assert shares == pytest.approx([1 / 3, 2 / 3, 1])
    assert importance_bound(Plain(), (X[:0],), 8, torch.Generator()).shape == (0,)
    with pytest.raises(ValueError, match="at least 1, found 0"):
        bound(Plain(), 0)


@pytest.mark.parametrize("pixels", [784, 90, 7])
def test_the_likelihood_of_many_codes_is_the_sum_over_pixels(pixels: int) -> None:
    generator = torch.Generator().manual_seed(0)
    raw = 12 * torch.randn(3, 5, pixels, generator=generator)
    raw[0, 0] = 60.0  # e^60 squared would overflow
    bits = (torch.rand(3, pixels, generator=generator) < 0.4).float()
    exact = torch.distributions.Bernoulli(logits=raw.double()).log_prob(bits.double().unsqueeze(1)).sum(2)
    assert torch.allclose(bernoulli_log_likelihood(raw, bits).double(), exact, rtol=1e-5)


def test_a_vae_has_a_bound_that_many_draws_make_better_than_its_elbo() -> None:
    seed_torch(0, "weights")
    spec = InputSpec("image", shape=(1, 6, 6), mean=(0.4,), std=(0.2,))
    x = torch.randint(0, 256, (20, 1, 6, 6), dtype=torch.uint8)
    for config in (VAEConfig(code=3, widths=(16,)), VAEConfig(code=3, widths=(16,), likelihood="gaussian")):
        net = config.build(spec).eval()
        before = torch.get_rng_state()
        found = importance_bound(net, (x,), 400, torch.Generator().manual_seed(0))  # type: ignore[arg-type]
        assert torch.equal(before, torch.get_rng_state())
        single = importance_bound(net, (x.repeat(40, 1, 1, 1),), 1, torch.Generator().manual_seed(1))  # type: ignore[arg-type]
        assert float(found.mean()) > float(single.mean())
        assert float(single.mean()) == pytest.approx(net.terms(x)["elbo"].mean().item(), rel=0.05)  # type: ignore[operator]
