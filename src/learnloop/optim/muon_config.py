"""Muon as a recipe has it: which tensors it moves, and AdamW for the rest."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from learnloop.optim.adam import adam_rule
from learnloop.optim.classic import sgd_rule
from learnloop.optim.light import Group, LightStepper, zeros
from learnloop.optim.machine import bf16_in_hardware
from learnloop.optim.muon import Adjust, Kind, hidden, muon_kernel
from learnloop.optim.rules import DECAY, Declared, decays, lr_factor, trainable
from learnloop.optim.stepper import Stepper


class MuonConfig(Declared):
    """Muon on hidden matrices and filters, AdamW or SGD on the rest (`learnloop.optim.muon` says which are which).

    W <- (1 - alpha lambda) W - alpha r NS(momentum of G), with NS the Newton-Schulz iteration towards the
    orthogonal factor. Both rules follow one schedule. A network without hidden matrices is moved by the other
    rule alone; the stepper's `describe()` says how many tensors each rule has.

    other=sgd: Nesterov's momentum on the rest, b <- mu b + g + (lambda / alpha) theta; lambda is then the share of a
    weight that a step at the full rate takes away. As in Jordan's airbench94_muon, for networks trained in minutes.
    """

    lr: float = Field(
        0.02, gt=0, allow_inf_nan=False, description="learning rate of the matrices and filters that Muon moves"
    )
    weight_decay: float = Field(0.01, ge=0, description=DECAY)
    other_lr: float = Field(1e-3, gt=0, allow_inf_nan=False, description="learning rate of the rest")
    other: Literal["adamw", "sgd"] = Field("adamw", description="the rule that moves the rest")
    other_momentum: float = Field(0.85, ge=0, lt=1, description="of the rest where SGD moves it")
    other_vectors: float = Field(1.0, gt=0, description="factor on the rate of biases and other vectors of the rest")
    momentum: float = Field(0.95, ge=0, lt=1, description="mu: how slowly the mean of gradients forgets")
    nesterov: bool = Field(True, description="look ahead along the momentum")
    ns_steps: int = Field(5, ge=1, le=20, description="Newton-Schulz iterations towards an orthogonal update")
    adjust: Adjust = Field(
        "original", description="scale by shape: original (Jordan), or match_rms_adamw (then use AdamW's lr)"
    )
    unit_rows: bool = Field(
        False,
        description="after each step scale what Muon moves back to rows of mean length 1; for layers before a norm",
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
        chosen: dict[tuple[Kind, torch.device, torch.dtype, float], list[Tensor]] = {}
        rest: dict[tuple[torch.device, torch.dtype, float, float], list[Tensor]] = {}
        for name, module, p in found:
            if id(p) in kinds:
                chosen.setdefault((kinds[id(p)], p.device, p.dtype, lr_factor(module)), []).append(p)
            else:
                decay = self.weight_decay if self.decay_all or decays(name, module, p) else 0.0
                factor = lr_factor(module) * (self.other_vectors if p.ndim < 2 else 1.0)
                rest.setdefault((p.device, p.dtype, decay, factor), []).append(p)
        groups = [self._muon(kind, device, members, factor) for (kind, device, _, factor), members in chosen.items()]
        if self.other == "sgd":
            make = sgd_rule(self.other_momentum, self.other_momentum > 0, fused=fused)
        else:
            make = adam_rule(self.beta1, self.beta2, self.eps, decoupled=True, amsgrad=False, fused=fused)
        for (_, _, decay, factor), members in rest.items():
            rate = self.other_lr * factor
            kernel, slots, counts = make(members, decay / rate if self.other == "sgd" else decay)
            groups.append(Group(self.other, members, rate, kernel, slots, counts=counts))
        return LightStepper([p for *_, p in found], groups)

    def _muon(self, kind: Kind, device: torch.device, members: list[Tensor], factor: float) -> Group:
        low = self.precision == "bfloat16" or (self.precision == "auto" and bf16_in_hardware(device))
        kernel = muon_kernel(
            kind,
            momentum=self.momentum,
            nesterov=self.nesterov,
            weight_decay=self.weight_decay,
            steps=self.ns_steps,
            adjust=self.adjust,
            dtype=torch.bfloat16 if low else torch.float32,
            unit_rows=self.unit_rows,
        )
        return Group("muon", members, self.lr * factor, kernel, {"momentum": zeros}, counts=False)
