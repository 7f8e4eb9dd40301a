"""What networks share that make one picture from another, and learn it from pairs: pix2pix and super-resolution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from learnloop.contracts import InputSpec
from learnloop.errors import ModelError
from learnloop.models.generative.adversaries import AdversarialConfig
from learnloop.models.generative.config import Pairing
from learnloop.nn.patch import PatchDiscriminator

PairedObjective = Literal["non_saturating", "least_squares", "hinge"]
Content = Literal["l1", "perceptual"]
_CONTENT_WEIGHT: dict[Content, float] = {"l1": 100.0, "perceptual": 10.0}
"""Isola et al. 2017, section 3.3, and Wang et al. 2018, arXiv:1711.11585, section 3.3."""


class PairedAdversaries(nn.Module):
    """G(x) makes a picture from x; D(x, y) says how real y is as an answer to x.

    generator      forward(source [n, c, h, w] in -1..1) -> [n, c', h', w'] in about -1..1
    discriminator  of source and picture, one above the other: the source is first enlarged to the picture's size
    """

    name = "a network that learns from pairs"

    def __init__(self, generator: nn.Module, discriminator: PatchDiscriminator, rates: Mapping[str, float]) -> None:
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator
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

    def make(self, source: Tensor) -> Tensor:
        """source in -1..1 -> picture in about -1..1."""
        return self.generator(source)

    def shown(self, source: Tensor, picture: Tensor) -> Tensor:
        """What the discriminator sees: [n, c + c', h', w']."""
        if source.shape[2:] != picture.shape[2:]:
            source = functional.interpolate(source, picture.shape[2:], mode="nearest")  # [n, c, h', w']
        return torch.cat([source, picture.to(source.dtype)], 1)

    def translate(self, x: Tensor, back: bool = False) -> Tensor:
        """-> pictures in 0..1. Raises ModelError for the way back, which pairs do not teach."""
        if back:
            raise ModelError(
                "back",
                "needs a network that learnt both ways",
                found="one that learnt from pairs, one way",
                do="train one with --model cyclegan",
            )
        return ((self.make(self.scaled(x)).float() + 1) / 2).clamp(0, 1)


class PairedConfig(AdversarialConfig):
    """L_G = adversarial L_objective + content_weight |y - G(x)|_1, of pixels or of the discriminator's features."""

    pairing: ClassVar[Pairing] = "paired"

    objective: PairedObjective = Field("non_saturating", description="what the two players make small")
    adversarial: float = Field(1.0, ge=0, description="weight of the generator's adversarial loss")
    content: Content = Field(
        "l1", description="how an answer is compared with the wanted picture: by its pixels, or by what the "
        "discriminator makes of both"
    )  # fmt: skip
    content_weight: float | None = Field(
        None, ge=0, description="weight of that comparison; null: 100 of pixels, 10 of features"
    )

    @property
    def weight_of_content(self) -> float:
        return _CONTENT_WEIGHT[self.content] if self.content_weight is None else self.content_weight

    def suggest(self, rows: int, spec: InputSpec, minutes: float | None) -> dict[str, Any]:
        """Adam as in the papers, on batches of 32: small pictures leave a processor idle one by one."""
        return translation_recipe(rows, minutes, batch=32)


def translation_recipe(rows: int, minutes: float | None, *, batch: int) -> dict[str, Any]:
    """Recipe values for networks that make pictures from pictures: a rate that falls to zero in the second half would
    be the papers'; here it falls throughout."""
    values: dict[str, Any] = {
        "optimiser.name": "adam",
        "optimiser.lr": 2e-4,
        "optimiser.beta1": 0.5,
        "schedule.name": "linear",
        "train.batch_size": min(batch, max(rows, 2)),
        "train.average": 0.99,
    }
    if minutes is None:
        values["train.epochs"] = min(max(round(300_000 / max(rows, 1)), 3), 200)
    return values


def need_wanted(name: str, wanted: InputSpec | None) -> InputSpec:
    """The pictures to be made; `require_pictures` has refused data without them."""
    if wanted is None or wanted.kind != "image":
        raise ModelError(f"model {name!r}", "makes pictures from other pictures", found="no pictures to be made")
    return wanted
