"""The networks in plain torch, with torch's own initial weights. Imports torch: `work.torch_net` imports this late."""

from __future__ import annotations

import work
from torch import Tensor, nn


def build(case: str) -> nn.Module:
    """The network of one case (work.py describes them)."""
    if case == "mlp":
        return nn.Sequential(
            nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, work.CLASSES)
        )  # fmt: skip
    return ResNet18() if case == "resnet18" else three_blocks(*work.SHAPE[case])


def three_blocks(maps: int, height: int, width: int) -> nn.Sequential:
    """[batch, maps, h, w] -> [batch, 128, h / 8, w / 8] -> [batch, 128] -> [batch, 10]."""
    blocks: list[nn.Module] = []
    for size in (32, 64, 128):
        blocks += [nn.Conv2d(maps, size, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(size), nn.MaxPool2d(2)]
        maps, height, width = size, height // 2, width // 2
    dense = [nn.Linear(maps * height * width, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, work.CLASSES)]
    return nn.Sequential(*blocks, nn.Flatten(), *dense)


class Block(nn.Module):
    """relu(shortcut(x) + F(x)), F two 3x3 convolutions.

    [batch, maps, h, w] -> [batch, size, h / stride, w / stride].
    """

    def __init__(self, maps: int, size: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv2d(maps, size, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(size), nn.ReLU()
        )  # fmt: skip
        self.second = nn.Sequential(nn.Conv2d(size, size, 3, padding=1, bias=False), nn.BatchNorm2d(size))
        self.shortcut: nn.Module = nn.Identity()
        if maps != size:
            self.shortcut = nn.Sequential(nn.Conv2d(maps, size, 1, stride=stride, bias=False), nn.BatchNorm2d(size))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.shortcut(x) + self.second(self.first(x)))


class ResNet18(nn.Module):
    """He et al. 2016, table 1, with a first convolution 3x3 that keeps the size: [batch, 3, 32, 32] -> [batch, 10]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU())
        blocks, maps = [], 64
        for size, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
            blocks += [Block(maps, size, stride), Block(size, size, 1)]
            maps = size
        self.blocks = nn.Sequential(*blocks)
        self.output = nn.Linear(maps, work.CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.stem(x))  # [batch, 512, 4, 4]
        return self.output(x.mean((2, 3)))  # [batch, 10]
