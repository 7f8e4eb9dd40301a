"""TCN: convolutions over the past that see twice as far in each layer."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from learnloop.contracts import WindowSpec
from learnloop.models.forecasting.config import ForecastConfig
from learnloop.models.forecasting.heads import DirectHead
from learnloop.nn.causal import TemporalBlock, ending


class TCN(nn.Module):
    """h^0_t = [z_t, time_t], h^i = block_i(h^(i-1)) with dilation 2^(i-1), y = head(h^n at the last step, time ahead).

    z [batch, lookback, variables], seen [batch, lookback], time [batch, lookback + horizon, features]
    -> y [batch, horizon, targets, quantiles]. Bai, Kolter and Koltun 2018, section 3.

    Only the last step is asked for, and a block of dilation d reaches from it in steps of d: what lies between is never
    looked at. So each block halves the steps that are kept and no convolution is dilated, which gives the same numbers
    with 2 instead of n times the work of one layer.
    """

    def __init__(self, spec: WindowSpec, channels: int, kernel: int, levels: int, dropout: float) -> None:
        super().__init__()
        self.lookback = spec.lookback
        inputs = spec.variables + spec.features
        self.blocks = nn.ModuleList(
            TemporalBlock(inputs if level == 0 else channels, channels, kernel, dropout) for level in range(levels)
        )
        self.head = DirectHead(channels, spec)

    def forward(self, z: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        x = torch.cat([z, time[:, : self.lookback]], 2).transpose(1, 2)  # [batch, variables + features, lookback]
        there = seen.unsqueeze(1)  # [batch, 1, lookback]
        for number, block in enumerate(self.blocks):
            if number:
                x, there = ending(x), ending(there)  # [batch, channels, lookback / 2^number]
            x = block(x, there)
        return self.head(x[:, :, -1], time[:, self.lookback :])


class TCNConfig(ForecastConfig):
    """Residual blocks of causal convolutions, their dilation doubled from block to block, until all is seen.

    Bai, Kolter and Koltun 2018; the head and its use of what is known ahead: Wen et al. 2017.
    """

    title: ClassVar[str] = "TCN: causal convolutions that see twice as far in each layer"
    source: ClassVar[str] = "Bai, Kolter and Koltun 2018, An Empirical Evaluation of Generic Convolutional Networks"
    rate: ClassVar[float] = 2e-3

    channels: int = Field(32, ge=1, description="units of each layer")
    kernel: int = Field(3, ge=2, le=64, description="steps that each convolution looks at")
    levels: int | None = Field(None, ge=1, le=16, description="blocks; null: until the whole lookback is seen")
    dropout: float = Field(0.1, ge=0, lt=1, description="share of units switched off in each step")

    @property
    def reads_others(self) -> bool:
        return True

    def body(self, spec: WindowSpec) -> nn.Module:
        levels = self.levels or reaching(spec.lookback, self.kernel)
        return TCN(spec, self.channels, self.kernel, levels, self.dropout)


def reaching(lookback: int, kernel: int) -> int:
    """The fewest blocks whose last step sees all: 1 + 2 (kernel - 1) (2^n - 1) >= lookback."""
    return max(math.ceil(math.log2((lookback - 1) / (2 * (kernel - 1)) + 1)), 1)
