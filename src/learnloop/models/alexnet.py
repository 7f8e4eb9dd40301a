"""AlexNet, the network that began the run of deep networks in vision."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field
from torch import Tensor, nn

from learnloop.contracts import InputSpec
from learnloop.models.config import require
from learnloop.models.published import PublishedConfig, Stem, Width, behind_input, require_side, scaled, sgd, small_stem
from learnloop.nn.init import initialise, initialise_output

POOL = 6
_LEAST, _LEAST_SMALL = 63, 15  # the sides from which three pools 3x3 with stride 2 leave one pixel


class AlexNetConfig(PublishedConfig):
    """Five convolutions, three of them pooled, and three dense layers: 61,100,840 weights for 1000 classes.

    [batch, 3, 224, 224] -> [batch, 64, 55, 55] -> [batch, 192, 27, 27] -> [batch, 256, 13, 13]
    -> [batch, 256, 6, 6] -> [batch, 4096] -> [batch, 4096] -> [batch, outputs].

    Krizhevsky, Sutskever and Hinton 2012, in the sizes for one device of Krizhevsky 2014 (arXiv:1404.5997), without
    local response normalisation. Weights are drawn after He et al. 2015 instead of N(0, 0.01^2), with which the
    network hardly starts on its own.

    Sizes: from 64 pixels on the published stem (11x11, stride 4); under 64 pixels a stem of 5x5 without stride.
    The last maps are averaged, or repeated, to `pool` x `pool`. Names of weights as in torchvision.
    """

    title = "AlexNet (2012): five convolutions and three dense layers, 61.1 million weights"
    name = "alexnet"

    stem: Stem = "auto"
    width: Width = 1.0
    pool: int = Field(POOL, ge=1, description="side of the maps that the dense layers see")
    dense: int = Field(4096, ge=1, description="units of each dense layer")
    dropout: float = Field(0.5, ge=0, lt=1, description="share of dense units switched off in each step")

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        require(self.name, self.inputs, spec, outputs)
        small = small_stem(self.stem, spec)
        do = () if small else ("--set model.stem=small",)
        require_side(self.name, _LEAST_SMALL if small else _LEAST, spec, "three pools 3x3 follow one another", do)
        return behind_input(spec, AlexNet(self, spec.shape[0], outputs, small=small))

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        """Small images: dense layers of 512 on maps that are not repeated."""
        values = sgd(rows, outputs, minutes, lr=0.01)
        if small_stem(self.stem, spec):
            values |= {"model.pool": min(POOL, max(1, (min(spec.shape[1:]) - 7) // 8)), "model.dense": 512}
        return {key: value for key, value in values.items() if key.removeprefix("model.") not in self.model_fields_set}


class AlexNet(nn.Module):
    """[batch, channels, h, w] of standardised values -> [batch, outputs]."""

    head: ClassVar[str] = "classifier.6"

    def __init__(self, config: AlexNetConfig, channels: int, outputs: int, *, small: bool) -> None:
        super().__init__()
        a, b, c, d = (scaled(maps, config.width) for maps in (64, 192, 384, 256))
        first = nn.Conv2d(channels, a, 5, padding=2) if small else nn.Conv2d(channels, a, 11, stride=4, padding=2)
        self.features = nn.Sequential(
            first,
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(a, b, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(b, c, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(c, d, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(d, d, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(config.pool)
        output = nn.Linear(config.dense, outputs)
        self.classifier = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(d * config.pool**2, config.dense),
            nn.ReLU(inplace=True),
            nn.Dropout(config.dropout),
            nn.Linear(config.dense, config.dense),
            nn.ReLU(inplace=True),
            output,
        )
        initialise(self, "auto", "relu")
        initialise_output(output, "auto")

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # [batch, 256, h / 32, w / 32]
        x = self.avgpool(x).flatten(1)  # [batch, 256 pool pool]
        return self.classifier(x)  # [batch, outputs]

    def stages(self) -> list[tuple[str, nn.Module]]:
        """Names and parts from the image to the head, which is left out."""
        cuts = ((0, 3), (3, 6), (6, 8), (8, 10), (10, 13))
        convs = [(f"conv{k}", self.features[a:b]) for k, (a, b) in enumerate(cuts, start=1)]
        return [*convs, ("dense", self.classifier[:6])]
