"""`backward(loss)`: the gradients of a scalar, without the cost of `Tensor.backward` per call.

Measured on one thread with torch 2.13: `loss.backward()` spends 10 us on checks of its arguments before the engine
starts, 4 % of an MLP's step. The engine is called here with the arguments that those checks end in. torch keeps that
function private, so where it is missing `Tensor.backward` is used.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd import Variable

_RUN = getattr(getattr(Variable, "_execution_engine", None), "run_backward", None)
_ones: dict[tuple[torch.device, torch.dtype], Tensor] = {}


def backward(loss: Tensor) -> None:
    """p.grad := p.grad + d loss / d p for every leaf p behind `loss` [] (a scalar)."""
    if _RUN is None or loss.dim() or not loss.requires_grad or type(loss) is not Tensor:
        loss.backward()  # also what says what is wrong with a loss that has no gradient
        return
    key = (loss.device, loss.dtype)
    one = _ones.get(key)
    if one is None:
        one = _ones[key] = torch.ones_like(loss, requires_grad=False)
    _RUN((loss,), (one,), False, False, (), allow_unreachable=True, accumulate_grad=True)
