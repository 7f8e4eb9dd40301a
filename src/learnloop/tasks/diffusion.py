"""`Diffusion`: tell the noise in a picture, however strong. Taken away step by step, it leaves a picture."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from learnloop.contracts import Batch, Scalars, X, Y
from learnloop.models.generative.ddpm import DDPM
from learnloop.optim.plan import Plan
from learnloop.optim.updater import Updater
from learnloop.seeds import torch_stream
from learnloop.tasks.loss_task import LossTask, full_precision

SCORE = "score"
"""float [n]: how badly the noise in a picture is told, which is more for pictures unlike those of training."""

_SHARES = (0.1, 0.3, 0.5, 0.7)
"""Of all times, those at which pictures are scored: little noise to much."""

Autocast = Callable[[], AbstractContextManager[Any]]


class Diffusion(LossTask):
    """loss = mean |eps - f(sqrt(abar_t) x + sqrt(1 - abar_t) eps, t, label)|^2 over pixels and rows.

    eps ~ N(0, 1), t uniform over all times; in one batch the times are spread evenly, (u + i / n) mod 1 of all of them
    for row i with one u for the batch, which leaves each of them uniform and makes the mean steadier (Kingma et al.
    2021, Variational Diffusion Models, appendix I.1). The label is kept from the network in a share of the rows
    (`dropped`), so that it learns to do without. Ho et al. 2020, equation 14 and algorithm 1.

    labelled  the batches hold labels, and the network is told them
    """

    net: DDPM

    def __init__(self, net: DDPM, *, plan: Plan, updater: Updater | None = None, labelled: bool = False) -> None:
        super().__init__(net, (X,), _mean_square, plan=plan, updater=updater)
        self._labelled = labelled

    @staticmethod
    def rehearsal(net: DDPM, batch: Batch, labelled: bool = False) -> Tensor:
        """The loss of a batch, a scalar: what the Plan times. Precision is the caller's."""
        return noise_loss(net, batch, labelled)

    def loss(self, batch: Batch) -> Tensor:
        return noise_loss(self.net, batch, self._labelled, self._autocast or nullcontext)

    def predict(self, batch: Batch) -> Batch:
        """`score` float32 [n]: the mean error at a few times, with the same noise for every row. Changes nothing."""
        net, x = self.net, self.net.scaled(batch[X])
        label = batch[Y] if self._labelled and net.classes else None
        noise = torch.randn(net.noise_shape, generator=torch_stream(0, "diffusion", "score"))
        noise = noise.to(x).expand_as(x)  # [n, c, h, w]
        errors = []
        for share in _SHARES:
            time = torch.full((len(x),), int(share * net.times), device=x.device)  # [n]
            with (self._autocast or nullcontext)():
                told = net.forward(net.noised(x, time, noise), time, label)
            errors.append((full_precision(told) - noise).square().flatten(1).mean(1))  # [n]
        return {SCORE: torch.stack(errors).mean(0)}

    def eval_step(self, batch: Batch) -> Scalars:
        return {"loss": self.predict(batch)[SCORE].mean()}


def noise_loss(net: DDPM, batch: Batch, labelled: bool, autocast: Autocast = nullcontext) -> Tensor:
    """The training loss; times, noise and dropped labels are drawn from torch's global generator."""
    x = net.scaled(batch[X])  # [n, c, h, w]
    rows = torch.arange(len(x), device=x.device)
    share = (torch.rand((), device=x.device) + rows / len(x)) % 1  # [n]
    time = (share * net.times).long().clamp(max=net.times - 1)
    noise = torch.randn_like(x)
    label = None
    if labelled and net.classes:
        kept = torch.rand(len(x), device=x.device) >= net.dropped
        label = torch.where(kept, batch[Y], net.classes)  # [n]
    with autocast():
        told = net(net.noised(x, time, noise), time, label)
    return F.mse_loss(full_precision(told), noise)


def _mean_square(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
    return F.mse_loss(outputs, y)
