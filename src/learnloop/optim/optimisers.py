"""`OPTIMISERS`: the update rules by name. torch's kernels do the arithmetic; see `learnloop.optim.light` for
why so.

In the equations g is the gradient (with coupled decay: g + lambda theta), alpha the learning rate times the
schedule's factor, lambda the weight decay, and every product, root and quotient is element by element. Weight
decay pulls only on matrices and filters: a tensor decays when it has at least two dimensions, is not called
`bias`, and its module does not name it in an attribute `no_weight_decay = ("name", ...)`; `decay_all: true`
decays everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.optim.adadelta import adadelta
from torch.optim.adagrad import adagrad
from torch.optim.adam import adam
from torch.optim.nadam import nadam
from torch.optim.rmsprop import rmsprop
from torch.optim.sgd import sgd

from learnloop.config import Config
from learnloop.errors import ModelError
from learnloop.optim.light import Group, Kernel, LightStepper, Slots, one, zeros
from learnloop.optim.machine import bf16_in_hardware
from learnloop.optim.muon import Adjust, Kind, hidden, muon_kernel
from learnloop.optim.stepper import Stepper

LR = "learning rate: the length of a step, before the schedule's factor"
DECAY = "weight decay lambda: pulls matrices and filters towards 0"
DECAY_ALL = "let biases, norm scales and other vectors decay too"
EPS = "added to the denominator so that it is never 0"


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


def _divide(net: nn.Module, weight_decay: float, decay_all: bool) -> tuple[list[Tensor], Iterator[Part]]:
    """All tensors, and parts of them of one device, dtype and weight decay."""
    found = trainable(net)
    parts: dict[tuple[torch.device, torch.dtype, float], list[Tensor]] = {}
    for name, module, p in found:
        decay = weight_decay if decay_all or decays(name, module, p) else 0.0
        parts.setdefault((p.device, p.dtype, decay), []).append(p)
    return [p for *_, p in found], ((params, decay) for (_, _, decay), params in parts.items())


Part = tuple[list[Tensor], float]
Rule = tuple[Kernel, Mapping[str, Callable[[Tensor], Tensor]], bool]
"""What `Group` needs: (kernel, how each slot of state begins, whether the kernel counts steps itself)."""


def _fuses(params: list[Tensor], kernel: str, wanted: bool) -> bool:
    """Whether this torch has the fused kernel for the device of `params`."""
    return wanted and hasattr(torch, kernel) and params[0].device.type in ("cpu", "cuda")


def _stepper(
    rule: str,
    net: nn.Module,
    config: _Declared,
    make: Callable[[list[Tensor], float], Rule],
) -> Stepper:
    params, parts = _divide(net, config.weight_decay, config.decay_all)
    groups = []
    for members, decay in parts:
        kernel, slots, counts = make(members, decay)
        groups.append(Group(rule, members, config.lr, kernel, slots, counts=counts))
    return LightStepper(params, groups)


class _Declared(Config):
    """What every optimiser has."""

    lr: float = Field(1e-3, gt=0, allow_inf_nan=False, description=LR)
    weight_decay: float = Field(0.0, ge=0, description=DECAY)
    decay_all: bool = Field(False, description=DECAY_ALL)


class SGDConfig(_Declared):
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
        momentum, nesterov = self.momentum, self.nesterov

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

            chosen = fused_kernel if _fuses(members, "_fused_sgd_", fused) else kernel
            return chosen, {"momentum": zeros} if momentum else {}, False

        return _stepper("sgd", net, self, make)


class AdagradConfig(_Declared):
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
            use = members[0].device.type == "cpu" and _fuses(members, "_fused_adagrad_", fused)
            return (fused_kernel if use else kernel), {"sum": zeros}, not use

        return _stepper("adagrad", net, self, make)


class AdadeltaConfig(_Declared):
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

        return _stepper("adadelta", net, self, make)


class RMSpropConfig(_Declared):
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

        return _stepper("rmsprop", net, self, make)


class _Adam(_Declared):
    """The fields of the Adam family."""

    beta1: float = Field(0.9, ge=0, lt=1, description="how slowly the mean of gradients forgets")
    beta2: float = Field(0.999, ge=0, lt=1, description="how slowly the mean of squared gradients forgets")
    eps: float = Field(1e-8, gt=0, description=EPS)


def _adam(
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

        use = _fuses(members, name, fused)
        return (fused_kernel if use else kernel), slots, not use

    return make


class AdamConfig(_Adam):
    """m <- b1 m + (1-b1) g; v <- b2 v + (1-b2) g^2; theta <- theta - alpha (m/(1-b1^t)) / (sqrt(v/(1-b2^t)) +
    eps).

    Kingma & Ba, arXiv:1412.6980, algorithm 1. Weight decay is coupled (L2); `adamw` decouples it.
    """

    def build(self, net: nn.Module, *, fused: bool = True) -> Stepper:
        make = _adam(self.beta1, self.beta2, self.eps, decoupled=False, amsgrad=False, fused=fused)
        return _stepper("adam", net, self, make)


class AMSGradConfig(_Adam):
    """Adam with v replaced by the largest v so far. Reddi, Kale & Kumar, arXiv:1904.09237, algorithm 2."""

    def build(self, net: nn.Module, *, fused: bool = True) -> Stepper:
        make = _adam(self.beta1, self.beta2, self.eps, decoupled=False, amsgrad=True, fused=fused)
        return _stepper("amsgrad", net, self, make)


class AdamWConfig(_Adam):
    """Adam, with theta <- theta - alpha lambda theta beside it instead of L2 inside g.

    Loshchilov & Hutter, arXiv:1711.05101, algorithm 2 (lambda is multiplied by the learning rate, as in
    torch).
    """

    weight_decay: float = Field(0.01, ge=0, description=DECAY)

    def build(self, net: nn.Module, *, fused: bool = True) -> Stepper:
        make = _adam(self.beta1, self.beta2, self.eps, decoupled=True, amsgrad=False, fused=fused)
        return _stepper("adamw", net, self, make)


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

        return _stepper("nadam", net, self, make)


class MuonConfig(_Declared):
    """Muon on hidden matrices and filters, AdamW on the rest (`learnloop.optim.muon` says which are which).

    W <- (1 - alpha lambda) W - alpha r NS(momentum of G), with NS the Newton-Schulz iteration towards the
    orthogonal factor. Both rules follow one schedule. A network without hidden matrices is moved by AdamW
    alone; the stepper's `describe()` says how many tensors each rule has.
    """

    lr: float = Field(
        0.02, gt=0, allow_inf_nan=False, description="learning rate of the matrices and filters that Muon moves"
    )
    weight_decay: float = Field(0.01, ge=0, description=DECAY)
    other_lr: float = Field(1e-3, gt=0, allow_inf_nan=False, description="learning rate of the rest, which AdamW moves")
    momentum: float = Field(0.95, ge=0, lt=1, description="mu: how slowly the mean of gradients forgets")
    nesterov: bool = Field(True, description="look ahead along the momentum")
    ns_steps: int = Field(5, ge=1, le=20, description="Newton-Schulz iterations towards an orthogonal update")
    adjust: Adjust = Field(
        "original", description="scale by shape: original (Jordan), or match_rms_adamw (then use AdamW's lr)"
    )
    precision: Literal["auto", "bfloat16", "float32"] = Field(
        "auto", description="of the Newton-Schulz iteration; auto: bfloat16 where the hardware has it"
    )
    beta1: float = Field(0.9, ge=0, lt=1, description="AdamW's, for the rest")
    beta2: float = Field(0.95, ge=0, lt=1, description="AdamW's, for the rest")
    eps: float = Field(1e-8, gt=0, description="AdamW's, for the rest")

    def build(self, net: nn.Module, *, fused: bool = True) -> Stepper:
        found = trainable(net)
        kinds = hidden([entry for entry in found if decays(*entry)])
        chosen: dict[tuple[Kind, torch.device, torch.dtype], list[Tensor]] = {}
        rest: dict[tuple[torch.device, torch.dtype, float], list[Tensor]] = {}
        for name, module, p in found:
            if id(p) in kinds:
                chosen.setdefault((kinds[id(p)], p.device, p.dtype), []).append(p)
            else:
                decay = self.weight_decay if self.decay_all or decays(name, module, p) else 0.0
                rest.setdefault((p.device, p.dtype, decay), []).append(p)
        groups = [self._muon(kind, device, members) for (kind, device, _), members in chosen.items()]
        make = _adam(self.beta1, self.beta2, self.eps, decoupled=True, amsgrad=False, fused=fused)
        for (_, _, decay), members in rest.items():
            kernel, slots, counts = make(members, decay)
            groups.append(Group("adamw", members, self.other_lr, kernel, slots, counts=counts))
        return LightStepper([p for *_, p in found], groups)

    def _muon(self, kind: Kind, device: torch.device, members: list[Tensor]) -> Group:
        low = self.precision == "bfloat16" or (self.precision == "auto" and bf16_in_hardware(device))
        kernel = muon_kernel(
            kind,
            momentum=self.momentum,
            nesterov=self.nesterov,
            weight_decay=self.weight_decay,
            steps=self.ns_steps,
            adjust=self.adjust,
            dtype=torch.bfloat16 if low else torch.float32,
        )
        return Group("muon", members, self.lr, kernel, {"momentum": zeros}, counts=False)


OPTIMISERS = {
    "sgd": SGDConfig,
    "adagrad": AdagradConfig,
    "adadelta": AdadeltaConfig,
    "rmsprop": RMSpropConfig,
    "adam": AdamConfig,
    "amsgrad": AMSGradConfig,
    "adamw": AdamWConfig,
    "nadam": NAdamConfig,
    "muon": MuonConfig,
}
