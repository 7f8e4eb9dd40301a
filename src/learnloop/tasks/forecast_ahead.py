"""The forecasts of a trained network: what backtests, bundles and predictions all ask for the steps behind the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import torch
from torch import nn

from learnloop.contracts import WindowSpec
from learnloop.data.panel import Panel
from learnloop.data.windows import PanelWindows
from learnloop.models.classical.forecast import Forecasts
from learnloop.optim.plan import PLAIN, Plan
from learnloop.tasks.forecast import QUANTILES, ForecastTask, middle_of
from learnloop.transforms.panel_features import PanelFeatures

_CELLS = 1 << 20
"""Numbers of a batch's windows: bounded memory, however many series there are."""


def quantiles_of(levels: Sequence[float]) -> tuple[float, ...]:
    """The quantiles that a network is trained for: 1/2 and both ends of the interval of each level, ascending."""
    ends = {round(share, 9) for level in levels for share in ((1 - level) / 2, (1 + level) / 2)}
    return tuple(sorted({0.5, *ends}))


def forecast_ahead(
    net: nn.Module,
    spec: WindowSpec,
    features: PanelFeatures,
    panel: Panel,
    horizon: int,
    levels: Sequence[float] = (),
    *,
    plan: Plan = PLAIN,
) -> Forecasts:
    """The `horizon` steps behind the end of each series, rows in the order of `panel.univariate()`, in its units.

    mean is the quantile in the middle; the interval of a level lies between the quantiles (1 - level) / 2 and
    (1 + level) / 2. Where the network has not learnt those, they are interpolated on the scale of a normal
    distribution; no intervals where it has learnt one quantile alone.
    A horizon longer than the network's is reached by feeding its own forecasts back, which a note says.
    plan: its precision; the network is asked where it is.
    Raises DataError where a covariate is not known for all steps.
    """
    found = forecast_quantiles(net, spec, features, panel, horizon, plan=plan)  # [rows, horizon, quantiles]
    mean = found[..., middle_of(spec.quantiles)].copy()
    lower: dict[float, np.ndarray] = {}
    upper: dict[float, np.ndarray] = {}
    for level in levels if len(spec.quantiles) > 1 else ():
        lower[level] = np.minimum(_quantile(found, spec.quantiles, (1 - level) / 2), mean)
        upper[level] = np.maximum(_quantile(found, spec.quantiles, (1 + level) / 2), mean)
    note = ""
    if horizon > spec.horizon:
        note = (
            f"The network forecasts {spec.horizon} steps; the later ones are made from its own forecasts, and their "
            "intervals are too narrow."
        )
    return Forecasts(mean, lower, upper, (note,) * len(mean))


def forecast_quantiles(
    net: nn.Module, spec: WindowSpec, features: PanelFeatures, panel: Panel, horizon: int, *, plan: Plan = PLAIN
) -> np.ndarray:
    """float64 [rows, horizon, quantiles], rows in the order of `panel.univariate()`."""
    task = ForecastTask(net, spec, plan=plan)
    left = horizon
    parts: list[np.ndarray] = []
    training = net.training
    net.eval()
    while left > 0:
        ahead = min(spec.horizon, left)
        found = _one_block(task, features, panel, ahead)  # [series, spec.horizon, targets, quantiles]
        parts.append(found[:, :ahead])
        left -= ahead
        if left:
            panel = continued(panel, found[..., middle_of(spec.quantiles)])
    net.train(training)
    whole = np.concatenate(parts, axis=1).transpose(0, 2, 1, 3)  # [series, targets, horizon, quantiles]
    return whole.reshape(-1, horizon, len(spec.quantiles))


def continued(panel: Panel, values: np.ndarray) -> Panel:
    """The panel with `values` [series, steps, targets] behind its end; other variables keep their last value."""
    steps = values.shape[1]
    longer = []
    for place, old in enumerate(panel.values):
        new = np.repeat(old[-1:], steps, axis=0)
        new[:, : panel.targets] = values[place]
        longer.append(np.concatenate([old, new]))
    return replace(
        panel,
        times=tuple(np.concatenate([times, panel.future(place, steps)]) for place, times in enumerate(panel.times)),
        values=tuple(longer),
        filled=tuple(np.concatenate([mark, np.zeros(steps, bool)]) for mark in panel.filled),
        parts={},
    )


def _one_block(task: ForecastTask, features: PanelFeatures, panel: Panel, ahead: int) -> np.ndarray:
    """From the end of each series, as many steps as the network forecasts; covariates must be known for `ahead`."""
    spec = task.spec
    device = next((p.device for p in task.net.parameters()), torch.device("cpu"))
    known = features.apply(panel, spec.horizon, ahead=ahead)
    windows = PanelWindows(panel, spec.lookback, spec.horizon, features=known).to(device)
    a_window = (spec.lookback + spec.horizon) * (spec.variables + spec.features + 1)
    parts = []
    with torch.inference_mode():
        for series in torch.arange(len(panel)).split(max(1, _CELLS // a_window)):
            batch = windows.batch(series, windows.lengths[series])
            parts.append(task.predict(batch)[QUANTILES].double().cpu())
    return torch.cat(parts).numpy()


def _quantile(found: np.ndarray, quantiles: tuple[float, ...], share: float) -> np.ndarray:
    """A quantile of forecasts [..., quantiles]: one of theirs, or on a line through two over normal scores."""
    distance = [abs(one - share) for one in quantiles]
    nearest = int(np.argmin(distance))
    if distance[nearest] < 1e-6:
        return np.asarray(found[..., nearest])
    place = int(np.clip(np.searchsorted(quantiles, share), 1, len(quantiles) - 1))
    low, high, at = (NormalDist().inv_cdf(one) for one in (quantiles[place - 1], quantiles[place], share))
    weight = (at - low) / (high - low)
    return np.asarray(found[..., place - 1] * (1 - weight) + found[..., place] * weight)
