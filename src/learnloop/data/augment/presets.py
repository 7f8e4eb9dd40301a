"""What `augment=light|standard|strong` and lists of operations stand for, and which images may be mirrored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_SMALLEST_MOVED = 20
"""Sides in pixels under which images are not moved: a digit of 8x8 does not survive a moved pixel."""

PRESETS = ("none", "light", "standard", "strong", "custom")
WORDS = ("auto", *PRESETS)
OPERATIONS = (
    "rotation", "shift", "shear", "zoom", "flip", "flip_vertical", "crop", "brightness", "contrast", "saturation",
    "hue", "blur", "noise", "cutout", "erase", "mixup", "cutmix", "policy",
)  # fmt: skip
"""The words of a list: `augment=[flip, cutout]`."""

MIRRORS = ("flip", "flip_vertical")


def preset(name: str, side: int) -> dict[str, Any]:
    """Values of the fields for one of PRESETS on images whose shorter side is `side`.

    light: mirrored, moved by 1/16. standard: mirrored, moved by 1/8 (4 pixels of 32: He et al. 2016, section 4.2),
    brighter or darker, more or less contrast. strong: a policy of two operations and a cutout on top of that.
    None of them mixes labels: the training loss stays what it is.
    """
    if name in ("none", "custom"):
        return {}
    light = {"flip": "random", "crop": pixels(side, 16), "fill": "reflect"}
    if name == "light":
        return light
    standard = {**light, "crop": pixels(side, 8), "brightness": 0.2, "contrast": 0.2}
    if name == "standard":
        return standard
    return {**standard, "policy_ops": 2, "policy_magnitude": 3.0, "cutout": 0.25}


def usual(operation: str, side: int) -> dict[str, Any]:
    """The usual strength of one of OPERATIONS."""
    values: dict[str, Any] = {
        "rotation": 15.0,
        "shift": 0.1,
        "shear": 10.0,
        "zoom": 0.1,
        "flip": "random",
        "flip_vertical": True,
        "crop": max(1, round(side / 8)),
        "brightness": 0.2,
        "contrast": 0.2,
        "saturation": 0.2,
        "hue": 0.05,
        "blur": 1.0,
        "noise": 0.05,
        "cutout": 0.25,
        "erase": 0.25,
        "mixup": 0.2,
        "cutmix": 1.0,
    }
    if operation == "policy":
        return {"policy_ops": 2, "policy_magnitude": 3.0}
    return {operation: values[operation]}


def pixels(side: int, share: int) -> int:
    """How far images of this side are moved: 1/share of it, nothing for tiny ones."""
    return round(side / share) if side >= _SMALLEST_MOVED else 0


def why_not_mirrored(classes: Sequence[str] | None) -> str:
    """Why mirroring may change what an image means; "" where it does not.

    classes: their names, or None where numbers are learnt. Numbers as names may be digits or codes; only the former
    must not be mirrored, but which they are cannot be seen.
    """
    if classes is None:
        return "the target is a number, which the mirrored image need not have"
    names = [name.strip() for name in classes]
    if names and all(len(name) == 1 or name.isdecimal() for name in names):
        shown = ", ".join(repr(name) for name in names[:3]) + (", ..." if len(names) > 3 else "")
        return f"the classes ({shown}) look like digits or letters, whose mirror images are other signs"
    return ""
