"""`ForecastTask`: the next steps of series, each with the quantiles of what may come."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from learnloop.contracts import FUTURE, SCALE, Batch, Scalars, WindowSpec
from learnloop.errors import RecipeError, did_you_mean
from learnloop.optim.plan import Plan
from learnloop.optim.updater import Updater
from learnloop.tasks.forecast_losses import FORECAST_LOSSES, POINT_LOSSES, pinball
from learnloop.tasks.loss_task import LossTask, full_precision
from learnloop.tasks.own_code import raise_explained

QUANTILES = "quantiles"
"""float [batch, horizon, targets, quantiles], ascending, in the units of PAST."""


def middle_of(quantiles: tuple[float, ...]) -> int:
    """Which quantile is the forecast itself: the one nearest to 1/2."""
    return min(range(len(quantiles)), key=lambda place: abs(quantiles[place] - 0.5))


def forecast_loss(outputs: Tensor, batch: Batch, name: str, quantiles: tuple[float, ...]) -> Tensor:
    """The mean of a loss over all steps that are known, a scalar; 0 where none is.

    outputs [batch, horizon, targets, quantiles]. name: "quantile", the pinball loss of all quantiles, or a point loss;
    that trains the quantile in the middle, the others are then trained by their pinball losses, added to it.
    """
    f, future = full_precision(outputs), batch[FUTURE]
    scale = batch[SCALE][:, None]  # [batch, 1, targets]
    known = ~torch.isnan(future)
    y = torch.where(known, future, 0.0)  # what is unknown has a number, so that its gradient is 0 and not NaN
    if name == "quantile":
        each = pinball(y, f, scale, f.new_tensor(quantiles))
    else:
        middle = middle_of(quantiles)
        each = POINT_LOSSES[name](y, f[..., middle], scale)
        others = [place for place in range(len(quantiles)) if place != middle]
        if others:
            shares = f.new_tensor([quantiles[place] for place in others])
            each = each + pinball(y, f[..., others], scale, shares)
    return masked_mean(each, known)


def masked_mean(each: Tensor, known: Tensor) -> Tensor:
    """The mean over what is known; 0 where nothing is."""
    return torch.where(known, each, 0.0).sum() / known.sum().clamp_min(1)


class ForecastTask(LossTask):
    """loss = mean over the known steps of a batch of l((y - f) / scale).

    net   forward(past, seen, time) -> [batch, horizon, targets, quantiles] in the units of PAST
    spec  what the network was built for
    loss  a name of FORECAST_LOSSES
    Raises RecipeError for a loss that is none.
    """

    def __init__(
        self, net: nn.Module, spec: WindowSpec, loss: str = "quantile", *, plan: Plan, updater: Updater | None = None
    ) -> None:
        super().__init__(net, spec.keys, _of_rows, plan=plan, updater=updater)
        if loss not in FORECAST_LOSSES:
            raise RecipeError(
                "forecast.loss", "must be a loss of forecasts", found=repr(loss),
                cause=did_you_mean(loss, FORECAST_LOSSES), available=FORECAST_LOSSES,
            )  # fmt: skip
        self.spec = spec
        self.loss_name = loss
        self._middle = middle_of(spec.quantiles)

    def loss_of(self, outputs: Tensor, batch: Batch) -> Tensor:
        """The training loss in float32 whatever the precision of the network."""
        try:
            return forecast_loss(outputs, batch, self.loss_name, self.spec.quantiles)
        except Exception as error:
            raise_explained(error)

    def predict(self, batch: Batch) -> Batch:
        """`quantiles`, sorted: those that the network has crossed change places."""
        return {QUANTILES: full_precision(self.forward(batch)).sort(-1).values}

    def eval_step(self, batch: Batch) -> Scalars:
        """Means over the known steps: the loss, and `mae` and `mse` of the forecast in units of SCALE."""
        f = self.predict(batch)[QUANTILES]
        future, scale = batch[FUTURE], batch[SCALE][:, None]
        known = ~torch.isnan(future)
        e = torch.where(known, future - f[..., self._middle], 0.0) / scale  # [batch, horizon, targets]
        return {
            "loss": self.loss_of(f, batch),
            "mae": masked_mean(e.abs(), known),
            "mse": masked_mean(e.square(), known),
        }


def _of_rows(outputs: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
    raise AssertionError("the loss of a window needs its SCALE: loss_of takes the batch")
