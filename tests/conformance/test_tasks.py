"""Every task passes its suite, and the suite notices each defect that it claims to notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from learnloop.contracts import Batch, Task
from learnloop.errors import RecipeError
from learnloop.optim.optimisers import OPTIMISERS
from learnloop.optim.plan import PLAIN
from learnloop.optim.schedules import SCHEDULES
from learnloop.optim.updater import Updater
from learnloop.scores.losses import LOSSES
from learnloop.seeds import seed_torch, torch_stream
from learnloop.tasks.classify import Classify
from learnloop.tasks.table import TASKS, make_perceptron, make_task, outputs_of
from learnloop.testing.tasks import check_task


class Members(nn.Module):
    """An ensemble head: [batch, 5] -> [batch, 3, outputs]."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs
        self.layer = nn.Linear(5, 3 * outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x).unflatten(1, (3, self.outputs))  # [batch, 3, outputs]


class Unit(nn.Module):
    """What the perceptron's task asks of a module."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, 5), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(outputs), requires_grad=False)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return x

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight.T + self.bias  # [batch, outputs]


def _batch(target: str, size: int) -> Callable[[int], Batch]:
    def batch(number: int) -> Batch:
        generator = torch_stream(7, "toy", number)
        y = torch.randint(0, size, (32,), generator=generator)
        x = torch.randn(32, 5, generator=generator)
        x[torch.arange(32), y] += 3.0
        if target == "class":
            return {"x": x, "y": y}
        if target == "labels":
            return {"x": x, "y": nn.functional.one_hot(y, size).float()}
        return {"x": x, "y": x[:, :size] - 0.5 * x[:, 1 : size + 1]}

    return batch


def _make(
    target: Any, loss: str, size: int, ensemble: bool = False, kind: Callable[..., Task] | None = None
) -> Callable[[], Task]:
    def make() -> Task:
        seed_torch(1, "init")
        outputs = outputs_of(target, loss, size)
        body = Members(outputs) if ensemble else nn.Linear(5, outputs)
        net = nn.Sequential(nn.BatchNorm1d(5), nn.Dropout(0.1), body)
        updater = Updater(OPTIMISERS["adam"](lr=0.05).build(net), SCHEDULES["constant"]().build(), clip=5.0)
        seed_torch(1, "train")
        build = kind or (lambda *a, **k: make_task(target, *a, **k))
        return build(net, ("x",), LOSSES[loss]().build(), plan=PLAIN, updater=updater)

    return make


CASES = [
    (target, loss, size)
    for info in TASKS.values()
    for target, losses in info.losses.items()
    for loss in losses
    for size in ((2, 3) if target == "class" else (1, 2) if target == "numbers" else (3,))
    if (target, loss, size) != ("class", "binary_cross_entropy", 3) and target in ("class", "labels", "numbers")
]
"""Answers of one shape a row; the others: test_sequence_tasks.py, tests/verbs/test_translate.py."""


@pytest.mark.parametrize(("target", "loss", "size"), CASES)
@pytest.mark.parametrize("ensemble", [False, True])
def test_every_task_and_loss_passes(target: str, loss: str, size: int, ensemble: bool) -> None:
    check_task(_make(target, loss, size, ensemble), _batch(target, size), learns=0.8)


def test_binary_cross_entropy_of_three_classes_is_refused() -> None:
    with pytest.raises(RecipeError) as caught:
        outputs_of("class", "binary_cross_entropy", 3)
    assert "binary_cross_entropy is for two classes" in str(caught.value)
    assert "--set task.loss=cross_entropy" in str(caught.value)


@pytest.mark.parametrize("size", [2, 3])
def test_perceptron_passes(size: int) -> None:
    def make() -> Task:
        return make_perceptron(Unit(1 if size == 2 else size), ("x",), lr=0.5)

    check_task(make, _batch("class", size), learns=0.8)


class Forgets(Classify):
    """Does not save its optimiser."""

    def state_dict(self) -> dict[str, Any]:
        return {
            "net": dict(self.net.state_dict()),
            "updater": _make("class", "cross_entropy", 3)().updater.state_dict(),
        }


class Trains(Classify):
    """Evaluates in training mode."""

    def eval_step(self, batch: Batch) -> dict[str, torch.Tensor]:
        self.net.train()
        return super().eval_step(batch)


class Mixes(Classify):
    """Normalises over the batch when it predicts."""

    def predict(self, batch: Batch) -> Batch:
        found = super().predict(batch)["probabilities"]
        return {"probabilities": found / found.amax(0)}


class Lazy(Classify):
    """Never moves a weight."""

    def train_step(self, batch: Batch) -> dict[str, torch.Tensor]:
        return {"loss": self.loss(batch).detach()}


class KeepsGraph(Classify):
    def train_step(self, batch: Batch) -> dict[str, torch.Tensor]:
        loss = self.loss(batch)
        self.updater.step(loss)  # type: ignore[union-attr]
        return {"loss": loss}


class Draws(Classify):
    def predict(self, batch: Batch) -> Batch:
        torch.rand(1)
        return super().predict(batch)


class Unseeded(Classify):
    def train_step(self, batch: Batch) -> dict[str, torch.Tensor]:
        noise = torch.randn(batch["x"].shape, generator=torch.Generator().manual_seed(torch.seed() % 2**31))
        return super().train_step({**batch, "x": batch["x"] + 0.1 * noise})


class HalfWeights(Classify):
    def weights(self) -> dict[str, Any]:
        return {k: v.detach().clone() if v.dim() < 2 else torch.zeros_like(v) for k, v in self.net.state_dict().items()}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Forgets, "it is not in state_dict"),
        (Trains, "evaluation draws random numbers|gives two answers|evaluation changed"),
        (Mixes, "depends on the other rows of the batch"),
        (Lazy, "in 60 steps"),
        (KeepsGraph, "still holds the graph: detach it"),
        (Draws, "evaluation draws random numbers"),
        (Unseeded, "two tasks with the same seed differ"),
        (HalfWeights, "does not bring the predictions back"),
    ],
)
def test_the_suite_notices(kind: Any, text: str) -> None:
    with pytest.raises(AssertionError, match=text):
        check_task(_make("class", "cross_entropy", 3, kind=kind), _batch("class", 3))
