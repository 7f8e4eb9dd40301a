"""`LossScaling`: gradients of a float16 backward pass, kept out of float16's underflow."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from learnloop.contracts import State
from learnloop.optim.backward import backward

START = 2.0**16
"""The first scale: too large for many networks, and a few skipped steps find the right one."""
GROW_AFTER = 2000
MOST = 2.0**24
"""It lifts 2^-48 to float16's smallest number, 2^-24; beyond that float32 weights would not notice the gradient."""


class LossScaling:
    """The scale S of the loss, found while training.

    One update, with L the loss and g the gradient::

        g := (d S L / d w) / S        (S is a power of two: only what float16 under- or overflows is changed by it)
        g finite:      the weights move; after `grow_after` such updates in a row, S := 2 S
        g not finite:  the weights stay as they are, and S := S / 2

    float16 holds 6e-8 (2^-24) to 65504, and the gradients of activations are often smaller; float32 weights and
    sums are not enough, since a gradient that has become zero on its way stays zero. S is at most `most`; below 1
    it is spent. Looking for values that are not finite reads one number from the device an update.

    Scaling, and skipping an update that has overflowed: Micikevicius et al. 2018, arXiv:1710.03740, section 3.2
    (with a constant S). Halving, doubling and their numbers: torch.amp.GradScaler, whose defaults they are.
    """

    def __init__(self, *, start: float = START, grow_after: int = GROW_AFTER, most: float = MOST) -> None:
        self.scale = start
        self.good = 0
        """Updates since S last changed."""
        self.skipped = 0
        """Updates that were skipped, of the whole run."""
        self._grow_after = grow_after
        self._most = most

    @property
    def spent(self) -> bool:
        """Whether no scale is left to try: the gradient is not finite for a reason that is not S."""
        return self.scale < 1

    def backward(self, loss: Tensor) -> None:
        """p.grad := p.grad + d(S loss)/dp for every leaf p behind `loss` [] (a scalar)."""
        backward(loss * self.scale)

    @torch.no_grad()
    def unscale(self, grads: list[Tensor]) -> float:
        """Divide `grads` by S in place, settle the next S, and return the norm that `grads` came with.

        When the norm is not finite they are as they were, and the update has to be skipped.
        """
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(grads))).item() if grads else 0.0
        if not math.isfinite(norm):
            self.scale /= 2
            self.good = 0
            self.skipped += 1
            return norm
        if grads:
            torch._foreach_mul_(grads, 1 / self.scale)
        self.good += 1
        if self.good == self._grow_after:
            self.scale = min(2 * self.scale, self._most)
            self.good = 0
        return norm

    def remark(self) -> str:
        """What to say once at the end; the empty string when no step was skipped."""
        if not self.skipped:
            return ""
        steps = "1 step was" if self.skipped == 1 else f"{self.skipped} steps were"
        return f"{steps} skipped because a float16 gradient overflowed (loss scale {self.scale:g} at the end)"

    def state_dict(self) -> State:
        return {"scale": self.scale, "good": self.good, "skipped": self.skipped}

    def load_state_dict(self, state: State) -> None:
        self.scale = float(state["scale"])
        self.good = int(state["good"])
        self.skipped = int(state["skipped"])
