"""Super-resolution: a picture from a smaller one."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from learnloop.contracts import InputSpec
from learnloop.errors import ModelError
from learnloop.models.generative.adversaries import require_pictures
from learnloop.models.generative.paired import PairedAdversaries, PairedConfig, need_wanted
from learnloop.nn.patch import PatchDiscriminator


class Residual(nn.Module):
    """y = x + conv(relu(conv(x))), 3x3, without a norm (Lim et al. 2017, arXiv:1707.02921, section 3.1)."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(maps, maps, 3, padding=1)
        self.second = nn.Conv2d(maps, maps, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(functional.relu(self.first(x)))


class Enlarger(nn.Module):
    """x enlarged without learning, plus what the network adds: conv 3x3 -> residual blocks -> conv 3x3 to ratio^2
    numbers a channel -> each pixel's numbers laid out as ratio x ratio pixels.

    x [n, inputs, h, w] -> [n, outputs, ratio h, ratio w]

    Laying out (pixel shuffle): Shi et al. 2016, arXiv:1609.05158, equation 4.
    """

    def __init__(self, inputs: int, outputs: int, ratio: int, width: int, blocks: int) -> None:
        super().__init__()
        self.ratio = ratio
        self.same_channels = inputs == outputs
        self.first = nn.Conv2d(inputs, width, 3, padding=1)
        self.blocks = nn.Sequential(*(Residual(width) for _ in range(blocks)))
        self.last = nn.Conv2d(width, outputs * ratio**2, 3, padding=1)
        nn.init.zeros_(self.last.weight)  # it begins as plain enlargement
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]
        self.lay_out = nn.PixelShuffle(ratio)

    def forward(self, x: Tensor) -> Tensor:
        h = functional.relu(self.first(x))  # [n, width, h, w]
        h = self.last(h + self.blocks(h))  # [n, outputs ratio^2, h, w]
        h = self.lay_out(h)  # [n, outputs, ratio h, ratio w]
        if not self.same_channels:
            return h
        return h + functional.interpolate(x, scale_factor=self.ratio, mode="bilinear").to(h.dtype)


class SuperResConfig(PairedConfig):
    """Residual blocks and pixel shuffle against a patch discriminator; the ratio of sizes is the data's."""

    title: ClassVar[str] = "super-resolution: a picture from a smaller one, learnt from pairs"
    source: ClassVar[str] = "Ledig et al. 2017, Photo-realistic super-resolution with a GAN, arXiv:1609.04802"

    width: int = Field(48, ge=1, description="maps throughout")
    blocks: int = Field(4, ge=0, description="residual blocks")
    discriminator_widths: tuple[int, ...] = Field(
        (48, 96), min_length=1, description="maps of the patch discriminator: two see patches of 18 pixels"
    )

    def build(self, spec: InputSpec, classes: int = 0, wanted: InputSpec | None = None) -> nn.Module:
        require_pictures("superres", spec, wanted, self.pairing)
        wanted = need_wanted("superres", wanted)
        return PairedAdversaries(
            Enlarger(spec.shape[0], wanted.shape[0], ratio_of(spec.shape, wanted.shape), self.width, self.blocks),
            PatchDiscriminator(spec.shape[0] + wanted.shape[0], self.discriminator_widths),
            self.player_rates,
        )


def ratio_of(small: tuple[int, int, int], large: tuple[int, int, int]) -> int:
    """How many times larger the sides are. Raises ModelError where that is no whole number, naming the nearest size."""
    ratio = large[1] // small[1]
    if ratio >= 2 and (large[1], large[2]) == (ratio * small[1], ratio * small[2]):
        return ratio
    near = max(2, round((large[1] / small[1] + large[2] / small[2]) / 2))
    same = small[1:] == large[1:]
    raise ModelError(
        "model 'superres'",
        "makes pictures whose sides are 2, 3, ... times those of the source",
        found=f"{small[1]} x {small[2]} to {large[1]} x {large[2]}",
        do="--model pix2pix" if same else "--set generate.make=halve   # makes the sources from the wanted pictures",
        available=[f"{factor * small[1]} x {factor * small[2]}" for factor in dict.fromkeys((near, near + 1))],
    )
