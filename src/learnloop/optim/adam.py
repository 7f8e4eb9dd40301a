"""Adam and its kin: running means of the gradient and of its square."""

from __future__ import annotations

from collections.abc import Callable

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.nadam import nadam

from learnloop.optim.light import Slots, one, zeros
from learnloop.optim.rules import DECAY, EPS, LR, Declared, Rule, fuses, stepper_of
from learnloop.optim.stepper import Stepper


class _Adam(Declared):
    """The fields of the Adam family."""

    beta1: float = Field(0.9, ge=0, lt=1, description="how slowly the mean of gradients forgets")
    beta2: float = Field(0.999, ge=0, lt=1, description="how slowly the mean of squared gradients forgets")
    eps: float = Field(1e-8, gt=0, description=EPS)


def adam_rule(
    beta1: float, beta2: float, eps: float, *, decoupled: bool, amsgrad: bool, fused: bool
) -> Callable[[list[Tensor], float], Rule]:
    slots = {"exp_avg": zeros, "exp_avg_sq": zeros} | ({"max_exp_avg_sq": zeros} if amsgrad else {})
    name = "_fused_adamw_" if decoupled else "_fused_adam_"

    def make(members: list[Tensor], decay: float) -> Rule:
        direct = getattr(torch, name, None)

        def fused_kernel(ps: list[Tensor], gs: list[Tensor], s: Slots, t: list[Tensor], lr: float) -> None:
            direct(  # type: ignore[misc]
                ps, gs, s[0], s[1], s[2] if amsgrad else [], t, lr=lr, beta1=beta1, beta2=beta2,
                weight_decay=decay, eps=eps, amsgrad=amsgrad, maximize=False,
            )  # fmt: skip

        def kernel(ps: list[Tensor], gs: list[Tensor], s: Slots, t: list[Tensor], lr: float) -> None:
            adam(
                ps, gs, s[0], s[1], s[2] if amsgrad else [], t, foreach=True,
                decoupled_weight_decay=decoupled, amsgrad=amsgrad, beta1=beta1, beta2=beta2, lr=lr,
                weight_decay=decay, eps=eps, maximize=False,
            )  # fmt: skip

        use = fuses(members, name, fused)
        return (fused_kernel if use else kernel), slots, not use

    return make


class AdamConfig(_Adam):
    """m <- b1 m + (1-b1) g; v <- b2 v + (1-b2) g^2; theta <- theta - alpha (m/(1-b1^t)) / (sqrt(v/(1-b2^t)) +
    eps).

    Kingma & Ba, arXiv:1412.6980, algorithm 1. Weight decay is coupled (L2); `adamw` decouples it.
    """

    def build(self, net: nn.Module, *, fused: bool = True) -> Stepper:
        make = adam_rule(self.beta1, self.beta2, self.eps, decoupled=False, amsgrad=False, fused=fused)
        return stepper_of("adam", net, self, make)


class AMSGradConfig(_Adam):
    """Adam with v replaced by the largest v so far. Reddi, Kale & Kumar, arXiv:1904.09237, algorithm 2."""

    def build(self, net: nn.Module, *, fused: bool = True) -> Stepper:
        make = adam_rule(self.beta1, self.beta2, self.eps, decoupled=False, amsgrad=True, fused=fused)
        return stepper_of("amsgrad", net, self, make)


class AdamWConfig(_Adam):
    """Adam, with theta <- theta - alpha lambda theta beside it instead of L2 inside g.

    Loshchilov & Hutter, arXiv:1711.05101, algorithm 2 (lambda is multiplied by the learning rate, as in
    torch).
    """

    weight_decay: float = Field(0.01, ge=0, description=DECAY)

    def build(self, net: nn.Module, *, fused: bool = True) -> Stepper:
        make = adam_rule(self.beta1, self.beta2, self.eps, decoupled=True, amsgrad=False, fused=fused)
        return stepper_of("adamw", net, self, make)


class NAdamConfig(_Adam):
    """Adam with Nesterov's look-ahead in m and a momentum that grows: b1 (1 - 0.5 * 0.96^(t psi)) at step t.

    Dozat, Incorporating Nesterov Momentum into Adam (2016), algorithm 2, in torch's form. Weight decay is
    coupled.
    """

    lr: float = Field(2e-3, gt=0, allow_inf_nan=False, description=LR)
    momentum_decay: float = Field(4e-3, ge=0, description="psi: how fast the momentum reaches beta1")

    def build(self, net: nn.Module, *, fused: bool = True) -> Stepper:
        beta1, beta2, eps, psi = self.beta1, self.beta2, self.eps, self.momentum_decay

        def make(members: list[Tensor], decay: float) -> Rule:
            def kernel(ps: list[Tensor], gs: list[Tensor], s: Slots, t: list[Tensor], lr: float) -> None:
                nadam(
                    ps, gs, s[0], s[1], s[2], t, foreach=True, beta1=beta1, beta2=beta2, lr=lr,
                    weight_decay=decay, momentum_decay=psi, eps=eps,
                )  # fmt: skip

            return kernel, {"exp_avg": zeros, "exp_avg_sq": zeros, "mu_product": one}, True

        return stepper_of("nadam", net, self, make)
