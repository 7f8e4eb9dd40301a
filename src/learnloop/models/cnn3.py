"""A plain convolutional network of three blocks: the worked example of the speed benchmarks."""

from __future__ import annotations

from collections import OrderedDict
from typing import Annotated, Any, ClassVar

from pydantic import Field
from torch import nn

from learnloop.config import Config
from learnloop.contracts import InputSpec
from learnloop.errors import ModelError
from learnloop.models.config import adamw, describe, require
from learnloop.nn.init import initialise, initialise_output
from learnloop.nn.inputs import ImageInput


class CNN3Config(Config):
    """Blocks of conv 3x3 - ReLU - batch norm - max pool 2x2, then a dense layer with dropout, then the
    outputs.

    [batch, c, h, w] -> [batch, 32, h/2, w/2] -> [batch, 64, h/4, w/4] -> [batch, 128, h/8, w/8] -> [batch,
    128] -> [batch, outputs]. In the manner of VGG (Simonyan and Zisserman 2015) with batch norm (Ioffe and
    Szegedy 2015).
    """

    inputs: ClassVar[frozenset[str]] = frozenset({"image"})
    title: ClassVar[str] = "three blocks of convolution, batch norm and pooling, and a dense layer"
    numbers: ClassVar[str] = "standard"
    rule: ClassVar[str] = "gradient"

    channels: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (32, 64, 128), min_length=1, description="feature maps of each block"
    )
    dense: int = Field(128, ge=1, description="units of the dense layer")
    dropout: float = Field(0.5, ge=0, lt=1, description="share of dense units switched off in each step")

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        require("cnn3", self.inputs, spec, outputs)
        maps, height, width = spec.shape
        least = 2 ** len(self.channels)
        if min(height, width) < least:
            raise ModelError(
                "model 'cnn3'",
                f"needs images of at least {least} x {least}: {len(self.channels)} blocks halve them",
                found=f"the inputs are {describe(spec)}",
                do=["--model mlp", f"--set data.image_size={least}"],
            )
        parts = OrderedDict[str, nn.Module](input=ImageInput(spec.mean, spec.std))
        for number, size in enumerate(self.channels, start=1):
            parts[f"conv{number}"] = nn.Conv2d(maps, size, 3, padding=1)  # [batch, size, h, w]
            parts[f"relu{number}"] = nn.ReLU(inplace=True)
            parts[f"norm{number}"] = nn.BatchNorm2d(size)
            parts[f"pool{number}"] = nn.MaxPool2d(2)  # [batch, size, h / 2, w / 2]
            maps, height, width = size, height // 2, width // 2
        parts["flatten"] = nn.Flatten()  # [batch, maps h w]
        parts["dense"] = nn.Linear(maps * height * width, self.dense)  # [batch, dense]
        parts["relu_dense"] = nn.ReLU(inplace=True)
        parts["dropout"] = nn.Dropout(self.dropout)
        output = nn.Linear(self.dense, outputs)  # [batch, outputs]
        parts["output"] = output
        net = nn.Sequential(parts)
        initialise(net, "auto", "relu")
        initialise_output(output, "auto")
        return net

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        return adamw(rows, minutes, lr=2e-3, steps=2000, least=8, batch=128 if rows >= 5000 else 32)
