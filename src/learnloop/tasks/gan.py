"""`Gan`: pictures from noise, learnt by two networks against each other."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from learnloop.contracts import Batch, Scalars, X, Y
from learnloop.errors import RecipeError
from learnloop.models.generative.adversaries import Adversaries, GanConfig
from learnloop.optim.plan import Plan
from learnloop.optim.updater import Updater
from learnloop.seeds import torch_stream
from learnloop.tasks.adversarial import AdversarialTask, held, spread
from learnloop.tasks.gan_objectives import OBJECTIVES, gradient_penalty

REALNESS = "realness"


class Gan(AdversarialTask):
    """min_D L_D(D(x), D(G(z))), min_G L_G(D(G(z))), z ~ N(0, 1): see `gan_objectives`.

    A step: the batch is cut into `discriminator_steps` equal parts; the discriminator learns from each of them in
    turn, against as many made pictures, and the generator once, from those that the discriminator saw last. Its
    gradient passes through the discriminator without computing the gradients of its weights, which nobody would use.

    net       `Adversaries`
    labelled  batches hold Y, and both players are told it (the network was built for classes)

    Scalars: "loss" and "discriminator_loss"; "real" and "fake", mean D(x) and D(G(z)) as the objective shows them;
    "generator_gradient", the norm of the generator's; "spread", see `adversarial.spread`.
    """

    def __init__(
        self,
        net: nn.Module,
        config: GanConfig,
        *,
        plan: Plan,
        updaters: Mapping[str, Updater] | None = None,
        labelled: bool = False,
    ) -> None:
        super().__init__(net, plan=plan, updaters=updaters)
        self.config = config
        self.objective = OBJECTIVES[config.objective]
        self._steps = config.steps_of_discriminator
        self._labelled = labelled and config.conditional
        self._autocast = nullcontext if plan.dtype == "float32" else plan.autocast
        self._bounded: list[Tensor] = list(self._discriminator.parameters()) if self.objective.clips else []

    def train_step(self, batch: Batch) -> Scalars:
        real, label = self.net.scaled(batch[X]), batch[Y] if self._labelled else None
        if len(real) < 2 * self._steps:
            raise _too_few(len(real), self._steps)
        parts = real.tensor_split(self._steps)
        labels = [None] * self._steps if label is None else label.tensor_split(self._steps)
        for part, codes in zip(parts[:-1], labels[:-1]):
            with torch.no_grad(), self._autocast():
                made = self._make(len(part), codes)
            self._learn_to_judge(part, made, codes)
        part, codes = parts[-1], labels[-1]
        with self._autocast():
            made = self._make(len(part), codes)
        scalars = self._learn_to_judge(part, made.detach(), codes)
        with held(self._discriminator), self._autocast():
            scores = self.net.judge(self.noisy(made, self.config.instance_noise), codes)
        loss = self.objective.generator(scores)
        gradient = self.move_generator(loss)
        return {"loss": loss.detach(), **scalars, "generator_gradient": gradient, "spread": spread(made, part)}

    def _make(self, count: int, label: Tensor | None) -> Tensor:
        """Pictures [count, channels, height, width] in -1..1 from new noise."""
        return self.net.make(torch.randn(count, *self.net.noise_shape, device=self.plan.device), label)

    def _learn_to_judge(self, real: Tensor, made: Tensor, label: Tensor | None) -> Scalars:
        """One step of the discriminator."""
        noise = self.config.instance_noise
        with self._autocast():
            r, f = self.net.judge_both(self.noisy(real, noise), self.noisy(made, noise), label)
        loss = self.objective.discriminator(r, f, self.config.label_smoothing)
        told = loss.detach()
        if self.objective.penalised:
            loss = loss + self.config.penalty * _penalty(self.net, real, made, label)
        self.move_discriminator(loss)
        if self._bounded:
            self._clip()
        belief = self.objective.belief
        return {
            "discriminator_loss": told,
            "real": belief(r.detach()).mean(),
            "fake": belief(f.detach()).mean(),
        }

    @torch.no_grad()
    def _clip(self) -> None:
        bound = self.config.clip_weights
        torch._foreach_clamp_max_(self._bounded, bound)
        torch._foreach_clamp_min_(self._bounded, -bound)

    @torch.no_grad()
    def eval_step(self, batch: Batch) -> Scalars:
        """Both losses of pictures made from the same noise every time."""
        real, label = self.net.scaled(batch[X]), batch[Y] if self._labelled else None
        shape = (len(real), *self.net.noise_shape)
        noise = torch.randn(shape, generator=torch_stream(0, "gan", "evaluation")).to(real.device)
        with self._autocast():
            made = self.net.make(noise, label)
            r, f = self.net.judge_both(real, made, label)
        belief = self.objective.belief
        return {
            "loss": self.objective.generator(f),
            "discriminator_loss": self.objective.discriminator(r, f, self.config.label_smoothing),
            "real": belief(r).mean(),
            "fake": belief(f).mean(),
        }

    @torch.no_grad()
    def predict(self, batch: Batch) -> Batch:
        """`realness` [n]: how real the discriminator takes each picture to be, as the objective shows it."""
        label = batch[Y] if self._labelled else None
        with self._autocast():
            scores = self.net.judge(self.net.scaled(batch[X]), label)
        return {REALNESS: self.objective.belief(scores)}

    @staticmethod
    def rehearsal(net: Adversaries, batch: Batch, config: GanConfig) -> Tensor:
        """A scalar whose gradient costs about a step of each player, and is theirs before anything moves: what a Plan
        is measured on. Its precision is the caller's."""
        real = net.scaled(batch[X])
        label = batch[Y] if net.classes and Y in batch else None
        objective = OBJECTIVES[config.objective]
        made = net.make(torch.randn(len(real), *net.noise_shape, device=real.device), label)
        r, f = net.judge_both(real, made.detach(), label)
        loss = objective.discriminator(r, f, config.label_smoothing)
        if objective.penalised:
            loss = loss + config.penalty * _penalty(net, real, made, label)
        with held(net.discriminator):
            return loss + objective.generator(net.judge(made, label))


def _penalty(net: Adversaries, real: Tensor, made: Tensor, label: Tensor | None) -> Tensor:
    """In full precision: a gradient of a gradient has few digits to lose."""
    share = torch.rand(len(real), device=real.device)
    with torch.autocast(real.device.type, enabled=False):
        return gradient_penalty(lambda between: net.judge(between, label), real, made.float(), share)


def _too_few(rows: int, steps: int) -> RecipeError:
    return RecipeError(
        "train.batch_size",
        f"must be at least {2 * steps}: two pictures for each of {steps} steps of the discriminator",
        found=f"{rows} pictures in a batch",
        do=(f"--batch-size {64 * steps}", "--set model.discriminator_steps=1"),
    )
