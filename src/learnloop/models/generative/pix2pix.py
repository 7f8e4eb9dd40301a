"""pix2pix: a picture from a picture of the same size, learnt from pairs."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import nn

from learnloop.contracts import InputSpec
from learnloop.models.generative.adversaries import require_pictures
from learnloop.models.generative.dcgan import start
from learnloop.models.generative.paired import PairedAdversaries, PairedConfig, need_wanted
from learnloop.models.generative.sizes import doublings_of, need_same_size
from learnloop.nn.patch import PatchDiscriminator
from learnloop.nn.unet import UNet

_FINEST, _MOST = 64, 256


class Pix2PixConfig(PairedConfig):
    """U-Net against a patch discriminator, with 100 |y - G(x)|_1 beside the adversarial loss (equation 4)."""

    title: ClassVar[str] = "pix2pix: a picture from a picture of the same size, learnt from pairs"
    source: ClassVar[str] = "Isola et al. 2017, Image-to-image translation with conditional GANs, arXiv:1611.07004"

    widths: tuple[Annotated[int, Field(ge=1)], ...] | None = Field(
        None, min_length=1, description="maps of each size on the way down, each half as large; null: by the size"
    )
    discriminator_widths: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (64, 128), min_length=1, description="maps of the patch discriminator: two see patches of 18 pixels"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="share of the coarsest maps switched off in training")

    def build(self, spec: InputSpec, classes: int = 0, wanted: InputSpec | None = None) -> nn.Module:
        require_pictures("pix2pix", spec, wanted, self.pairing)
        wanted = need_wanted("pix2pix", wanted)
        need_same_size("pix2pix", spec.shape, wanted.shape)
        count = doublings_of("pix2pix", *spec.shape[1:], None if self.widths is None else len(self.widths))
        net = PairedAdversaries(
            UNet(spec.shape[0], wanted.shape[0], self.widths or unet_widths(count), "batch", self.dropout),
            PatchDiscriminator(spec.shape[0] + wanted.shape[0], self.discriminator_widths),
            self.player_rates,
        )
        for module in net.modules():
            start(module)
        return net


def unet_widths(count: int) -> tuple[int, ...]:
    """64, 128, 256, 256, ..."""
    return tuple(min(_FINEST * 2**step, _MOST) for step in range(count))
