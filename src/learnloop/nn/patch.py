"""`PatchDiscriminator`: how real each patch of a picture looks."""

from __future__ import annotations

from torch import Tensor, nn

_SLOPE = 0.2


class PatchDiscriminator(nn.Module):
    """x [n, channels, h, w] -> scores [n, 1, h', w'], each of the patch that its convolutions see.

    For each width a convolution 4x4 of stride 2, instance norm (but for the first) and leaky ReLU; then one 3x3 to the
    scores. Isola et al. 2017, arXiv:1611.07004, section 3.2.2; instance norm, so that a score is of its picture alone.
    Two widths see patches of 18 pixels, three of 38.
    """

    def __init__(self, channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        for number, maps in enumerate(widths):
            stage: list[nn.Module] = [nn.Conv2d(channels, maps, 4, stride=2, padding=1, bias=number == 0)]
            stage += [nn.InstanceNorm2d(maps, affine=True)] if number else []
            self.stages.append(nn.Sequential(*stage, nn.LeakyReLU(_SLOPE)))
            channels = maps
        self.score = nn.Conv2d(channels, 1, 3, padding=1)

    def features(self, x: Tensor) -> list[Tensor]:
        """The maps of each stage, [n, width, h / 2, w / 2], [n, width, h / 4, w / 4], ..."""
        found = []
        for stage in self.stages:
            x = stage(x)  # [n, width, h / 2, w / 2]
            found.append(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        return self.score(self.features(x)[-1])  # [n, 1, h', w']
