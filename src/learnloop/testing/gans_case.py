"""The toy problems of `check_players`: small pictures that are bright at one side."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from learnloop.contracts import Batch, InputSpec, X, Y
from learnloop.models.generative.config import GenerativeConfig
from learnloop.optim.adam import AdamConfig
from learnloop.optim.average import WeightAverage
from learnloop.optim.plan import PLAIN
from learnloop.optim.schedules import ConstantConfig
from learnloop.optim.updater import Updater
from learnloop.tasks.adversarial import AdversarialTask
from learnloop.tasks.gan import Gan
from learnloop.tasks.image_to_image import PICTURES, CycleGan, PairedGan

ROWS = 10
"""Of a batch; enough for five steps of a discriminator on two pictures each."""
TOY_ROWS, MADE = 64, 100
"""Of a batch of the problem that is learnt, and pictures that are looked at to see whether it is."""


class PlayersCase:
    """A network that is checked, its task and its toy problem.

    Pictures from noise: slopes of brightness, rising to the left (class 0) or to the right (class 1), steep or not.
    Pictures from pictures: a bright bar somewhere, to be inverted, and enlarged if `wanted` is larger.
    """

    def __init__(self, config: GenerativeConfig, spec: InputSpec, classes: int, wanted: InputSpec | None) -> None:
        self.config: Any = config
        self.spec = spec
        self.classes = classes
        self.wanted = wanted

    def net(self, seed: int = 0) -> Any:
        torch.manual_seed(seed)
        return self.config.build(self.spec, self.classes, self.wanted)

    def task(self, still: str = "", rate: float = 1e-3) -> AdversarialTask:
        """A new task, in training. still: the player that does not move."""
        net = self.net()
        updaters = {
            name: Updater(
                AdamConfig.model_validate({"lr": rate * net.rates[name], "beta1": 0.5}).build(player),
                ConstantConfig.model_validate({}).build(),
                average=WeightAverage(player, 0.9) if name == "generator" else None,
            )
            for name, player in net.players.items()
        }
        if still:
            updaters[still].stepper.set_scale(0.0)
        made = _task_of(self.config.pairing)(net, self.config, plan=PLAIN, updaters=updaters, **self._labelled())
        made.train(True)
        return made

    def _labelled(self) -> dict[str, bool]:
        return {"labelled": self.classes > 0} if self.config.pairing == "none" else {}

    def trained(self) -> AdversarialTask:
        """After a few steps: labels and norms have begun to count."""
        task = self.task()
        for number in range(3):
            task.train_step(self.batch(number))
        return task

    def batch(self, number: int, rows: int = ROWS) -> Batch:
        generator = torch.Generator().manual_seed(number)
        if self.config.pairing == "none":
            label = torch.arange(rows) % 2
            return {X: self.slopes(self.steepness(label, generator)), Y: label}
        x = self.bars(rows, generator)
        return {X: x, Y: self.answer(x if self.config.pairing == "paired" else self.bars(rows, generator))}

    def toy_batch(self, number: int) -> Batch:
        return self.batch(number, TOY_ROWS)

    def steepness(self, label: Tensor, generator: torch.Generator) -> Tensor:
        """[n]: -1 .. -0.3 of class 0, 0.3 .. 1 of class 1."""
        return (2 * label - 1) * (0.3 + 0.7 * torch.rand(len(label), generator=generator))

    @property
    def ramp(self) -> Tensor:
        """[channels, height, width] from -1 on the left to 1 on the right."""
        return torch.linspace(-1, 1, self.spec.shape[2]).expand(self.spec.shape)

    def slopes(self, steepness: Tensor) -> Tensor:
        """uint8 [n, channels, h, w]."""
        return (127.5 + 100 * steepness[:, None, None, None] * self.ramp).to(torch.uint8)

    def bars(self, rows: int, generator: torch.Generator) -> Tensor:
        """uint8 [n, channels, h, w]: a quarter of the columns at 200, the others at 40."""
        channels, height, width = self.spec.shape
        bar = width // 4
        first = torch.randint(0, width - bar + 1, (rows, 1), generator=generator)
        column = torch.arange(width)  # [w]
        bright = (column >= first) & (column < first + bar)  # [n, w]
        return torch.where(bright, 200, 40).to(torch.uint8)[:, None, None].repeat(1, channels, height, 1)

    def answer(self, source: Tensor) -> Tensor:
        """The picture that is wanted for `source`: inverted, and enlarged where larger ones are asked for."""
        assert self.wanted is not None
        channels, *size = self.wanted.shape
        large = functional.interpolate(source[:, :1].float(), size, mode="nearest")  # [n, 1, h, w]
        return (255 - large).expand(-1, channels, -1, -1).to(torch.uint8)

    def noise(self, rows: int) -> Tensor:
        shape = (MADE, *self.net().noise_shape)  # always as many: the first rows are then the same
        return torch.randn(shape, generator=torch.Generator().manual_seed(7))[:rows]

    def served(self, net: Any, rows: int) -> Tensor:
        """What the network makes: of noise, or of the first sources."""
        if self.config.pairing == "none":
            return net.generate(self.noise(rows))
        return net.translate(self.batch(0)[X][:rows])

    def rehearsal(self, net: nn.Module, batch: Batch) -> Tensor:
        return _task_of(self.config.pairing).rehearsal(net, batch, self.config)

    def failure(self, task: AdversarialTask) -> str:
        """What is still wrong with the toy problem; empty where nothing is."""
        with task.averaged(), torch.no_grad():
            if self.config.pairing == "none":
                return self._not_made(task)
            batch = self.batch(0, MADE)
            if self.config.pairing == "unpaired":
                return self._not_found_back(task, batch)
            apart = (task.predict(batch)[PICTURES] - self.answer(batch[X]).float() / 255).abs().mean()
        return "" if apart < 0.1 else f"pictures are {float(apart):.2f} of 0..1 away from the right ones, needed 0.1"

    def _not_found_back(self, task: AdversarialTask, batch: Batch) -> str:
        """Two heaps do not say which picture belongs to which: made pictures are as bright as the wanted ones, and
        lead back to their source."""
        bright = float((task.predict(batch)[PICTURES] - batch[Y].float() / 255).mean())
        error = float(task.eval_step(batch)["loss"])
        return "" if abs(bright) < 0.1 and error < 0.1 else f"brightness is {bright:.2f} off, the way back {error:.2f}"

    def _not_made(self, task: AdversarialTask) -> str:
        """Made pictures are slopes, as steep and as different as the real ones (and of the class that was asked)."""
        label = torch.arange(MADE) % 2
        made = 2 * task.net.generate(self.noise(MADE), label if self.config.conditional else None) - 1
        ramp = self.ramp * 100 / 127.5
        steep = (made * ramp).sum((1, 2, 3)) / ramp.square().sum()  # [n]
        off = (made - steep[:, None, None, None] * ramp).square().mean().sqrt()
        if off > 0.25:
            return f"pictures are {float(off):.2f} of -1..1 away from slopes, needed 0.25"
        if not 0.3 < steep.std() < 1.0:  # of the real ones 0.68
            return f"slopes differ by {float(steep.std()):.2f}, needed 0.3 to 1"
        right = float(((steep > 0) == label.bool()).float().mean())
        if self.config.conditional and right < 0.9:
            return f"{100 * right:.0f} % of the slopes are as asked, needed 90"
        return ""


def _task_of(pairing: str) -> Any:
    return {"none": Gan, "paired": PairedGan, "unpaired": CycleGan}[pairing]


def state_of(net: nn.Module) -> dict[str, Tensor]:
    """A copy of weights and buffers."""
    return {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}
