"""`Pictures`: the one pass over the images of a batch, in the order geometry, colour, blur, noise, rectangles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from learnloop.data.augment.colour import blur, on_rows, posterise, recolour, solarise
from learnloop.data.augment.config import AugmentConfig
from learnloop.data.augment.draws import Draws, beside, each
from learnloop.data.augment.erase import cutout, erase_box, paint
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
        self._mean = torch.tensor(mean or [0.5]) * 255

    def __call__(self, x: Tensor, draws: Draws, mirror: np.ndarray | None = None) -> Tensor:
        """mirror: bool [batch] where a mirroring was decided elsewhere (alternate); else it is drawn here."""
        config, before = self._config, x
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
        if config.cutout and x is before:
            x = x.clone()  # what the source holds stays as it is
        return self._paint(x, draws)

    def _step(self, x: Tensor, draws: Draws, mirror: np.ndarray | None) -> Tensor:
        down, right = draws.whole("crop_y", self._config.crop), draws.whole("crop_x", self._config.crop)
        return step(x, down=down, right=right, mirror=mirror, upside=self._upside(draws), fill=self._config.fill)

    def _warp(self, x: Tensor, draws: Draws, mirror: np.ndarray | None, chosen: dict[str, np.ndarray]) -> Tensor:
        config, (height, width) = self._config, x.shape[2:]
        none = np.zeros(len(x), np.float32)

        def signed(name: str, strength: float) -> np.ndarray:
            return strength * draws.signed(name) if strength else none

        linear = linear_map(
            degrees=signed("rotation", config.rotation) + chosen.get("rotate", none),
            shear_x=np.tan(np.deg2rad(signed("shear", config.shear))) + chosen.get("shear_x", none),
            shear_y=chosen.get("shear_y", none),
            zoom=np.maximum(1 + signed("zoom", config.zoom), _LEAST_ZOOM),
            mirror=mirror,
            upside=self._upside(draws),
        )
        down = height * (signed("shift_y", config.shift) + chosen.get("shift_y", none))
        right = width * (signed("shift_x", config.shift) + chosen.get("shift_x", none))
        down = down + draws.whole("crop_y", config.crop)
        right = right + draws.whole("crop_x", config.crop)
        return warp(x.float(), linear, down=down, right=right, fill=config.fill)

    def _upside(self, draws: Draws) -> np.ndarray | None:
        return draws.uniform("flip_vertical") < 0.5 if self._config.flip_vertical else None

    def _recolour(self, x: Tensor, draws: Draws, chosen: dict[str, np.ndarray]) -> Tensor:
        config = self._config
        none = np.zeros(len(x), np.float32)

        def factor(name: str, strength: float) -> np.ndarray:
            drawn = strength * draws.signed(name) if strength else none
            return np.maximum(1 + drawn + chosen.get(name, none), 0)

        x = recolour(
            x,
            brightness=factor("brightness", config.brightness),
            contrast=factor("contrast", config.contrast),
            saturation=factor("saturation", config.saturation),
            hue=config.hue * draws.signed("hue") if config.hue else None,
            stretch=chosen["autocontrast"] > 0 if chosen else None,
        )
        if chosen:
            x = on_rows(x, solarise, np.clip(chosen["solarise"], 0, 1))
            x = on_rows(x, posterise, np.clip(chosen["posterise"], 0, 8))
        return x

    def _noise(self, x: Tensor, draws: Draws) -> Tensor:
        deviation = each(255 * self._config.noise * draws.uniform("noise"), x)
        return torch.addcmul(x, draws.normal(x), deviation).clamp_(0, 255)

    def _paint(self, x: Tensor, draws: Draws) -> Tensor:
        config, (height, width) = self._config, x.shape[2:]
        if config.cutout:
            colour = self._mean.expand(x.shape[1])
            x = cutout(x, config.cutout, draws.uniform("cutout_x"), draws.uniform("cutout_y"), colour)
        if config.erase:

            def uniform(name: str) -> Tensor:
                return beside(draws.uniform(name), x)

            where = erase_box(
                height,
                width,
                chosen=uniform("erase") < config.erase,
                area=uniform("erase_area"),
                shape=uniform("erase_shape"),
                u_x=uniform("erase_x"),
                u_y=uniform("erase_y"),
            )
            x = paint(x, where, 255 * uniform("erase_grey")[:, None, None, None])
        return x
