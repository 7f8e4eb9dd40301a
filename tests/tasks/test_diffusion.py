"""Diffusion as a task: what every task holds, its loss at the start, labels kept back, nothing random in evaluation."""

from __future__ import annotations

import pytest
import torch

from learnloop.contracts import Batch, InputSpec
from learnloop.models.generative.ddpm import DDPM, DDPMConfig
from learnloop.optim.adam import AdamConfig
from learnloop.optim.average import WeightAverage
from learnloop.optim.plan import PLAIN
from learnloop.optim.schedules import SCHEDULES
from learnloop.optim.updater import Updater
from learnloop.seeds import seed_torch, torch_stream
from learnloop.tasks.diffusion import SCORE, Diffusion, noise_loss
from learnloop.testing.tasks import check_task

SPEC = InputSpec(kind="image", shape=(1, 8, 8), mean=(0.5,), std=(0.3,))


def _net(classes: int = 0) -> DDPM:
    config = DDPMConfig(widths=(8, 16), steps=10, class_conditional=bool(classes))
    net = config.build(SPEC, classes)
    assert isinstance(net, DDPM)
    return net


def _task(classes: int = 0, average: float = 0.0) -> Diffusion:
    seed_torch(0, "toy")
    net = _net(classes)
    schedule = SCHEDULES["constant"]().build()  # type: ignore[attr-defined]
    stepper = AdamConfig(lr=3e-3).build(net, fused=False)
    updater = Updater(stepper, schedule, clip=1.0, average=WeightAverage(net, average) if average else None)
    return Diffusion(net, plan=PLAIN, updater=updater, labelled=bool(classes))


def _batch(number: int) -> Batch:
    """A bright bar, standing (label 0) or lying (label 1)."""
    generator = torch_stream(0, "bars", number)
    label = torch.randint(0, 2, (16,), generator=generator)
    place = torch.randint(0, 8, (16,), generator=generator)
    x = torch.zeros(16, 1, 8, 8, dtype=torch.uint8)
    for row, (lies, where) in enumerate(zip(label.tolist(), place.tolist())):
        if lies:
            x[row, 0, where] = 255
        else:
            x[row, 0, :, where] = 255
    return {"x": x, "y": label}


@pytest.mark.parametrize("classes", [0, 2])
def test_it_holds_what_every_task_holds(classes: int) -> None:
    check_task(lambda: _task(classes, average=0.9), _batch, steps=60, learns=0.7)


def test_the_loss_begins_at_the_variance_of_the_noise() -> None:
    torch.manual_seed(0)
    assert noise_loss(_net(), _batch(0), False).item() == pytest.approx(1, abs=0.1)  # the answer 0; 1,024 numbers


def test_the_times_of_a_batch_are_spread_over_all(monkeypatch: pytest.MonkeyPatch) -> None:
    net, seen = _net(), []
    forward = net.forward

    def keep(noisy: torch.Tensor, time: torch.Tensor, label: torch.Tensor | None = None) -> torch.Tensor:
        seen.append(time)
        return forward(noisy, time, label)

    monkeypatch.setattr(net, "forward", keep)
    for _ in range(50):
        noise_loss(net, _batch(0), False)
    for time in seen:
        assert (time * 16 // net.times).sort().values.tolist() == list(range(16))
    firsts = torch.stack(seen)[:, 0].double()
    assert firsts.min() < 200 and firsts.max() > 800  # one row alone meets them all


def test_labels_are_kept_back_in_a_share_of_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    net, seen = _net(2), []
    net.dropped = 0.25
    forward = net.forward

    def keep(noisy: torch.Tensor, time: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        seen.append(label)
        return forward(noisy, time, label)

    monkeypatch.setattr(net, "forward", keep)
    batch = _batch(0)
    for _ in range(100):
        noise_loss(net, batch, True)
    labels = torch.stack(seen)
    kept = labels < 2
    assert (~kept).double().mean().item() == pytest.approx(0.25, abs=0.05)  # 1,600 draws: 4.6 deviations
    assert torch.equal(labels[kept], batch["y"].expand_as(labels)[kept])


def test_it_is_told_labels_only_where_it_should_be() -> None:
    batch = _batch(0)
    other = {**batch, "y": 1 - batch["y"]}
    for classes in (0, 2):
        task = _task(classes)
        for number in range(5):
            task.train_step(_batch(number))
        task.train(False)
        with torch.no_grad():
            same = torch.equal(task.predict(batch)[SCORE], task.predict(other)[SCORE])
        assert same == (classes == 0)


def test_the_rehearsal_is_the_training_loss() -> None:
    task = _task(2)
    torch.manual_seed(3)
    rehearsed = Diffusion.rehearsal(task.net, _batch(1), labelled=True)
    torch.manual_seed(3)
    assert rehearsed.requires_grad
    assert torch.equal(rehearsed.detach(), task.train_step(_batch(1))["loss"])


def test_unlike_pictures_are_told_worse() -> None:
    task = _task()
    for number in range(60):
        task.train_step(_batch(number))
    task.train(False)
    noise = torch.randint(0, 256, (16, 1, 8, 8), generator=torch.Generator().manual_seed(0)).byte()
    with torch.no_grad():
        assert task.predict({"x": noise})[SCORE].min() > task.predict(_batch(99))[SCORE].max()


def test_averaged_weights_serve_and_the_own_ones_come_back() -> None:
    task = _task(average=0.9)
    for number in range(5):
        task.train_step(_batch(number))
    own = task.weights()
    with task.averaged():
        averaged = task.weights()
    assert any(not torch.equal(own[name], averaged[name]) for name in own)
    assert all(torch.equal(own[name], tensor) for name, tensor in task.weights().items())
