"""Windows are scaled by what they show of themselves and scaled back exactly; quantiles ascend."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from learnloop.nn.channels import PerTarget
from learnloop.nn.quantiles import Quantiles, middle
from learnloop.nn.window_scale import ScaleName, WindowScale
from learnloop.seeds import torch_stream


class Remembers(nn.Module):
    """Answers with a number, and keeps what it was given."""

    def __init__(self, answer: float, targets: int = 1) -> None:
        super().__init__()
        self.answer, self.targets = answer, targets
        self.z = self.time = torch.empty(0)

    def forward(self, z: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        self.z, self.time = z, time
        return torch.full((len(z), 2, self.targets, 1), self.answer)


PAST = torch.tensor([[[5.0], [1.0], [3.0], [8.0]]])
SEEN = torch.tensor([[0.0, 1.0, 1.0, 1.0]])
TIME = torch.ones(1, 6, 1)


@pytest.mark.parametrize(
    ("kind", "level", "spread"),
    [("window", 4.0, (26 / 3) ** 0.5), ("last", 8.0, (74 / 3) ** 0.5), ("level", 0.0, 4.0), ("none", 0.0, 1.0)],
)
def test_a_window_is_scaled_by_its_steps_that_are_seen(kind: ScaleName, level: float, spread: float) -> None:
    body = Remembers(2.0)
    y = WindowScale(body, kind, 1, 1, (0.5,), affine=False)(PAST, SEEN, TIME)
    assert torch.allclose(body.z[0, 1:, 0], (torch.tensor([1.0, 3, 8]) - level) / spread)
    assert body.z[0, 0, 0] == 0, "what is not seen is 0"
    assert torch.allclose(y, torch.full((1, 2, 1, 1), level + 2 * spread))
    assert body.time[0, :, 0].tolist() == [0, 1, 1, 1, 1, 1], "nor are its features"


def test_each_variable_has_its_own_scale_and_targets_get_theirs_back() -> None:
    body = Remembers(1.0, targets=2)
    past = torch.cat([PAST, 10 * PAST + 1, 100 * PAST], 2)
    y = WindowScale(body, "window", 3, 2, (0.5,), affine=False)(past, SEEN, TIME)
    assert torch.allclose(body.z[0, :, 0], body.z[0, :, 1]) and torch.allclose(body.z[0, :, 0], body.z[0, :, 2])
    assert torch.allclose(y[0, :, 1], 10 * y[0, :, 0] + 1)


def test_the_learnt_gain_and_shift_are_undone_on_the_way_back() -> None:
    net = WindowScale(PerTarget(Repeats(), 1), "window", 1, 1, (0.5,), affine=True)
    with torch.no_grad():
        net.gain[0], net.shift[0] = 0.7, -0.4  # type: ignore[index]
    y = net(PAST, SEEN, TIME)
    assert torch.allclose(y, torch.full_like(y, 8.0)), "the last value, repeated"


class Repeats(nn.Module):
    """[rows, lookback] -> the last value, for two steps."""

    def forward(self, x: Tensor, seen: Tensor, time: Tensor) -> Tensor:
        return x[:, -1:, None].expand(-1, 2, 1)


def test_values_that_are_no_numbers_are_hidden_where_they_are_not_seen() -> None:
    past = PAST.clone()
    past[0, 0] = float("nan")
    net = WindowScale(PerTarget(Repeats(), 1), "window", 1, 1, (0.5,), affine=False)
    assert torch.equal(net(past, SEEN, TIME), net(PAST, SEEN, TIME))


@pytest.mark.parametrize("kind", ["window", "last"])
@pytest.mark.parametrize("value", [0.0, 1e-6, -7.0, 1e12])
def test_a_window_that_does_not_move_is_answered_with_its_value_and_hardly_more(kind: ScaleName, value: float) -> None:
    net = WindowScale(Remembers(3.0), kind, 1, 1, (0.5,), affine=False)
    y = net(torch.full((1, 4, 1), value), SEEN * 0 + 1, TIME)
    wanted = torch.tensor(value) + max(3e-5 * abs(value), 3e-12)  # 3 times the least spread
    assert torch.allclose(y, wanted.expand_as(y), rtol=1e-6, atol=0)


# --- quantiles --------------------------------------------------------------------------------------------------


def test_quantiles_are_the_middle_one_and_positive_steps_from_it() -> None:
    shares = (0.05, 0.25, 0.5, 0.9)
    x = torch.randn(200, 3, 4, generator=torch_stream(0, "x")) * 5
    layer = Quantiles(shares)
    y = layer(x)
    assert torch.equal(y[..., 2], x[..., 2]), "the middle one is the forecast itself"
    steps = nn.functional.softplus(x + layer.begin)
    assert torch.allclose(y[..., 3], x[..., 2] + steps[..., 3])
    assert torch.allclose(y[..., 0], x[..., 2] - steps[..., 1] - steps[..., 0], atol=1e-5)
    assert (y.diff(dim=2) >= 0).all()


def test_they_begin_as_those_of_a_normal_distribution() -> None:
    shares = (0.025, 0.5, 0.975)
    y = Quantiles(shares)(torch.zeros(1, 3))[0]
    assert torch.allclose(y, torch.tensor([-0.979982, 0.0, 0.979982]), atol=1e-5)  # 1.959964 / 2


@pytest.mark.parametrize(
    ("shares", "place"), [((0.5,), 0), ((0.1, 0.5, 0.9), 1), ((0.1, 0.4, 0.8), 1), ((0.7, 0.8), 0)]
)
def test_the_middle_is_the_share_nearest_to_a_half(shares: tuple[float, ...], place: int) -> None:
    assert middle(shares) == place


def test_one_quantile_is_left_alone_and_nothing_is_stored() -> None:
    x = torch.randn(3, 1)
    assert torch.equal(Quantiles((0.3,))(x), x)
    assert not Quantiles((0.1, 0.5)).state_dict() and not list(Quantiles((0.1, 0.5)).parameters())


# --- each target by itself --------------------------------------------------------------------------------------


def test_each_target_is_a_row_of_its_own() -> None:
    past = torch.arange(24.0).view(2, 4, 3)
    y = PerTarget(Repeats(), 2)(past, torch.ones(2, 4), torch.zeros(2, 6, 0))
    assert y.shape == (2, 2, 2, 1)
    assert torch.equal(y[:, 0, :, 0], past[:, -1, :2])
