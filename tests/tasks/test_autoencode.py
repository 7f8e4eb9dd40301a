"""The task of every autoencoder: what any task must hold, what it logs, and what it predicts."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from learnloop.contracts import LENGTH, X_CAT, Batch, InputSpec, Task, X, Y
from learnloop.models.generative.config import GenerativeConfig
from learnloop.models.generative.table import GENERATIVE_MODELS
from learnloop.optim.adam import AdamConfig
from learnloop.optim.average import WeightAverage
from learnloop.optim.plan import PLAIN
from learnloop.optim.schedules import ConstantConfig
from learnloop.optim.updater import Updater
from learnloop.scores.codes import anomaly_auc
from learnloop.seeds import seed_torch
from learnloop.tasks.autoencode import Autoencode
from learnloop.testing.tasks import check_task

PICTURES = InputSpec("image", shape=(1, 8, 8), mean=(0.3,), std=(0.2,))
MIXED = InputSpec("table", numbers=4, cardinalities=(3,))
SERIES = InputSpec("series", numbers=2, length=6)
SMALL: dict[str, dict[str, Any]] = {
    "deep_autoencoder": {"widths": (24,), "code": 5},
    "conv_autoencoder": {"maps": (6,), "code": 5},
    "denoising_autoencoder": {"maps": (6,), "code": 5},
    "sparse_autoencoder": {"code": 20, "weight": 1e-4},
    "vae": {"widths": (24,), "code": 4},
}


def config_of(name: str, **more: Any) -> GenerativeConfig:
    return GENERATIVE_MODELS[name].model_validate({**SMALL[name], **more})


def make(config: GenerativeConfig, spec: InputSpec, average: float = 0.0) -> Autoencode:
    seed_torch(0, "weights")
    net = config.build(spec, 3 if config.conditional else 0)
    seed_torch(0, "steps")
    mean = WeightAverage(net, average) if average else None
    updater = Updater(AdamConfig(lr=5e-3).build(net), ConstantConfig().build(), average=mean)
    return Autoencode(net, spec.keys, plan=PLAIN, updater=updater, labelled=config.conditional)


def rows(spec: InputSpec, number: int = 0, count: int = 32) -> Batch:
    generator = torch.Generator().manual_seed(number)
    y = torch.randint(3, (count,), generator=generator)
    if spec.kind == "image":
        x = (60 * y.view(-1, 1, 1, 1) + torch.randint(0, 60, (count, *spec.shape), generator=generator)).to(torch.uint8)
        return {X: x, Y: y}
    if spec.kind == "series":
        x = y.view(-1, 1, 1) - 1 + 0.1 * torch.randn(count, 6, 2, generator=generator)
        length = torch.randint(2, 7, (count,), generator=generator)
        return {X: x.masked_fill(torch.arange(6)[None, :, None] >= length[:, None, None], 0.0), LENGTH: length}
    x = (y.unsqueeze(1) - 1) * torch.ones(4) + 0.1 * torch.randn(count, 4, generator=generator)
    return {X: x, X_CAT: y.unsqueeze(1), Y: y}


CASES: list[tuple[str, dict[str, Any], InputSpec]] = [
    ("deep_autoencoder", {}, MIXED),
    ("deep_autoencoder", {}, SERIES),
    ("conv_autoencoder", {}, PICTURES),
    ("denoising_autoencoder", {}, PICTURES),
    ("sparse_autoencoder", {}, MIXED),
    ("vae", {}, MIXED),
    ("vae", {"class_conditional": True, "annealing": 0.3}, PICTURES),
]


@pytest.mark.parametrize(("name", "more", "spec"), CASES, ids=[f"{name}-{spec.kind}" for name, _, spec in CASES])
def test_it_keeps_to_what_every_task_must_hold(name: str, more: dict[str, Any], spec: InputSpec) -> None:
    # Pixels of the toy rows are noisy: the bound of a VAE cannot fall far.
    share = 0.95 if name == "vae" and spec.kind == "image" else 0.7
    check_task(lambda: make(config_of(name, **more), spec), lambda number: rows(spec, number), learns=share)


def test_a_step_returns_the_loss_first_and_the_means_of_its_parts() -> None:
    task, batch = make(config_of("vae"), MIXED), rows(MIXED)
    task.train()
    task.progress(0.0)
    state = torch.get_rng_state()
    with torch.no_grad():
        terms = task.net(batch[X], batch[X_CAT])
    torch.set_rng_state(state)
    found = task.train_step(batch)
    assert list(found) == ["loss", "reconstruction", "kl", "elbo"]
    for name, value in found.items():
        assert value.dim() == 0 and not value.requires_grad
        assert value.item() == pytest.approx(terms[name].mean().item())


def test_it_tells_the_network_how_far_the_run_is() -> None:
    task = make(config_of("vae", annealing=0.5), MIXED)
    weights = []
    for fraction in (0.0, 0.25, 1.0):
        task.progress(fraction)
        weights.append(task.net.annealed.item())  # type: ignore[union-attr, operator]
    assert weights == [0, 0.5, 1]
    make(config_of("deep_autoencoder"), MIXED).progress(0.5)  # which has nothing to anneal


@pytest.mark.parametrize("spec", [PICTURES, MIXED, SERIES], ids=lambda spec: spec.kind)
def test_a_prediction_is_codes_what_they_stand_for_and_how_far_off_it_is(spec: InputSpec) -> None:
    task, batch = make(config_of("deep_autoencoder"), spec), rows(spec)
    task.train(False)
    found = task.predict({key: batch[key] for key in spec.keys})
    assert list(found) == ["codes", "reconstruction", "score"]
    assert found["codes"].shape == (32, 5) and found["score"].shape == (32,)
    if spec.kind == "image":
        off = (found["reconstruction"] - batch[X].float() / 255).square().flatten(1).mean(1)
        spread = (batch[X].float() / 255).flatten(1).var(1, correction=0)
        assert torch.allclose(found["score"], off / (spread + 1e-3), rtol=1e-4)
        assert task.eval_step(batch)["mse"].item() == pytest.approx(off.mean().item())
    if spec.kind == "series":
        there = torch.arange(6)[None, :] < batch[LENGTH][:, None]
        off = ((found["reconstruction"] - batch[X]).square() * there.unsqueeze(2)).sum((1, 2)) / (2 * batch[LENGTH])
        assert torch.allclose(found["score"], off, atol=1e-6)


def test_rows_unlike_those_of_training_score_higher() -> None:
    task = make(config_of("deep_autoencoder", code=1), MIXED)
    task.train()
    for number in range(150):
        task.train_step(rows(MIXED, number))
    task.train(False)
    strange = rows(MIXED, 99)
    strange[X_CAT] = (strange[X_CAT] + 1) % 3  # categories that never came with these numbers
    scores = [task.predict(part)["score"].detach().numpy() for part in (rows(MIXED, 99), strange)]
    assert (scores[1] > scores[0]).all() and anomaly_auc(*scores) > 0.95


def test_without_a_label_a_conditional_network_takes_the_class_that_suits_the_row() -> None:
    task, batch = make(config_of("vae", class_conditional=True), MIXED), rows(MIXED)
    task.train()
    for number in range(80):
        task.train_step(rows(MIXED, number))
    task.train(False)
    told, untold = task.predict(batch), task.predict({X: batch[X], X_CAT: batch[X_CAT]})
    assert torch.equal(told["reconstruction"], untold["reconstruction"])
    other = task.predict({**batch, Y: (batch[Y] + 1) % 3})
    assert other["score"].mean().item() > 2 * told["score"].mean().item()


def test_the_rehearsal_is_the_loss_of_the_batch() -> None:
    for conditional in (False, True):
        task, batch = make(config_of("vae", class_conditional=conditional), PICTURES), rows(PICTURES)
        state = torch.get_rng_state()
        rehearsed = Autoencode.rehearsal(task.net, batch, PICTURES.keys, conditional)
        torch.set_rng_state(state)
        assert rehearsed.dim() == 0 and rehearsed.requires_grad
        assert rehearsed.item() == task.loss(batch).item()


def test_averaged_weights_serve_and_are_saved() -> None:
    task = make(config_of("sparse_autoencoder"), MIXED, average=0.9)
    task.train()
    for number in range(5):
        task.train_step(rows(MIXED, number))
    task.train(False)
    own = task.eval_step(rows(MIXED))["loss"]
    with task.averaged():
        assert task.eval_step(rows(MIXED))["loss"] != own
    assert task.eval_step(rows(MIXED))["loss"] == own
    _: Task = task
