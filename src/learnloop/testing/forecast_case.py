"""What checks of forecasting networks work on: a config, a spec, and waves that a network should learn to continue."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor, nn

from learnloop.contracts import WindowSpec
from learnloop.models.forecasting.config import ForecastConfig
from learnloop.nn.quantiles import middle
from learnloop.seeds import derive, seed_torch, torch_stream
from learnloop.testing.model_case import evaluate

ROWS = 32


@dataclass(frozen=True)
class ForecastCase:
    """One config with one spec. `batch` are past, seen and time, `future` what follows."""

    config: ForecastConfig
    spec: WindowSpec

    @property
    def from_zero(self) -> ForecastCase:
        """The same, without the last season to start from, which would do a part of the work."""
        return replace(self, config=self.config.model_copy(update={"start": "zero"}))

    def net(self, seed: int = 0) -> nn.Module:
        seed_torch(seed, "weights")
        return self.config.build(self.spec)

    @property
    def batch(self) -> list[Tensor]:
        """past [rows, lookback, variables], seen [rows, lookback], time [rows, lookback + horizon, features]"""
        return [self._toy[0], self._toy[1], self._toy[2]]

    @property
    def future(self) -> Tensor:
        """[rows, horizon, targets]"""
        return self._toy[3]

    @cached_property
    def _toy(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Waves of one period around levels of their own, every fourth one cut short on the left."""
        spec, generator = self.spec, torch_stream(0, "check_forecast_model")
        shape = (ROWS, 1, spec.variables)
        level, phase = torch.randn(*shape, generator=generator), torch.rand(*shape, generator=generator)
        period = spec.season if spec.season > 1 else 6
        steps = torch.arange(spec.lookback + spec.horizon).view(1, -1, 1) / period
        waves = level + (2 * math.pi * (steps + phase)).sin()  # [rows, lookback + horizon, variables]
        waves += 0.05 * torch.randn(waves.shape, generator=generator)
        seen = torch.ones(ROWS, spec.lookback)
        seen[::4, : spec.lookback // 3] = 0
        time = torch.randn(ROWS, spec.lookback + spec.horizon, spec.features, generator=generator)
        past = waves[:, : spec.lookback] * seen.unsqueeze(2)
        return past, seen, time, waves[:, spec.lookback :, : spec.targets]

    def loss(self, out: Tensor) -> Tensor:
        """The mean pinball loss over all quantiles. Koenker and Bassett 1978."""
        shares = torch.tensor(self.spec.quantiles)
        error = self.future.unsqueeze(3) - out  # [rows, horizon, targets, quantiles]
        return torch.maximum(shares * error, (shares - 1) * error).mean()

    def error(self, net: nn.Module) -> float:
        """Mean |error| of the middle quantile, as a share of that of the last value repeated."""
        past = self.batch[0]
        found = evaluate(net, self.batch)[..., middle(self.spec.quantiles)]  # [rows, horizon, targets]
        naive = past[:, -1:, : self.spec.targets]
        return float((found - self.future).abs().mean() / (naive - self.future).abs().mean())

    def trained(self) -> nn.Module:
        """A copy of a network after three steps: zeros and fresh norms could hide a fault."""
        return copy.deepcopy(self._trained)

    @cached_property
    def _trained(self) -> nn.Module:
        net = self.net()
        torch.manual_seed(derive(0, "steps"))
        optimiser = torch.optim.SGD(net.parameters(), lr=0.05)
        for _ in range(3):
            net.train()
            optimiser.zero_grad()
            self.loss(net(*self.batch)).backward()
            optimiser.step()
        return net


def moved(before: Tensor, after: Tensor) -> float:
    """The largest difference of two forecasts, relative to the size of the first (at least 1)."""
    return float((after - before).abs().max() / before.abs().max().clamp_min(1.0))
