"""Draws that are a function of the row alone: what is random in training, held still for evaluation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from learnloop.seeds import torch_stream

_GOLDEN = 0.6180339887498949
_PRIME = 1_048_573
_EDGE = 1e-6


class SteadyDraws(nn.Module):
    """u_ij = frac(v_j + phi s_i), uniform over 0..1: for each row i its own draws, the same ones in every call.

    v_j  `width` numbers drawn once for ever (the same in every process): draws of one row are independent
    s_i  the bits of row i, added up as integers: it does not matter which rows stand beside it, or in which order a
         machine adds. phi is the golden section, so that near sums come far apart

    They make an estimate of a mean over rows as random draws would, and a prediction that can be repeated.
    """

    table: Tensor

    def __init__(self, width: int, name: str) -> None:
        super().__init__()
        drawn = torch.rand(width, generator=torch_stream(0, "steady", name, width), dtype=torch.float64)
        self.register_buffer("table", drawn, persistent=False)  # [width]

    def uniform(self, rows: Tensor) -> Tensor:
        """rows float32 [n, ...] -> float32 [n, width] in 0..1."""
        bits = rows.detach().float().flatten(1).contiguous().view(torch.int32)  # [n, numbers]
        shift = (bits.sum(1, dtype=torch.int64) % _PRIME).double() * _GOLDEN  # [n]
        return (self.table.double() + shift.unsqueeze(1)).frac().float()  # [n, width]

    def normal(self, rows: Tensor) -> Tensor:
        """rows float32 [n, ...] -> float32 [n, width], standard normal."""
        return torch.special.ndtri(self.uniform(rows).clamp(_EDGE, 1 - _EDGE))
