"""`Updater`: the only place where weights move by gradient."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from learnloop.contracts import State
from learnloop.errors import RunError
from learnloop.optim.average import WeightAverage
from learnloop.optim.backward import backward
from learnloop.optim.scaling import LossScaling
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
    """Optimiser + schedule + loss scaling + clipping + accumulation + L1 + weight averaging.

    One update, with g the gradient of the mean loss over `accumulate` batches::

        g := g + l1 * sign(w)                      (L1 penalty: loss + l1 * sum |w|)
        g := min(1, clip / ||g||) g                (||g|| over all weights together; Pascanu et al. 2013, section 3.2)
        w := optimiser(w, g, lr * schedule(fraction))
        a := d a + (1 - d) w                       (weight average, used for evaluation)

    A step whose loss or gradient norm is not finite is refused with `NonFiniteStep`; weights stay as they were.

    scaling  for float16, None otherwise: g is computed from the scaled loss and divided before all of the above. An
             update whose g is not finite is skipped instead, nothing of it is kept but the count and the smaller
             scale; when no scale is left to try, it is refused.
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
        scaling: LossScaling | None = None,
    ) -> None:
        self.stepper = stepper
        self.schedule = schedule
        self.average = average
        self.scaling = scaling
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
        if self.scaling is not None:
            if not self._scaled_backward(self.scaling, loss):
                return
        else:
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

    def remarks(self) -> tuple[str, ...]:
        """Sentences to say once when training has ended."""
        remark = "" if self.scaling is None else self.scaling.remark()
        return (remark,) if remark else ()

    def _scaled_backward(self, scaling: LossScaling, loss: Tensor) -> bool:
        """Add the gradient; True when those of a whole update are there, divided and finite."""
        scaling.backward(loss if self._accumulate == 1 else loss / self._accumulate)
        if self._batches % self._accumulate:
            return False
        norm = scaling.unscale(self.stepper.grads())
        if math.isfinite(norm):
            return True
        self.stepper.zero_grad()
        if scaling.spent:
            raise NonFiniteStep("the norm of the gradient (in float16, at every loss scale down to 1)", norm)
        return False

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
        """Everything that changes. Gradients that are half accumulated are part of it, scaled as they are."""
        pending = self._batches % self._accumulate != 0
        return {
            "stepper": self.stepper.state_dict(),
            "schedule": self.schedule.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "scaling": None if self.scaling is None else self.scaling.state_dict(),
            "batches": self._batches,
            "grads": [None if p.grad is None else p.grad for p in self.stepper.params] if pending else None,
        }

    def load_state_dict(self, state: State) -> None:
        self._load_scaling(state.get("scaling"))  # checkpoints written before there was float16 have none
        self.stepper.load_state_dict(state["stepper"])
        self.schedule.load_state_dict(state["schedule"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self._batches = int(state["batches"])
        self.stepper.zero_grad()
        if state["grads"] is not None:
            for parameter, grad in zip(self.stepper.params, state["grads"]):
                parameter.grad = None if grad is None else grad.to(parameter.device, copy=True)

    def _load_scaling(self, state: State | None) -> None:
        if (state is None) != (self.scaling is None):
            raise RunError(
                "checkpoint",
                f"must be of a run in {'float32 or bfloat16' if self.scaling is None else 'float16'}, as its plan is",
                found="no loss scale in it" if state is None else "the loss scale of a run in float16",
                cause="plan.json is not the one that the run was begun with",
                do="put the run's own plan.json back, or begin a new run",
            )
        if self.scaling is not None and state is not None:
            self.scaling.load_state_dict(state)
