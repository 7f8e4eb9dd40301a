"""The U-Net of diffusion, its schedules, and the noise of a row."""

from __future__ import annotations

import pytest
import torch

from learnloop.nn.denoiser import Attention, Denoiser, TimeVector
from learnloop.nn.noise_schedule import NOISE_SCHEDULES, cosine, linear
from learnloop.nn.row_noise import RowNoise


def _told(net: torch.nn.Module) -> torch.nn.Module:
    """Every weight drawn: what begins at zero would hide a fault."""
    torch.manual_seed(0)
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, 0, 0.1)
    return net.eval()


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 13, 9), (2, 1, 5)])
@pytest.mark.parametrize("patch", [1, 2])
def test_any_size_comes_out_as_it_went_in(shape: tuple[int, int, int], patch: int) -> None:
    net = _told(Denoiser(shape[0], (8, 8, 16), patch=patch))
    x = torch.randn(2, *shape)
    assert net(x, torch.tensor([3, 900])).shape == x.shape


def test_it_begins_as_the_answer_zero_and_every_weight_learns() -> None:
    torch.manual_seed(0)
    net = Denoiser(1, (8, 16), blocks=2, classes=3)
    x, time, label = torch.randn(4, 1, 8, 8), torch.tensor([0, 9, 99, 999]), torch.tensor([0, 1, 2, 3])
    assert torch.equal(net(x, time, label), torch.zeros_like(x))
    _told(net)
    net(x, time, label).square().sum().backward()
    without = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert without == []


def test_a_row_depends_on_its_picture_its_time_and_its_label_alone() -> None:
    net = _told(Denoiser(1, (8, 16), classes=3))
    x, time, label = torch.randn(4, 1, 8, 8), torch.tensor([0, 9, 99, 999]), torch.tensor([0, 1, 2, 3])
    with torch.no_grad():
        whole = net(x, time, label)
        alone = net(x[1:2], time[1:2], label[1:2])
        later = net(x[1:2], time[2:3], label[1:2])
        other = net(x[1:2], time[1:2], label[2:3])
    assert torch.allclose(whole[1:2], alone, atol=1e-5)
    assert not torch.allclose(alone, later, atol=1e-3)
    assert not torch.allclose(alone, other, atol=1e-3)


def test_no_label_is_the_last_code() -> None:
    net = _told(Denoiser(1, (8, 16), classes=3))
    x, time = torch.randn(2, 1, 8, 8), torch.tensor([5, 50])
    with torch.no_grad():
        assert torch.equal(net(x, time), net(x, time, torch.tensor([3, 3])))


def test_attention_mixes_every_place_with_every_other() -> None:
    net = _told(Attention(8))
    x = torch.randn(1, 8, 4, 4, requires_grad=True)
    net(x)[0, :, 0, 0].sum().backward()
    assert x.grad is not None
    assert (x.grad[0].abs().sum(0) > 0).all()


def test_times_are_told_apart() -> None:
    vectors = TimeVector(16, 32)(torch.arange(1000))
    apart = torch.cdist(vectors, vectors) + 10 * torch.eye(1000)
    assert apart.min() > 1e-4


@pytest.mark.parametrize("name", NOISE_SCHEDULES)
@pytest.mark.parametrize("steps", [2, 50, 1000])
def test_schedules_fall_from_nearly_all_to_nearly_nothing(name: str, steps: int) -> None:
    abar = NOISE_SCHEDULES[name](steps)  # type: ignore[index]
    assert abar.shape == (steps,)
    assert (abar[1:] < abar[:-1]).all() and abar[0] < 1 and abar[-1] > 0
    assert abar[-1] < 2e-2


def test_schedules_by_hand() -> None:
    assert linear(1000)[0].item() == pytest.approx(1 - 1e-4)
    assert linear(1000)[1].item() == pytest.approx((1 - 1e-4) * (1 - 1e-4 - (0.02 - 1e-4) / 999))
    assert cosine(1000)[499].item() == pytest.approx(0.4938, abs=1e-4)  # cos^2(0.508 / 1.008 pi / 2) / cos^2(0.008 ...)


def test_noise_of_a_row_is_a_function_of_the_row() -> None:
    first = torch.randn(5, 1, 3, 3)
    state = torch.get_rng_state()
    noise = RowNoise(first)
    draws = [noise.draw(), noise.draw()]
    assert torch.equal(state, torch.get_rng_state())
    turned = RowNoise(first.flip(0))
    assert torch.equal(turned.draw().flip(0), draws[0])
    assert torch.equal(turned.draw().flip(0), draws[1])
    both = torch.stack(draws).flatten(2)
    assert torch.corrcoef(both.flatten(0, 1)).fill_diagonal_(0).abs().max() < 0.95  # all ten are others
    assert not torch.allclose(both[0], both[1])


def test_the_noise_of_rows_is_standard_normal() -> None:
    drawn = RowNoise(torch.randn(400, 1, 5, 5)).draw()
    assert drawn.mean().abs() < 0.04  # 10,000 numbers: four deviations
    assert drawn.std().item() == pytest.approx(1, abs=0.03)
    assert RowNoise(torch.empty(0, 1, 5, 5)).draw().shape == (0, 1, 5, 5)
