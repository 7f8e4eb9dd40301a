"""`Stepper`: what moves weights once their gradients are there. The Updater owns one and knows nothing more
of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, final

import torch
from torch import Tensor

from learnloop.contracts import State
from learnloop.errors import ModelError, RunError


class Stepper(ABC):
    """One optimiser over one network's parameters.

    Per tensor theta with gradient g: theta <- theta - scale * lr * direction(g, state), where the schedule
    sets `scale`. A parameter whose `grad` is None is left alone in that step, and its state (moments, step
    count) too. Build it after the network is on its device; then no parameter object may be replaced.
    """

    params: list[Tensor]
    """Every tensor that `step` may move, in the order of `net.named_parameters()` (each once, trainable ones
    only).
    """

    @property
    @abstractmethod
    def learning_rate(self) -> float:
        """The first group's base learning rate times the scale: the rate that the next step uses."""

    @abstractmethod
    def set_scale(self, factor: float) -> None:
        """Multiply every group's base learning rate by `factor` (a schedule's, 0..1) from the next step
        on.
        """

    @abstractmethod
    def step(self) -> None:
        """Move the weights once along the gradients in `p.grad`. Leaves the gradients in place."""

    @abstractmethod
    def zero_grad(self) -> None:
        """Set every gradient to None."""

    @abstractmethod
    def grads(self) -> list[Tensor]:
        """The gradients that are there (not None), in the order of `params`; in-place changes count."""

    @abstractmethod
    def describe(self) -> str:
        """One sentence for the report: which rule moves how many tensors and numbers."""

    @abstractmethod
    def state_dict(self) -> State:
        """Moments, step counts and the scale; hyper-parameters live in the recipe. Tensors are not copies."""

    @abstractmethod
    def load_state_dict(self, state: State) -> None:
        """Copy a state into this stepper, bit for bit. Raises RunError when it belongs to other
        parameters.
        """


@final
class TorchStepper(Stepper):
    """Any `torch.optim.Optimizer` (also a foreign one) as a Stepper, through torch's own public methods only.

    It costs the import of torch._dynamo (1.3 to 2.5 s once in torch 2.13) and some 80 us a step more than the
    rules of `learnloop.optim.light`; use those where they exist.

    `torch.optim.SGD(net.parameters())` holds frozen tensors too: they are none of `params`, and stay where they are
    also when a gradient has been left in them. What is frozen is settled here, once.
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer
        self._held = [p for group in optimizer.param_groups for p in group["params"]]
        self._frozen = [p for p in self._held if not p.requires_grad]
        self.params = [p for p in self._held if p.requires_grad]
        if not self.params:
            raise ModelError(
                f"optimiser {type(optimizer).__name__}",
                "must have at least one parameter that can be trained",
                found=f"{len(self._frozen)} frozen tensors",
                cause="requires_grad is False for all of them",
                do="net.requires_grad_(True)   # or for the layers that are to learn",
            )
        self._base = [float(group["lr"]) for group in optimizer.param_groups]
        self._scale = 1.0

    @property
    def learning_rate(self) -> float:
        return self._base[0] * self._scale

    def set_scale(self, factor: float) -> None:
        self._scale = float(factor)
        for group, base in zip(self.optimizer.param_groups, self._base, strict=True):
            group["lr"] = base * self._scale

    def step(self) -> None:
        for p in self._frozen:
            p.grad = None  # torch moves whatever has a gradient
        self.optimizer.step()

    def zero_grad(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)

    def grads(self) -> list[Tensor]:
        return [p.grad for p in self.params if p.grad is not None]

    def describe(self) -> str:
        numbers = sum(p.numel() for p in self.params)
        return f"{type(self.optimizer).__name__} on {len(self.params)} tensors ({numbers:,} parameters)"

    def state_dict(self) -> State:
        state = self.optimizer.state_dict()["state"]
        entries: list[dict[str, Any]] = [{"index": int(index), **values} for index, values in state.items()]
        return {"scale": self._scale, "shapes": self._shapes(), "state": entries}

    def load_state_dict(self, state: State) -> None:
        if state["shapes"] != self._shapes():
            raise RunError(
                "optimiser state",
                f"must belong to {len(self._held)} tensors of this network's shapes",
                found=f"the state of {len(state['shapes'])} tensors, or of other shapes",
                cause="the checkpoint belongs to another network or another optimiser",
                do="resume with the recipe that the run was started with",
            )
        own = self.optimizer.state_dict()
        own["state"] = {
            int(entry["index"]): {name: value for name, value in entry.items() if name != "index"}
            for entry in state["state"]
        }
        self.optimizer.load_state_dict(own)
        self.set_scale(float(state["scale"]))

    def _shapes(self) -> list[list[int]]:
        return [list(p.shape) for p in self._held]
