"""The diffusion model: its equations, its samplers against known noise, guidance, errors."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from learnloop.contracts import InputSpec
from learnloop.errors import ModelError
from learnloop.models.generative.config import Sampler
from learnloop.models.generative.ddpm import DDPM, DDPMConfig
from learnloop.nn.noise_schedule import cosine
from learnloop.seeds import seed_torch

SPEC = InputSpec(kind="image", shape=(1, 8, 8), mean=(0.5,), std=(0.3,))


class Known(nn.Module):
    """Tells the noise of pictures whose pixels are N(mean, spread^2) exactly: E[eps | x_t]."""

    def __init__(self, mean: float, spread: float, abar: Tensor, none: int = 0) -> None:
        super().__init__()
        self.mean, self.spread, self.abar, self.none = mean, spread, abar.float(), none
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor, time: Tensor, label: Tensor | None = None) -> Tensor:
        self.seen.append(time)
        left = self.abar[time][:, None, None, None]
        mean = self.mean if label is None else self.mean * (label < self.none)[:, None, None, None]
        return (1 - left).sqrt() * (x - left.sqrt() * mean) / (left * self.spread**2 + 1 - left)


def _known(sampler: str, steps: int, spread: float = 0.2, mean: float = 0.3) -> DDPM:
    abar = cosine(1000)
    return DDPM((1, 8, 8), Known(mean, spread, abar), abar, sampler=sampler, steps=steps)  # type: ignore[arg-type]


def _net(config: DDPMConfig, classes: int = 0) -> DDPM:
    seed_torch(0, "weights")
    net = config.build(SPEC, classes)
    for parameter in net.parameters():  # what begins at zero would hide a fault
        nn.init.normal_(parameter, 0, 0.1)
    assert isinstance(net, DDPM)
    if net.classes:
        nn.init.normal_(net.body.label.weight, 0, 2)  # type: ignore[union-attr]
    return net.eval()


def test_noise_comes_in_as_the_schedule_says() -> None:
    net = _known("ddim", 10)
    x, noise = torch.full((2, 1, 8, 8), 0.5), torch.full((2, 1, 8, 8), 2.0)
    noisy = net.noised(x, torch.tensor([0, 700]), noise)
    for row, time in enumerate((0, 700)):
        left = net.abar[time].item()
        assert noisy[row, 0, 0, 0].item() == pytest.approx(math.sqrt(left) * 0.5 + math.sqrt(1 - left) * 2, rel=1e-5)


def test_bytes_become_numbers_from_minus_one_to_one() -> None:
    net = _known("ddim", 10)
    assert net.scaled(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [-1, 1]


@pytest.mark.parametrize("sampler", ["ddim", "ancestral"])
def test_sampling_with_the_true_noise_gives_the_true_distribution(sampler: str) -> None:
    noise = torch.randn(60, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    # the variance of an ancestral step is that of a picture that is known, and so too small for long steps
    made = _known(sampler, 100 if sampler == "ddim" else 900).generate(noise) * 2 - 1
    assert made.mean().item() == pytest.approx(0.3, abs=0.015)  # four deviations of 3,840 numbers
    assert made.std().item() == pytest.approx(0.2, abs=0.01)
    order = torch.corrcoef(torch.stack([noise.flatten(), made.flatten()]))[0, 1].item()
    assert order > 0.99 if sampler == "ddim" else order < 0.9


def test_ddim_of_one_step_reads_the_picture_off_the_noise() -> None:
    net = _known("ddim", 1)
    noise = torch.randn(3, 1, 8, 8)
    (time,) = net.path()
    left = net.abar[time]
    told = net.body(noise, torch.full((3,), time))
    clean = ((noise - (1 - left).sqrt() * told) / left.sqrt()).clamp(-1, 1)
    assert torch.allclose(net.generate(noise), (clean + 1) / 2, atol=1e-6)


def test_the_path_goes_down_from_the_noisiest_time_that_holds_some_signal() -> None:
    for steps in (1, 2, 25, 977, 1000):
        net = _known("ddim", steps)
        path = net.path()
        assert path == sorted(set(path), reverse=True)
        assert len(path) == min(steps, int((net.abar >= 1e-3).sum()))
        assert net.abar[path[0]] >= 1e-3 > net.abar[path[0] + 1]
    assert _known("ancestral", 1000).path()[-1] == 0


def test_the_network_is_asked_at_every_time_of_the_path_once() -> None:
    net = _known("ancestral", 5)
    net.generate(torch.randn(2, 1, 8, 8))
    assert isinstance(net.body, Known)
    assert [int(time[0]) for time in net.body.seen] == net.path()


@pytest.mark.parametrize("sampler", ["ddim", "ancestral"])
@pytest.mark.parametrize("guidance", [0.0, 2.0])
def test_a_sample_is_a_function_of_its_own_noise_and_label(sampler: str, guidance: float) -> None:
    net = _net(DDPMConfig(widths=(8, 16), sampler=sampler, steps=6, class_conditional=True, guidance=guidance), 3)
    noise, label = torch.randn(5, 1, 8, 8), torch.tensor([0, 1, 2, 1, 0])
    state = torch.get_rng_state()
    with torch.no_grad():
        whole = net.generate(noise, label)
        part = net.generate(noise[3:4], label[3:4])
        other = net.generate(noise[3:4], torch.tensor([2]))
    assert torch.equal(state, torch.get_rng_state())
    assert whole.shape == (5, 1, 8, 8) and whole.min() >= 0 and whole.max() <= 1
    assert torch.allclose(whole[3:4], part, atol=1e-4)
    assert not torch.allclose(part, other, atol=1e-2)


def test_guidance_pushes_away_from_what_any_class_may_be() -> None:
    abar = cosine(1000)
    pulled = {}
    for guidance in (0.0, 1.0):
        body = Known(0.3, 0.2, abar, none=1)  # class 0 has mean 0.3; without a class the mean is 0
        net = DDPM((1, 8, 8), body, abar, classes=1, steps=50, guidance=guidance)
        made = net.generate(torch.randn(100, 1, 8, 8), torch.zeros(100, dtype=torch.int64)) * 2 - 1
        pulled[guidance] = made.mean().item()
    assert pulled[0.0] == pytest.approx(0.3, abs=0.01)
    assert pulled[1.0] > 0.4  # 0.3 + (0.3 - 0) in the limit of weak noise


def test_a_config_builds_a_sampler_of_pictures_of_the_data() -> None:
    spec = InputSpec(kind="image", shape=(3, 21, 33), mean=(0.5,) * 3, std=(0.3,) * 3)
    net = DDPMConfig(steps=2).build(spec)
    assert isinstance(net, Sampler)
    assert net.noise_shape == (3, 21, 33)
    with torch.no_grad():
        assert net.generate(torch.randn(2, 3, 21, 33)).shape == (2, 3, 21, 33)
    assert net.body.patch == 2 and _net(DDPMConfig()).body.patch == 1  # type: ignore[union-attr]
    assert DDPMConfig(patch=4).build(SPEC).body.patch == 4  # type: ignore[union-attr]


def test_classes_are_told_only_where_it_is_asked() -> None:
    assert not DDPMConfig().conditional and DDPMConfig(class_conditional=True).conditional
    assert _net(DDPMConfig(widths=(8,)), 3).classes == 0
    assert _net(DDPMConfig(widths=(8,), class_conditional=True), 3).classes == 3


def test_mistakes_are_refused() -> None:
    with pytest.raises(ModelError, match="makes pictures") as table:
        DDPMConfig().build(InputSpec(kind="table", numbers=3))
    assert "--task autoencode --model vae" in str(table.value)
    with pytest.raises(ModelError, match=r"model.class_conditional: needs the classes") as nobody:
        DDPMConfig(class_conditional=True).build(SPEC)
    assert "--set model.class_conditional=false" in str(nobody.value)
    with pytest.raises(ModelError, match=r"model.guidance: pushes samples") as pushed:
        DDPMConfig(guidance=2.0).build(SPEC, 3)
    assert "guidance=2 and class_conditional=false" in str(pushed.value)


def test_suggestions_fit_the_rows() -> None:
    few, many = DDPMConfig().suggest(50, SPEC, None), DDPMConfig().suggest(60_000, SPEC, None)
    assert few["train.batch_size"] == 50 and many["train.batch_size"] == 64
    assert few["train.epochs"] > many["train.epochs"] >= 10
    assert "train.epochs" not in DDPMConfig().suggest(60_000, SPEC, 3.0)
