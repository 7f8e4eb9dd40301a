"""`Adversaries`: a generator that makes pictures from noise, and a discriminator that tells them from real ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from learnloop.contracts import InputSpec
from learnloop.errors import ModelError
from learnloop.models.config import describe
from learnloop.models.generative.config import GenerativeConfig, Pairing

ObjectiveName = Literal["non_saturating", "minimax", "least_squares", "wasserstein", "wgan_gp", "hinge"]
SMOOTHED = ("non_saturating", "minimax", "least_squares")
"""Objectives with a target for real pictures, which may be less than 1."""


class Adversaries(nn.Module):
    """G(z, y) makes a picture in -1..1 from noise z and a label y; D(x, y) says how real one looks.

    generator      forward(noise [n, noise], label [n] or None) -> [n, channels, height, width] in -1..1
    discriminator  forward(pictures [n, channels, height, width] in -1..1, label) -> scores [n]
    classes        that the networks are told; 0: none
    batch_norm     the discriminator has it: real and made pictures must then pass it apart

    Goodfellow et al. 2014, arXiv:1406.2661.
    """

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, noise: int, classes: int, rates: Mapping[str, float]
    ) -> None:
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator
        self.noise_shape = (noise,)
        self.classes = classes
        self.batch_norm = any(isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d) for m in discriminator.modules())
        self._rates = dict(rates)

    @property
    def players(self) -> Mapping[str, nn.Module]:
        return {"generator": self.generator, "discriminator": self.discriminator}

    @property
    def rates(self) -> Mapping[str, float]:
        return self._rates

    def scaled(self, pictures: Tensor) -> Tensor:
        """uint8 or float in 0..255 -> float in -1..1, as the generator makes them."""
        return pictures.float() / 127.5 - 1

    def make(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        """-> pictures [n, channels, height, width] in -1..1."""
        return self.generator(noise, label)

    def judge(self, pictures: Tensor, label: Tensor | None = None) -> Tensor:
        """pictures in -1..1 -> scores float32 [n], larger for real ones."""
        return self.discriminator(pictures, label).float()

    def judge_both(self, real: Tensor, made: Tensor, label: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Scores of the real and of the made pictures, of the same labels."""
        if self.batch_norm:
            return self.judge(real, label), self.judge(made, label)
        twice = None if label is None else torch.cat([label, label])
        real_scores, made_scores = self.judge(torch.cat([real, made.to(real.dtype)]), twice).chunk(2)
        return real_scores, made_scores

    def generate(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        """-> pictures in 0..1. Without a label a network that is told classes takes one from the noise."""
        if self.classes and label is None:
            # of one number's far digits, so that the class is as good as independent of what the noise says
            label = ((noise[:, 0].abs() * 997).frac() * self.classes).long().clamp(max=self.classes - 1)
        return (self.make(noise, label).float() + 1) / 2


class AdversarialConfig(GenerativeConfig):
    """What every network declares that learns against another one."""

    task: ClassVar[str] = "gan"

    label_smoothing: float = Field(0.0, ge=0, lt=0.5, description="the target of real pictures is 1 minus this")
    instance_noise: float = Field(
        0.0,
        ge=0,
        le=2,
        description="deviation of noise on what the discriminator sees, of -1..1; it falls to 0",
    )
    generator_rate: float = Field(1.0, gt=0, description="factor of the learning rate for the generator")
    discriminator_rate: float = Field(1.0, gt=0, description="factor of the learning rate for the discriminator")

    @property
    def player_rates(self) -> dict[str, float]:
        return {"generator": self.generator_rate, "discriminator": self.discriminator_rate}


class GanConfig(AdversarialConfig):
    """What networks declare that make pictures from noise."""

    labelled: ClassVar[bool] = True

    objective: ObjectiveName = Field("non_saturating", description="what the two players make small")
    noise: int = Field(100, ge=1, description="random numbers that a picture is made from")
    class_conditional: bool = Field(False, description="both players are told the class of a picture")
    discriminator_steps: int | None = Field(
        None, ge=1, le=20, description="steps of the discriminator to one of the generator; null: 5 for Wasserstein, 1"
    )
    spectral: bool | None = Field(
        None, description="spectral norm on the discriminator; null: with the objective hinge"
    )
    clip_weights: float = Field(0.01, gt=0, description="bound of the discriminator's weights (objective wasserstein)")
    penalty: float = Field(10.0, ge=0, description="weight of the gradient penalty (objective wgan_gp)")

    @model_validator(mode="after")
    def _smoothing_has_a_target(self) -> GanConfig:
        if self.label_smoothing and self.objective not in SMOOTHED:
            raise ValueError(
                f"label_smoothing moves the target of real pictures, and {self.objective} has none; "
                f"it goes with {', '.join(SMOOTHED)}"
            )
        return self

    @property
    def conditional(self) -> bool:
        return self.class_conditional

    def told(self, classes: int) -> int:
        """Of `classes` in the data, those that the players are told. Raises ModelError where there are none to tell."""
        if self.class_conditional and not classes:
            raise ModelError(
                "model.class_conditional",
                "needs the classes of the pictures",
                found="data without labels",
                do="--set model.class_conditional=false",
            )
        return classes if self.class_conditional else 0

    @property
    def steps_of_discriminator(self) -> int:
        if self.discriminator_steps is not None:
            return self.discriminator_steps
        return 5 if self.objective in ("wasserstein", "wgan_gp") else 1

    @property
    def has_spectral_norm(self) -> bool:
        return self.objective == "hinge" if self.spectral is None else self.spectral

    @property
    def has_batch_norm(self) -> bool:
        """Of the discriminator. A gradient penalty is of one picture, and spectral norm is a norm already."""
        return self.objective != "wgan_gp" and not self.has_spectral_norm

    def suggest(self, rows: int, spec: InputSpec, minutes: float | None) -> dict[str, Any]:
        """Adam with the rates of the objective's paper; the generator's average is what serves."""
        values: dict[str, Any] = {
            "schedule.name": "constant",
            "train.batch_size": min(64 * self.steps_of_discriminator, max(rows, 2)),
            "train.average": 0.999,
            **_OPTIMISERS.get(self.objective, _ADAM),
        }
        if minutes is None:
            values["train.epochs"] = min(max(round(1_500_000 / max(rows, 1)), 5), 500)
        return values


_ADAM = {"optimiser.name": "adam", "optimiser.lr": 2e-4, "optimiser.beta1": 0.5}  # Radford et al. 2016, section 4
_OPTIMISERS: dict[str, dict[str, Any]] = {
    "wgan_gp": {  # Gulrajani et al. 2017, algorithm 1
        "optimiser.name": "adam",
        "optimiser.lr": 1e-4,
        "optimiser.beta1": 0.0,
        "optimiser.beta2": 0.9,
    },
    "wasserstein": {"optimiser.name": "rmsprop", "optimiser.lr": 5e-5},  # Arjovsky et al. 2017, algorithm 1
}


def require_pictures(name: str, spec: InputSpec, wanted: InputSpec | None, pairing: Pairing) -> None:
    """Refuse inputs that are no pictures, and data without, or with, pictures to be made from others."""
    where = f"model {name!r}"
    if spec.kind != "image" or min(spec.shape) < 1:
        raise ModelError(where, "takes pictures", found=f"the inputs are {describe(spec)}")
    if pairing != "none" and wanted is None:
        raise ModelError(
            where,
            "makes pictures from other pictures, so its data must hold both",
            found=f"{describe(spec)} by themselves",
            do=("--set generate.make=edges   # makes the source pictures from your own", "--model dcgan"),
        )
    if pairing == "none" and wanted is not None:
        raise ModelError(
            where,
            "makes pictures from noise",
            found="data with pictures to be made from other pictures",
            do=("--model pix2pix", "--model cyclegan"),
        )
