"""Real digits of 8x8 from their edges, inverted, in colours and enlarged: is the picture the right one?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from learnloop.contracts import InputSpec, X, Y
from learnloop.data.image_pairs import Making, made_from
from learnloop.data.sources import RowSource
from learnloop.data.unpaired import UnpairedSource
from learnloop.models.generative.cyclegan import CycleGanConfig
from learnloop.models.generative.pix2pix import Pix2PixConfig
from learnloop.models.generative.superres import SuperResConfig
from learnloop.optim.adam import AdamConfig
from learnloop.optim.plan import PLAIN
from learnloop.optim.schedules import ConstantConfig
from learnloop.optim.updater import Updater
from learnloop.tasks.image_to_image import PICTURES, CycleGan, PairedGan

HELD_OUT = 200


def pairs(making: Making, margin: int = 0) -> tuple[Tensor, Tensor]:
    """(sources, wanted pictures) uint8 [n, channels, h, w]; margin: black pixels around each digit."""
    digits = np.pad((load_digits().images * 15).astype("uint8"), ((0, 0), (margin, margin), (margin, margin)))[
        ..., None
    ]
    source, wanted = made_from(digits, making)
    return tuple(torch.from_numpy(each).permute(0, 3, 1, 2).contiguous() for each in (source, wanted))  # type: ignore[return-value]


def learn(config: Any, x: Tensor, y: Tensor, steps: int) -> tuple[float, float]:
    """(mean error of the held-out pictures in 0..1, that of the mean picture)."""
    torch.manual_seed(0)
    net = config.build(
        InputSpec("image", shape=tuple(x.shape[1:])), wanted=InputSpec("image", shape=tuple(y.shape[1:]))
    )
    updaters = {
        name: Updater(AdamConfig(lr=1e-3, beta1=0.5).build(player), ConstantConfig().build())
        for name, player in net.players.items()
    }
    task = (CycleGan if config.pairing == "unpaired" else PairedGan)(net, config, plan=PLAIN, updaters=updaters)
    task.train(True)
    trained = x[HELD_OUT:], y[HELD_OUT:]
    half = len(trained[0]) // 2
    source = (
        UnpairedSource(trained[0][:half], trained[1][half:], 32, seed=0)  # no picture with its own answer
        if config.pairing == "unpaired"
        else RowSource({X: trained[0], Y: trained[1]}, 32, seed=0)
    )
    for _ in range(steps):
        task.train_step(next(source))
    task.train(False)
    wanted = y[:HELD_OUT].float() / 255
    error = (task.predict({X: x[:HELD_OUT]})[PICTURES] - wanted).abs().mean()
    plain = (trained[1].float().mean(0) / 255 - wanted).abs().mean()
    return float(error), float(plain)


@pytest.mark.parametrize(
    ("making", "config", "share"),
    [
        ("edges", Pix2PixConfig(widths=(24, 48), discriminator_widths=(24,)), 0.6),
        ("invert", Pix2PixConfig(widths=(24,), discriminator_widths=(24,)), 0.3),
        ("colour", Pix2PixConfig(widths=(24,), discriminator_widths=(24,), content="perceptual"), 0.6),
        ("halve", SuperResConfig(width=24, blocks=2, discriminator_widths=(24,)), 0.5),
    ],
)
def test_pairs_teach_the_right_picture(making: Making, config: Any, share: float) -> None:
    error, plain = learn(config, *pairs(making), steps=150)
    assert error < share * plain, f"{error:.3f}, and {plain:.3f} of the mean picture"


def test_two_heaps_teach_the_right_picture_without_pairs() -> None:
    # in the middle of 16x16: where strokes fill a picture, inverted heaps do not say what is a stroke
    x, y = pairs("invert", margin=4)
    error, plain = learn(CycleGanConfig(widths=(16, 32), discriminator_widths=(16, 32)), x, y, steps=200)
    assert error < 0.8 * plain, f"{error:.3f}, and {plain:.3f} of the mean picture"
