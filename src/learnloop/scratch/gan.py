"""Generative adversarial network: a generator G makes samples from noise, a discriminator D tells them from real ones.

    min_G max_D V(D, G) = E_x[log D(x)] + E_z[log(1 - D(G(z)))]          D(x) = sigmoid(a(x)), a the logit

    discriminator    L_D = -V                       dL_D/da = (D - 1) / m on real, D / m on generated samples
    generator
      minimax        L_G = mean log(1 - D(G(z)))    dL_G/da = -D / m          nearly 0 while D sees through G
      non-saturating L_G = -mean log D(G(z))        dL_G/da = -(1 - D) / m    nearly -1 / m there

    best D for a given G: D*(x) = p(x) / (p(x) + q(x)), where V = 2 JS(p, q) - log 4  (p real, q generated)

| here              | shape             | PyTorch                                                             |
|-------------------|-------------------|---------------------------------------------------------------------|
| G, D              | lists of `Dense`  | two nn.Sequential; D ends in a logit, without its sigmoid           |
| x, z              | [m, features], [m, noise] | a batch of data, torch.randn(m, noise)                      |
| L_D               | number            | BCEWithLogitsLoss()(a_real, ones) + BCEWithLogitsLoss()(a_fake, zeros) |
| non-saturating L_G | number           | BCEWithLogitsLoss()(a_fake, ones)                                   |

Source: Goodfellow et al. 2014, equation 1, algorithm 1, section 3 (non-saturating), proposition 1 and theorem 1
(guide 004, section 10.1, equation 72; guide 000, Training GANs).
Against guide 004: its code labels generated images 1 and real ones 0, so its D is 1 - D here. It trains G with the
non-saturating loss, not with equation 72. It adds noise in 0 .. 0.05 to the labels, which lifts 1 above 1: a target
that no probability can reach. Its L_D is the mean over the joined batch, half of L_D here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from learnloop.scratch.activations import sigmoid
from learnloop.scratch.dense import Dense, descend, stack, stack_backward

Array: TypeAlias = NDArray[np.float64]
Objective: TypeAlias = Literal["minimax", "non-saturating"]


class GanStep(NamedTuple):
    """One player's step: its layers afterwards, the gradients that moved them, its loss before."""

    layers: list[Dense]
    gradients: list[Dense]
    loss: float


def log_sigmoid(a: Array) -> Array:
    """log sigmoid(a) = -log(1 + e^-a), safe for any a; log(1 - sigmoid(a)) is log_sigmoid(-a)."""
    return -np.logaddexp(0, -a)


def value(a_real: Array, a_fake: Array) -> float:
    """V = mean log D(x) + mean log(1 - D(G(z))), at most 0; -log 4 where D says 1/2 to everything."""
    return float(log_sigmoid(a_real).mean() + log_sigmoid(-a_fake).mean())


def value_backward(a_real: Array, a_fake: Array) -> tuple[Array, Array]:
    """dV/da_real = (1 - D) / m, dV/da_fake = -D / m: real logits up, generated ones down."""
    return sigmoid(-a_real) / a_real.size, -sigmoid(a_fake) / a_fake.size


def generator_loss(a_fake: Array, objective: Objective) -> float:
    """mean log(1 - D(G(z))) (minimax: the part of V that G can move) or -mean log D(G(z)) (non-saturating)."""
    return float(log_sigmoid(-a_fake).mean() if _is_minimax(objective) else -log_sigmoid(a_fake).mean())


def generator_loss_backward(a_fake: Array, objective: Objective) -> Array:
    """dL_G/da = -D / m (minimax) or -(1 - D) / m (non-saturating): both want the logit up."""
    slope = sigmoid(a_fake) if _is_minimax(objective) else sigmoid(-a_fake)
    return -slope / a_fake.size


def _is_minimax(objective: Objective) -> bool:
    if objective not in ("minimax", "non-saturating"):
        raise ValueError(f'objective must be "minimax" or "non-saturating", found {objective!r}')
    return objective == "minimax"


def discriminator_step(x: Array, z: Array, G: Sequence[Dense], D: Sequence[Dense], learning_rate: float) -> GanStep:
    """D after one descent on L_D = -V; G stands still. x [m, features], z [m', noise].

    Raises ValueError when G's samples are not as wide as x.
    """
    fake, _ = stack(z, G)  # [m', features]
    if fake.shape[1:] != x.shape[1:]:
        raise ValueError(
            f"V = E_x[log D(x)] + E_z[log(1 - D(G(z)))]: x is {list(x.shape)}, G(z) is {list(fake.shape)}; "
            f"G's last layer needs {x.shape[-1]} units"
        )
    a_real, real_passes = stack(x, D)  # [m, 1]
    a_fake, fake_passes = stack(fake, D)  # [m', 1]
    dV_real, dV_fake = value_backward(a_real, a_fake)
    _, from_real = stack_backward(-dV_real, real_passes)
    _, from_fake = stack_backward(-dV_fake, fake_passes)
    # The same weights judged both batches: their slopes add up.
    gradients = [Dense(r.W + f.W, r.b + f.b, r.g) for r, f in zip(from_real, from_fake)]
    return GanStep(descend(D, gradients, learning_rate), gradients, -value(a_real, a_fake))


def generator_step(
    z: Array, G: Sequence[Dense], D: Sequence[Dense], learning_rate: float, objective: Objective = "non-saturating"
) -> GanStep:
    """G after one descent on L_G; D stands still, but its weights carry the slope from the logit to the sample."""
    fake, passes = stack(z, G)  # [m, features]
    a_fake, judged = stack(fake, D)  # [m, 1]
    dfake, _ = stack_backward(generator_loss_backward(a_fake, objective), judged)  # [m, features]
    _, gradients = stack_backward(dfake, passes)
    return GanStep(descend(G, gradients, learning_rate), gradients, generator_loss(a_fake, objective))


def optimal_discriminator(p: Array, q: Array) -> Array:
    """D*(x) = p(x) / (p(x) + q(x)): where p log D + q log(1 - D) has slope p / D - q / (1 - D) = 0.

    p, q densities of real and generated samples at the same points. Raises ValueError where both are 0.
    """
    if not (p + q > 0).all():
        raise ValueError(
            "D* = p / (p + q): p and q are both 0 somewhere; nothing comes from there, so D may say anything"
        )
    return p / (p + q)


def jensen_shannon(p: Array, q: Array, dx: float) -> float:
    """JS = 1/2 KL(p || (p + q) / 2) + 1/2 KL(q || (p + q) / 2) by a sum over a grid of step dx, in nats: 0 to log 2."""
    middle = (p + q) / 2
    return float(0.5 * dx * (_relative(p, middle) + _relative(q, middle)).sum())


def _relative(p: Array, q: Array) -> Array:
    """p log(p / q), 0 where p = 0."""
    return p * np.log(np.where(p > 0, p, 1.0) / np.where(p > 0, q, 1.0))


def example() -> dict[str, Array]:
    """Two real numbers, two noises, G(z) = z, a(x) = x / 2 - 1: a step of 0.1 for D, then one for G, both ways."""
    x, z, rate = np.array([[3.0], [5.0]]), np.array([[-1.0], [2.0]]), 0.1
    G = [Dense(np.array([[1.0]]), np.zeros(1))]
    D = [Dense(np.array([[0.5]]), np.array([-1.0]))]
    fake, a_real, a_fake = stack(z, G)[0], stack(x, D)[0], stack(stack(z, G)[0], D)[0]
    first = discriminator_step(x, z, G, D, rate)
    a_fake_2 = stack(fake, first.layers)[0]
    players = {"W_G": G[0].W, "b_G": G[0].b, "W_D": D[0].W, "b_D": D[0].b, "learning_rate": np.array(rate)}
    values = {**players, "x": x, "z": z, "fake": fake, "a_real": a_real, "a_fake": a_fake}
    values |= {"D_real": sigmoid(a_real), "D_fake": sigmoid(a_fake), "V": np.array(value(a_real, a_fake))}
    values |= {"dW_D": first.gradients[0].W, "db_D": first.gradients[0].b}
    values |= {"W_D after": first.layers[0].W, "b_D after": first.layers[0].b}
    values |= {"V after D": np.array(value(stack(x, first.layers)[0], a_fake_2)), "D_fake 2": sigmoid(a_fake_2)}
    objectives: tuple[Objective, ...] = ("minimax", "non-saturating")
    for objective in objectives:
        second = generator_step(z, G, first.layers, rate, objective)
        moved, _ = stack(stack(z, second.layers)[0], first.layers)
        values |= {f"L_G {objective}": np.array(second.loss), f"dW_G {objective}": second.gradients[0].W}
        values |= {f"db_G {objective}": second.gradients[0].b, f"D_fake after {objective}": sigmoid(moved)}
    return values
