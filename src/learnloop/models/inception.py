"""Inception-v3 as the FID and the Inception Score use it: the network, its weights, and the resizing before it."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from learnloop.errors import RunError
from learnloop.nn.inception import BlockA, BlockB, BlockC, BlockD, BlockE, Unit

SIDE = 299
FEATURES = 2048
PUBLISHED = "pt_inception-2015-12-05-6726825d.pth"
"""The file of the weights that the FID was defined with (TensorFlow, 2015-12-05), as the package pytorch-fid has it."""


class InceptionV3(nn.Module):
    """pictures in -1..1 [n, 3, 299, 299] -> features [n, 2048] and logits [n, 1008].

    Szegedy et al. 2016, arXiv:1512.00567, table 1. Features are the means of the last maps (Heusel et al. 2017). The
    logits have no bias: the Inception Score was published with the product of features and weights alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Unit(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = Unit(32, 32, 3)
        self.Conv2d_2b_3x3 = Unit(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = Unit(64, 80, 1)
        self.Conv2d_4a_3x3 = Unit(80, 192, 3)
        self.Mixed_5b = BlockA(192, 32)
        self.Mixed_5c = BlockA(256, 64)
        self.Mixed_5d = BlockA(288, 64)
        self.Mixed_6a = BlockB(288)
        self.Mixed_6b = BlockC(128)
        self.Mixed_6c = BlockC(160)
        self.Mixed_6d = BlockC(160)
        self.Mixed_6e = BlockC(192)
        self.Mixed_7a = BlockD()
        self.Mixed_7b = BlockE(1280, takes_largest=False)
        self.Mixed_7c = BlockE(FEATURES, takes_largest=True)
        self.fc = nn.Linear(FEATURES, 1008)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))  # [n, 64, 147, 147]
        x = F.max_pool2d(x, 3, stride=2)  # [n, 64, 73, 73]
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x))  # [n, 192, 71, 71]
        x = F.max_pool2d(x, 3, stride=2)  # [n, 192, 35, 35]
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))  # [n, 288, 35, 35]
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))  # [n, 768, 17, 17]
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))  # [n, 2048, 8, 8]
        features = x.mean((2, 3))  # [n, 2048]
        return features, features @ self.fc.weight.T  # [n, 1008]


def resized(pictures: Tensor) -> Tensor:
    """uint8 [n, 1 or 3, h, w] -> float32 in -1..1 [n, 3, 299, 299].

    Bicubic with antialiasing, in floating point, never rounded to bytes: "clean" resizing, without which the FID
    depends on the library that shrank the pictures (Parmar, Zhang and Zhu 2022, sections 3 and 4). One channel is
    repeated three times; values beyond 0..255 that the cubic makes are kept, as they do.
    """
    x = pictures.to(torch.float32)
    x = F.interpolate(x, size=(SIDE, SIDE), mode="bicubic", antialias=True, align_corners=False)  # [n, c, 299, 299]
    return (x / 127.5 - 1).expand(-1, 3, -1, -1)


def load_inception(path: str | Path) -> InceptionV3:
    """The network with the published weights, in evaluation mode.

    path  the .pth file of pytorch-fid (`PUBLISHED`), or the same tensors in a .safetensors file
    Raises RunError when the file is missing or damaged, or holds other weights.
    """
    path = Path(path).expanduser()
    weights = _read(path)
    with torch.device("meta"):
        net = InceptionV3()
    wanted = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    counts = {name for name in wanted if name.endswith("num_batches_tracked")}
    missing = [name for name in wanted if name not in weights and name not in counts]
    others = [name for name, tensor in weights.items() if name in wanted and tuple(tensor.shape) != wanted[name]]
    unknown = [name for name in weights if name not in wanted]
    if missing or others or unknown:
        first = (missing or others or unknown)[0]
        how = "is not there" if missing else "has another shape" if others else "belongs to another network"
        raise RunError(
            str(path),
            f"must hold the weights of Inception-v3 as pytorch-fid publishes them ({PUBLISHED})",
            found=f"{first!r} {how}; {len(missing) + len(others) + len(unknown)} tensors do not fit",
            cause="these are torchvision's weights, with which no FID was ever published, or those of another network",
            do="--set generate.judge=null   # a classifier of this data set judges",
        )
    filled = {name: weights.get(name, torch.zeros((), dtype=torch.int64)) for name in wanted}
    net.load_state_dict(filled, assign=True)
    return net.eval()


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise RunError(
            str(path),
            "must be a file with the weights of Inception-v3",
            found="there is no such file",
            do=(f"name {PUBLISHED} by its path", "--set generate.judge=null   # a classifier of this data set judges"),
        ) from None
    except Exception as error:
        raise RunError(
            str(path),
            "must be a readable file of tensors (.pth or .safetensors)",
            found=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}",
            cause="the copy is incomplete, or it is a file of another kind",
        ) from error
    if not isinstance(loaded, dict) or not all(isinstance(tensor, Tensor) for tensor in loaded.values()):
        raise RunError(str(path), "must hold named tensors alone", found=f"a {type(loaded).__name__} of other things")
    return loaded
