"""A network for small colour images that is made to be trained in minutes, after the CIFAR-10 speed records."""

from __future__ import annotations

from collections import OrderedDict
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from learnloop.config import Config
from learnloop.contracts import InputSpec
from learnloop.errors import ModelError
from learnloop.models.config import augmentation, describe, require
from learnloop.nn.inputs import ImageInput
from learnloop.nn.whiten import Whiten

PATCH = 2
_MOMENTUM = 0.4
"""Of the running statistics: a run of a few hundred steps has no time for torch's 0.1."""
_LOGIT_SCALE = 9.0
"""Logits are divided by it (Jordan, arXiv:2404.00498, appendix A): the features before them are not small."""
_HEAD_RATE = 0.67 * (_LOGIT_SCALE / 256) ** 2
"""Of the last layer, an image: the published one is for logits that are divided by 256."""

_PASSES = 6.5
"""A wider network is worth its time only when it sees every row so often."""
_SHARE = 0.85
_COSTS = {(32, 128, 256): 0.82e-3, (48, 192, 256): 1.4e-3, (64, 256, 256): 1.9e-3}
"""Widths -> seconds a training image of 32x32 takes on two cores (AMD Zen 4, bfloat16, channels_last)."""

_ACTIVATIONS: dict[str, type[nn.Module]] = {"gelu": nn.GELU, "silu": nn.SiLU, "relu": nn.ReLU}


class FastNetConfig(Config):
    """Whitening 2x2 - activation, then per group conv 3x3 - max pool 2x2 - norm - activation - conv 3x3 - norm -
    activation, then the largest value of each map, and a linear layer without bias on them.

    [batch, c, h, w] -> [batch, 8 c, h-1, w-1] -> [batch, widths[0], (h-1)/2, (w-1)/2] -> ... -> [batch, widths[-1]]
    -> [batch, outputs].

    The whitening filters are computed from training images and not learnt; the scales of the batch norms stay 1;
    convolutions begin as the identity in their first channels. Jordan, arXiv:2404.00498 (airbench94); widths are
    smaller here, for two CPU cores. The parts are older: Page 2018 (whitening, pooling), Ioffe and Szegedy 2015.
    """

    inputs: ClassVar[frozenset[str]] = frozenset({"image"})
    title: ClassVar[str] = "small colour images in minutes: whitening, three groups, no learnt norm scales"
    numbers: ClassVar[str] = "standard"
    rule: ClassVar[str] = "gradient"

    widths: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (32, 128, 256), min_length=1, description="feature maps of each group"
    )
    activation: Literal["gelu", "silu", "relu"] = Field("gelu", description="function after each norm")

    def build(self, spec: InputSpec, outputs: int) -> nn.Module:
        require("fastnet", self.inputs, spec, outputs)
        channels, height, width = spec.shape
        if min(height, width) < PATCH:
            raise ModelError(
                "model 'fastnet'",
                f"needs images of at least {PATCH} x {PATCH}, the size of its first filters",
                found=f"the inputs are {describe(spec)}",
                do=["--model mlp", "--set data.image_size=8"],
            )
        activation = _ACTIVATIONS[self.activation]
        parts = OrderedDict[str, nn.Module](input=ImageInput(spec.mean, spec.std))
        parts["whiten"] = whiten = Whiten(channels, PATCH)  # [batch, 8 c, h - 1, w - 1]
        parts["activation"] = activation()
        maps, side = whiten.maps, min(height, width) - PATCH + 1
        for number, size in enumerate(self.widths, start=1):
            parts[f"group{number}"] = _group(maps, size, activation, pool=side > 1)  # [batch, size, h / 2, w / 2]
            maps, side = size, max(side // 2, 1)
        parts["largest"] = Largest()  # [batch, maps]
        parts["output"] = ScaledLinear(maps, outputs)  # [batch, outputs]
        return nn.Sequential(parts)

    def suggest(self, rows: int, spec: InputSpec, outputs: int, minutes: float | None) -> dict[str, Any]:
        """Muon with rows of length 1 and SGD for the rest, linear to zero, label smoothing 0.2, alternating flips,
        moves by 2 pixels with reflected borders (Jordan's airbench94_muon, 2024, whose rates are for sums over 2,000
        images); 8 passes over 50,000 images, more over fewer; wider groups where `minutes` leave time for `_PASSES`
        passes.
        """
        batch = min(2000 if rows >= 20_000 else 128, max(rows, 1))
        values: dict[str, Any] = {
            "optimiser.name": "muon",
            "optimiser.lr": 0.24 * (batch / 2000) ** 0.5,
            "optimiser.momentum": 0.6,
            "optimiser.ns_steps": 3,
            "optimiser.unit_rows": True,
            "optimiser.other": "sgd",
            "optimiser.other_lr": _HEAD_RATE * batch,
            "optimiser.other_vectors": 64.0,
            "optimiser.weight_decay": 2e-6 * batch,
            "optimiser.decay_all": True,
            "schedule.name": "linear",
            "train.batch_size": batch,
        }
        values |= augmentation(spec)
        if outputs > 1:
            values["task.label_smoothing"] = 0.2
        if minutes is None:
            values["train.epochs"] = min(max(round(8 * (50_000 / max(rows, 1)) ** 0.5), 8), 60)
        else:
            values["model.widths"] = list(_widths(rows, spec.shape[1] * spec.shape[2], minutes))
        return {key: value for key, value in values.items() if key.removeprefix("model.") not in self.model_fields_set}


class Largest(nn.Module):
    """y = max over height and width of x: [batch, maps, h, w] -> [batch, maps]."""

    def forward(self, x: Tensor) -> Tensor:
        return x.amax((2, 3))  # [batch, maps]


class ScaledLinear(nn.Linear):
    """y = W x / scale, no bias: [batch, features] -> [batch, outputs]."""

    def __init__(self, features: int, outputs: int) -> None:
        super().__init__(features, outputs, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) / _LOGIT_SCALE  # [batch, outputs]


def _group(maps: int, size: int, activation: type[nn.Module], *, pool: bool) -> nn.Sequential:
    """Maps of one pixel are not halved any more."""
    parts = OrderedDict[str, nn.Module]()
    parts["conv1"] = _identity(nn.Conv2d(maps, size, 3, padding=1, bias=False))  # [batch, size, h, w]
    if pool:
        parts["pool"] = nn.MaxPool2d(2)  # [batch, size, h / 2, w / 2]
    parts["norm1"] = _norm(size)
    parts["activation1"] = activation()
    parts["conv2"] = _identity(nn.Conv2d(size, size, 3, padding=1, bias=False))
    parts["norm2"] = _norm(size)
    parts["activation2"] = activation()
    return nn.Sequential(parts)


def _widths(rows: int, pixels: int, minutes: float) -> tuple[int, ...]:
    """The widest of `_COSTS` that sees every row `_PASSES` times, if training gets `_SHARE` of the time."""
    fitting = [
        widths
        for widths, seconds in _COSTS.items()
        if _PASSES * rows * seconds * pixels / 1024 <= _SHARE * 60 * minutes
    ]
    return fitting[-1] if fitting else next(iter(_COSTS))


def _norm(size: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(size, momentum=_MOMENTUM)
    norm.weight.requires_grad_(False)
    return norm


@torch.no_grad()
def _identity(conv: nn.Conv2d) -> nn.Conv2d:
    """The first channels pass through unchanged, the others begin as torch initialises them."""
    same = min(conv.in_channels, conv.out_channels)
    nn.init.dirac_(conv.weight[:same])
    conv.muon_exclude = False  # type: ignore[assignment]  # no input layer: what is before it does not learn
    return conv
