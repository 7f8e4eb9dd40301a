"""`AdversarialTask`: what all tasks of a generator and a discriminator share; each writes its own step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from learnloop.contracts import Batch, Scalars, State
from learnloop.models.generative.config import Players
from learnloop.optim.plan import Plan
from learnloop.optim.updater import Updater

GENERATOR, DISCRIMINATOR = "generator", "discriminator"
SPREAD_OF = 64
"""Pictures of a batch whose distances from each other are looked at."""


class AdversarialTask(ABC):
    """Two players with an Updater each. What serves is the network with the generator's averaged weights.

    net       its players are "generator" and "discriminator"
    updaters  player -> what moves its weights; empty for a task that only predicts
    """

    def __init__(self, net: nn.Module, *, plan: Plan, updaters: Mapping[str, Updater] | None = None) -> None:
        assert isinstance(net, Players)
        self.net: Any = net
        self.plan = plan
        self.updaters = dict(updaters or {})
        self.fraction = 0.0
        """Share of the run that is done."""
        self._discriminator = net.players[DISCRIMINATOR]
        self._gradient = GradientNorm(net.players[GENERATOR]) if self.updaters else None

    # --- what a task writes -------------------------------------------------------------------------------------

    @abstractmethod
    def train_step(self, batch: Batch) -> Scalars:
        """Steps of the discriminator, and one of the generator."""

    @abstractmethod
    def eval_step(self, batch: Batch) -> Scalars:
        """Means over the batch: `loss` first. Changes nothing, draws nothing."""

    @abstractmethod
    def predict(self, batch: Batch) -> Batch:
        """Outputs in the task's own terms. Changes nothing."""

    # --- what the steps use -------------------------------------------------------------------------------------

    def move_discriminator(self, loss: Tensor) -> None:
        self.updaters[DISCRIMINATOR].step(loss)

    def move_generator(self, loss: Tensor) -> Tensor:
        """One update; returns the norm of the gradient that it followed, before clipping."""
        updater, gradient = self.updaters[GENERATOR], self._gradient
        assert gradient is not None
        scale = 1.0 if updater.scaling is None else updater.scaling.scale
        gradient.begin()
        updater.step(loss)
        return gradient.norm() / scale

    def noisy(self, pictures: Tensor, deviation: float) -> Tensor:
        """What the discriminator sees: with noise that falls to nothing in the course of the run.
        Soenderby et al. 2017, arXiv:1610.04490, section 3."""
        deviation *= 1 - self.fraction
        return pictures if deviation <= 0 else pictures + deviation * torch.randn_like(pictures)

    # --- what the engine calls ----------------------------------------------------------------------------------

    def progress(self, fraction: float) -> None:
        self.fraction = fraction
        for updater in self.updaters.values():
            updater.progress(fraction)

    def observe(self, metric: float) -> None:
        for updater in self.updaters.values():
            updater.schedule.observe(metric)

    @property
    def learning_rate(self) -> float:
        """The generator's."""
        return self.updaters[GENERATOR].learning_rate

    @property
    def base_learning_rate(self) -> float:
        """The generator's before the schedule, for messages."""
        return self.updaters[GENERATOR].base_learning_rate

    def train(self, mode: bool = True) -> None:
        self.net.train(mode)

    def summarise(self, means: dict[str, float]) -> dict[str, float]:
        return means

    def averaged(self) -> AbstractContextManager[Any]:
        """A context in which the generator holds its averaged weights."""
        updater = self.updaters.get(GENERATOR)
        average = None if updater is None else updater.average
        return nullcontext() if average is None else average.swapped(self.net.players[GENERATOR])

    def weights(self) -> State:
        """A copy of the weights and buffers of all players, the generator's as they are now: inside `averaged` the
        averages, as what serves."""
        return {name: tensor.detach().clone() for name, tensor in self.net.state_dict().items()}

    def load_weights(self, weights: State) -> None:
        self.net.load_state_dict(weights)

    def remarks(self) -> tuple[str, ...]:
        """Sentences to say once when training has ended."""
        return tuple(f"{name}: {text}" for name, updater in self.updaters.items() for text in updater.remarks())

    def state_dict(self) -> State:
        return {
            "net": dict(self.net.state_dict()),
            "updaters": {name: updater.state_dict() for name, updater in self.updaters.items()},
        }

    def load_state_dict(self, state: State) -> None:
        self.net.load_state_dict(state["net"])
        for name, updater in self.updaters.items():
            updater.load_state_dict(state["updaters"][name])


class GradientNorm:
    """|g| over all weights of a module, noted while a backward pass makes them: an Updater drops them afterwards."""

    def __init__(self, module: nn.Module) -> None:
        self._norms: list[Tensor] = []
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter.register_post_accumulate_grad_hook(self._note)

    def begin(self) -> None:
        self._norms.clear()

    def norm(self) -> Tensor:
        """[] of the gradients since `begin`."""
        return torch.linalg.vector_norm(torch.stack(self._norms))

    def _note(self, parameter: Tensor) -> None:
        if parameter.grad is not None:
            self._norms.append(torch.linalg.vector_norm(parameter.grad.detach()))


@contextmanager
def held(module: nn.Module) -> Iterator[None]:
    """What is computed inside passes its gradient on to its inputs, but none to the weights of `module`."""
    learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)


@torch.no_grad()
def spread(made: Tensor, real: Tensor) -> Tensor:
    """Mean distance of made pictures from each other over that of real ones, a scalar: 1 where they vary as much, 0
    where all are one picture.

    made, real  [n, ...] in the same units; the first SPREAD_OF of each are looked at
    """
    between = [functional.pdist(some[:SPREAD_OF].flatten(1).float()).mean() for some in (made, real)]
    return between[0] / between[1].clamp(min=1e-12)
