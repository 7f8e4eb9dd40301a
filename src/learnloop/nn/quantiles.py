"""Quantiles that cannot cross."""

from __future__ import annotations

import math
from statistics import NormalDist

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_BEGIN = 0.5
"""Standard deviations of the window that a forecast is uncertain by before anything is learnt."""


class Quantiles(nn.Module):
    """y_m = x_m, y_(m+k) = y_(m+k-1) + softplus(x_(m+k) + c_(m+k)), y_(m-k) = y_(m-k+1) - softplus(x_(m-k) + c_(m-k)).

    x [..., quantiles] -> y of the same shape, ascending for every x; m is the share nearest to 1/2, so that x_m is the
    forecast itself. The constants c give distances as in a normal distribution of standard deviation 1/2 at x = 0.
    No parameters. Sums of positive steps: Wehenkel and Louppe 2019 build monotone functions alike; the alternative,
    sorting (Chernozhukov, Fernandez-Val and Galichon 2010), lets an output change its meaning during training.
    """

    begin: Tensor

    def __init__(self, shares: tuple[float, ...]) -> None:
        super().__init__()
        self.middle = middle(shares)
        places = [_BEGIN * NormalDist().inv_cdf(share) for share in shares]
        steps = [places[k + 1] - places[k] for k in range(len(shares) - 1)]
        inverse = [step + math.log(-math.expm1(-step)) for step in steps]  # of softplus
        begin = torch.tensor([*inverse[: self.middle], 0.0, *inverse[self.middle :]])
        self.register_buffer("begin", begin, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] == 1:
            return x
        m = self.middle
        steps = F.softplus(x + self.begin)  # [..., quantiles]
        centre = x[..., m : m + 1]
        below = centre - steps[..., :m].flip(-1).cumsum(-1).flip(-1)  # [..., m]
        above = centre + steps[..., m + 1 :].cumsum(-1)  # [..., quantiles - 1 - m]
        return torch.cat([below, centre, above], -1)  # [..., quantiles]

    def extra_repr(self) -> str:
        return f"{len(self.begin)}, middle={self.middle}"


def middle(shares: tuple[float, ...]) -> int:
    """The place of the share that is nearest to 1/2."""
    return min(range(len(shares)), key=lambda k: abs(shares[k] - 0.5))
