"""Penalties that keep most numbers of a code at rest."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

SparsityName = Literal["kl", "l1"]
_MOMENTUM = 0.1
_EDGE = 1e-4


class Sparsity(nn.Module):
    """weight * sum_j KL(rate || m_j), m_j the mean of z_j over the batch; or weight * sum_j |z_ij| of each row (l1).

    KL(r || m) = r log(r / m) + (1 - r) log((1 - r) / (1 - m)), for codes in 0..1. In evaluation m is the moving mean of
    the training batches, so that no row's term depends on the others. codes [n, code] -> [n].
    Ng 2011, Sparse Autoencoder, CS294A lecture notes, section 3 (kl).
    """

    active: Tensor

    def __init__(self, kind: SparsityName, code: int, rate: float, weight: float) -> None:
        super().__init__()
        self.kind = kind
        self.rate = rate
        self.weight = weight
        self.register_buffer("active", torch.full((code,), rate))  # [code]

    def forward(self, codes: Tensor) -> Tensor:
        if self.training:
            with torch.no_grad():
                self.active.lerp_(codes.detach().mean(0), _MOMENTUM)
        if self.kind == "l1":
            return self.weight * codes.abs().sum(1)  # [n]
        m = (codes.mean(0) if self.training else self.active).clamp(_EDGE, 1 - _EDGE)  # [code]
        r = torch.full_like(m, self.rate)
        divergence = r * (r / m).log() + (1 - r) * ((1 - r) / (1 - m)).log()
        return (self.weight * divergence.sum()).expand(len(codes))  # [n]

    def extra_repr(self) -> str:
        return f"{self.kind}, rate={self.rate}, weight={self.weight}"
