"""What the calendar and columns that are known ahead explain of a series, taken out before it is forecast."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from learnloop.contracts import WindowSpec

_BASIS, _WIDTH = 16, 64


class Exogenous(nn.Module):
    """y = body(x - B_past u) + B_future V, B = relu(W time + b), (u, V) = mlp(x, time at the last known step).

    x [rows, lookback], rows = batch x targets   time [batch, lookback + horizon, features] -> y [rows, horizon,
    quantiles]   B [batch, lookback + horizon, basis]   u [rows, basis], V [rows, basis, quantiles]

    The block with an exogenous basis of NBEATSx (Olivares et al. 2022, section 3.3), the first of the stack: functions
    of the features of a step, the same at every step, with coefficients that the window decides. So one network holds
    series on which the same day has different effects, and an event counts alike however far ahead it is.
    """

    def __init__(self, body: nn.Module, spec: WindowSpec) -> None:
        super().__init__()
        self.body = body
        self.lookback, self.quantiles = spec.lookback, len(spec.quantiles)
        self.basis = nn.Sequential(nn.Linear(spec.features, _BASIS), nn.ReLU())
        self.coefficients = nn.Sequential(
            nn.Linear(spec.lookback + spec.features, _WIDTH),
            nn.ReLU(),
            nn.Linear(_WIDTH, _BASIS * (1 + self.quantiles)),
        )

    def forward(self, x: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        targets = len(x) // len(time)
        basis, origin = self.basis(time), time[:, self.lookback - 1]  # [batch, steps, basis], [batch, features]
        if targets > 1:
            basis, origin = basis.repeat_interleave(targets, 0), origin.repeat_interleave(targets, 0)
        found = self.coefficients(torch.cat([x, origin], 1)).unflatten(1, (_BASIS, -1))  # [rows, basis, 1 + quantiles]
        before = torch.bmm(basis[:, : self.lookback], found[:, :, :1]).squeeze(2)  # [rows, lookback]
        ahead = torch.bmm(basis[:, self.lookback :], found[:, :, 1:])  # [rows, horizon, quantiles]
        return self.body(x - before * seen, seen, time) + ahead


def with_time(body: nn.Module, spec: WindowSpec, wanted: bool = True) -> nn.Module:
    """`body` behind an exogenous block where there are features and they are wanted, else as it is."""
    return Exogenous(body, spec) if wanted and spec.features else body
