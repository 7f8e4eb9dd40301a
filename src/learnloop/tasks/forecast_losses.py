"""`FORECAST_LOSSES`: what a network that forecasts makes small. Each gives one number for each step and target.

y, f   float [batch, horizon, targets], the truth and the forecast
scale  float [batch, 1, targets], positive: the unit of the errors, so that large series count no more than small ones
e      the error (y - f) / scale
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

ForecastLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(y, f, scale) -> [batch, horizon, targets]."""

_TINY = 1e-6
"""In units of the scale: below it both values count as zero."""


def squared(y: Tensor, f: Tensor, scale: Tensor) -> Tensor:
    """l = e^2."""
    return ((y - f) / scale).square()


def absolute(y: Tensor, f: Tensor, scale: Tensor) -> Tensor:
    """l = |e|. With the error of seasonal naive as the scale it is MASE."""
    return (y - f).abs() / scale


def huber(y: Tensor, f: Tensor, scale: Tensor) -> Tensor:
    """l = e^2 / 2 where |e| <= 1, else |e| - 1 / 2. Huber, Ann. Math. Stat. 35 (1964)."""
    e = absolute(y, f, scale)
    inside = e.clamp_max(1)
    return inside * (e - inside / 2)


def symmetric(y: Tensor, f: Tensor, scale: Tensor) -> Tensor:
    """l = 2 |y - f| / (|y| + |f|), 0 to 2: sMAPE as in M4, as a share. 0 / 0 counts as 0; the scale cancels."""
    return 2 * (y - f).abs() / (y.abs() + f.abs()).clamp_min(_TINY * scale)


def pinball(y: Tensor, f: Tensor, scale: Tensor, shares: Tensor) -> Tensor:
    """l = 2 max(q e, (q - 1) e) = |e| + (2 q - 1) e, the mean over the quantiles q: at q = 1/2 alone it is |e|.

    y [batch, horizon, targets], f [batch, horizon, targets, quantiles], shares [quantiles]; gives the shape of y.
    Koenker and Bassett, Regression Quantiles, Econometrica 46 (1978).
    """
    e = (y[..., None] - f) / scale[..., None]  # [batch, horizon, targets, quantiles]
    return (e.abs() + (2 * shares - 1) * e).mean(-1)


POINT_LOSSES: dict[str, ForecastLoss] = {"mae": absolute, "mse": squared, "huber": huber, "smape": symmetric}
"""What makes one value a good forecast: the median, the mean, something between the two, a median of shares."""

FORECAST_LOSSES = ("quantile", *POINT_LOSSES)
"""Names for `forecast.loss`: the pinball loss of all quantiles, or a point loss of the one in the middle."""
