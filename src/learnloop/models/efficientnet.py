"""EfficientNet: depth, width and picture size grown together from one small searched network."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from learnloop.contracts import InputSpec
from learnloop.models.config import adamw, require
from learnloop.models.published import PublishedConfig, Stem, Width, behind_input, stem_that_fits, training_passes
from learnloop.nn.init import initialise, initialise_output

_STEM, _LAST = 32, 4  # maps of the stem; factor of the last convolution on the last stage
_SQUEEZE = 4


class Stage(NamedTuple):
    """One row of the paper's table 1. `expand`: factor of the maps inside a block."""

    expand: int
    kernel: int
    stride: int
    maps: int
    depth: int


DropoutShare = Annotated[float, Field(ge=0, lt=1, description="share of the last features switched off in each step")]

STAGES = (
    Stage(1, 3, 1, 16, 1),
    Stage(6, 3, 2, 24, 2),
    Stage(6, 5, 2, 40, 2),
    Stage(6, 3, 2, 80, 3),
    Stage(6, 5, 1, 112, 3),
    Stage(6, 5, 2, 192, 4),
    Stage(6, 3, 1, 320, 1),
)


class _EfficientNet(PublishedConfig):
    """What the four sizes share.

    Tan and Le 2019 (arXiv:1905.11946), table 1 and section 3.3: depths and widths of B0 times a factor each, depths
    rounded up, widths to multiples of 8. Blocks: Sandler et al. 2018 (inverted residuals), Hu et al. 2018 (squeeze and
    excitation), Huang et al. 2016 (stochastic depth). Weights are drawn after He et al. 2015.

    Sizes: from 64 pixels on as published (five halvings, at least 32); under 64 pixels the stem has no stride (four
    halvings, at least 16), which leaves every weight as it is. Any channels. Names of weights as in torchvision.
    """

    widen: ClassVar[float]
    deepen: ClassVar[float]

    stem: Stem = "auto"
    width: Width = 1.0
    dropout: DropoutShare = 0.2
    skip: float = Field(0.2, ge=0, lt=1, description="share of images that skip the last block; less further down")

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        require(self.name, self.inputs, spec, outputs)
        small = stem_that_fits(self.name, self.stem, spec, published=5, small=4)
        return behind_input(spec, EfficientNet(self, spec.shape[0], outputs, small=small))

    def stages(self) -> tuple[Stage, ...]:
        """The seven stages with widths and depths of this size."""
        return tuple(
            stage._replace(maps=self.maps(stage.maps), depth=math.ceil(stage.depth * self.deepen)) for stage in STAGES
        )

    def maps(self, published: int) -> int:
        return divisible(published * self.widen * self.width)

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        """AdamW and one cycle; the paper's RMSProp wants a far larger batch and 350 passes."""
        batch = 128 if rows >= 5000 else 32
        values = adamw(rows, minutes, lr=2e-3, steps=2000, least=8, batch=batch, weight_decay=0.02)
        if outputs > 1:
            values["task.label_smoothing"] = 0.1
        if minutes is None:
            values["train.epochs"] = training_passes(rows, 30)
            values["train.patience"] = None  # a one-cycle run is best at its end
        return values


class EfficientNetB0Config(_EfficientNet):
    """The searched network itself, for 224 pixels: 5,288,548 weights for 1000 classes."""

    title = "EfficientNet-B0 (2019): inverted residuals for 224 px, 5.3 million weights"
    name, native, widen, deepen = "efficientnet_b0", (3, 224, 224), 1.0, 1.0


class EfficientNetB1Config(_EfficientNet):
    """B0 with 1.1 times the depth, for 240 pixels: 7,794,184 weights for 1000 classes."""

    title = "EfficientNet-B1 (2019): inverted residuals for 240 px, 7.8 million weights"
    name, native, widen, deepen = "efficientnet_b1", (3, 240, 240), 1.0, 1.1


class EfficientNetB2Config(_EfficientNet):
    """B0 with 1.1 times the width and 1.2 times the depth, for 260 pixels: 9,109,994 weights for 1000 classes."""

    title = "EfficientNet-B2 (2019): inverted residuals for 260 px, 9.1 million weights"
    name, native, widen, deepen = "efficientnet_b2", (3, 260, 260), 1.1, 1.2
    dropout: DropoutShare = 0.3


class EfficientNetB3Config(_EfficientNet):
    """B0 with 1.2 times the width and 1.4 times the depth, for 300 pixels: 12,233,232 weights for 1000 classes."""

    title = "EfficientNet-B3 (2019): inverted residuals for 300 px, 12.2 million weights"
    name, native, widen, deepen = "efficientnet_b3", (3, 300, 300), 1.2, 1.4
    dropout: DropoutShare = 0.3


class EfficientNet(nn.Module):
    """[batch, channels, h, w] of standardised values -> [batch, outputs]."""

    head: ClassVar[str] = "classifier.1"

    def __init__(self, config: _EfficientNet, channels: int, outputs: int, *, small: bool) -> None:
        super().__init__()
        stages, maps = config.stages(), config.maps(_STEM)
        blocks = sum(stage.depth for stage in stages)
        parts: list[nn.Module] = [_conv(channels, maps, 3, stride=1 if small else 2)]
        number = 0
        for stage in stages:
            made: list[nn.Module] = []
            for place in range(stage.depth):
                stride = stage.stride if place == 0 else 1
                made.append(MBConv(stage, maps, stride, skip=config.skip * number / blocks))
                maps, number = stage.maps, number + 1
            parts.append(nn.Sequential(*made))
        parts.append(_conv(maps, _LAST * maps, 1))
        self.features = nn.Sequential(*parts)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        output = nn.Linear(_LAST * maps, outputs)
        self.classifier = nn.Sequential(nn.Dropout(config.dropout), output)
        initialise(self, "auto", "silu")
        initialise_output(output, "auto")

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # [batch, 1280, h / 32, w / 32], small: [batch, 1280, h / 16, w / 16]
        x = self.avgpool(x).flatten(1)  # [batch, 1280]
        return self.classifier(x)  # [batch, outputs]

    def stages(self) -> list[tuple[str, nn.Module]]:
        """Names and parts from the image to the head, which is left out."""
        names = ("stem", *(f"stage{number}" for number in range(1, len(STAGES) + 1)), "last")
        return list(zip(names, self.features, strict=True))


class MBConv(nn.Module):
    """y = (x +) F(x), F = conv 1x1 (wider) - depthwise conv - squeeze and excitation - conv 1x1 (narrower).

    [batch, maps, h, w] -> [batch, stage.maps, h / stride, w / stride]. x is added where the shapes allow it; in
    training an image then skips F with probability `skip`. Norm after each convolution, SiLU after all but the last.
    """

    def __init__(self, stage: Stage, maps: int, stride: int, skip: float) -> None:
        super().__init__()
        inner = divisible(maps * stage.expand)
        parts: list[nn.Module] = [_conv(maps, inner, 1)] if inner != maps else []
        parts.append(_conv(inner, inner, stage.kernel, stride=stride, groups=inner))
        parts.append(SqueezeExcitation(inner, max(1, maps // _SQUEEZE)))
        parts.append(_conv(inner, stage.maps, 1, activation=False))
        self.block = nn.Sequential(*parts)
        self.shortcut = stride == 1 and maps == stage.maps
        self.stochastic_depth = StochasticDepth(skip)

    def forward(self, x: Tensor) -> Tensor:
        y = self.block(x)  # [batch, stage.maps, h / stride, w / stride]
        return x + self.stochastic_depth(y) if self.shortcut else y


class SqueezeExcitation(nn.Module):
    """y = x sigmoid(W2 silu(W1 mean(x))): each map is weighted by what all maps hold on average.

    [batch, maps, h, w] -> the same. Hu, Shen and Sun 2018, section 3.
    """

    def __init__(self, maps: int, squeezed: int) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(maps, squeezed, 1)
        self.activation = nn.SiLU(inplace=True)
        self.fc2 = nn.Conv2d(squeezed, maps, 1)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.activation(self.fc1(self.avgpool(x)))  # [batch, squeezed, 1, 1]
        return x * torch.sigmoid(self.fc2(weight))  # [batch, maps, h, w]


class StochasticDepth(nn.Module):
    """y = b x / (1 - rate), b ~ Bernoulli(1 - rate) for each image in training; y = x in evaluation.

    [batch, maps, h, w] -> the same. Huang et al. 2016, section 3, with the division in training.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        kept = 1 - self.rate
        return x * (x.new_empty(x.shape[0], 1, 1, 1).bernoulli_(kept) / kept)

    def extra_repr(self) -> str:
        return f"rate={self.rate:.3g}"


def divisible(maps: float, by: int = 8) -> int:
    """The multiple of `by` nearest to `maps`, but never less than nine tenths of it."""
    near = max(by, int(maps + by / 2) // by * by)
    return near + by if near < 0.9 * maps else near


def _conv(
    maps: int, width: int, kernel: int, *, stride: int = 1, groups: int = 1, activation: bool = True
) -> nn.Sequential:
    """conv - norm (- SiLU): [batch, maps, h, w] -> [batch, width, h / stride, w / stride]."""
    conv = nn.Conv2d(maps, width, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(width), *([nn.SiLU(inplace=True)] if activation else []))
