"""`Pictures`: the one pass over the images of a batch, in the order geometry, colour, blur, noise, rectangles."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from learnloop.data.augment.colour import blur, posterise, recolour, solarise
from learnloop.data.augment.config import AugmentConfig
from learnloop.data.augment.draws import Draws
from learnloop.data.augment.erase import cutout_box, erase_box, paint
from learnloop.data.augment.geometry import linear_map, step, warp
from learnloop.data.augment.policy import strengths

_LEAST_ZOOM = 0.05


class Pictures:
    """x [batch, channels, height, width] (uint8 or float, 0..255) -> changed images of the same shape.

    Bytes stay bytes where only whole pixels are moved or painted; else the result is float32, not rounded.
    mean  per channel, 0..1: the colour of a cutout
    """

    def __init__(self, config: AugmentConfig, mean: Sequence[float] = ()) -> None:
        self._config = config
        self._mean = torch.tensor(mean or [0.5]).view(1, -1, 1, 1) * 255

    def __call__(self, x: Tensor, draws: Draws, mirror: Tensor | None = None) -> Tensor:
        """mirror: bool [batch] where a mirroring was decided elsewhere (alternate); else it is drawn here."""
        config = self._config
        if config.flip == "random":
            mirror = draws.uniform("flip") < 0.5
        chosen = strengths(draws, config.policy_ops, config.policy_magnitude) if config.policy_ops else {}
        if config.moves:
            x = self._warp(x, draws, mirror, chosen)
        elif config.steps:
            x = self._step(x, draws, mirror)
        if config.colours:
            x = self._recolour(x.float(), draws, chosen)
        if config.blur:
            x = blur(x.float(), config.blur * draws.uniform("blur"))
        if config.noise:
            x = self._noise(x.float(), draws)
        return self._paint(x, draws)

    def _step(self, x: Tensor, draws: Draws, mirror: Tensor | None) -> Tensor:
        down, right = draws.whole("crop_y", self._config.crop), draws.whole("crop_x", self._config.crop)
        return step(x, down=down, right=right, mirror=mirror, upside=self._upside(draws), fill=self._config.fill)

    def _warp(self, x: Tensor, draws: Draws, mirror: Tensor | None, chosen: dict[str, Tensor]) -> Tensor:
        config, (height, width) = self._config, x.shape[2:]
        none = torch.zeros_like(draws.uniform("rotation"))
        linear = linear_map(
            degrees=config.rotation * draws.signed("rotation") + chosen.get("rotate", none),
            shear_x=torch.tan(torch.deg2rad(config.shear * draws.signed("shear"))) + chosen.get("shear_x", none),
            shear_y=chosen.get("shear_y", none),
            zoom=(1 + config.zoom * draws.signed("zoom")).clamp_min(_LEAST_ZOOM),
            mirror=mirror,
            upside=self._upside(draws),
        )
        down = height * (config.shift * draws.signed("shift_y") + chosen.get("shift_y", none))
        right = width * (config.shift * draws.signed("shift_x") + chosen.get("shift_x", none))
        down = down + draws.whole("crop_y", config.crop)
        right = right + draws.whole("crop_x", config.crop)
        return warp(x.float(), linear, down=down, right=right, fill=config.fill)

    def _upside(self, draws: Draws) -> Tensor | None:
        return draws.uniform("flip_vertical") < 0.5 if self._config.flip_vertical else None

    def _recolour(self, x: Tensor, draws: Draws, chosen: dict[str, Tensor]) -> Tensor:
        config = self._config
        none = torch.zeros_like(draws.uniform("brightness"))

        def factor(name: str, strength: float) -> Tensor:
            return (1 + strength * draws.signed(name) + chosen.get(name, none)).clamp_min(0)

        x = recolour(
            x,
            brightness=factor("brightness", config.brightness),
            contrast=factor("contrast", config.contrast),
            saturation=factor("saturation", config.saturation),
            hue=config.hue * draws.signed("hue"),
            stretch=chosen["autocontrast"] > 0 if chosen else None,
        )
        if chosen:
            x = posterise(solarise(x, chosen["solarise"].clamp(0, 1)), chosen["posterise"].clamp(0, 8))
        return x

    def _noise(self, x: Tensor, draws: Draws) -> Tensor:
        deviation = 255 * self._config.noise * draws.uniform("noise")
        return torch.addcmul(x, draws.normal(x), deviation[:, None, None, None]).clamp_(0, 255)

    def _paint(self, x: Tensor, draws: Draws) -> Tensor:
        config, (height, width) = self._config, x.shape[2:]
        if config.cutout:
            where = cutout_box(height, width, config.cutout, draws.uniform("cutout_x"), draws.uniform("cutout_y"))
            x = paint(x, where, self._mean.to(x.device))
        if config.erase:
            where = erase_box(
                height,
                width,
                chosen=draws.uniform("erase") < config.erase,
                area=draws.uniform("erase_area"),
                shape=draws.uniform("erase_shape"),
                u_x=draws.uniform("erase_x"),
                u_y=draws.uniform("erase_y"),
            )
            x = paint(x, where, 255 * draws.uniform("erase_grey")[:, None, None, None])
        return x
