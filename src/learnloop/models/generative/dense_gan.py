"""The GAN of dense layers: a small picture from noise, without any convolution."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor, nn

from learnloop.contracts import InputSpec
from learnloop.models.generative.adversaries import Adversaries, GanConfig, require_pictures
from learnloop.nn.projection import Projection, WithLabel
from learnloop.nn.spectral import SpectralLinear

_SLOPE = 0.2
Width = Annotated[int, Field(ge=1)]


class DenseGenerator(nn.Module):
    """noise [n, noise], label [n] -> dense, leaky ReLU, ... -> tanh -> pictures [n, channels, height, width]."""

    def __init__(self, noise: int, classes: int, widths: tuple[int, ...], shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.shape = shape
        self.label = WithLabel(classes)
        layers: list[nn.Module] = []
        inputs = noise + classes
        for width in widths:
            layers += [nn.Linear(inputs, width), nn.LeakyReLU(_SLOPE)]
            inputs = width
        layers += [nn.Linear(inputs, shape[0] * shape[1] * shape[2]), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        pixels = self.layers(self.label(noise, label))  # [n, channels height width]
        return pixels.unflatten(1, self.shape)  # [n, channels, height, width]


class DenseDiscriminator(nn.Module):
    """pictures [n, channels, height, width], label [n] -> dense, leaky ReLU, ... -> scores [n]."""

    def __init__(self, pixels: int, widths: tuple[int, ...], classes: int, spectral: bool) -> None:
        super().__init__()
        dense = SpectralLinear if spectral else nn.Linear
        layers: list[nn.Module] = [nn.Flatten()]
        for width in widths:
            layers += [dense(pixels, width), nn.LeakyReLU(_SLOPE)]
            pixels = width
        self.layers = nn.Sequential(*layers)
        self.verdict = Projection(pixels, classes, spectral)

    def forward(self, pictures: Tensor, label: Tensor | None = None) -> Tensor:
        return self.verdict(self.layers(pictures), label)  # [n]


class DenseGanConfig(GanConfig):
    """z [n, 128] -> 256 -> 512 -> pixels, tanh; pixels -> 512 -> 256 -> score. Leaky ReLU of slope 0.2 between."""

    title: ClassVar[str] = "GAN of dense layers: what pictures from noise are like without convolutions"
    source: ClassVar[str] = "Goodfellow et al. 2014, Generative adversarial nets, arXiv:1406.2661"

    noise: int = Field(128, ge=1, description="random numbers that a picture is made from")
    widths: tuple[Width, ...] = Field((256, 512), min_length=1, description="of the generator's hidden layers")
    discriminator_widths: tuple[Width, ...] = Field(
        (512, 256), min_length=1, description="of the discriminator's hidden layers"
    )

    def build(self, spec: InputSpec, classes: int = 0, wanted: InputSpec | None = None) -> nn.Module:
        require_pictures("dense_gan", spec, wanted, self.pairing)
        told = self.told(classes)
        pixels = spec.shape[0] * spec.shape[1] * spec.shape[2]
        return Adversaries(
            DenseGenerator(self.noise, told, self.widths, spec.shape),
            DenseDiscriminator(pixels, self.discriminator_widths, told, self.has_spectral_norm),
            self.noise,
            told,
            self.player_rates,
        )
