"""What the update rules share: which tensors they move, which of those decay, and how a rule becomes a Stepper."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch
from pydantic import Field
from torch import Tensor, nn

from learnloop.config import Config
from learnloop.errors import ModelError
from learnloop.optim.light import Group, Kernel, LightStepper
from learnloop.optim.stepper import Stepper

LR = "learning rate: the length of a step, before the schedule's factor"
DECAY = "weight decay lambda: pulls matrices and filters towards 0"
DECAY_ALL = "let biases, norm scales and other vectors decay too"
EPS = "added to the denominator so that it is never 0"

Part = tuple[list[Tensor], float, float]
"""Tensors, their weight decay, the factor on their learning rate."""
Rule = tuple[Kernel, Mapping[str, Callable[[Tensor], Tensor]], bool]
"""What `Group` needs: (kernel, how each slot of state begins, whether the kernel counts steps itself)."""


def trainable(net: nn.Module) -> list[tuple[str, nn.Module, Tensor]]:
    """(name within its module, module, tensor) of every parameter that has a gradient, each tensor once.

    Raises ModelError for a network without any, and for kinds of gradients that the kernels do not know.
    """
    seen: set[int] = set()
    found: list[tuple[str, nn.Module, Tensor]] = []
    for path, module in net.named_modules():
        if getattr(module, "sparse", False) and isinstance(module, nn.Embedding | nn.EmbeddingBag):
            raise ModelError(f"layer {path or '(the network)'}", "must have dense gradients",
            found="sparse=True",
                             do=f"nn.{type(module).__name__}(..., sparse=False)")  # fmt: skip
        for name, p in module.named_parameters(recurse=False):
            if p.requires_grad and id(p) not in seen:
                seen.add(id(p))
                found.append((name, module, p))
                if not p.is_floating_point():
                    raise ModelError(f"parameter {path}.{name}", "must be real floating point", found=f"{p.dtype}")
    if not found:
        raise ModelError(
            "the network",
            "must have at least one parameter that can be trained",
            found=f"{type(net).__name__} has none with requires_grad=True",
        )
    return found


def decays(name: str, module: nn.Module, p: Tensor) -> bool:
    """Whether weight decay pulls on this tensor by default."""
    return p.ndim >= 2 and name != "bias" and name not in getattr(module, "no_weight_decay", ())


def lr_factor(module: nn.Module) -> float:
    """How much slower (or faster) a module's own tensors learn: its attribute `lr_factor`, 1 without one."""
    return float(getattr(module, "lr_factor", 1.0))


def divide(net: nn.Module, weight_decay: float, decay_all: bool) -> tuple[list[Tensor], Iterator[Part]]:
    """All tensors, and parts of them of one device, dtype, weight decay and factor on the learning rate."""
    found = trainable(net)
    parts: dict[tuple[torch.device, torch.dtype, float, float], list[Tensor]] = {}
    for name, module, p in found:
        decay = weight_decay if decay_all or decays(name, module, p) else 0.0
        parts.setdefault((p.device, p.dtype, decay, lr_factor(module)), []).append(p)
    ordered = sorted(parts.items(), key=lambda part: -part[0][3])  # the first one's rate is the one that is shown
    return [p for *_, p in found], ((params, decay, factor) for (_, _, decay, factor), params in ordered)


def fuses(params: list[Tensor], kernel: str, wanted: bool) -> bool:
    """Whether this torch has the fused kernel for the device of `params`."""
    return wanted and hasattr(torch, kernel) and params[0].device.type in ("cpu", "cuda")


def stepper_of(
    rule: str,
    net: nn.Module,
    config: Declared,
    make: Callable[[list[Tensor], float], Rule],
) -> Stepper:
    """The tensors of `net` in groups of one device, dtype, decay and rate, each moved by what `make` gives for it."""
    params, parts = divide(net, config.weight_decay, config.decay_all)
    groups = []
    for members, decay, factor in parts:
        kernel, slots, counts = make(members, decay)
        groups.append(Group(rule, members, config.lr * factor, kernel, slots, counts=counts))
    return LightStepper(params, groups)


class Declared(Config):
    """What every optimiser has."""

    lr: float = Field(1e-3, gt=0, allow_inf_nan=False, description=LR)
    weight_decay: float = Field(0.0, ge=0, description=DECAY)
    decay_all: bool = Field(False, description=DECAY_ALL)
