"""Layers of an ensemble whose members share nearly all weights.

All take and give [batch, members, features]. Shared matrices work on it as they are (`nn.Linear` acts on the
last dimension); the layers below are what makes the members differ. Source: BatchEnsemble (Wen, Tran and Ba
2020, arXiv:2002.06715) in the form TabM (Gorishniy, Kotelnikov and Babenko 2025, arXiv:2410.24210, section
3).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class MemberScale(nn.Module):
    """y[b, k, :] = r_k * x[b, :] (or x[b, k, :]): one adapter a member, signs at the start.

    x   float [batch, features] or [batch, members, features]
    y   [batch, members, features], in the type of x
    r   [members, features], +1 or -1 at random at the start: members begin as different as they can be

    TabM-mini is one such layer in front of a shared network (TabM, section 3.3).
    """

    muon_exclude = True
    no_weight_decay = ("scale",)

    def __init__(self, members: int, features: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(2.0 * torch.randint(0, 2, (members, features)) - 1)

    def forward(self, x: Tensor) -> Tensor:
        # The scale takes the type of x: multiplying by float32 would undo autocast for all that follows.
        shared = x.unsqueeze(1) if x.dim() == 2 else x  # [batch, 1 or members, features]
        return shared * self.scale.to(x.dtype)  # [batch, members, features]

    def extra_repr(self) -> str:
        return f"members={self.scale.shape[0]}, features={self.scale.shape[1]}"


class MemberBias(nn.Module):
    """y[b, k, :] = x[b, k, :] + c_k; c [members, features] is uniform on +-1 / sqrt(fan_in) at the start."""

    muon_exclude = True
    no_weight_decay = ("bias",)

    def __init__(self, members: int, features: int, fan_in: int) -> None:
        super().__init__()
        self.bias = nn.Parameter((2 * torch.rand(members, features) - 1) / math.sqrt(fan_in))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias.to(x.dtype)  # [batch, members, features]


class MemberDropout(nn.Module):
    """y[b, k, i] = x[b, k, i] m[b, k, i] / (1 - p): m is 0 with probability p, else 1, drawn for each member.

    p is `rate` rounded to 256ths. Eight masks come from one random 64-bit integer: on a CPU, a uniform float
    for each unit, as nn.Dropout draws, costs more than the matrix product that follows. In evaluation y = x.
    Srivastava et al. 2014.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self._zeros = min(round(256 * rate), 255)  # bytes below it are zeros of the mask

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self._zeros == 0:
            return x
        words = torch.empty(-(-x.numel() // 8), dtype=torch.int64, device=x.device)
        words.random_(torch.iinfo(torch.int64).min, None)
        kept = words.view(torch.uint8)[: x.numel()].view(x.shape) >= self._zeros  # [batch, members, features]
        # As a tensor of the type of x: a product with booleans takes torch's slow path for mixed types.
        return x * kept.to(x.dtype).mul_(256 / (256 - self._zeros))

    def extra_repr(self) -> str:
        return f"rate={self.rate}"


class MemberHead(nn.Module):
    """y[b, k, :] = x[b, k, :] W_k + c_k: an output layer for each member, in float32 whatever autocast says.

    x  [batch, members, features] -> y float32 [batch, members, outputs]
    W  [members, features, outputs], uniform on +-0.3 / sqrt(features) at the start (nothing is known yet)
    """

    muon_exclude = True
    no_weight_decay = ("bias",)

    def __init__(self, members: int, features: int, outputs: int) -> None:
        super().__init__()
        bound = 0.3 / math.sqrt(features)
        self.weight = nn.Parameter(bound * (2 * torch.rand(members, features, outputs) - 1))
        self.bias = nn.Parameter(torch.zeros(members, 1, outputs))

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            own = x.to(self.weight.dtype).transpose(0, 1)  # [members, batch, features]
            return torch.baddbmm(self.bias, own, self.weight).transpose(0, 1)  # [batch, members, outputs]
