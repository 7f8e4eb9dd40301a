"""A residual network of two blocks for images of about 28 pixels: the smallest that shows what a shortcut does."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, ClassVar

from pydantic import Field
from torch import Tensor, nn

from learnloop.config import Config
from learnloop.contracts import InputSpec
from learnloop.models.config import require
from learnloop.models.published import behind_input, require_side, training_passes
from learnloop.models.resnet import BasicBlock
from learnloop.nn.init import initialise, initialise_output


class MiniResNetConfig(Config):
    """A stem of 32 maps, two residual blocks, an average over each map, a dense layer of 128: 86,250 weights for
    28x28 grey images and 10 classes.

    [batch, c, h, w] -> stem conv 3x3 - norm - relu [batch, 32, h, w] -> block [batch, 32, h, w] -> block
    [batch, 64, h/2, w/2] -> average [batch, 64] -> dense - relu [batch, 128] -> [batch, outputs].

    The blocks are those of He et al. 2016. Any channels, any size from 2 pixels on.
    """

    inputs: ClassVar[frozenset[str]] = frozenset({"image"})
    title: ClassVar[str] = "two residual blocks and a dense layer, for small images"
    numbers: ClassVar[str] = "standard"
    rule: ClassVar[str] = "gradient"

    stem: int = Field(32, ge=1, description="feature maps of the stem and the first block")
    width: int = Field(64, ge=1, description="feature maps of the second block")
    dense: int = Field(128, ge=1, description="units of the dense layer")

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        require("mini_resnet", self.inputs, spec, outputs)
        require_side("mini_resnet", 2, spec, "the second block halves them")
        return behind_input(spec, MiniResNet(self, spec.shape[0], outputs))

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        """Muon, linear to zero after a warm-up, as for `cnn`; 10 passes over 50,000 images, more over fewer."""
        values: dict[str, Any] = {
            "optimiser.name": "muon",
            "optimiser.lr": 0.02,
            "optimiser.other_lr": 3e-3,
            "optimiser.weight_decay": 0.01,
            "schedule.name": "linear",
            "schedule.warmup": 0.2,
            "train.batch_size": min(128 if rows >= 8192 else 32, max(rows, 1)),
        }
        if minutes is None:
            values["train.epochs"] = training_passes(rows, 10)
        return values


class MiniResNet(nn.Module):
    """[batch, channels, h, w] of standardised values -> [batch, outputs]."""

    head: ClassVar[str] = "output"

    def __init__(self, config: MiniResNetConfig, channels: int, outputs: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            OrderedDict[str, nn.Module](
                conv=nn.Conv2d(channels, config.stem, 3, padding=1, bias=False),
                norm=nn.BatchNorm2d(config.stem),
                relu=nn.ReLU(inplace=True),
            )
        )
        self.block1 = BasicBlock(config.stem, config.stem)
        self.block2 = BasicBlock(config.stem, config.width, stride=2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dense = nn.Linear(config.width, config.dense)
        self.relu = nn.ReLU(inplace=True)
        self.output = nn.Linear(config.dense, outputs)
        initialise(self, "auto", "relu")
        initialise_output(self.output, "auto")

    def forward(self, x: Tensor) -> Tensor:
        x = self.block1(self.stem(x))  # [batch, stem, h, w]
        x = self.block2(x)  # [batch, width, h / 2, w / 2]
        x = self.pool(x).flatten(1)  # [batch, width]
        x = self.relu(self.dense(x))  # [batch, dense]
        return self.output(x)  # [batch, outputs]

    def stages(self) -> list[tuple[str, nn.Module]]:
        """Names and parts from the image to the head, which is left out."""
        return [(name, self.get_submodule(name)) for name in ("stem", "block1", "block2", "dense")]
