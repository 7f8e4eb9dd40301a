"""Gradient descent with momentum, and the first rules that adapt the step to each weight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.optim.adadelta import adadelta
from torch.optim.adagrad import adagrad
from torch.optim.rmsprop import rmsprop
from torch.optim.sgd import sgd

from learnloop.optim.light import Slots, zeros
from learnloop.optim.rules import EPS, LR, Declared, Rule, fuses, stepper_of
from learnloop.optim.stepper import Stepper


class SGDConfig(Declared):
    """theta <- theta - alpha g; with momentum mu: b <- mu b + g, and g is replaced by b (Nesterov: by g + mu
    b).

    The batch size makes it stochastic (1), mini-batch, or batch gradient descent (all rows). Robbins & Monro
    1951; Polyak 1964; Nesterov's form after Sutskever et al. 2013 as in torch.optim.SGD. Weight decay is
    coupled (L2).
    """

    lr: float = Field(0.1, gt=0, allow_inf_nan=False, description=LR)
    momentum: float = Field(0.0, ge=0, lt=1, description="mu: share of the last direction that is kept")
    nesterov: bool = Field(False, description="look ahead along the momentum (needs momentum > 0)")

    @model_validator(mode="after")
    def _nesterov_has_momentum(self) -> Self:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs momentum > 0, for example momentum=0.9")
        return self

    def build(self, net: nn.Module, *, fused: bool = True) -> Stepper:
        return stepper_of("sgd", net, self, sgd_rule(self.momentum, self.nesterov, fused=fused))


def sgd_rule(momentum: float, nesterov: bool, *, fused: bool) -> Callable[[list[Tensor], float], Rule]:
    """`make(members, weight decay)` of gradient descent, as `SGDConfig` says it."""

    def make(members: list[Tensor], decay: float) -> Rule:
        def fused_kernel(ps: list[Tensor], gs: list[Tensor], s: Slots, t: list[Tensor], lr: float) -> None:
            torch._fused_sgd_(
                ps, gs, s[0] if s else [], weight_decay=decay, momentum=momentum, lr=lr, dampening=0.0,
                nesterov=nesterov, maximize=False, is_first_step=False,
            )  # fmt: skip

        def kernel(ps: list[Tensor], gs: list[Tensor], s: Slots, t: list[Tensor], lr: float) -> None:
            # a buffer of zeros gives mu 0 + g = g: the same first step as torch's missing buffer
            buffers: list[Tensor | None] = [*s[0]] if s else [None] * len(ps)
            sgd(
                ps, gs, buffers, foreach=True, weight_decay=decay, momentum=momentum, lr=lr,
                dampening=0.0, nesterov=nesterov, maximize=False,
            )  # fmt: skip

        chosen = fused_kernel if fuses(members, "_fused_sgd_", fused) else kernel
        return chosen, {"momentum": zeros} if momentum else {}, False

    return make


class AdagradConfig(Declared):
    """G <- G + g^2; theta <- theta - alpha g / (sqrt(G) + eps). Duchi, Hazan & Singer, JMLR 12 (2011)."""

    lr: float = Field(0.01, gt=0, allow_inf_nan=False, description=LR)
    eps: float = Field(1e-10, gt=0, description=EPS)

    def build(self, net: nn.Module, *, fused: bool = True) -> Stepper:
        eps = self.eps

        def make(members: list[Tensor], decay: float) -> Rule:
            def fused_kernel(ps: list[Tensor], gs: list[Tensor], s: Slots, t: list[Tensor], lr: float) -> None:
                torch._fused_adagrad_(ps, gs, s[0], t, lr=lr, lr_decay=0.0, weight_decay=decay, eps=eps, maximize=False)

            def kernel(ps: list[Tensor], gs: list[Tensor], s: Slots, t: list[Tensor], lr: float) -> None:
                adagrad(
                    ps,
                    gs,
                    s[0],
                    t,
                    foreach=True,
                    lr=lr,
                    weight_decay=decay,
                    lr_decay=0.0,
                    eps=eps,
                    maximize=False,
                )

            # torch has the fused kernel on the CPU only
            use = members[0].device.type == "cpu" and fuses(members, "_fused_adagrad_", fused)
            return (fused_kernel if use else kernel), {"sum": zeros}, not use

        return stepper_of("adagrad", net, self, make)


class AdadeltaConfig(Declared):
    """v <- rho v + (1 - rho) g^2; d = g sqrt(u + eps) / sqrt(v + eps); u <- rho u + (1 - rho) d^2; theta -=
    alpha d.

    Zeiler, arXiv:1212.5701, algorithm 1 (alpha = 1 there).
    """

    lr: float = Field(1.0, gt=0, allow_inf_nan=False, description=LR)
    rho: float = Field(0.9, ge=0, lt=1, description="rho: how slowly the running means of squares forget")
    eps: float = Field(1e-6, gt=0, description=EPS)

    def build(self, net: nn.Module, *, fused: bool = True) -> Stepper:
        rho, eps = self.rho, self.eps

        def make(members: list[Tensor], decay: float) -> Rule:
            def kernel(ps: list[Tensor], gs: list[Tensor], s: Slots, t: list[Tensor], lr: float) -> None:
                adadelta(
                    ps,
                    gs,
                    s[0],
                    s[1],
                    t,
                    foreach=True,
                    lr=lr,
                    rho=rho,
                    eps=eps,
                    weight_decay=decay,
                    maximize=False,
                )

            return kernel, {"square_avg": zeros, "acc_delta": zeros}, True

        return stepper_of("adadelta", net, self, make)


class RMSpropConfig(Declared):
    """v <- alpha v + (1 - alpha) g^2; theta <- theta - lr g / (sqrt(v) + eps); momentum mu: b <- mu b + that,
    theta -= lr b.

    Hinton, Coursera lecture 6e (2012), in torch's form (eps outside the root).
    """

    lr: float = Field(0.01, gt=0, allow_inf_nan=False, description=LR)
    alpha: float = Field(0.99, ge=0, lt=1, description="how slowly the running mean of squares forgets")
    eps: float = Field(1e-8, gt=0, description=EPS)
    momentum: float = Field(0.0, ge=0, lt=1, description="mu: share of the last direction that is kept")
    centered: bool = Field(False, description="divide by the standard deviation of g instead of its root mean square")

    def build(self, net: nn.Module, *, fused: bool = True) -> Stepper:
        alpha, eps, momentum, centered = self.alpha, self.eps, self.momentum, self.centered
        slots = {"square_avg": zeros}
        if momentum:
            slots["momentum"] = zeros
        if centered:
            slots["grad_avg"] = zeros
        at = {name: position for position, name in enumerate(slots)}

        def make(members: list[Tensor], decay: float) -> Rule:
            def kernel(ps: list[Tensor], gs: list[Tensor], s: Slots, t: list[Tensor], lr: float) -> None:
                rmsprop(
                    ps, gs, s[0], s[at["grad_avg"]] if centered else [], s[at["momentum"]] if momentum else
                    [], t, foreach=True, lr=lr, alpha=alpha, eps=eps, weight_decay=decay, momentum=momentum,
                    centered=centered,
                )  # fmt: skip

            return kernel, slots, True

        return stepper_of("rmsprop", net, self, make)
