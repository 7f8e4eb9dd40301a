"""CycleGAN: pictures of one kind from pictures of another and back, learnt from two heaps without pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from torch import Tensor, nn

from learnloop.contracts import InputSpec
from learnloop.models.generative.adversaries import AdversarialConfig, require_pictures
from learnloop.models.generative.config import Pairing
from learnloop.models.generative.dcgan import start
from learnloop.models.generative.paired import need_wanted, translation_recipe
from learnloop.models.generative.pix2pix import unet_widths
from learnloop.models.generative.sizes import doublings_of, need_same_size
from learnloop.nn.patch import PatchDiscriminator
from learnloop.nn.unet import UNet


class BothWays(nn.Module):
    """The generators there and back: one player, as one optimiser moves both in the paper."""

    def __init__(self, there: nn.Module, back: nn.Module) -> None:
        super().__init__()
        self.there = there
        self.back = back


class CycleAdversaries(nn.Module):
    """there: X -> Y and back: Y -> X in pictures of -1..1; a patch discriminator for each kind.

    same_channels  both kinds have as many, so that a picture of Y can be given to `there` too (identity loss)
    """

    def __init__(
        self, generator: BothWays, judge_y: PatchDiscriminator, judge_x: PatchDiscriminator,
        rates: Mapping[str, float], same_channels: bool,
    ) -> None:  # fmt: skip
        super().__init__()
        self.generator = generator
        self.discriminator = BothWays(judge_y, judge_x)
        self.same_channels = same_channels
        self._rates = dict(rates)

    @property
    def players(self) -> Mapping[str, nn.Module]:
        return {"generator": self.generator, "discriminator": self.discriminator}

    @property
    def rates(self) -> Mapping[str, float]:
        return self._rates

    def scaled(self, pictures: Tensor) -> Tensor:
        """uint8 or float in 0..255 -> float in -1..1."""
        return pictures.float() / 127.5 - 1

    def translate(self, x: Tensor, back: bool = False) -> Tensor:
        """X -> Y, or Y -> X: pictures in 0..1."""
        way = self.generator.back if back else self.generator.there
        return (way(self.scaled(x)).float() + 1) / 2


class CycleGanConfig(AdversarialConfig):
    """L_G = L_adv(there) + L_adv(back) + cycle (|back(there(x)) - x|_1 + |there(back(y)) - y|_1)
    + identity cycle (|there(y) - y|_1 + |back(x) - x|_1): equations 1 to 3 and section 5.2.

    Two U-Nets with instance norm. The identity loss is off unless asked for, as in most of the paper's experiments: on
    MNIST to inverted MNIST 0.5 of it left strokes bright and darkened what is beside them. Without the paper's pool of
    50 older pictures for the discriminators: it is for batches of one picture.
    """

    title: ClassVar[str] = "CycleGAN: pictures of one kind from another and back, learnt without pairs"
    source: ClassVar[str] = "Zhu et al. 2017, Unpaired translation with cycle-consistent networks, arXiv:1703.10593"
    pairing: ClassVar[Pairing] = "unpaired"

    objective: Literal["least_squares", "non_saturating", "hinge"] = Field(
        "least_squares", description="what the two players make small"
    )
    cycle: float = Field(10.0, ge=0, description="weight of coming back to the same picture")
    identity: float = Field(
        0.0, ge=0, description="weight, times `cycle`, of leaving alone what is of the wanted kind already; 0.5 keeps "
        "colours, and does not invert them"
    )  # fmt: skip
    widths: tuple[Annotated[int, Field(ge=1)], ...] | None = Field(
        None, min_length=1, description="maps of each size on the way down, each half as large; null: by the size"
    )
    discriminator_widths: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (64, 128), min_length=1, description="maps of the patch discriminators: two see patches of 18 pixels"
    )

    def build(self, spec: InputSpec, classes: int = 0, wanted: InputSpec | None = None) -> nn.Module:
        require_pictures("cyclegan", spec, wanted, self.pairing)
        wanted = need_wanted("cyclegan", wanted)
        need_same_size("cyclegan", spec.shape, wanted.shape)
        count = doublings_of("cyclegan", *spec.shape[1:], None if self.widths is None else len(self.widths))
        x, y, widths = spec.shape[0], wanted.shape[0], self.widths or unet_widths(count)
        net = CycleAdversaries(
            BothWays(UNet(x, y, widths, "instance", 0.0), UNet(y, x, widths, "instance", 0.0)),
            PatchDiscriminator(y, self.discriminator_widths),
            PatchDiscriminator(x, self.discriminator_widths),
            self.player_rates,
            same_channels=x == y,
        )
        for module in net.modules():
            start(module)
        return net

    def suggest(self, rows: int, spec: InputSpec, minutes: float | None) -> dict[str, Any]:
        return translation_recipe(rows, minutes, batch=16)
