"""What generator and discriminator make small, from the scores s that the discriminator gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from learnloop.models.generative.adversaries import ObjectiveName


@dataclass(frozen=True)
class Objective:
    """The losses of a two-player game on scores r of real and f of made pictures [n].

    discriminator  (r, f, smoothing) -> scalar; smoothing: a target of real pictures is 1 - smoothing
    generator      f -> scalar
    belief         scores -> how real they say that the pictures are, 0..1; of Wasserstein the scores themselves
    clips          the discriminator's weights are kept within a bound after each of its steps
    penalised      the gradient of scores by pictures is drawn to length 1
    """

    title: str
    source: str
    discriminator: Callable[[Tensor, Tensor, float], Tensor]
    generator: Callable[[Tensor], Tensor]
    belief: Callable[[Tensor], Tensor]
    clips: bool = False
    penalised: bool = False


def cross_entropy(r: Tensor, f: Tensor, smoothing: float) -> Tensor:
    """-E[t log D(x) + (1 - t) log(1 - D(x))] - E[log(1 - D(G(z)))], D = sigmoid(s), t = 1 - smoothing."""
    real = functional.softplus(-r) + smoothing * r  # -t log sigmoid(r) - (1 - t) log(1 - sigmoid(r))
    return real.mean() + functional.softplus(f).mean()


def saturating(f: Tensor) -> Tensor:
    """E[log(1 - D(G(z)))]: its gradient vanishes where the discriminator is sure."""
    return -functional.softplus(f).mean()


def non_saturating(f: Tensor) -> Tensor:
    """-E[log D(G(z))]."""
    return functional.softplus(-f).mean()


def squares(r: Tensor, f: Tensor, smoothing: float) -> Tensor:
    """E[(r - 1)^2] / 2 + E[f^2] / 2."""
    return ((r - (1 - smoothing)).square().mean() + f.square().mean()) / 2


def square(f: Tensor) -> Tensor:
    """E[(f - 1)^2] / 2."""
    return (f - 1).square().mean() / 2


def difference(r: Tensor, f: Tensor, smoothing: float) -> Tensor:
    """E[f] - E[r]: minus the distance between made and real pictures, where scores change by at most 1 a unit."""
    return f.mean() - r.mean()


def margins(r: Tensor, f: Tensor, smoothing: float) -> Tensor:
    """E[max(0, 1 - r)] + E[max(0, 1 + f)]."""
    return functional.relu(1 - r).mean() + functional.relu(1 + f).mean()


def rise(f: Tensor) -> Tensor:
    """-E[f]."""
    return -f.mean()


def _within(scores: Tensor) -> Tensor:
    return scores.clamp(0, 1)


def _of_margins(scores: Tensor) -> Tensor:
    """0 where a score is at the margin of made pictures or beyond, 1 at that of real ones."""
    return ((scores + 1) / 2).clamp(0, 1)


def _as_they_are(scores: Tensor) -> Tensor:
    return scores


OBJECTIVES: dict[ObjectiveName, Objective] = {
    "non_saturating": Objective(
        "cross entropy; the generator raises log D(G(z))",
        "Goodfellow et al. 2014, section 3",
        cross_entropy,
        non_saturating,
        torch.sigmoid,
    ),
    "minimax": Objective(
        "cross entropy; the generator lowers log(1 - D(G(z)))",
        "Goodfellow et al. 2014, equation 1",
        cross_entropy,
        saturating,
        torch.sigmoid,
    ),
    "least_squares": Objective(
        "squared distance of scores from 1 and 0",
        "Mao et al. 2017, arXiv:1611.04076, equation 9",
        squares,
        square,
        _within,
    ),
    "wasserstein": Objective(
        "difference of mean scores, weights clipped",
        "Arjovsky et al. 2017, arXiv:1701.07875, algorithm 1",
        difference,
        rise,
        _as_they_are,
        clips=True,
    ),
    "wgan_gp": Objective(
        "difference of mean scores, gradients drawn to length 1",
        "Gulrajani et al. 2017, arXiv:1704.00028, algorithm 1",
        difference,
        rise,
        _as_they_are,
        penalised=True,
    ),
    "hinge": Objective(
        "scores beyond a margin of 1 on either side",
        "Lim and Ye 2017, arXiv:1705.02894; with spectral norm Miyato et al. 2018, equations 16 and 17",
        margins,
        rise,
        _of_margins,
    ),
}


def gradient_penalty(score: Callable[[Tensor], Tensor], real: Tensor, made: Tensor, share: Tensor) -> Tensor:
    """E[(|d s(x) / d x| - 1)^2] at x = share x_real + (1 - share) x_made, a scalar with a graph behind it.

    score        pictures [n, ...] -> scores [n]
    real, made   pictures [n, ...]
    share        uniform in 0..1, one a picture: [n]

    Gulrajani et al. 2017, equation 3 (without its factor lambda).
    """
    a = share.view(-1, *(1 for _ in real.shape[1:])).to(real.dtype)  # [n, 1, ...]
    between = torch.lerp(made.detach().to(real.dtype), real, a).requires_grad_(True)
    (slope,) = torch.autograd.grad(score(between).sum(), between, create_graph=True)  # [n, ...]
    # 1e-12 under the root: its slope at 0 is infinite
    return ((slope.flatten(1).square().sum(1) + 1e-12).sqrt() - 1).square().mean()
