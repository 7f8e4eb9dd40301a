"""Whether a lower precision gives the step that float32 gives: the same loss, and a gradient that points the same way.

|L - L32| <= 2 % of |L32|, and  cos(g, g32) > 0.98,  or  cos(g, g32) > 0.95 and |g - g32| <= |ga - gb| / 2 / 3

ga, gb: float32 gradients of the two halves of the batch. Half their difference deviates as the gradient of the whole
batch does from one batch to the next, so that in the last case rounding adds a ninth of the sampling variance at most.
New networks with max pools are in between: at a cosine of 0.977 to 0.984 on 64 pictures, with rounding a fifth of the
noise (measured here on `fastnet`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from learnloop.contracts import Batch
from learnloop.optim.plan import DType

LOSS_AGREES = 0.02
COSINE_AGREES = 0.98
COSINE_IN_NOISE, NOISE_SHARE = 0.95, 1 / 3


@dataclass
class Outcome:
    """Loss and all gradients [weights] of one batch."""

    loss: float
    gradient: Tensor


OutcomeOf = Callable[[DType, Batch], Outcome]


def disagreement(outcome: OutcomeOf, dtype: DType, batch: Batch) -> str:
    """Why `dtype` must not be used instead of float32, or the empty string."""
    exact, found = outcome("float32", batch), outcome(dtype, batch)
    apart = abs(found.loss - exact.loss) / max(abs(exact.loss), 1e-3)
    if not apart <= LOSS_AGREES:
        return f"its loss is {100 * apart:.1f} % off float32's (at most {100 * LOSS_AGREES:.0f} %)"
    cosine = float(torch.nn.functional.cosine_similarity(found.gradient, exact.gradient, dim=0))
    if cosine > COSINE_AGREES:
        return ""
    rounding = float((found.gradient - exact.gradient).norm())
    if cosine > COSINE_IN_NOISE and rounding <= NOISE_SHARE * _noise(outcome, batch):
        return ""
    return f"its gradient has cosine {cosine:.3f} with float32's (more than {COSINE_AGREES})"


def _noise(outcome: OutcomeOf, batch: Batch) -> float:
    """|ga - gb| / 2; 0 where the batch has no halves."""
    rows = len(next(iter(batch.values())))
    if rows < 2 or any(len(tensor) != rows for tensor in batch.values()):
        return 0.0
    first, second = (
        outcome("float32", {key: tensor[half] for key, tensor in batch.items()}).gradient
        for half in (slice(0, rows // 2), slice(rows // 2, 2 * (rows // 2)))
    )
    return float((first - second).norm() / 2)
