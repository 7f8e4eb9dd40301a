"""What checks of optimisers work on: an optimiser, a network with tensors of every shape, and a convex bowl."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from learnloop.optim.stepper import Stepper
from learnloop.seeds import seed_torch, torch_stream


@dataclass(frozen=True)
class OptimiserCase:
    """optimiser: a config with `build(net, *, fused) -> Stepper`, or a function `net -> Stepper`."""

    optimiser: Any

    def build(self, net: nn.Module, *, fused: bool = True) -> Stepper:
        if hasattr(self.optimiser, "build"):
            return self.optimiser.build(net, fused=fused)
        return self.optimiser(net)

    def start(self, seed: int = 0, *, fused: bool = True) -> tuple[Mixed, Stepper]:
        net = Mixed(seed)
        return net, self.build(net, fused=fused)


class Mixed(nn.Module):
    """A small classifier of images [batch, 2, 6, 6] with parameters of every shape: filters, matrices (one of
    them shared by two layers), a batch of matrices, vectors, a scalar; with buffers, a frozen matrix, and a
    vector `sometimes` that takes part only when it is asked to.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            seed_torch(seed, "check_optimiser")
            self.conv = nn.Conv2d(2, 4, 3, bias=False)  # batch norm would cancel a bias
            self.norm = nn.BatchNorm2d(4)
            self.wide = nn.Conv2d(4, 6, 3, bias=False)
            self.first = nn.Linear(24, 9)
            self.second = nn.Linear(9, 9)
            self.tied = nn.Linear(9, 9)
            self.members = nn.Parameter(0.4 * torch.randn(2, 9, 7))
            self.frozen = nn.Parameter(0.4 * torch.randn(9, 9), requires_grad=False)
            self.last = nn.Linear(7, 3)
            self.scale = nn.Parameter(torch.tensor(1.0))
            self.sometimes = nn.Parameter(0.1 * torch.randn(3))
        self.tied.weight = self.second.weight

    def forward(self, x: Tensor, *, whole: bool = True) -> Tensor:
        x = torch.tanh(self.norm(self.conv(x)))  # [batch, 4, 4, 4]
        x = torch.tanh(self.wide(x)).flatten(1)  # [batch, 24]
        x = self.tied(torch.tanh(self.second(torch.tanh(self.first(x)))))  # [batch, 9]
        x = (x + x @ self.frozen).tanh()  # [batch, 9]
        x = torch.einsum("bi,mio->bmo", x, self.members).mean(1)  # [batch, 9] -> [batch, 2, 7] -> [batch, 7]
        x = self.last(torch.tanh(x)) * self.scale  # [batch, 3]
        return x + self.sometimes if whole else x


class Bowl(nn.Module):
    """sum c (theta - theta*)^2 / 2 over three matrices and a vector, curvatures c from 0.5 to 2, theta* within
    0.2 of the start.
    """

    def __init__(self) -> None:
        super().__init__()
        stream = torch_stream(0, "check_optimiser", "bowl")
        self.layers = nn.ModuleList(nn.Linear(6, 6) for _ in range(3))
        self.goals = []
        for p in self.parameters():
            start = 0.1 * torch.randn(p.shape, generator=stream)
            p.data = start
            self.goals.append(start + 0.4 * torch.rand(p.shape, generator=stream) - 0.2)

    def loss(self) -> Tensor:
        total = torch.zeros(())
        for p, goal in zip(self.parameters(), self.goals):
            curvature = torch.linspace(0.5, 2.0, p.numel()).view_as(p)
            total = total + (curvature * (p - goal).square()).sum() / 2
        return total
