"""VGG: nothing but 3x3 convolutions and 2x2 pooling, as deep as was possible in 2014."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field
from torch import Tensor, nn

from learnloop.contracts import InputSpec
from learnloop.models.config import require
from learnloop.models.published import SMALL_SIDE, PublishedConfig, Width, behind_input, require_side, scaled, sgd
from learnloop.nn.init import initialise, initialise_output

POOL = 7
_MAPS = (64, 128, 256, 512, 512)
_LEAST = 2 ** len(_MAPS)


class _VGG(PublishedConfig):
    """What the eight configurations share.

    Simonyan and Zisserman 2015, table 1; the forms with batch norm put it between convolution and ReLU (Ioffe and
    Szegedy 2015). Weights are drawn after He et al. 2015 (the paper copied them from a shallower network). Any
    channels, any size from 32 pixels on: the last maps are averaged, or repeated, to `pool` x `pool`, which changes
    nothing at 224 pixels. Names of weights as in torchvision.
    """

    convs: ClassVar[tuple[int, ...]]
    norm: ClassVar[bool] = False

    width: Width = 1.0
    pool: int = Field(POOL, ge=1, description="side of the maps that the dense layers see")
    dense: int = Field(4096, ge=1, description="units of each dense layer")
    dropout: float = Field(0.5, ge=0, lt=1, description="share of dense units switched off in each step")

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        require(self.name, self.inputs, spec, outputs)
        require_side(self.name, _LEAST, spec, f"{len(_MAPS)} stages halve them")
        maps = tuple(scaled(size, self.width) for size in _MAPS)
        return behind_input(spec, VGG(self, maps, spec.shape[0], outputs))

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        """Images under 64 pixels: dense layers of 512 on maps that are not repeated."""
        values = sgd(rows, outputs, minutes, lr=0.05 if self.norm else 0.01)
        if min(spec.shape[1:]) < SMALL_SIDE:
            values |= {"model.pool": 1, "model.dense": 512}
        return {key: value for key, value in values.items() if key.removeprefix("model.") not in self.model_fields_set}


class VGG11Config(_VGG):
    """Eight 3x3 convolutions in five stages and three dense layers: 132,863,336 weights for 1000 classes."""

    title = "VGG-11 (2014): eight 3x3 convolutions, three dense layers, 133 million weights"
    name, convs = "vgg11", (1, 1, 2, 2, 2)


class VGG13Config(_VGG):
    """Ten 3x3 convolutions in five stages and three dense layers: 133,047,848 weights for 1000 classes."""

    title = "VGG-13 (2014): ten 3x3 convolutions, three dense layers, 133 million weights"
    name, convs = "vgg13", (2, 2, 2, 2, 2)


class VGG16Config(_VGG):
    """Thirteen 3x3 convolutions in five stages and three dense layers: 138,357,544 weights for 1000 classes."""

    title = "VGG-16 (2014): thirteen 3x3 convolutions, three dense layers, 138 million weights"
    name, convs = "vgg16", (2, 2, 3, 3, 3)


class VGG19Config(_VGG):
    """Sixteen 3x3 convolutions in five stages and three dense layers: 143,667,240 weights for 1000 classes."""

    title = "VGG-19 (2014): sixteen 3x3 convolutions, three dense layers, 144 million weights"
    name, convs = "vgg19", (2, 2, 4, 4, 4)


class VGG11BNConfig(_VGG):
    """VGG-11 with batch norm after each convolution: 132,868,840 weights for 1000 classes."""

    title = "VGG-11 with batch norm: trains faster and from larger rates"
    name, convs, norm = "vgg11_bn", VGG11Config.convs, True


class VGG13BNConfig(_VGG):
    """VGG-13 with batch norm after each convolution: 133,053,736 weights for 1000 classes."""

    title = "VGG-13 with batch norm: trains faster and from larger rates"
    name, convs, norm = "vgg13_bn", VGG13Config.convs, True


class VGG16BNConfig(_VGG):
    """VGG-16 with batch norm after each convolution: 138,365,992 weights for 1000 classes."""

    title = "VGG-16 with batch norm: trains faster and from larger rates"
    name, convs, norm = "vgg16_bn", VGG16Config.convs, True


class VGG19BNConfig(_VGG):
    """VGG-19 with batch norm after each convolution: 143,678,248 weights for 1000 classes."""

    title = "VGG-19 with batch norm: trains faster and from larger rates"
    name, convs, norm = "vgg19_bn", VGG19Config.convs, True


class VGG(nn.Module):
    """[batch, channels, h, w] of standardised values -> [batch, outputs]. `maps`: feature maps of each stage."""

    head: ClassVar[str] = "classifier.6"

    def __init__(self, config: _VGG, maps: tuple[int, ...], channels: int, outputs: int) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        self.ends: list[int] = []
        for count, size in zip(config.convs, maps, strict=True):
            for _ in range(count):
                parts.append(nn.Conv2d(channels, size, 3, padding=1))  # [batch, size, h, w]
                parts += [nn.BatchNorm2d(size)] if config.norm else []
                parts.append(nn.ReLU(inplace=True))
                channels = size
            parts.append(nn.MaxPool2d(2))  # [batch, size, h / 2, w / 2]
            self.ends.append(len(parts))
        self.features = nn.Sequential(*parts)
        self.avgpool = nn.AdaptiveAvgPool2d(config.pool)
        output = nn.Linear(config.dense, outputs)
        self.classifier = nn.Sequential(
            nn.Linear(channels * config.pool**2, config.dense),
            nn.ReLU(inplace=True),
            nn.Dropout(config.dropout),
            nn.Linear(config.dense, config.dense),
            nn.ReLU(inplace=True),
            nn.Dropout(config.dropout),
            output,
        )
        initialise(self, "auto", "relu")
        initialise_output(output, "auto")

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # [batch, 512, h / 32, w / 32]
        x = self.avgpool(x).flatten(1)  # [batch, 512 pool pool]
        return self.classifier(x)  # [batch, outputs]

    def stages(self) -> list[tuple[str, nn.Module]]:
        """Names and parts from the image to the head, which is left out."""
        cuts = zip([0, *self.ends], self.ends)
        convs = [(f"stage{number}", self.features[start:end]) for number, (start, end) in enumerate(cuts, start=1)]
        return [*convs, ("dense", self.classifier[:6])]
