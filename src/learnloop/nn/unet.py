"""A U-Net that makes a picture of the same size from a picture."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

NormName = Literal["batch", "instance"]
_SLOPE = 0.2


def norm_of(name: NormName, maps: int) -> nn.Module:
    """With a learnt gain and shift. "instance" is of one picture alone, also in training."""
    return nn.BatchNorm2d(maps) if name == "batch" else nn.InstanceNorm2d(maps, affine=True)


class UNet(nn.Module):
    """Down: a convolution 4x4 of stride 2 for each width; up: transposed ones, each also seeing the maps of its size
    from the way down.

    x [n, inputs, h, w] -> [n, widths[0], h/2, w/2] -> ... -> [n, widths[-1], h/2^k, w/2^k] -> ...
    -> [n, outputs, h, w] in -1..1; h and w are multiples of 2^k, k = len(widths)

    Ronneberger et al. 2015, arXiv:1505.04597; for pictures from pictures Isola et al. 2017, arXiv:1611.07004,
    section 6.1.1. Its dropout, at half of the coarsest maps, is on in training alone: a picture is a function of its
    source.
    """

    def __init__(self, inputs: int, outputs: int, widths: tuple[int, ...], norm: NormName, dropout: float) -> None:
        super().__init__()
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for number, maps in enumerate(widths):
            down: list[nn.Module] = [nn.Conv2d(inputs, maps, 4, stride=2, padding=1, bias=number == 0)]
            down += [norm_of(norm, maps)] if number else []
            self.down.append(nn.Sequential(*down, nn.LeakyReLU(_SLOPE)))
            inputs = maps
        self.middle = nn.Sequential(
            nn.Conv2d(inputs, inputs, 3, padding=1, bias=False), norm_of(norm, inputs), nn.ReLU(), nn.Dropout(dropout)
        )
        for number in reversed(range(len(widths))):
            following = widths[number - 1] if number else outputs
            up: list[nn.Module] = [nn.ConvTranspose2d(2 * widths[number], following, 4, 2, 1, bias=number == 0)]
            up += [norm_of(norm, following), nn.ReLU()] if number else [nn.Tanh()]
            self.up.append(nn.Sequential(*up))

    def forward(self, x: Tensor) -> Tensor:
        seen = []
        for down in self.down:
            x = down(x)  # [n, width, h / 2, w / 2]
            seen.append(x)
        x = self.middle(x)
        for up, before in zip(self.up, reversed(seen)):
            x = up(torch.cat([x, before], 1))  # [n, width of the next finer maps, 2 h, 2 w]
        return x
