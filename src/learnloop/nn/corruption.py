"""Noise that a denoising autoencoder is to take out again."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from learnloop.nn.reconstruction import Read

NoiseName = Literal["gaussian", "masking", "salt_and_pepper"]


class Corruption(nn.Module):
    """x~ = x + amount e, e ~ N(0, 1) (gaussian, pictures kept in 0..1); or a share `amount` of the numbers of a row is
    0 (masking); or a share is black or white (salt_and_pepper, pictures).

    A number that is masked is the mean of its column, a category unknown (code 0) with the same chance. Draws come from
    torch's global generator. Vincent et al. 2010, Stacked Denoising Autoencoders, section 3.3.
    """

    def __init__(self, noise: NoiseName, amount: float, pictures: bool) -> None:
        super().__init__()
        self.noise = noise
        self.amount = amount
        self.pictures = pictures

    def forward(self, rows: Read) -> Read:
        """The batch of `Rows.read` with noise in what the encoder sees; lengths of series stay."""
        x, *rest = rows
        return (self._numbers(x), *(self._codes(part) if part.ndim == 2 else part for part in rest))

    def _numbers(self, x: Tensor) -> Tensor:
        if self.noise == "gaussian":
            noisy = x + self.amount * torch.randn_like(x)
            return noisy.clamp(0, 1) if self.pictures else noisy
        hit = torch.rand_like(x)
        if self.noise == "masking":
            return x.masked_fill(hit < self.amount, 0.0)
        return torch.where(hit < self.amount, (hit < self.amount / 2).to(x.dtype), x)

    def _codes(self, x_cat: Tensor) -> Tensor:
        hit = torch.rand(x_cat.shape, device=x_cat.device) < self.amount
        return x_cat.masked_fill(hit, 0)

    def extra_repr(self) -> str:
        return f"{self.noise}, amount={self.amount}"
