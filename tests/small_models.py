"""Options and picture sizes with which tests can afford the published networks."""

from __future__ import annotations

from typing import Any

from learnloop.models.table import MODELS

PUBLISHED = [name for name, config in MODELS.items() if hasattr(config, "native")]
ONE_OF_EACH = ("alexnet", "vgg11", "vgg11_bn", "resnet18", "resnet50", "efficientnet_b0")
"""For what takes training: the others differ from these in depth and width alone."""


def family(name: str) -> str:
    return name.partition("_")[0].rstrip("0123456789")


_OPTIONS: dict[str, dict[str, Any]] = {
    "resnet": {"width": 0.125},
    "efficientnet": {"width": 0.25},
    "vgg": {"width": 0.125, "dense": 32, "pool": 1},
    "alexnet": {"width": 0.125, "dense": 32, "pool": 1},
}
_SIDES = {"resnet": 8, "efficientnet": 16, "vgg": 32, "alexnet": 15}


def small_options(name: str) -> dict[str, Any]:
    """Fields that make model `name` narrow; none for what is small anyway."""
    return _OPTIONS[family(name)] if name in PUBLISHED else {}


def least_side(name: str) -> int:
    """The smallest picture that model `name` takes; 8 where it takes any."""
    return _SIDES[family(name)] if name in PUBLISHED else 8
