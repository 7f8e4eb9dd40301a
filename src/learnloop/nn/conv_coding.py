"""Convolutions from a picture to a code and back, for pictures of any size."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from learnloop.nn.activations import ACTIVATIONS
from learnloop.nn.init import initialise


def halved(side: int, times: int) -> list[int]:
    """The side after 0, 1, ... `times` halvings, rounded up: 28, 14, 7."""
    sides = [side]
    for _ in range(times):
        sides.append((sides[-1] + 1) // 2)
    return sides


class ConvEncoder(nn.Module):
    """Each stage conv 3x3 stride 2 (- batch norm) - activation halves the picture, rounded up; then a linear layer.

    x float [n, channels, height, width] -> [n, maps[-1], height / 2^stages, width / 2^stages] -> [n, outputs]
    """

    def __init__(
        self, shape: tuple[int, int, int], maps: Sequence[int], outputs: int, activation: str, norm: bool
    ) -> None:
        super().__init__()
        channels, height, width = shape
        parts: list[nn.Module] = []
        for size in maps:
            parts.append(nn.Conv2d(channels, size, 3, stride=2, padding=1, bias=not norm))  # [n, size, h / 2, w / 2]
            parts += [nn.BatchNorm2d(size)] if norm else []
            parts.append(ACTIVATIONS[activation]())
            channels = size
        self.stages = nn.Sequential(*parts)
        initialise(self.stages, "auto", activation)
        high, wide = halved(height, len(maps))[-1], halved(width, len(maps))[-1]
        self.output = nn.Linear(channels * high * wide, outputs)
        initialise(self.output, "auto", "identity")

    def forward(self, x: Tensor) -> Tensor:
        return self.output(self.stages(x).flatten(1))  # [n, outputs]


class ConvDecoder(nn.Module):
    """The way back: a linear layer to the smallest maps, then transposed convolutions 4x4 stride 2 that double them,
    each cut to the side that the encoder had there, so that any size is reached.

    codes float [n, inputs] -> [n, maps[0], h, w] -> ... -> [n, channels, height, width], without a bias at the end
    """

    def __init__(
        self, inputs: int, maps: Sequence[int], shape: tuple[int, int, int], activation: str, norm: bool
    ) -> None:
        super().__init__()
        channels, height, width = shape
        self.highs, self.wides = halved(height, len(maps))[::-1], halved(width, len(maps))[::-1]
        self.maps = maps[0]
        self.input = nn.Linear(inputs, maps[0] * self.highs[0] * self.wides[0])
        self.bend = ACTIVATIONS[activation]()
        stages: list[nn.Module] = []
        sizes = [*maps[1:], channels]
        before = maps[0]
        for number, size in enumerate(sizes, start=1):
            last = number == len(sizes)
            parts: list[nn.Module] = [
                nn.ConvTranspose2d(before, size, 4, stride=2, padding=1, bias=not last and not norm)
            ]
            if not last:
                parts += [nn.BatchNorm2d(size)] if norm else []
                parts.append(ACTIVATIONS[activation]())
            stages.append(nn.Sequential(*parts))
            before = size
        self.stages = nn.ModuleList(stages)
        self._initialise(activation)

    def forward(self, codes: Tensor) -> Tensor:
        x = self.bend(self.input(codes)).unflatten(1, (self.maps, self.highs[0], self.wides[0]))
        for stage, high, wide in zip(self.stages, self.highs[1:], self.wides[1:]):
            x = stage(x)[:, :, :high, :wide]  # [n, maps, high, wide]
        return x

    @torch.no_grad()
    def _initialise(self, activation: str) -> None:
        initialise(self.input, "auto", activation)
        layers = [layer for layer in self.modules() if isinstance(layer, nn.ConvTranspose2d)]
        for layer in layers:
            gain = 1 if layer is layers[-1] else 2  # half of what comes next is cut by the activation, but for the last
            # Of the 4x4 weights 2x2 meet in each pixel: that is how many it adds up.
            nn.init.normal_(layer.weight, 0.0, math.sqrt(gain / (layer.in_channels * 4)))
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
