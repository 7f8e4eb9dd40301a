"""From what a network has made of the past to all steps of the horizon at once."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from learnloop.contracts import WindowSpec

_LOCAL = 32


class DirectHead(nn.Module):
    """y_k = W_k h + V relu(A h + C time_k) + b_k, k = 1 .. horizon; the second part where there are features.

    h [batch, width], ahead [batch, horizon, features] -> y [batch, horizon, targets, quantiles]

    Direct, as against feeding forecasts back: each step has weights of its own, and no error is handed on (Ben Taieb
    et al. 2012). A part of all steps and one of each step's own features: Wen et al. 2017, MQ-RNN, section 3.2.
    """

    def __init__(self, width: int, spec: WindowSpec) -> None:
        super().__init__()
        self.shape = (spec.targets, len(spec.quantiles))
        outputs = spec.targets * len(spec.quantiles)
        self.direct = nn.Linear(width, spec.horizon * outputs)
        self.context = nn.Linear(width, _LOCAL) if spec.features else None
        self.known = nn.Linear(spec.features, _LOCAL, bias=False) if spec.features else None
        self.local = nn.Linear(_LOCAL, outputs, bias=False) if spec.features else None

    def forward(self, h: Tensor, ahead: Tensor) -> Tensor:
        y = self.direct(h).unflatten(1, (ahead.shape[1], -1))  # [batch, horizon, targets x quantiles]
        if self.context is not None and self.known is not None and self.local is not None:
            both = self.context(h).unsqueeze(1) + self.known(ahead)  # [batch, horizon, local]
            y = y + self.local(F.relu(both))
        return y.unflatten(2, self.shape)  # [batch, horizon, targets, quantiles]
