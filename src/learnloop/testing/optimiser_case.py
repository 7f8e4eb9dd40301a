"""What checks of optimisers work on: an optimiser, a network with tensors of every shape, a convex bowl, and steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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


def batch_of(turn: int) -> tuple[Tensor, Tensor]:
    """Images [16, 2, 6, 6] and classes [16] that can be told from them."""
    stream = torch_stream(0, "check_optimiser", "batch", turn)
    y = torch.randint(3, (16,), generator=stream)
    x = torch.randn(16, 2, 6, 6, generator=stream)
    x[:, 0, 2:4, 2:4] += 2.0 * (y.float() - 1)[:, None, None]
    return x, y


def loss_on(net: Mixed, turn: int, *, whole: bool = True) -> Tensor:
    x, y = batch_of(turn)
    return F.cross_entropy(net(x, whole=whole), y)


def one_step(net: Mixed, stepper: Stepper, turn: int, *, whole: bool = True) -> None:
    stepper.zero_grad()
    loss_on(net, turn, whole=whole).backward()
    stepper.step()


def turns(net: Mixed, stepper: Stepper, start: int, stop: int) -> None:
    """Steps in which `sometimes` takes part only now and then, so that step counts differ between tensors."""
    for turn in range(start, stop):
        one_step(net, stepper, turn, whole=turn % 3 == 1)


def given_steps(net: Mixed, stepper: Stepper, steps: int) -> None:
    """Steps along gradients that are given, so that rounding is not amplified by a network."""
    for turn in range(steps):
        stream = torch_stream(0, "check_optimiser", "given", turn)
        for p in stepper.params:
            p.grad = torch.randn(p.shape, generator=stream)  # contiguous, whatever the layout of p
        stepper.step()


def trainable(net: nn.Module) -> list[str]:
    return [name for name, p in net.named_parameters() if p.requires_grad]


def weights_of(net: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in net.named_parameters()}


def state_of(net: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}


def check_close(found: dict[str, Tensor], expected: dict[str, Tensor], how: str) -> None:
    """Equal to rounding, relative to how far four steps of a usual length lead."""
    for name, tensor in expected.items():
        off = float((found[name] - tensor).abs().max())
        assert off < 1e-5 + 1e-4 * float(tensor.abs().max()), f"{how} the weights of {name} end elsewhere: by {off:.2g}"
