"""A U-Net that tells the noise in a picture: what a diffusion model learns."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_GROUPS = 8


class Denoiser(nn.Module):
    """eps = f(x_t, t, label): a U-Net of residual blocks, told the time and the label in every block.

    x [n, c, h, w] -> patches of `patch` x `patch` pixels as channels -> down through `widths`, halved between two of
    them, `blocks` residual blocks each -> two blocks with attention between them -> up again, beside what was there on
    the way down -> eps [n, c, h, w]. Sizes that cannot be halved so often are padded with 0 below and on the right, and
    cut again. It begins as the answer 0.

    Ho et al. 2020, appendix B; the scale and shift by the time: Nichol and Dhariwal 2021, section 3. Patches in front
    are ours: a picture of 28 x 28 costs a quarter, its first and largest maps being most of the arithmetic.
    """

    def __init__(
        self, channels: int, widths: Sequence[int], *, blocks: int = 1, patch: int = 1, classes: int = 0
    ) -> None:
        super().__init__()
        self.patch = patch
        self.multiple = patch * 2 ** (len(widths) - 1)
        told = 4 * widths[0]
        self.time = TimeVector(widths[0], told)
        self.label = nn.Embedding(classes + 1, told) if classes else None
        self.enter = nn.Conv2d(channels * patch**2, widths[0], 3, padding=1)
        self.down, self.shrink = nn.ModuleList(), nn.ModuleList()
        maps, kept = widths[0], [widths[0]]
        for level, width in enumerate(widths):
            for _ in range(blocks):
                self.down.append(Residual(maps, width, told))
                maps = width
                kept.append(maps)
            if level + 1 < len(widths):
                self.shrink.append(nn.Conv2d(maps, maps, 3, stride=2, padding=1))
                kept.append(maps)
        self.middle = nn.ModuleList([Residual(maps, maps, told), Attention(maps), Residual(maps, maps, told)])
        self.up, self.grow = nn.ModuleList(), nn.ModuleList()
        for level, width in reversed(list(enumerate(widths))):
            for _ in range(blocks + 1):
                self.up.append(Residual(maps + kept.pop(), width, told))
                maps = width
            if level:
                self.grow.append(nn.Conv2d(maps, maps, 3, padding=1))
        self.blocks = blocks
        self.norm = nn.GroupNorm(math.gcd(_GROUPS, maps), maps)
        self.leave = _zero(nn.Conv2d(maps, channels * patch**2, 3, padding=1))

    def forward(self, x: Tensor, time: Tensor, label: Tensor | None = None) -> Tensor:
        """time: float or int [n], 0 ... steps - 1. label: int64 [n], `classes` for none; None for none in any row."""
        height, width = x.shape[2:]
        x = F.pad(x, (0, -width % self.multiple, 0, -height % self.multiple))  # [n, c, H, W]
        told = self._told(time, label)  # [n, told]
        x = self.enter(F.pixel_unshuffle(x, self.patch))  # [n, widths[0], H / patch, W / patch]
        x = self._out(*self._in(x, told), told)  # [n, widths[0], H / patch, W / patch]
        x = self.leave(F.silu(self.norm(x)))  # [n, c patch^2, H / patch, W / patch]
        return F.pixel_shuffle(x, self.patch)[:, :, :height, :width]  # [n, c, h, w]

    def _told(self, time: Tensor, label: Tensor | None) -> Tensor:
        told = self.time(time)  # [n, told]
        if self.label is None:
            return told
        nobody = self.label.num_embeddings - 1
        return told + self.label(torch.full_like(time, nobody, dtype=torch.int64) if label is None else label)

    def _in(self, x: Tensor, told: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The lowest maps, and all that the way up is shown."""
        kept = [x]
        for number, block in enumerate(self.down):
            level, place = divmod(number, self.blocks)
            x = block(x, told)  # [n, widths[level], ...]
            kept.append(x)
            if place + 1 == self.blocks and level < len(self.shrink):
                x = self.shrink[level](x)  # [n, widths[level], .../2, .../2]
                kept.append(x)
        first, attention, second = self.middle
        return second(attention(first(x, told)), told), kept

    def _out(self, x: Tensor, kept: list[Tensor], told: Tensor) -> Tensor:
        for number, block in enumerate(self.up):
            level, place = divmod(number, self.blocks + 1)
            x = block(torch.cat([x, kept.pop()], 1), told)
            if place == self.blocks and level < len(self.grow):
                x = self.grow[level](F.interpolate(x, scale_factor=2.0, mode="nearest"))  # [n, width, 2 ..., 2 ...]
        return x


class TimeVector(nn.Module):
    """W_2 silu(W_1 [sin(t w_i), cos(t w_i)]), w_i from 1 to 1/10000. t [n] -> [n, width].

    Ho et al. 2020, appendix B.
    """

    rates: Tensor

    def __init__(self, waves: int, width: int) -> None:
        super().__init__()
        half = max(waves // 2, 1)
        rates = torch.exp(torch.arange(half) * (-math.log(1e4) / max(half - 1, 1)))
        self.register_buffer("rates", rates, persistent=False)
        self.inner, self.outer = nn.Linear(2 * half, width), nn.Linear(width, width)

    def forward(self, time: Tensor) -> Tensor:
        angles = time.to(self.rates.dtype)[:, None] * self.rates  # [n, half]
        waves = torch.cat([angles.sin(), angles.cos()], 1)  # [n, 2 half]
        return self.outer(F.silu(self.inner(waves)))  # [n, width]


class Residual(nn.Module):
    """y = s(x) + C_2 silu(norm(C_1 silu(norm(x))) (1 + a) + b), (a, b) = W silu(told). [n, inputs, h, w] ->
    [n, outputs, h, w]; s is the identity, or a 1x1 convolution where the widths differ. C_2 begins at 0."""

    def __init__(self, inputs: int, outputs: int, told: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(math.gcd(_GROUPS, inputs), inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.told = nn.Linear(told, 2 * outputs)
        self.norm2 = nn.GroupNorm(math.gcd(_GROUPS, outputs), outputs)
        self.conv2 = _zero(nn.Conv2d(outputs, outputs, 3, padding=1))
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        y = self.conv1(F.silu(self.norm1(x)))  # [n, outputs, h, w]
        scale, shift = self.told(F.silu(told))[:, :, None, None].chunk(2, 1)  # each [n, outputs, 1, 1]
        y = self.norm2(y) * (1 + scale) + shift
        return self.skip(x) + self.conv2(F.silu(y))


class Attention(nn.Module):
    """y = x + W softmax(q k' / sqrt(d)) v over all places of a map, one head. [n, maps, h, w] -> the same. W begins at
    0. Vaswani et al. 2017, section 3.2.1; in a U-Net: Ho et al. 2020, appendix B."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(math.gcd(_GROUPS, maps), maps)
        self.look = nn.Linear(maps, 3 * maps)
        self.output = _zero(nn.Linear(maps, maps))

    def forward(self, x: Tensor) -> Tensor:
        places = self.norm(x).flatten(2).transpose(1, 2)  # [n, h w, maps]
        query, keys, values = self.look(places).unsqueeze(1).chunk(3, 3)  # each [n, 1, h w, maps]
        seen = F.scaled_dot_product_attention(query, keys, values).squeeze(1)  # [n, h w, maps]
        return x + self.output(seen).transpose(1, 2).unflatten(2, x.shape[2:])


def _zero(layer: nn.Conv2d | nn.Linear) -> nn.Module:
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
