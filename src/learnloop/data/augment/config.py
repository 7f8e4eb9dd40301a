"""The recipe's section `augment`: every operation with its strength; zero is off."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from learnloop.config import Config

Fill = Literal["nearest", "reflect", "constant"]
Flip = Literal["none", "random", "alternate"]

LARGEST_SHEAR = 40.0
"""Degrees. With the shears of a policy on top the map can still be inverted."""
MOST_POLICY_OPERATIONS = 4


class AugmentConfig(Config):
    """How training images are changed at random, each anew in each batch. Held-out images never are.

    A strength s means: drawn uniformly from -s to s for each image (brightness, contrast and saturation: a factor
    from 1 - s to 1 + s), unless the field says otherwise.
    """

    name: str | tuple[str, ...] = Field(
        "auto",
        description="auto, none, light, standard, strong, custom, or a list of operations: [flip, cutout]",
    )
    rotation: float = Field(0.0, ge=0, le=180, description="degrees about the centre")
    shift: float = Field(0.0, ge=0, lt=1, description="share of height and width, between whole pixels too")
    shear: float = Field(0.0, ge=0, le=LARGEST_SHEAR, description="degrees, along the rows")
    zoom: float = Field(0.0, ge=0, lt=1, description="a factor from 1 - zoom to 1 + zoom")
    fill: Fill = Field("reflect", description="what lies outside: the nearest pixel, the mirrored image, or black")
    flip: Flip = Field(
        "none", description="mirrored left to right; random: half of them; alternate: each in every second pass"
    )
    flip_vertical: bool = Field(False, description="half of them are turned upside down, mirrored")
    crop: int = Field(0, ge=0, description="padded by so many pixels and cut out again at a random place")
    brightness: float = Field(0.0, ge=0, le=1, description="all pixels are multiplied by it")
    contrast: float = Field(0.0, ge=0, le=1, description="distances from the image's mean grey are multiplied by it")
    saturation: float = Field(0.0, ge=0, le=1, description="distances from grey are multiplied by it; colour only")
    hue: float = Field(0.0, ge=0, le=0.5, description="share of a turn of the colour circle; colour only")
    blur: float = Field(0.0, ge=0, le=10, description="largest standard deviation in pixels")
    noise: float = Field(0.0, ge=0, le=1, description="largest standard deviation, as a share of white")
    cutout: float = Field(
        0.0, ge=0, le=1, description="side of a square of mean colour, as a share of the shorter side"
    )
    erase: float = Field(0.0, ge=0, le=1, description="probability of a rectangle of random colour")
    mixup: float = Field(0.0, ge=0, allow_inf_nan=False, description="alpha: two images and their labels are averaged")
    cutmix: float = Field(0.0, ge=0, allow_inf_nan=False, description="alpha: a rectangle comes from another image")
    policy_ops: int = Field(
        0, ge=0, le=MOST_POLICY_OPERATIONS, description="operations drawn for each image, as RandAugment does"
    )
    policy_magnitude: float = Field(5.0, ge=0, le=10, description="strength of the policy's operations, 0 to 10")

    @property
    def moves(self) -> bool:
        """Whether pixels are taken between whole pixels: rotation, shift, shear, zoom, a policy."""
        return bool(self.rotation or self.shift or self.shear or self.zoom or self.policy_ops)

    @property
    def steps(self) -> bool:
        """Whether images are moved by whole pixels or mirrored."""
        return bool(self.crop or self.flip != "none" or self.flip_vertical)

    @property
    def colours(self) -> bool:
        """Whether a linear map of colours is applied."""
        return bool(self.brightness or self.contrast or self.saturation or self.hue or self.policy_ops)

    @property
    def mixes(self) -> bool:
        """Whether labels become probabilities."""
        return bool(self.mixup or self.cutmix)

    def line(self) -> str:
        """`flip alternate, crop 2, fill nearest`: what is on; "nothing" where nothing is."""
        if not self.on:
            return "nothing"
        shown = {name: getattr(self, name) for name in type(self).model_fields if name not in ("name", "fill")}
        used = {name: value for name, value in shown.items() if value not in (0, False, "none")}
        if not self.policy_ops:
            used.pop("policy_magnitude")
        if self.moves or self.crop:
            used["fill"] = self.fill
        return ", ".join(name if value is True else f"{name} {value}" for name, value in used.items())

    @property
    def on(self) -> bool:
        """Whether anything is changed at all."""
        return bool(
            self.moves
            or self.steps
            or self.colours
            or self.mixes
            or self.blur
            or self.noise
            or self.cutout
            or self.erase
        )
