"""Schedules: the learning rate alpha_t at step t = 0, 1, 2, ...

    exponential  alpha_0 decay^(t / steps)                                                              (73)
    staircase    alpha_0 decay^floor(t / steps)
    milestones   alpha_0 decay^(number of milestones <= t)
    linear       alpha_0 (start + (end - start) min(t, steps) / steps)
    cosine       alpha_end + (alpha_0 - alpha_end) (1 + cos(pi t / steps)) / 2,  alpha_end from t = steps on
    warm_up      alpha_0 (start + (1 - start) t / steps) while t < steps, then after(t - steps)
    one_cycle    half a cosine from alpha_0 / 25 up to alpha_0, then half a cosine down to alpha_0 / 250000

t may be a number or an array of steps: the rate has its shape.

| here                      | PyTorch (torch.optim.lr_scheduler; alpha_0 = the optimiser's lr)                     |
|---------------------------|--------------------------------------------------------------------------------------|
| exponential               | ExponentialLR(gamma=decay ** (1 / steps))                                            |
| staircase                 | StepLR(step_size=steps, gamma=decay)                                                 |
| milestones                | MultiStepLR(milestones, gamma=decay)                                                 |
| linear                    | LinearLR(start_factor=start, end_factor=end, total_iters=steps)                      |
| cosine                    | CosineAnnealingLR(T_max=steps, eta_min=alpha_end)                                    |
| warm_up                   | SequentialLR([LinearLR(start_factor=start, total_iters=steps), after], [steps])      |
| one_cycle                 | OneCycleLR(max_lr=alpha_0, total_steps=steps, pct_start=rise)                        |

Where the forms differ. Guide 004 prints (73) with t / decay_steps, a curve without steps; with whole numbers divided
down it is the staircase, PyTorch's StepLR. PyTorch's cosine climbs again after T_max (Loshchilov and Hutter restart
it); here it stays down. PyTorch's schedulers hand back the rate by recursion from the last one, these by formula: equal
up to rounding.

Source: guide 004, section 12.1, equation 73; Loshchilov and Hutter 2017, SGDR, equation 5 (cosine); Smith and Topin
2019, Super-Convergence (one cycle); Goyal et al. 2017, Accurate, Large Minibatch SGD, section 2.2 (warm-up).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.float64]


def exponential(t: Array | float, alpha_0: float, decay: float, steps: int) -> Array:
    _check("alpha_t = alpha_0 decay^(t / steps)", t, steps)
    return np.asarray(alpha_0 * decay ** (np.asarray(t) / steps))


def staircase(t: Array | float, alpha_0: float, decay: float, steps: int) -> Array:
    _check("alpha_t = alpha_0 decay^floor(t / steps)", t, steps)
    return np.asarray(alpha_0 * decay ** (np.asarray(t) // steps))


def milestones(t: Array | float, alpha_0: float, decay: float, at: Sequence[int]) -> Array:
    """at: the steps from which on the rate is multiplied with decay once more."""
    _check("alpha_t = alpha_0 decay^(number of milestones <= t)", t)
    passed = np.searchsorted(np.sort(at), t, side="right")  # how many milestones are <= t
    return np.asarray(alpha_0 * decay ** passed.astype(float))


def linear(t: Array | float, alpha_0: float, steps: int, start: float = 1.0, end: float = 0.0) -> Array:
    _check("alpha_t = alpha_0 (start + (end - start) t / steps)", t, steps)
    return np.asarray(alpha_0 * (start + (end - start) * np.minimum(t, steps) / steps))


def cosine(t: Array | float, alpha_0: float, steps: int, alpha_end: float = 0.0) -> Array:
    _check("alpha_t = alpha_end + (alpha_0 - alpha_end) (1 + cos(pi t / steps)) / 2", t, steps)
    return alpha_end + (alpha_0 - alpha_end) * (1 + np.cos(np.pi * np.minimum(t, steps) / steps)) / 2


def warm_up(t: Array | float, alpha_0: float, steps: int, after: Callable[[Array], Array], start: float = 0.0) -> Array:
    """after: the schedule that follows, as a function of the steps since the warm-up."""
    _check("alpha_t = alpha_0 (start + (1 - start) t / steps)", t, steps)
    t = np.asarray(t, float)
    rising = alpha_0 * (start + (1 - start) * t / steps)
    return np.where(t < steps, rising, after(np.maximum(t - steps, 0)))


def one_cycle(
    t: Array | float, alpha_0: float, steps: int, rise: float = 0.3, first: float = 1 / 25, last: float = 1 / 250000
) -> Array:
    """Up until step rise * steps - 1, down until the last step, steps - 1; ends at alpha_0 last, starts at first."""
    _check("alpha_t from alpha_0 first to alpha_0 to alpha_0 last", t, steps)
    if not 1 < rise * steps < steps:
        raise ValueError(f"top = rise steps - 1: rise is {rise}, steps is {steps}; the top must lie inside the run")
    t, top, end = np.asarray(t, float), rise * steps - 1, steps - 1
    up = half_cosine(alpha_0 * first, alpha_0, np.clip(t / top, 0, 1))
    down = half_cosine(alpha_0, alpha_0 * last, np.clip((t - top) / (end - top), 0, 1))
    return np.where(t <= top, up, down)


def half_cosine(start: float, end: float, share: Array) -> Array:
    """From start (share 0) to end (share 1), flat at both."""
    return end + (start - end) * (1 + np.cos(np.pi * share)) / 2


def _check(equation: str, t: Array | float, steps: int = 1) -> None:
    if steps < 1:
        raise ValueError(f"{equation}: steps is {steps}; it takes 1 step or more")
    if np.any(np.asarray(t) < 0):
        raise ValueError(f"{equation}: t is {np.min(t)}; steps are counted from 0")


def example() -> dict[str, Array]:
    """alpha_0 = 0.1 at t = 0, 5, 10, 20, halved every 10 steps, and the other curves over 20 steps."""
    t = np.array([0.0, 5.0, 10.0, 20.0])
    return {
        "t": t,
        "exponential": exponential(t, 0.1, 0.5, 10),
        "staircase": staircase(t, 0.1, 0.5, 10),
        "milestones": milestones(t, 0.1, 0.1, (5, 15)),
        "linear": linear(t, 0.1, 20),
        "cosine": cosine(t, 0.1, 20),
        "warm_up": warm_up(t, 0.1, 10, lambda s: linear(s, 0.1, 10)),
        "one_cycle": one_cycle(t, 0.1, 21),
    }
