"""`Updater`: the only place where weights move by gradient."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from learnloop.contracts import State
from learnloop.optim.average import WeightAverage
from learnloop.optim.backward import backward
from learnloop.optim.schedules import Schedule
from learnloop.optim.stepper import Stepper

_CUDA_CHECK_EVERY = 32
"""Reading a number from a GPU waits for it; a CPU tensor is read every step."""


class NonFiniteStep(Exception):
    """Raised instead of moving weights: the loss, or the gradient's norm, is NaN or infinite."""

    def __init__(self, what: str, value: float) -> None:
        super().__init__(f"{what} is {value}")
        self.what = what
        self.value = value


class Updater:
    """Optimiser + schedule + clipping + accumulation + L1 + weight averaging.

    One update, with g the gradient of the mean loss over `accumulate` batches::

        g := g + l1 * sign(w)                      (L1 penalty: loss + l1 * sum |w|)
        g := min(1, clip / ||g||) g                (||g|| over all weights together; Pascanu et al. 2013, section 3.2)
        w := optimiser(w, g, lr * schedule(fraction))
        a := d a + (1 - d) w                       (weight average, used for evaluation)

    A step whose loss or gradient norm is not finite is refused with `NonFiniteStep`; weights stay as they were.
    """

    def __init__(
        self,
        stepper: Stepper,
        schedule: Schedule,
        *,
        clip: float | None = None,
        accumulate: int = 1,
        l1: float = 0.0,
        average: WeightAverage | None = None,
    ) -> None:
        self.stepper = stepper
        self.schedule = schedule
        self.average = average
        self._clip = clip
        self._accumulate = accumulate
        self._l1 = l1
        self._batches = 0
        self._factor = 1.0
        self._check_every = _CUDA_CHECK_EVERY if any(p.is_cuda for p in stepper.params) else 1

    @property
    def learning_rate(self) -> float:
        return self.stepper.learning_rate

    def progress(self, fraction: float) -> None:
        """Set the learning rate for the share of the run that is done."""
        self._factor = self.schedule.factor(fraction, self._batches)
        self.stepper.set_scale(self._factor)

    @property
    def base_learning_rate(self) -> float:
        """The rate before the schedule, as the recipe has it."""
        return self.stepper.learning_rate / self._factor if self._factor else self.stepper.learning_rate

    def step(self, loss: Tensor) -> None:
        """Add the gradient of `loss` (a scalar); move the weights on every `accumulate`-th call."""
        self._batches += 1
        if self._batches % self._check_every == 0:
            value = loss.item()
            if not math.isfinite(value):
                self.stepper.zero_grad()
                raise NonFiniteStep("the loss", value)
        backward(loss if self._accumulate == 1 else loss / self._accumulate)
        if self._batches % self._accumulate:
            return
        if self._l1:
            self._add_l1()
        if self._clip is not None:
            self._clip_norm(self._clip)
        self.stepper.step()
        self.stepper.zero_grad()
        if self.average is not None:
            self.average.update()

    @torch.no_grad()
    def _add_l1(self) -> None:
        weights = [p for p in self.stepper.params if p.grad is not None]
        if weights:
            torch._foreach_add_(self.stepper.grads(), torch._foreach_sign(weights), alpha=self._l1)

    @torch.no_grad()
    def _clip_norm(self, most: float) -> None:
        grads = self.stepper.grads()
        if not grads:
            return
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(grads)))
        if self._check_every == 1:
            value = norm.item()
            if not math.isfinite(value):
                self.stepper.zero_grad()
                raise NonFiniteStep("the norm of the gradient", value)
            if value > most:
                torch._foreach_mul_(grads, most / value)
        else:
            torch._foreach_mul_(grads, torch.clamp(most / norm, max=1.0))

    def state_dict(self) -> State:
        """Everything that changes. Gradients that are half accumulated are part of it."""
        pending = self._batches % self._accumulate != 0
        return {
            "stepper": self.stepper.state_dict(),
            "schedule": self.schedule.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "batches": self._batches,
            "grads": [None if p.grad is None else p.grad for p in self.stepper.params] if pending else None,
        }

    def load_state_dict(self, state: State) -> None:
        self.stepper.load_state_dict(state["stepper"])
        self.schedule.load_state_dict(state["schedule"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self._batches = int(state["batches"])
        self.stepper.zero_grad()
        if state["grads"] is not None:
            for parameter, grad in zip(self.stepper.params, state["grads"]):
                parameter.grad = None if grad is None else grad.to(parameter.device, copy=True)
