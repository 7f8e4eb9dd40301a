"""Grey pixels as black and white ones: each is white with the chance that its intensity says."""

from __future__ import annotations

import torch
from torch import Tensor


def bernoulli(x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """b ~ Bernoulli(x), float32 0 or 1, of the shape of x in 0..1 (float32).

    On a CPU four draws of 16 bits come from one of 64: P(b = 1) is x to within 2^-16, and 0 and 1 stay what they are.
    """
    if x.device.type != "cpu":
        return (torch.rand(x.shape, device=x.device, generator=generator) < x).to(x.dtype)
    count = x.numel()
    words = torch.empty((count + 3) // 4, dtype=torch.int64).random_(-(2**63), None, generator=generator)
    draws = words.view(torch.int16)[:count].view(x.shape)
    # draws are uniform over -32768 .. 32767; white is drawn where 65536 x of those values lie below the threshold
    return (draws < (x * 65536 - 32768)).to(x.dtype)
