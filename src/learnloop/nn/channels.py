"""Several series at once for networks that read one: each target by itself, with the same weights."""

from __future__ import annotations

from torch import Tensor, nn


class PerTarget(nn.Module):
    """y_c = body(x_c, seen, time) for each target c, the weights shared (channel independence: Nie et al. 2023, 3.1).

    past [batch, lookback, variables], of which the targets stand first; what else is measured is not read
    -> y [batch, horizon, targets, quantiles]

    `body` gets rows [batch x targets, lookback], seen repeated for each of them, and time as it is, one a window
    [batch, lookback + horizon, features]; it answers [batch x targets, horizon, quantiles].
    """

    def __init__(self, body: nn.Module, targets: int) -> None:
        super().__init__()
        self.body, self.targets = body, targets

    def forward(self, past: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        rows = past[:, :, : self.targets].transpose(1, 2).flatten(0, 1)  # [batch x targets, lookback]
        if self.targets > 1:
            seen = seen.repeat_interleave(self.targets, 0)  # [batch x targets, lookback]
        y = self.body(rows, seen, time)  # [batch x targets, horizon, quantiles]
        return y.unflatten(0, (-1, self.targets)).transpose(1, 2)  # [batch, horizon, targets, quantiles]
