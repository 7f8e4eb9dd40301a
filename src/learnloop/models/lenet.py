"""LeNet-5, the classic convolutional network for 32 x 32 images."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any, ClassVar, Literal

from pydantic import Field
from torch import nn

from learnloop.config import Config
from learnloop.contracts import InputSpec
from learnloop.models.config import adamw, require
from learnloop.nn.activations import ACTIVATIONS
from learnloop.nn.init import initialise, initialise_output
from learnloop.nn.inputs import ImageInput

_FIELD = 32  # the paper's input size
_LEAST = 28  # the size that the paper's digits have before they are padded


class LeNet5Config(Config):
    """conv 5x5 (6) - pool - conv 5x5 (16) - pool - dense 120 - dense 84 - dense outputs: 61,706 weights for
    [batch, 1, 32, 32] and 10 outputs.

    LeCun, Bottou, Bengio and Haffner 1998, Gradient-Based Learning Applied to Document Recognition, section
    II.B. As in every present-day version, C3 sees all six maps (the paper's sparse table has 60,000 weights
    in all), pooling has no weights, and the output is a plain dense layer instead of radial basis functions.

    Sizes: 28 to 31 pixels are padded with zeros (the mean grey) to at least 32; smaller images are first
    enlarged to 32 (bilinear); larger ones are taken as they are, and the first dense layer grows with them.
    Any number of channels.
    """

    inputs: ClassVar[frozenset[str]] = frozenset({"image"})
    title: ClassVar[str] = "LeNet-5 (1998): two 5x5 convolutions and three dense layers, 61,706 weights"
    numbers: ClassVar[str] = "standard"
    rule: ClassVar[str] = "gradient"

    activation: Literal["tanh", "relu", "sigmoid"] = Field(
        "tanh", description="function after each layer; the paper has a scaled tanh"
    )
    pool: Literal["average", "max"] = Field("average", description="how 2x2 pixels become one")

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        require("lenet5", self.inputs, spec, outputs)
        channels, *size = spec.shape
        height, width = _enlarged(*size)
        front = OrderedDict[str, nn.Module](input=ImageInput(spec.mean, spec.std))
        if [height, width] != size:
            front["enlarge"] = nn.Upsample(size=(height, width), mode="bilinear")
        padding = (_padding(height), _padding(width))
        dense = 16 * _pooled(height) * _pooled(width)
        act, pool = ACTIVATIONS[self.activation], nn.AvgPool2d if self.pool == "average" else nn.MaxPool2d
        body = OrderedDict[str, nn.Module](
            conv1=nn.Conv2d(channels, 6, 5, padding=padding),  # [batch, 6, 28, 28]
            act1=act(),
            pool1=pool(2),  # [batch, 6, 14, 14]
            conv2=nn.Conv2d(6, 16, 5),  # [batch, 16, 10, 10]
            act2=act(),
            pool2=pool(2),  # [batch, 16, 5, 5]
            flatten=nn.Flatten(),  # [batch, 400]
            dense1=nn.Linear(dense, 120),  # [batch, 120]
            act3=act(),
            dense2=nn.Linear(120, 84),  # [batch, 84]
            act4=act(),
        )
        output = nn.Linear(84, outputs)  # [batch, outputs]
        net = nn.Sequential(front | body | OrderedDict[str, nn.Module](output=output))
        initialise(net, "auto", self.activation)
        initialise_output(output, "auto")
        return net

    def remark(self, spec: InputSpec) -> str:
        """What becomes of images that are smaller than the paper's, as a sentence to say once; else ""."""
        if spec.kind != "image":
            return ""
        _, *size = spec.shape
        height, width = _enlarged(*size)
        padded = [side + 2 * _padding(side) for side in (height, width)]
        if [height, width] != size:
            way = "are enlarged (bilinear, which adds no detail)"
        elif padded != size:
            way = "are padded with zeros"
        else:
            return ""
        made_for = f"it was made for {_FIELD} x {_FIELD}"
        return f"lenet5: images of {size[0]} x {size[1]} {way} to {padded[0]} x {padded[1]}: {made_for}."

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        return adamw(rows, minutes, lr=2e-3, steps=3000, least=10)


def _enlarged(height: int, width: int) -> tuple[int, int]:
    """The size that the first convolution sees."""
    if min(height, width) >= _LEAST:
        return height, width
    return max(height, _FIELD), max(width, _FIELD)


def _padding(size: int) -> int:
    return max(0, math.ceil((_FIELD - size) / 2))


def _pooled(size: int) -> int:
    """Side of the maps after conv, pool, conv, pool."""
    return ((size + 2 * _padding(size) - 4) // 2 - 4) // 2
