"""`PairedGan` and `CycleGan`: pictures from pictures, learnt from pairs or from two heaps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from learnloop.contracts import Batch, Scalars, X, Y
from learnloop.models.generative.cyclegan import CycleAdversaries, CycleGanConfig
from learnloop.models.generative.paired import Content, PairedAdversaries, PairedConfig
from learnloop.optim.plan import Plan
from learnloop.optim.updater import Updater
from learnloop.tasks.adversarial import AdversarialTask, held, spread
from learnloop.tasks.gan_objectives import OBJECTIVES, Objective

PICTURES = "pictures"


class PairedGan(AdversarialTask):
    """A picture from a picture: G(x) should look real beside x, and be like y.

    Batches hold X, the sources, and Y, the wanted pictures (uint8). A step: one of the discriminator on (x, y) and
    (x, G(x)), then one of the generator. Scalars: those of `Gan`, and "content", how far answers are from the wanted
    pictures as the config compares them. Evaluation: "loss" and "mae", the mean |y - G(x)| of pixels in 0..1, "mse",
    and "psnr" in dB.
    """

    net: PairedAdversaries

    def __init__(
        self, net: nn.Module, config: PairedConfig, *, plan: Plan, updaters: Mapping[str, Updater] | None = None
    ) -> None:
        super().__init__(net, plan=plan, updaters=updaters)
        self.config = config
        self.objective = OBJECTIVES[config.objective]
        self._autocast = nullcontext if plan.dtype == "float32" else plan.autocast

    def train_step(self, batch: Batch) -> Scalars:
        net, config = self.net, self.config
        x, y = net.scaled(batch[X]), net.scaled(batch[Y])
        with self._autocast():
            made = net.make(x)
            noisy_y, noisy_made = (self.noisy(each, config.instance_noise) for each in (y, made.detach()))
            r, f = _scores(net, x, noisy_y, noisy_made)
        loss = self.objective.discriminator(r, f, config.label_smoothing)
        self.move_discriminator(loss)
        with held(self._discriminator), self._autocast():
            adversarial, content = _generator_losses(net, config, self.objective, x, y, made)
        whole = config.adversarial * adversarial + config.weight_of_content * content
        gradient = self.move_generator(whole)
        return {
            "loss": whole.detach(),
            **_told(self.objective, loss, r, f),
            "content": content.detach(),
            "generator_gradient": gradient,
            "spread": spread(made, y),
        }

    @torch.no_grad()
    def eval_step(self, batch: Batch) -> Scalars:
        difference = self.predict(batch)[PICTURES] - batch[Y].float() / 255
        mae = difference.abs().mean()
        return {"loss": mae, "mae": mae, "mse": difference.square().mean()}

    def summarise(self, means: dict[str, float]) -> dict[str, float]:
        """psnr = -10 log10 mse, of pictures in 0..1."""
        return {**means, "psnr": -10 * math.log10(max(means["mse"], 1e-10))}

    @torch.no_grad()
    def predict(self, batch: Batch) -> Batch:
        """`pictures` float32 [n, c, h, w] in 0..1."""
        with self._autocast():
            return {PICTURES: self.net.translate(batch[X])}

    @staticmethod
    def rehearsal(net: PairedAdversaries, batch: Batch, config: PairedConfig) -> Tensor:
        """A scalar whose gradient costs about a step of each player: what a Plan is measured on."""
        objective = OBJECTIVES[config.objective]
        x, y = net.scaled(batch[X]), net.scaled(batch[Y])
        made = net.make(x)
        r, f = _scores(net, x, y, made.detach())
        loss = objective.discriminator(r, f, config.label_smoothing)
        with held(net.discriminator):
            adversarial, content = _generator_losses(net, config, objective, x, y, made)
        return loss + config.adversarial * adversarial + config.weight_of_content * content


class CycleGan(AdversarialTask):
    """Pictures of Y from pictures of X and back: each way should look real, and the way back lead home.

    Batches hold X and Y, drawn independently. A step: one of both discriminators, then one of both generators.
    Scalars: those of `Gan` (means of both ways), "cycle" and "identity", mean |differences| of pixels in -1..1.
    Evaluation: "loss" and "cycle_error", the mean |x - back(there(x))| of both ways in 0..1.
    """

    net: CycleAdversaries

    def __init__(
        self, net: nn.Module, config: CycleGanConfig, *, plan: Plan, updaters: Mapping[str, Updater] | None = None
    ) -> None:
        super().__init__(net, plan=plan, updaters=updaters)
        self.config = config
        self.objective = OBJECTIVES[config.objective]
        self._autocast = nullcontext if plan.dtype == "float32" else plan.autocast

    def train_step(self, batch: Batch) -> Scalars:
        net, config = self.net, self.config
        x, y = net.scaled(batch[X]), net.scaled(batch[Y])
        with self._autocast():
            made_y, made_x = net.generator.there(x), net.generator.back(y)
            seen = [self.noisy(each, config.instance_noise) for each in (y, made_y.detach(), x, made_x.detach())]
            r, f = _judged(net, *seen)
        loss = _both(self.objective, r, f, config.label_smoothing)
        self.move_discriminator(loss)
        with held(self._discriminator), self._autocast():
            adversarial, cycle, identity = _cycle_losses(net, config, self.objective, x, y, made_x, made_y)
        whole = adversarial + config.cycle * (cycle + config.identity * identity)
        gradient = self.move_generator(whole)
        return {
            "loss": whole.detach(),
            **_told(self.objective, loss, torch.cat(r), torch.cat(f)),
            "cycle": cycle.detach(),
            "identity": identity.detach(),
            "generator_gradient": gradient,
            "spread": (spread(made_y, y) + spread(made_x, x)) / 2,
        }

    @torch.no_grad()
    def eval_step(self, batch: Batch) -> Scalars:
        net = self.net
        errors = []
        with self._autocast():
            for key, back in ((X, False), (Y, True)):
                made = net.translate(batch[key], back)
                errors.append((net.translate(255 * made, not back) - batch[key].float() / 255).abs().mean())
        error = (errors[0] + errors[1]) / 2
        return {"loss": error, "cycle_error": error}

    @torch.no_grad()
    def predict(self, batch: Batch) -> Batch:
        """`pictures` float32 [n, c, h, w] in 0..1, of Y from X."""
        with self._autocast():
            return {PICTURES: self.net.translate(batch[X])}

    @staticmethod
    def rehearsal(net: CycleAdversaries, batch: Batch, config: CycleGanConfig) -> Tensor:
        """A scalar whose gradient costs about a step of each player: what a Plan is measured on."""
        objective = OBJECTIVES[config.objective]
        x, y = net.scaled(batch[X]), net.scaled(batch[Y])
        made_y, made_x = net.generator.there(x), net.generator.back(y)
        loss = _both(objective, *_judged(net, y, made_y.detach(), x, made_x.detach()), config.label_smoothing)
        with held(net.discriminator):
            adversarial, cycle, identity = _cycle_losses(net, config, objective, x, y, made_x, made_y)
        return loss + adversarial + config.cycle * (cycle + config.identity * identity)


def _told(objective: Objective, loss: Tensor, r: Tensor, f: Tensor) -> Scalars:
    belief = objective.belief
    return {"discriminator_loss": loss.detach(), "real": belief(r.detach()).mean(), "fake": belief(f.detach()).mean()}


def _scores(net: PairedAdversaries, x: Tensor, y: Tensor, made: Tensor) -> tuple[Tensor, Tensor]:
    """Of wanted and of made pictures, [n, 1, h', w'] each, in one pass: no norm mixes pictures."""
    shown = torch.cat([net.shown(x, y), net.shown(x, made)])  # [2 n, c + c', h, w]
    r, f = net.discriminator(shown).float().chunk(2)
    return r, f


def _generator_losses(
    net: PairedAdversaries, config: PairedConfig, objective: Objective, x: Tensor, y: Tensor, made: Tensor
) -> tuple[Tensor, Tensor]:
    """(adversarial, content), scalars."""
    shown = net.shown(x, made)
    maps = net.discriminator.features(shown)
    adversarial = objective.generator(net.discriminator.score(maps[-1]).float())
    return adversarial, _content(net, config.content, x, y, made, maps)


def _content(
    net: PairedAdversaries, content: Content, x: Tensor, y: Tensor, made: Tensor, maps: list[Tensor]
) -> Tensor:
    """l1          mean |y - G(x)| of pixels
    perceptual  the mean over the discriminator's stages of mean |D_i(x, y) - D_i(x, G(x))|, its maps as constants:
                Wang et al. 2018, arXiv:1711.11585, equation 4; no network that was trained elsewhere is needed
    """
    if content == "l1":
        return (y - made.float()).abs().mean()
    with torch.no_grad():
        wanted = net.discriminator.features(net.shown(x, y))
    apart = [(one.float() - other.float()).abs().mean() for one, other in zip(wanted, maps)]
    return torch.stack(apart).mean()


def _judged(
    net: CycleAdversaries, y: Tensor, made_y: Tensor, x: Tensor, made_x: Tensor
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """((scores of y, of x), (scores of made y, of made x)), [n, 1, h', w'] each."""
    judges = net.discriminator
    ry, fy = judges.there(torch.cat([y, made_y.to(y.dtype)])).float().chunk(2)
    rx, fx = judges.back(torch.cat([x, made_x.to(x.dtype)])).float().chunk(2)
    return (ry, rx), (fy, fx)


def _both(objective: Objective, r: tuple[Tensor, Tensor], f: tuple[Tensor, Tensor], smoothing: float) -> Tensor:
    """The sum of both discriminators' losses."""
    return objective.discriminator(r[0], f[0], smoothing) + objective.discriminator(r[1], f[1], smoothing)


def _cycle_losses(
    net: CycleAdversaries,
    config: CycleGanConfig,
    objective: Objective,
    x: Tensor,
    y: Tensor,
    made_x: Tensor,
    made_y: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """(adversarial, cycle, identity), each the sum of both ways; identity is 0 where it is not asked for."""
    there, back, judges = net.generator.there, net.generator.back, net.discriminator
    adversarial = objective.generator(judges.there(made_y).float()) + objective.generator(judges.back(made_x).float())
    cycle = _apart(back(made_y), x) + _apart(there(made_x), y)
    if not config.identity or not net.same_channels:
        return adversarial, cycle, torch.zeros_like(cycle)
    return adversarial, cycle, _apart(there(y), y) + _apart(back(x), x)


def _apart(one: Tensor, other: Tensor) -> Tensor:
    return (one.float() - other).abs().mean()
