"""The task forecast: its suite, its losses by hand, what is unknown, and the figures of held-out windows."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from learnloop.contracts import FUTURE, PAST, SCALE, SEEN, TIME, Batch, WindowSpec
from learnloop.data.panel import Panel
from learnloop.data.windows import PanelWindows, every_origin
from learnloop.errors import RecipeError
from learnloop.optim.optimisers import OPTIMISERS
from learnloop.optim.plan import PLAIN
from learnloop.optim.schedules import SCHEDULES
from learnloop.optim.updater import Updater
from learnloop.seeds import seed_torch, torch_stream
from learnloop.tasks.forecast import QUANTILES, ForecastTask, forecast_loss
from learnloop.tasks.forecast_losses import FORECAST_LOSSES
from learnloop.testing.tasks import check_task
from learnloop.train.held_out_windows import HeldOutWindows

SPEC = WindowSpec(lookback=6, horizon=3, variables=2, targets=2, features=1, season=2, quantiles=(0.1, 0.5, 0.9))


class Plain(nn.Module):
    """A linear map of each window, with its last value added."""

    def __init__(self, spec: WindowSpec) -> None:
        super().__init__()
        self.spec = spec
        steps = spec.lookback * spec.variables + (spec.lookback + spec.horizon) * spec.features
        self.map = nn.Linear(steps, spec.horizon * spec.targets * len(spec.quantiles))

    def forward(self, past: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        shape = (self.spec.horizon, self.spec.targets, len(self.spec.quantiles))
        moved = self.map(torch.cat([(past - past[:, -1:]).flatten(1), time.flatten(1)], 1))
        return moved.unflatten(1, shape) + past[:, -1:, : self.spec.targets, None]


def make(loss: str = "quantile", spec: WindowSpec = SPEC) -> Callable[[], ForecastTask]:
    def task() -> ForecastTask:
        seed_torch(1, "init")
        net = Plain(spec)
        updater = Updater(OPTIMISERS["adam"](lr=0.02).build(net), SCHEDULES["constant"]().build(), clip=10.0)
        seed_torch(1, "train")
        return ForecastTask(net, spec, loss, plan=PLAIN, updater=updater)

    return task


def batch(number: int) -> Batch:
    """Saw teeth of several heights, some of the future unknown."""
    steps = torch.arange(9) + number + 3 * torch.arange(5)[:, None]  # [rows, lookback + horizon]
    height = 10.0 ** torch.arange(-1, 4)[:, None]
    values = torch.stack([steps % 2, steps % 3], dim=-1) * height[..., None]  # [rows, lookback + horizon, 2]
    future = values[:, 6:].clone()
    future[number % 5, 1:, 0] = math.nan
    return {
        PAST: values[:, :6],
        SEEN: torch.ones(5, 6),
        TIME: (steps % 6)[..., None] / 5,
        FUTURE: future,
        SCALE: height.expand(5, 2),
    }


@pytest.mark.parametrize("loss", FORECAST_LOSSES)
def test_the_task_passes_its_suite(loss: str) -> None:
    check_task(make(loss), batch, learns=0.85 if loss == "smape" else 0.7)


def by_hand(name: str, y: float, f: float, scale: float) -> float:
    e = abs(y - f) / scale
    return {
        "mae": e,
        "mse": e**2,
        "huber": e**2 / 2 if e <= 1 else e - 0.5,
        "smape": 2 * abs(y - f) / (abs(y) + abs(f)),
    }[name]


@pytest.mark.parametrize("name", ["mae", "mse", "huber", "smape"])
def test_a_point_loss_is_its_formula_over_what_is_known(name: str) -> None:
    y, f, scale = [3.0, -1.0, 10.0, 5.0], [2.5, 4.0, 11.0, 9.0], [2.0, 0.5]
    given = {FUTURE: torch.tensor(y).view(2, 2, 1), SCALE: torch.tensor(scale).view(2, 1)}
    outputs = torch.tensor(f).view(2, 2, 1, 1)
    each = [by_hand(name, a, b, scale[place // 2]) for place, (a, b) in enumerate(zip(y, f, strict=True))]
    assert float(forecast_loss(outputs, given, name, (0.5,))) == pytest.approx(np.mean(each), rel=1e-6)
    given[FUTURE][1, 0] = math.nan
    known = [each[0], each[1], each[3]]
    assert float(forecast_loss(outputs, given, name, (0.5,))) == pytest.approx(np.mean(known), rel=1e-6)


def test_the_quantile_loss_is_twice_the_pinball_loss() -> None:
    given = {FUTURE: torch.tensor([[[4.0]]]), SCALE: torch.tensor([[2.0]])}
    outputs = torch.tensor([[[[1.0, 3.0, 8.0]]]])
    expected = np.mean([2 * 0.1 * 3 / 2, 2 * 0.5 * 1 / 2, 2 * 0.1 * 4 / 2])
    assert float(forecast_loss(outputs, given, "quantile", (0.1, 0.5, 0.9))) == pytest.approx(expected, rel=1e-6)
    assert float(forecast_loss(outputs[..., 1:2], given, "quantile", (0.5,))) == pytest.approx(0.5), "|e|"


def test_a_point_loss_trains_the_middle_and_the_others_are_quantiles_all_the_same() -> None:
    """The least loss over a sample with a long tail: its mean in the middle, quantiles around it."""
    sample = torch.exp(torch.randn(2000, generator=torch_stream(0, "sample")))
    given = {FUTURE: sample.view(-1, 1, 1), SCALE: torch.ones(len(sample), 1)}
    free = nn.Parameter(torch.zeros(3))
    optimiser = torch.optim.Adam([free], lr=0.05)
    for _ in range(400):
        optimiser.zero_grad()
        forecast_loss(free.expand(len(sample), 1, 1, 3), given, "mse", (0.1, 0.5, 0.9)).backward()
        optimiser.step()
    low, middle, high = free.tolist()
    assert middle == pytest.approx(float(sample.mean()), abs=0.02)
    assert low == pytest.approx(float(sample.quantile(0.1)), abs=0.1)
    assert high == pytest.approx(float(sample.quantile(0.9)), abs=0.1)


@pytest.mark.parametrize("loss", FORECAST_LOSSES)
def test_what_is_unknown_moves_nothing(loss: str) -> None:
    """Not by its loss, and not by a gradient that is NaN; nor does a batch of which nothing is known."""
    outputs = torch.zeros(1, 3, 2, 3, requires_grad=True)
    rows = {FUTURE: torch.full((1, 3, 2), math.nan), SCALE: torch.ones(1, 2)}
    rows[FUTURE][0, 0, 0] = 2.0
    forecast_loss(outputs, rows, loss, SPEC.quantiles).backward()
    gradient = outputs.grad
    assert gradient is not None and torch.isfinite(gradient).all()
    moved = gradient[0].abs().sum(-1) > 0  # [horizon, targets]
    assert moved.tolist() == [[True, False], [False, False], [False, False]]
    rows[FUTURE][0, 0, 0] = math.nan
    assert float(forecast_loss(outputs.detach(), rows, loss, SPEC.quantiles)) == 0


@pytest.mark.parametrize("size", [1000.0, 1e-8])
@pytest.mark.parametrize("loss", FORECAST_LOSSES)
def test_a_series_of_another_size_counts_as_much(loss: str, size: float) -> None:
    outputs = torch.randn(2, 3, 1, 3, generator=torch_stream(0, "outputs"))
    given = {FUTURE: torch.randn(2, 3, 1, generator=torch_stream(1, "future")), SCALE: torch.ones(2, 1)}
    other = {FUTURE: size * given[FUTURE], SCALE: size * given[SCALE]}
    expected = float(forecast_loss(outputs, given, loss, SPEC.quantiles))
    assert float(forecast_loss(size * outputs, other, loss, SPEC.quantiles)) == pytest.approx(expected, rel=1e-5)


def test_zero_forecast_as_zero_has_no_percentage_error() -> None:
    outputs = torch.zeros(1, 1, 1, 1, requires_grad=True)
    loss = forecast_loss(outputs, {FUTURE: torch.zeros(1, 1, 1), SCALE: torch.ones(1, 1)}, "smape", (0.5,))
    loss.backward()
    assert loss.item() == 0 and outputs.grad is not None and outputs.grad.item() == 0


def test_forecasts_come_with_their_quantiles_in_order() -> None:
    task = make()()
    task.train(False)
    found = task.predict(batch(0))[QUANTILES]
    assert found.shape == (5, 3, 2, 3) and (found.diff(dim=-1) >= 0).all()


def test_an_unknown_loss_is_refused() -> None:
    with pytest.raises(RecipeError) as caught:
        make("quantle")()
    assert str(caught.value) == (
        "forecast.loss: must be a loss of forecasts\n"
        "  found:     'quantle'\n"
        "  probably:  Did you mean 'quantile'?\n"
        "  available: quantile, mae, mse, huber, smape"
    )


def test_held_out_windows_are_scored_over_every_known_step() -> None:
    """Means of batches of unequal many known steps would be another figure."""
    rng = np.random.default_rng(0)
    lengths = (40, 12)
    values = tuple(rng.normal(size=(length, 2)).cumsum(axis=0) for length in lengths)
    marks = tuple(rng.random(length) < 0.3 for length in lengths)
    made = Panel("made", ("a", "b"), tuple(np.arange(length) for length in lengths), values, ("x", "y"), 2,
                 filled=marks)  # fmt: skip
    time = [np.ones((length + 3, 1)) for length in lengths]
    windows = PanelWindows(made, 6, 3, features=time, scale=np.array([[1.0, 2.0], [3.0, 4.0]]))
    series, origins = every_origin(np.array([20, 5]), np.array([40, 12]))
    task = make()()
    task.train(False)
    with torch.inference_mode():
        everything = task.eval_step(windows.batch(series, origins))
    held_out = HeldOutWindows(windows, series, origins)
    held_out_small = HeldOutWindows(windows, series, origins, cells=7 * 9 * 4)
    assert len(held_out) == len(series) == 27 and held_out_small.batches > 3
    rng_state = torch.get_rng_state()
    for one in (held_out, held_out_small):
        found = one(task)
        assert found.keys() == {"loss", "mae", "mse"}
        assert found == pytest.approx({key: float(value) for key, value in everything.items()}, rel=1e-5)
    assert torch.equal(rng_state, torch.get_rng_state()) and task.net.training
