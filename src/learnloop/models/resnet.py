"""ResNet: layers that add to what they are given, so that a hundred of them can be trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from pydantic import Field
from torch import Tensor, nn

from learnloop.contracts import InputSpec
from learnloop.models.config import require
from learnloop.models.published import PublishedConfig, Stem, Width, behind_input, scaled, sgd, stem_that_fits
from learnloop.nn.init import initialise, initialise_output

_MAPS = (64, 128, 256, 512)


class _Residual(nn.Module, ABC):
    """y = relu(shortcut(x) + F(x)): what the two blocks share; each has its own F, which ends in `last_norm`.

    [batch, maps, h, w] -> [batch, expansion width, h / stride, w / stride]. The shortcut is x itself, or a 1x1
    convolution and a norm where the shape changes. He et al. 2016, section 3.3.
    """

    expansion: ClassVar[int]
    relu: nn.ReLU
    downsample: nn.Sequential | None

    @property
    @abstractmethod
    def last_norm(self) -> nn.BatchNorm2d:
        """The norm behind which the shortcut is added."""

    @abstractmethod
    def residual(self, x: Tensor) -> Tensor:
        """F(x)."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.residual(x)  # [batch, expansion width, h / stride, w / stride]
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class BasicBlock(_Residual):
    """y = relu(shortcut(x) + F(x)), F = conv 3x3 - norm - relu - conv 3x3 - norm.

    [batch, maps, h, w] -> [batch, width, h / stride, w / stride]. He et al. 2016, section 3.3.
    """

    expansion: ClassVar[int] = 1

    def __init__(self, maps: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = _conv3x3(maps, width, stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = _conv3x3(width, width)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(maps, width, stride)

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        return self.bn2

    def residual(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))  # [batch, width, h / stride, w / stride]
        return self.bn2(self.conv2(y))


class Bottleneck(_Residual):
    """y = relu(shortcut(x) + F(x)), F = conv 1x1 - norm - relu - conv 3x3 - norm - relu - conv 1x1 - norm.

    [batch, maps, h, w] -> [batch, 4 width, h / stride, w / stride]. He et al. 2016, section 4.1; the stride is at
    the 3x3 convolution instead of the first 1x1, as the published weights have it (Goyal et al. 2017, footnote on
    the ResNet variant).
    """

    expansion: ClassVar[int] = 4

    def __init__(self, maps: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(maps, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _conv3x3(width, width, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(maps, 4 * width, stride)

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        return self.bn3

    def residual(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))  # [batch, width, h, w]
        y = self.relu(self.bn2(self.conv2(y)))  # [batch, width, h / stride, w / stride]
        return self.bn3(self.conv3(y))  # [batch, 4 width, h / stride, w / stride]


Block = type[BasicBlock] | type[Bottleneck]


class _ResNet(PublishedConfig):
    """What the five depths share.

    He, Zhang, Ren and Sun 2016, table 1. Weights are drawn after He et al. 2015; with `zero_init` the last norm of
    each block starts at zero, so that every block starts as its shortcut (Goyal et al. 2017, section 5.1).

    Sizes: from 64 pixels on the published stem, a 7x7 convolution with stride 2 and a 3x3 max pool (at least 32);
    under 64 pixels a 3x3 convolution without stride and no pool, as in the paper's section 4.2 (at least 8). Any
    channels. Names of weights as in torchvision.
    """

    block: ClassVar[Block]
    depths: ClassVar[tuple[int, ...]]

    stem: Stem = "auto"
    width: Width = 1.0
    zero_init: bool = Field(True, description="start the last norm of each block at zero")

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        require(self.name, self.inputs, spec, outputs)
        small = stem_that_fits(self.name, self.stem, spec, published=5, small=3)
        maps = tuple(scaled(size, self.width) for size in _MAPS)
        net = ResNet(self.block, self.depths, maps, spec.shape[0], outputs, small=small)
        if self.zero_init:
            net.start_as_shortcuts()
        return behind_input(spec, net)

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        return sgd(rows, outputs, minutes, lr=0.1)


class ResNet18Config(_ResNet):
    """Blocks of two 3x3 convolutions, 2 + 2 + 2 + 2 of them: 11,689,512 weights for 1000 classes."""

    title = "ResNet-18 (2015): residual blocks of two convolutions, 11.7 million weights"
    name, block, depths = "resnet18", BasicBlock, (2, 2, 2, 2)


class ResNet34Config(_ResNet):
    """Blocks of two 3x3 convolutions, 3 + 4 + 6 + 3 of them: 21,797,672 weights for 1000 classes."""

    title = "ResNet-34 (2015): residual blocks of two convolutions, 21.8 million weights"
    name, block, depths = "resnet34", BasicBlock, (3, 4, 6, 3)


class ResNet50Config(_ResNet):
    """Blocks of 1x1, 3x3, 1x1 convolutions, 3 + 4 + 6 + 3 of them: 25,557,032 weights for 1000 classes."""

    title = "ResNet-50 (2015): residual bottleneck blocks, 25.6 million weights"
    name, block, depths = "resnet50", Bottleneck, (3, 4, 6, 3)


class ResNet101Config(_ResNet):
    """Blocks of 1x1, 3x3, 1x1 convolutions, 3 + 4 + 23 + 3 of them: 44,549,160 weights for 1000 classes."""

    title = "ResNet-101 (2015): residual bottleneck blocks, 44.5 million weights"
    name, block, depths = "resnet101", Bottleneck, (3, 4, 23, 3)


class ResNet152Config(_ResNet):
    """Blocks of 1x1, 3x3, 1x1 convolutions, 3 + 8 + 36 + 3 of them: 60,192,808 weights for 1000 classes."""

    title = "ResNet-152 (2015): residual bottleneck blocks, 60.2 million weights"
    name, block, depths = "resnet152", Bottleneck, (3, 8, 36, 3)


class ResNet(nn.Module):
    """[batch, channels, h, w] of standardised values -> [batch, outputs].

    depths  blocks in each of the four stages.   maps  feature maps of each (4 times as many leave a Bottleneck)
    """

    head: ClassVar[str] = "fc"

    def __init__(
        self, block: Block, depths: tuple[int, ...], maps: tuple[int, ...], channels: int, outputs: int, *, small: bool
    ) -> None:
        super().__init__()
        stem = maps[0]
        self.conv1: nn.Module = _conv3x3(channels, stem)
        self.maxpool: nn.Module = nn.Identity()
        if not small:
            self.conv1 = nn.Conv2d(channels, stem, 7, stride=2, padding=3, bias=False)
            self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        self.bn1 = nn.BatchNorm2d(stem)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = _stage(block, stem, maps[0], depths[0], stride=1)
        self.layer2 = _stage(block, maps[0] * block.expansion, maps[1], depths[1], stride=2)
        self.layer3 = _stage(block, maps[1] * block.expansion, maps[2], depths[2], stride=2)
        self.layer4 = _stage(block, maps[2] * block.expansion, maps[3], depths[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(maps[3] * block.expansion, outputs)
        initialise(self, "auto", "relu")
        initialise_output(self.fc, "auto")

    def start_as_shortcuts(self) -> None:
        """Set the scale of each block's last norm to zero: F(x) = 0."""
        for module in self.modules():
            if isinstance(module, _Residual):
                nn.init.zeros_(module.last_norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))  # [batch, 64, h / 2, w / 2], small: [batch, 64, h, w]
        x = self.maxpool(x)  # [batch, 64, h / 4, w / 4], small: [batch, 64, h, w]
        x = self.layer1(x)  # [batch, 64 expansion, h / 4, w / 4]
        x = self.layer2(x)  # [batch, 128 expansion, h / 8, w / 8]
        x = self.layer3(x)  # [batch, 256 expansion, h / 16, w / 16]
        x = self.layer4(x)  # [batch, 512 expansion, h / 32, w / 32]
        x = self.avgpool(x).flatten(1)  # [batch, 512 expansion]
        return self.fc(x)  # [batch, outputs]

    def stages(self) -> list[tuple[str, nn.Module]]:
        """Names and parts from the image to the head, which is left out."""
        layers = [(f"layer{number}", self.get_submodule(f"layer{number}")) for number in range(1, 5)]
        return [("stem", nn.Sequential(self.conv1, self.bn1)), *layers]


def _stage(block: Block, maps: int, width: int, depth: int, *, stride: int) -> nn.Sequential:
    """[batch, maps, h, w] -> [batch, width expansion, h / stride, w / stride]."""
    first = block(maps, width, stride)
    return nn.Sequential(first, *(block(width * block.expansion, width) for _ in range(depth - 1)))


def _shortcut(maps: int, wanted: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and maps == wanted:
        return None
    return nn.Sequential(nn.Conv2d(maps, wanted, 1, stride=stride, bias=False), nn.BatchNorm2d(wanted))


def _conv3x3(maps: int, width: int, stride: int = 1) -> nn.Conv2d:
    """No bias: the norm that follows would subtract it."""
    return nn.Conv2d(maps, width, 3, stride=stride, padding=1, bias=False)
