"""Diffusion: a network learns to tell the noise in a picture, and makes pictures by taking noise away step by step."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from learnloop.contracts import InputSpec
from learnloop.errors import ModelError
from learnloop.models.config import describe
from learnloop.models.generative.config import GenerativeConfig
from learnloop.nn.denoiser import Denoiser
from learnloop.nn.noise_schedule import NOISE_SCHEDULES, ScheduleName
from learnloop.nn.row_noise import RowNoise

SamplerName = Literal["ddim", "ancestral"]

_LEAST_SIGNAL = 1e-3
"""Sampling begins where so much of a picture's variance is left: above it an error in the noise is multiplied by at
most 31 in the picture that is read off it."""
_PATCHED = 20
"""From this side length on patches of 2 x 2 pixels are the network's first channels."""


class DDPM(nn.Module):
    """x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps;  eps_hat = f(x_t, t, label);  x_0 = the picture in -1..1.

    Ho, Jain and Abbeel 2020, section 3; sampling by Song, Meng and Ermon 2021 (DDIM), equation 12.
    """

    abar: Tensor

    def __init__(
        self,
        shape: tuple[int, int, int],
        body: Denoiser,
        abar: Tensor,
        *,
        classes: int = 0,
        sampler: SamplerName = "ddim",
        steps: int = 25,
        guidance: float = 0.0,
        dropped: float = 0.1,
    ) -> None:
        super().__init__()
        self.body = body
        self.noise_shape: tuple[int, ...] = shape
        self.classes, self.sampler, self.steps = classes, sampler, steps
        self.guidance, self.dropped = guidance, dropped
        self.register_buffer("abar", abar.float(), persistent=False)

    @property
    def times(self) -> int:
        """Steps of noise in training."""
        return len(self.abar)

    def forward(self, noisy: Tensor, time: Tensor, label: Tensor | None = None) -> Tensor:
        """eps_hat [n, c, h, w]. time int64 [n]; label int64 [n], `classes` for none."""
        return self.body(noisy, time, label)

    def scaled(self, x: Tensor) -> Tensor:
        """uint8 or float in 0..255 -> float in -1..1."""
        return x.to(self.abar.dtype) * (2 / 255) - 1

    def noised(self, x: Tensor, time: Tensor, noise: Tensor) -> Tensor:
        """x_t of pictures in -1..1. x, noise [n, c, h, w]; time int64 [n]."""
        left = self.abar[time][:, None, None, None]  # [n, 1, 1, 1]
        return left.sqrt() * x + (1 - left).sqrt() * noise

    def generate(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        """x_s = sqrt(abar_s) x_0 + sqrt(1 - abar_s - sigma^2) eps_hat + sigma z, from the noisiest time to the picture.

        x_0 is read off x_t and eps_hat, and clipped to -1..1. DDIM: sigma = 0, so that the picture is a function of
        `noise` alone. Ancestral: sigma^2 = (1 - abar_s) / (1 - abar_t) (1 - abar_t / abar_s), with z from `noise`
        (`RowNoise`); Song et al. 2021, equations 12 and 16. With w = `guidance` eps_hat = (1 + w) eps(label)
        - w eps(none): Ho and Salimans 2022, equation 6.

        noise float32 [n, c, h, w], label int64 [n] -> float in 0..1 [n, c, h, w].
        """
        drawn = RowNoise(noise) if self.sampler == "ancestral" else None
        x = noise
        times = self.path()
        for place, time in enumerate(times):
            left = self.abar[time]
            after = self.abar[times[place + 1]] if place + 1 < len(times) else torch.ones_like(left)
            clean = ((x - (1 - left).sqrt() * self._guided(x, time, label)) / left.sqrt()).clamp(-1, 1)
            wrong = (x - left.sqrt() * clean) / (1 - left).sqrt()  # the noise that fits the clipped picture
            spread = torch.zeros_like(left)
            if drawn is not None:
                spread = ((1 - after) / (1 - left) * (1 - left / after)).sqrt()
            x = after.sqrt() * clean + (1 - after - spread.square()).clamp_min(0).sqrt() * wrong
            if drawn is not None and place + 1 < len(times):
                x = x + spread * drawn.draw()
        return (x + 1) / 2

    def path(self) -> list[int]:
        """The times that sampling goes through: equal steps from the noisiest one that still holds some signal, down
        to the least noisy ones."""
        first = int((self.abar >= _LEAST_SIGNAL).sum())
        steps = min(self.steps, first)
        return [round(first * (steps - place) / steps) - 1 for place in range(steps)]

    def _guided(self, x: Tensor, time: int, label: Tensor | None) -> Tensor:
        """eps_hat float32 [n, c, h, w]."""
        times = torch.full((len(x),), time, device=x.device)  # [n]
        if label is None or not self.classes or not self.guidance:
            return self(x, times, label if self.classes else None).float()
        both = torch.cat([label, torch.full_like(label, self.classes)])  # [2 n]
        told, free = self(torch.cat([x, x]), torch.cat([times, times]), both).float().chunk(2)
        return told + self.guidance * (told - free)


class DDPMConfig(GenerativeConfig):
    """A U-Net that tells the noise in a picture (nn/denoiser.py), and the steps in which pictures are made with it.

    Ho, Jain and Abbeel 2020, arXiv:2006.11239; the cosine schedule of Nichol and Dhariwal 2021, arXiv:2102.09672;
    DDIM: Song, Meng and Ermon 2021, arXiv:2010.02502; guidance without a classifier: Ho and Salimans 2022,
    arXiv:2207.12598.
    """

    title: ClassVar[str] = "diffusion: takes noise away step by step; a small U-Net, DDIM, class guidance"
    source: ClassVar[str] = "Ho, Jain and Abbeel 2020, arXiv:2006.11239; Song, Meng and Ermon 2021, arXiv:2010.02502"
    task: ClassVar[str] = "diffusion"
    inputs: ClassVar[frozenset[str]] = frozenset({"image"})
    labelled: ClassVar[bool] = True

    widths: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (32, 64), min_length=1, description="feature maps of each level; every level but the last is halved"
    )
    blocks: int = Field(1, ge=1, description="residual blocks of each level, on the way down")
    patch: Literal["auto"] | Annotated[int, Field(ge=1)] = Field(
        "auto", description="side of the square of pixels that become channels first; auto: 2 from 20 pixels on, else 1"
    )
    times: int = Field(1000, ge=2, description="steps of noise in training")
    noise_schedule: ScheduleName = Field("cosine", description="how fast noise comes in: cosine or linear")
    sampler: SamplerName = Field(
        "ddim", description="ddim: a function of the first noise; ancestral: noise again at every step, derived from it"
    )
    steps: int = Field(25, ge=1, description="steps in which a picture is made")
    class_conditional: bool = Field(False, description="the network is told the class of a picture")
    dropped: float = Field(0.1, gt=0, lt=1, description="share of labels that are kept from the network in training")
    guidance: float = Field(0.0, ge=0, description="how far samples are pushed towards their class; 0: not at all")

    @property
    def conditional(self) -> bool:
        return self.class_conditional

    def build(self, spec: InputSpec, classes: int = 0, wanted: InputSpec | None = None) -> nn.Module:
        if spec.kind != "image":
            raise ModelError(
                "model 'ddpm'",
                "makes pictures",
                found=f"the inputs are {describe(spec)}",
                do="--task autoencode --model vae",
            )
        if self.class_conditional and not classes:
            raise ModelError(
                "model.class_conditional",
                "needs the classes of the pictures",
                found="data without labels",
                do="--set model.class_conditional=false",
            )
        if self.guidance and not self.class_conditional:
            raise ModelError(
                "model.guidance",
                "pushes samples towards the class that is asked for: the network must be told classes",
                found=f"guidance={self.guidance:g} and class_conditional=false",
                do=["--set model.class_conditional=true", "--set model.guidance=0"],
            )
        told = classes if self.class_conditional else 0
        body = Denoiser(spec.shape[0], self.widths, blocks=self.blocks, patch=self._patch(spec), classes=told)
        return DDPM(
            spec.shape,
            body,
            NOISE_SCHEDULES[self.noise_schedule](self.times),
            classes=told,
            sampler=self.sampler,
            steps=min(self.steps, self.times),
            guidance=self.guidance,
            dropped=self.dropped,
        )

    def suggest(self, rows: int, spec: InputSpec, minutes: float | None) -> dict[str, Any]:
        """Muon as for `cnn`, linear to zero after a warm-up, gradients clipped at 1, weights averaged.

        On MNIST, after as many seconds, the error of the noise was 0.099 after 117 steps of 64 pictures with Muon,
        0.124 after 68 steps of 128, and 0.190 after 84 steps of 128 with Adam at 1e-3.
        """
        values: dict[str, Any] = {
            "optimiser.name": "muon",
            "optimiser.lr": 0.02,
            "optimiser.other_lr": 3e-3,
            "optimiser.weight_decay": 0.01,
            "schedule.name": "linear",
            "schedule.warmup": 0.05,
            "train.batch_size": min(64, max(rows, 1)),
            "train.clip": 1.0,
            "train.average": 0.999,
        }
        if minutes is None:
            values["train.epochs"] = min(max(round(10 * (60_000 / max(rows, 1)) ** 0.5), 10), 300)
        return values

    def _patch(self, spec: InputSpec) -> int:
        if self.patch != "auto":
            return self.patch
        return 2 if min(spec.shape[1:]) >= _PATCHED else 1
