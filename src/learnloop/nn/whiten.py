"""A first layer that is computed from the data: filters that make small patches of the images uncorrelated."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FLAT = 5e-4
"""Added to each eigenvalue: directions in which patches hardly vary are not blown up."""


class Whiten(nn.Module):
    """y = [W * x, -W * x] + b with W = (Lambda + eps)^(-1/2) E^T: correlation with filters of side `side`, no padding.

    x  float [batch, channels, h, w], standardised.   y  float [batch, 2 n, h - side + 1, w - side + 1]
    E, Lambda  eigenvectors and eigenvalues of the covariance of all side x side patches of a sample of the training
               images, n = channels side^2, largest eigenvalue first; W * x has covariance close to the identity
    b          learnt; W is not. A filter and its negative together lose nothing to the activation behind them.

    `fit_to` sets W (a buffer: bundles and checkpoints hold it); before that W is the identity on the pixels of a patch.
    Page 2018 (myrtle.ai, "How to train your ResNet" 8), Jordan, arXiv:2404.00498, section 3.1.
    """

    weight: Tensor

    def __init__(self, channels: int, side: int = 2) -> None:
        super().__init__()
        n = channels * side * side
        self.register_buffer("weight", _both(torch.eye(n).view(n, channels, side, side)))  # [2 n, channels, side, side]
        self.bias = nn.Parameter(torch.zeros(2 * n))

    @property
    def maps(self) -> int:
        return int(self.weight.shape[0])

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias)  # [batch, 2 n, h - side + 1, w - side + 1]

    @torch.no_grad()
    def fit_to(self, x: Tensor) -> None:
        """Compute W from standardised images [rows, channels, h, w]."""
        n, side = self.weight.shape[0] // 2, self.weight.shape[-1]
        patches = F.unfold(x.double(), side).transpose(1, 2).reshape(-1, n)  # [rows positions, channels side^2]
        covariance = patches.T @ patches / max(len(patches), 1)  # [n, n]
        values, vectors = torch.linalg.eigh(covariance)
        scaled = (vectors / (values.clamp(min=0) + FLAT).sqrt()).T.flip(0)  # [n, n], a row a filter
        filters = scaled * _sign(scaled)
        self.weight.copy_(_both(filters.view(n, *self.weight.shape[1:])))

    def extra_repr(self) -> str:
        maps, channels, side, _ = self.weight.shape
        return f"{channels}, {maps}, kernel_size=({side}, {side})"


def _both(filters: Tensor) -> Tensor:
    return torch.cat([filters, -filters])


def _sign(rows: Tensor) -> Tensor:
    """Eigenvectors have no sign of their own: the entry of largest size becomes positive, on every machine."""
    largest = rows.abs().argmax(1, keepdim=True)
    return torch.where(rows.gather(1, largest) < 0, -1.0, 1.0).to(rows.dtype)
