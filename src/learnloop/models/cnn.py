"""The default network for small images: designed so that two CPU cores train it in a minute."""

from __future__ import annotations

from collections import OrderedDict
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator
from torch import nn

from learnloop.config import Config
from learnloop.contracts import InputSpec
from learnloop.models.config import augmentation, require
from learnloop.nn.init import initialise, initialise_output
from learnloop.nn.inputs import ImageInput

_STRIDED = 20  # from this side length on the stem halves the image
_POOLED = 6  # smaller maps are not halved any more
_LAST = 4  # larger maps are averaged down to this side before the outputs

_TINY_STEPS = 150
_PASSES = 16  # a wider network is worth its time only when it sees every row so often
_COSTS = {(32, 64): 100e-6, (48, 96): 160e-6, (64, 128): 220e-6, (96, 192): 410e-6}
"""Widths -> seconds a training image of 28x28 takes on two cores (AMD Zen 4, bfloat16, channels_last)."""


class CNNConfig(Config):
    """A stem, stages of 3x3 convolutions that each halve the image once, and a linear layer on the last maps.

    [batch, c, h, w] -> stem conv 5x5 stride 2 - batch norm - ReLU [batch, stem, h/2, w/2]
    -> per stage conv 3x3 - max pool 2x2 - batch norm - ReLU [batch, width, h/4, w/4], then `convs - 1` times
    conv 3x3 - batch norm - ReLU -> ... -> flatten -> dropout -> [batch, outputs].

    An ordinary network spends most of its arithmetic on its first, full-size maps. A strided stem takes a
    quarter of that, and pooling before norm and ReLU (Jordan, arXiv:2404.00498) spares another
    part. Batch norm: Ioffe and Szegedy 2015. Images under 20 pixels get a stem 3x3 without stride, maps under
    6 pixels are not pooled, maps above 4 are averaged to 4x4 before they are flattened: any size fits.
    """

    inputs: ClassVar[frozenset[str]] = frozenset({"image"})
    title: ClassVar[str] = "small convolutional network with batch norm, made for speed; the default for images"
    numbers: ClassVar[str] = "standard"
    rule: ClassVar[str] = "gradient"

    stem: int = Field(32, ge=1, description="feature maps of the first convolution")
    widths: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (32, 64), min_length=1, description="feature maps of each stage"
    )
    convs: int = Field(2, ge=1, description="convolutions in each stage")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of the last features switched off in each step")

    @model_validator(mode="before")
    @classmethod
    def _without_augmentation(cls, values: Any) -> Any:
        """Bundles written before `augment` was a section of the recipe hold `shift` and `flip`."""
        return {k: v for k, v in values.items() if k not in ("shift", "flip")} if isinstance(values, dict) else values

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        require("cnn", self.inputs, spec, outputs)
        maps, height, width = spec.shape
        parts = OrderedDict[str, nn.Module]()
        parts["input"] = ImageInput(spec.mean, spec.std)
        strided = min(height, width) >= _STRIDED
        parts["stem"] = _block(maps, self.stem, kernel=5 if strided else 3, stride=2 if strided else 1)
        maps = self.stem
        if strided:
            height, width = (height + 1) // 2, (width + 1) // 2
        for stage, size in enumerate(self.widths, start=1):
            for number in range(1, self.convs + 1):
                pool = number == 1 and min(height, width) >= _POOLED
                parts[f"conv{stage}_{number}"] = _block(maps, size, pool=pool)
                maps = size
                height, width = (height // 2, width // 2) if pool else (height, width)
        if max(height, width) > _LAST:
            height, width = min(height, _LAST), min(width, _LAST)
            parts["average"] = nn.AdaptiveAvgPool2d((height, width))  # [batch, maps, 4, 4] at most
        parts["flatten"] = nn.Flatten()  # [batch, maps height width]
        if self.dropout:
            parts["dropout"] = nn.Dropout(self.dropout)
        output = nn.Linear(maps * height * width, outputs)  # [batch, outputs]
        parts["output"] = output
        net = nn.Sequential(parts)
        initialise(net, "auto", "relu")
        initialise_output(output, "auto")
        return net

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        """Muon, linear to zero; a wider network where `minutes` leave time for `_PASSES` passes of it.

        Without `minutes`: 8 passes over 60,000 rows, more over fewer (30 over 1,400, at most 60). Images
        under 20 pixels: 8 passes, or as many as make 150 steps. Tuned on
        held-out parts of the training sets of MNIST, Fashion-MNIST and the digits.
        """
        _, height, width = spec.shape
        side = min(height, width)
        values: dict[str, Any] = {
            "optimiser.name": "muon",
            "optimiser.lr": 0.02,
            "optimiser.other_lr": 3e-3,
            "optimiser.weight_decay": 0.01,
            "schedule.name": "linear",
            "schedule.warmup": 0.2,
            "train.batch_size": _batch(rows),
            "train.average": 0.0,  # a rate that falls to zero averages already: 99.41 % with and without
            **augmentation(spec, fill="reflect" if spec.shape[0] == 3 else "nearest"),
        }
        if minutes is None:
            passes = 8 * (60_000 / max(rows, 1)) ** 0.35
            if side < _STRIDED:  # digits of 8x8 reach 98 to 99 % in 8, 12 and 16 passes alike
                passes = max(8, _TINY_STEPS * _batch(rows) / max(rows, 1))
            values["train.epochs"] = min(max(round(passes), 2), 60)
        widths = _widths(rows, height * width, minutes) if side >= _STRIDED else (32, 64)
        values["model.widths"] = list(widths)
        return {key: value for key, value in values.items() if key.removeprefix("model.") not in self.model_fields_set}


def _batch(rows: int) -> int:
    """128 from 8,192 rows on, 64 from 1,024 on, 32 below; never more than there are."""
    return min(128 if rows >= 8192 else 64 if rows >= 1024 else 32, max(rows, 1))


def _widths(rows: int, pixels: int, minutes: float | None) -> tuple[int, int]:
    """The widest network that sees every row `_PASSES` times; (48, 96) when nobody said how long.

    15 % of the time is left for loading and evaluation. `_COSTS` were measured on two cores with bfloat16:
    elsewhere the choice is cruder, but no run is late, since the clock ends it.
    """
    if minutes is None:
        return (48, 96)
    seconds, chosen = 0.85 * 60 * minutes, (32, 64)
    for widths, cost in _COSTS.items():
        if rows * pixels / 784 * cost * _PASSES <= seconds:
            chosen = widths
    return chosen


def _block(maps: int, size: int, *, kernel: int = 3, stride: int = 1, pool: bool = False) -> nn.Sequential:
    """conv - (max pool 2x2) - batch norm - ReLU: [batch, maps, h, w] -> [batch, size, h', w'].

    No bias: the norm would subtract it. Pooling comes first, so norm and ReLU see a quarter of the pixels.
    """
    parts = OrderedDict[str, nn.Module]()
    parts["conv"] = nn.Conv2d(maps, size, kernel, stride=stride, padding=kernel // 2, bias=False)
    if pool:
        parts["pool"] = nn.MaxPool2d(2)
    parts["norm"] = nn.BatchNorm2d(size)
    parts["relu"] = nn.ReLU(inplace=True)
    return nn.Sequential(parts)
