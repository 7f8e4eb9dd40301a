"""`ForecastConfig`: what every network that forecasts declares, and how long a past it likes to see."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from pydantic import Field
from torch import nn

from learnloop.config import Config
from learnloop.contracts import WindowSpec
from learnloop.errors import ModelError
from learnloop.models.forecasting.start import FromSeason, StartName, last_season
from learnloop.nn.window_scale import ScaleName, WindowScale

_SHORTEST, _LONGEST = 16, 512
"""Steps of the past that are asked for, whatever the horizon, where the series have them."""


START = "what the network corrects: zero, the level of the window; season, its last season repeated"


class ForecastConfig(Config):
    """The declaration of a network that forecasts: y = forward(past, seen, time), in the units of the past.

    past [batch, lookback, variables], seen [batch, lookback], time [batch, lookback + horizon, features]
    -> y [batch, horizon, targets, quantiles], quantiles ascending. See `learnloop.contracts.WindowSpec`.

    title, source  one line for lists; the paper
    rate           a learning rate for Adam that suits it
    reach          lengths of the horizon that it likes to see of the past
    affine         whether scaling by the window has a learnt gain and shift as in RevIN
    """

    title: ClassVar[str]
    source: ClassVar[str]
    rate: ClassVar[float] = 1e-3
    reach: ClassVar[int] = 5
    affine: ClassVar[bool] = False

    scale: ScaleName = Field(
        "window", description="each window by its mean and deviation, its last value, its mean level, or not at all"
    )

    start: StartName = Field("season", description=START)

    @property
    def reads_time(self) -> bool:
        """Whether calendar and covariates that are known ahead are inputs, where there are any."""
        return True

    @property
    def reads_others(self) -> bool:
        """Whether a target is forecast from the other measured columns too."""
        return False

    @abstractmethod
    def body(self, spec: WindowSpec) -> nn.Module:
        """(z, seen, time) -> [batch, horizon, targets, quantiles] in scaled units, before quantiles are ordered."""

    def build(self, spec: WindowSpec) -> nn.Module:
        """The network, scaled by the window, with weights from torch's global generator; ModelError for a spec that
        has no steps, more targets than variables, or quantiles that do not ascend between 0 and 1."""
        require(type(self).__name__.removesuffix("Config").removesuffix("Forecast").lower(), spec)
        affine = self.affine and self.scale == "window"
        return WindowScale(self.started(spec), self.scale, spec.variables, spec.targets, spec.quantiles, affine)

    def started(self, spec: WindowSpec) -> nn.Module:
        """`body`, added to what it starts from."""
        start, body = last_season(spec, self.start), self.body(spec)
        return FromSeason(body, start) if start is not None else body

    def lookback(self, horizon: int, season: int, longest: int) -> int:
        """Steps of the past to train with: `reach` horizons, at least two seasons, whole seasons, at most `longest`.

        season   1 where there is none   longest  what the series have of past before the first step to forecast
        """
        wanted = max(min(self.reach * horizon, max(_LONGEST, 2 * horizon)), min(2 * season, 2 * _LONGEST), _SHORTEST)
        whole = -(-wanted // season) * season
        return max(min(whole if whole <= max(_LONGEST, wanted) else wanted, longest), 1)

    def suggest(self, windows: int, spec: WindowSpec, minutes: float | None) -> dict[str, Any]:
        """Recipe values that suit this network. windows: places in the training part where a forecast can begin."""
        batch = batch_size(windows)
        values: dict[str, Any] = {
            "optimiser.name": "adam",
            "optimiser.lr": self.rate,
            "schedule.name": "one_cycle",
            "train.batch_size": batch,
            "train.clip": 1.0,
        }
        return values if minutes is not None else {**values, "train.steps": steps(windows, batch)}

    def remark(self, spec: WindowSpec) -> str:
        """What of the inputs is not read, said once; empty where all of it is."""
        unread = []
        if spec.features and not self.reads_time:
            unread.append("the calendar and columns that are known ahead")
        if spec.variables > 1 and not self.reads_others:
            unread.append("the other measured columns: each target is forecast from its own past")
        return f"{self.title.split(':')[0]} does not read {'; nor '.join(unread)}" if unread else ""


def require(name: str, spec: WindowSpec) -> None:
    """Refuse a spec that no network can be built for."""
    where = f"model {name!r}"
    if min(spec.lookback, spec.horizon) < 1:
        raise ModelError(
            where,
            "needs at least one step of the past and one to forecast",
            found=f"lookback = {spec.lookback}, horizon = {spec.horizon}",
        )
    if not 1 <= spec.targets <= spec.variables:
        raise ModelError(
            where,
            "forecasts some of the variables that it sees",
            found=f"{spec.targets} targets, {spec.variables} variables",
        )
    shares = spec.quantiles
    if not shares or any(not 0 < share < 1 for share in shares) or list(shares) != sorted(set(shares)):
        raise ModelError(where, "needs quantiles that ascend between 0 and 1", found=f"quantiles = {shares}")


def batch_size(windows: int) -> int:
    """The power of two below windows / 8, within 8 and 256: few windows, many steps in each pass."""
    return min(max(1 << max((windows // 8).bit_length() - 1, 0), 8), 256)


def steps(windows: int, batch: int) -> int:
    """Some 60 passes, within 500 and 5000 steps; windows overlap, so that a pass repeats itself many times."""
    return min(max(60 * windows // batch, 500), 5000)
