"""DCGAN: transposed convolutions make a picture, convolutions judge it."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor, nn

from learnloop.contracts import InputSpec
from learnloop.models.generative.adversaries import Adversaries, GanConfig, require_pictures
from learnloop.models.generative.sizes import doublings_of
from learnloop.nn.projection import Projection, WithLabel
from learnloop.nn.spectral import SpectralConv2d

_SLOPE = 0.2
_FINEST, _MOST = 64, 512


class ConvGenerator(nn.Module):
    """noise -> dense to the coarsest maps -> as often as there are widths: batch norm, ReLU, transposed convolution
    4x4 of stride 2 -> tanh.

    noise [n, noise], label [n] -> [n, widths[0], h / 2^k, w / 2^k] -> ... -> [n, channels, h, w], k = len(widths)
    """

    def __init__(self, noise: int, classes: int, widths: tuple[int, ...], shape: tuple[int, int, int]) -> None:
        super().__init__()
        channels, height, width = shape
        factor = 2 ** len(widths)
        self.coarsest = (widths[0], height // factor, width // factor)
        self.label = WithLabel(classes)
        self.dense = nn.Linear(noise + classes, self.coarsest[0] * self.coarsest[1] * self.coarsest[2], bias=False)
        layers: list[nn.Module] = []
        for maps, following in zip(widths, (*widths[1:], channels)):
            last = len(layers) == 3 * (len(widths) - 1)
            layers += [nn.BatchNorm2d(maps), nn.ReLU(inplace=True)]
            layers += [nn.ConvTranspose2d(maps, following, 4, stride=2, padding=1, bias=last)]
        self.layers = nn.Sequential(*layers, nn.Tanh())

    def forward(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        maps = self.dense(self.label(noise, label))  # [n, widths[0] h / 2^k w / 2^k]
        return self.layers(maps.unflatten(1, self.coarsest))  # [n, channels, h, w]


class ConvDiscriminator(nn.Module):
    """pictures [n, channels, h, w], label [n] -> for each width: convolution 4x4 of stride 2, batch norm (but for the
    first), leaky ReLU -> [n, widths[-1], h / 2^k, w / 2^k] -> scores [n]."""

    def __init__(
        self, shape: tuple[int, int, int], widths: tuple[int, ...], classes: int, *, spectral: bool, batch_norm: bool
    ) -> None:
        super().__init__()
        channels, height, width = shape
        layers: list[nn.Module] = []
        for number, maps in enumerate(widths):
            norm = batch_norm and number > 0
            if spectral:
                layers.append(SpectralConv2d(channels, maps, 4, stride=2, padding=1))
            else:
                layers.append(nn.Conv2d(channels, maps, 4, stride=2, padding=1, bias=not norm))
            layers += [nn.BatchNorm2d(maps)] if norm else []
            layers.append(nn.LeakyReLU(_SLOPE, inplace=True))
            channels = maps
        factor = 2 ** len(widths)
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.verdict = Projection(channels * (height // factor) * (width // factor), classes, spectral)

    def forward(self, pictures: Tensor, label: Tensor | None = None) -> Tensor:
        return self.verdict(self.layers(pictures), label)  # [n]


class DcganConfig(GanConfig):
    """z -> [n, 128, 7, 7] -> [n, 64, 14, 14] -> [n, 1, 28, 28] for digits; the discriminator the other way.

    Weights N(0, 0.02), those of batch norm N(1, 0.02); leaky ReLU of slope 0.2 in the discriminator (section 3).
    """

    title: ClassVar[str] = "DCGAN: transposed convolutions against convolutions; the default for pictures from noise"
    source: ClassVar[str] = "Radford, Metz and Chintala 2016, Unsupervised representation learning, arXiv:1511.06434"

    widths: tuple[Annotated[int, Field(ge=1)], ...] | None = Field(
        None, min_length=1, description="maps of each size, coarsest first, each twice as large; null: by the size"
    )

    def build(self, spec: InputSpec, classes: int = 0, wanted: InputSpec | None = None) -> nn.Module:
        require_pictures("dcgan", spec, wanted, self.pairing)
        _, height, width = spec.shape
        count = doublings_of("dcgan", height, width, None if self.widths is None else len(self.widths))
        widths = self.widths or tuple(min(_FINEST * 2**step, _MOST) for step in reversed(range(count)))
        told = self.told(classes)
        discriminator = ConvDiscriminator(
            spec.shape, widths[::-1], told, spectral=self.has_spectral_norm, batch_norm=self.has_batch_norm
        )
        net = Adversaries(
            ConvGenerator(self.noise, told, widths, spec.shape), discriminator, self.noise, told, self.player_rates
        )
        for module in net.modules():
            start(module)
        return net


def start(module: nn.Module) -> None:
    """The initial weights of the paper: N(0, 0.02), of batch norm N(1, 0.02), biases 0."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
