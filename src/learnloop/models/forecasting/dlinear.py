"""DLinear: the past taken apart into a moving average and the rest, and one linear map of each."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from learnloop.contracts import WindowSpec
from learnloop.models.forecasting.config import START, ForecastConfig
from learnloop.models.forecasting.exogenous import with_time
from learnloop.models.forecasting.start import StartName
from learnloop.nn.channels import PerTarget


class DLinear(nn.Module):
    """t = average(x), y = W_t t + b_t + W_s (x - t) + b_s.

    x [rows, lookback] -> t of the same shape, the mean of `average` steps around each, the first and the last value
    repeated beyond the ends -> y [rows, horizon, quantiles]; W [horizon x quantiles, lookback]
    Zeng, Chen, Zhang and Xu 2023, Are Transformers Effective for Time Series Forecasting?, section 4.
    """

    def __init__(self, spec: WindowSpec, average: int) -> None:
        super().__init__()
        self.average, self.quantiles = average, len(spec.quantiles)
        outputs = spec.horizon * self.quantiles
        self.trend, self.season = nn.Linear(spec.lookback, outputs), nn.Linear(spec.lookback, outputs)

    def forward(self, x: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        trend = self.smooth(x)
        y = self.trend(trend) + self.season(x - trend)  # [rows, horizon x quantiles]
        return y.unflatten(1, (-1, self.quantiles))  # [rows, horizon, quantiles]

    def smooth(self, x: Tensor) -> Tensor:
        before = (self.average - 1) // 2
        padded = F.pad(x.unsqueeze(1), (before, self.average - 1 - before), "replicate")  # [rows, 1, lookback + ...]
        return F.avg_pool1d(padded, self.average, 1).squeeze(1)  # [rows, lookback]

    def extra_repr(self) -> str:
        return f"average={self.average}"


class DLinearConfig(ForecastConfig):
    """y = W_t average(x) + W_s (x - average(x)) + b, one map for all columns and series.

    With `scale: none` on standardised series it is the published network. Scaled by the window it is the same map with
    rows that sum to 1, so that a series that is shifted is answered alike. Zeng et al. 2023, section 4.
    """

    title: ClassVar[str] = "DLinear: a moving average and the rest, a linear map of each"
    source: ClassVar[str] = "Zeng, Chen, Zhang and Xu 2023, Are Transformers Effective for Time Series Forecasting?"
    rate: ClassVar[float] = 2e-3
    reach: ClassVar[int] = 5

    start: StartName = Field("zero", description=START)
    average: int = Field(25, ge=1, description="steps of the moving average that is the trend")
    calendar: bool = Field(False, description="take out what calendar and known columns explain first (not published)")

    @property
    def reads_time(self) -> bool:
        return self.calendar

    def body(self, spec: WindowSpec) -> nn.Module:
        return PerTarget(with_time(DLinear(spec, self.average), spec, self.calendar), spec.targets)
