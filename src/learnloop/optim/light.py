"""torch's own update kernels, called directly: same numbers as torch.optim, without its cost per process and
per step.

Two facts measured with torch 2.13 on 2 cores: the first `torch.optim` optimiser imports torch._dynamo (1.3 to
2.5 s), because `add_param_group`, `step` and `state_dict` are wrapped for the compiler; and
`Adam(fused=True).step()` with `zero_grad()` takes about 105 us on six tensors, of which the kernel is 14. So
state and lists of tensors are kept here, and the kernels (`torch._fused_*_`, or the functional form in
`torch.optim.<name>`) are called on them. Nothing of torch is patched. The kernels trust that parameter,
gradient and moments share one memory layout, and give wrong numbers silently when they do not (measured:
fused Adam on the CPU, channels_last weights with a contiguous gradient), hence the checks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import final

import torch
from torch import Tensor

from learnloop.contracts import State
from learnloop.errors import RunError
from learnloop.optim.stepper import Stepper

Slots = tuple[list[Tensor], ...]
Kernel = Callable[[list[Tensor], list[Tensor], Slots, list[Tensor], float], None]
"""(params, grads, slots, steps, lr) -> None: moves `params` in place and updates the slots in place."""


def zeros(p: Tensor) -> Tensor:
    """A moment: zeros in the memory layout of `p`."""
    return torch.zeros_like(p, memory_format=torch.preserve_format)


def one(p: Tensor) -> Tensor:
    """A running product: the number 1, kept on the CPU where torch's functional form reads it without a
    sync.
    """
    return torch.ones((), dtype=torch.float32)


@final
class Group:
    """Tensors of one device and dtype that move by one kernel with one base learning rate.

    slots   name -> how the state of one parameter begins
    counts  True when the kernel itself adds 1 to `steps` (torch's functional forms do, its fused kernels do
    not)
    """

    def __init__(
        self,
        rule: str,
        params: Sequence[Tensor],
        lr: float,
        kernel: Kernel,
        slots: Mapping[str, Callable[[Tensor], Tensor]],
        *,
        counts: bool,
    ) -> None:
        self.rule = rule
        self.params = list(params)
        self.lr = float(lr)
        self._kernel = kernel
        self._makers = dict(slots)
        self._counts = counts
        self._slots: Slots | None = None
        self._steps: list[Tensor] = []
        self._clock: Tensor | None = None  # the one step count that all share while no gradient was ever missing
        self._layouts: list[tuple[int, ...]] = []

    def step(self, lr: float) -> None:
        if self._slots is None:
            self._begin([0] * len(self.params))
        assert self._slots is not None
        grads: list[Tensor] = []
        for p, layout in zip(self.params, self._layouts):
            g = p.grad
            if g is None or g.stride() != layout or p.stride() != layout:
                return self._careful_step(lr)
            grads.append(g)
        if self._clock is None:
            self._tick(self._steps)
        else:
            self._clock.add_(1)
        self._kernel(self.params, grads, self._slots, self._steps, lr)

    def _careful_step(self, lr: float) -> None:
        """Some gradient is missing, or lies in memory otherwise than its parameter did when the state was
        made.
        """
        self._follow_layouts()
        assert self._slots is not None
        present = [i for i, p in enumerate(self.params) if p.grad is not None]
        if not present:
            return
        if len(present) < len(self.params):
            self._split_clock()
        steps = [self._steps[i] for i in present]
        if self._clock is None:
            self._tick(steps)
        else:
            self._clock.add_(1)
        slots = tuple([slot[i] for i in present] for slot in self._slots)
        grads = [_laid_out_like(self.params[i].grad, self.params[i]) for i in present]
        self._kernel([self.params[i] for i in present], grads, slots, steps, lr)

    def _tick(self, steps: list[Tensor]) -> None:
        if not self._counts:
            torch._foreach_add_(steps, 1)

    def _begin(self, steps: Sequence[int]) -> None:
        """Make the state, on the device and in the layout that the parameters have now."""
        self._slots = tuple([make(p) for p in self.params] for make in self._makers.values())
        self._layouts = [p.stride() for p in self.params]
        # the fused kernels on a GPU read the count there; the functional forms want it on the CPU
        device = torch.device("cpu") if self._counts else self.params[0].device
        if not self._counts and len(set(steps)) == 1:
            self._clock = torch.tensor(float(steps[0]), dtype=torch.float32, device=device)
            self._steps = [self._clock] * len(self.params)
        else:
            self._clock = None
            self._steps = [torch.tensor(float(s), dtype=torch.float32, device=device) for s in steps]

    def _split_clock(self) -> None:
        if self._clock is not None:
            self._steps = [self._clock.clone() for _ in self.params]
            self._clock = None

    def _follow_layouts(self) -> None:
        """Re-lay the moments of parameters whose memory format changed since
        (`net.to(memory_format=...)`).
        """
        assert self._slots is not None
        for i, p in enumerate(self.params):
            if p.stride() != self._layouts[i]:
                self._layouts[i] = p.stride()
                for slot in self._slots:
                    if slot[i].shape == p.shape:
                        slot[i] = torch.empty_like(p, memory_format=torch.preserve_format).copy_(slot[i])

    def state_dict(self) -> State:
        if self._slots is None:
            return {"steps": [], "slots": {}}
        slots = {name: list(slot) for name, slot in zip(self._makers, self._slots)}
        return {"steps": [int(step) for step in self._steps], "slots": slots}

    def load_state_dict(self, state: State) -> None:
        if not state["steps"]:
            self._slots, self._steps, self._clock, self._layouts = None, [], None, []
            return
        self._refuse_strange(state)
        self._begin([int(step) for step in state["steps"]])
        assert self._slots is not None
        with torch.no_grad():
            for name, slot in zip(self._makers, self._slots):
                for own, saved in zip(slot, state["slots"][name]):
                    own.copy_(saved)

    def _refuse_strange(self, state: State) -> None:
        """Raise RunError unless the state has this group's slots, with this group's shapes."""
        found = {name: [tuple(t.shape) for t in tensors] for name, tensors in state["slots"].items()}
        wanted = {name: [tuple(make(p).shape) for p in self.params] for name, make in self._makers.items()}
        if found != wanted or len(state["steps"]) != len(self.params):
            raise RunError(
                "optimiser state",
                f"must hold {', '.join(wanted) or 'only step counts'} for {len(self.params)} tensors",
                found=f"{', '.join(found) or 'only step counts'} for {len(state['steps'])} tensors"
                + ("" if set(found) != set(wanted) else " of other shapes"),
                cause="the checkpoint belongs to another network or another optimiser",
                do="resume with the recipe that the run was started with",
            )


@final
class LightStepper(Stepper):
    """Groups that move one after the other."""

    def __init__(self, params: Sequence[Tensor], groups: Sequence[Group]) -> None:
        self.params = list(params)
        self.groups = list(groups)
        self._scale = 1.0

    @property
    def learning_rate(self) -> float:
        return self.groups[0].lr * self._scale

    def set_scale(self, factor: float) -> None:
        self._scale = float(factor)

    @torch.no_grad()
    def step(self) -> None:
        for group in self.groups:
            group.step(group.lr * self._scale)

    def zero_grad(self) -> None:
        for p in self.params:
            p.grad = None

    def grads(self) -> list[Tensor]:
        return [g for p in self.params if (g := p.grad) is not None]

    def describe(self) -> str:
        parts: dict[str, list[Tensor]] = {}
        for group in self.groups:
            parts.setdefault(group.rule, []).extend(group.params)
        return ", ".join(
            f"{rule} on {len(params)} tensors ({sum(p.numel() for p in params):,} parameters)"
            for rule, params in parts.items()
        )

    def state_dict(self) -> State:
        return {"scale": self._scale, "groups": [group.state_dict() for group in self.groups]}

    def load_state_dict(self, state: State) -> None:
        if len(state["groups"]) != len(self.groups):
            raise RunError(
                "optimiser state",
                f"must hold {len(self.groups)} groups of tensors",
                found=f"{len(state['groups'])} groups",
                cause="the checkpoint belongs to another network or another optimiser",
                do="resume with the recipe that the run was started with",
            )
        for group, part in zip(self.groups, state["groups"]):
            group.load_state_dict(part)
        self._scale = float(state["scale"])


def _laid_out_like(grad: Tensor | None, p: Tensor) -> Tensor:
    """`grad` itself when its layout equals that of `p` (sizes of 1 have no layout), else a copy that has
    it.
    """
    assert grad is not None
    strides = zip(grad.stride(), p.stride(), p.shape)
    if all(one == other for one, other, size in strides if size > 1):
        return grad
    return torch.empty_like(p, memory_format=torch.preserve_format).copy_(grad)
