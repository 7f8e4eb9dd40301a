"""The tasks that answer at every step, or with a text, pass the suite of tasks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from learnloop.contracts import Batch, Task
from learnloop.optim.optimisers import OPTIMISERS
from learnloop.optim.plan import PLAIN
from learnloop.optim.schedules import SCHEDULES
from learnloop.optim.updater import Updater
from learnloop.scores.losses import LOSSES
from learnloop.seeds import seed_torch, torch_stream
from learnloop.tasks.table import TASKS, make_task
from learnloop.tasks.transcribe import Transcribe
from learnloop.testing import tasks as suite

ROWS, TIME = 16, 12


class EachStep(nn.Module):
    """The same layer at every step: [batch, time, 5] -> [batch, time, outputs]."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Dropout(0.1), nn.Linear(5, outputs))

    def forward(self, x: Tensor, length: Tensor) -> Tensor:
        return self.layers(x)


def make(target: Any, loss: str, outputs: int) -> Task:
    seed_torch(1, "init")
    net = EachStep(outputs)
    updater = Updater(OPTIMISERS["adam"](lr=0.05).build(net), SCHEDULES["constant"]().build(), clip=5.0)
    seed_torch(1, "train")
    return make_task(target, net, ("x", "length"), LOSSES[loss]().build(), plan=PLAIN, updater=updater)


def steps(number: int) -> Batch:
    x = torch.randn(ROWS, TIME, 5, generator=torch_stream(7, "toy", number))
    return {"x": x, "y": x[..., :2] - 0.5 * x[..., 1:3], "length": torch.full((ROWS,), TIME)}


def spoken(number: int) -> Batch:
    """Four codes of three steps each, the step's largest feature says which; feature 0 is the blank."""
    generator = torch_stream(7, "toy", number)
    y = torch.randint(1, 5, (ROWS, 4), generator=generator)
    frames = torch.stack([torch.zeros_like(y), y, y], 2).flatten(1)  # [rows, 12]
    x = 0.3 * torch.randn(ROWS, TIME, 5, generator=generator) + 3.0 * nn.functional.one_hot(frames, 5)
    return {"x": x, "y": y, "length": torch.full((ROWS,), TIME)}


def figures(task: Task, batch: Batch) -> dict[str, float]:
    """Means of one batch."""
    return {name: float(value.detach()) for name, value in task.eval_step(batch).items()}


@pytest.mark.parametrize("loss", TASKS["regress"].losses["steps"])
def test_numbers_at_every_step_pass(loss: str) -> None:
    suite.check_task(lambda: make("steps", loss, 2), steps, learns=0.8)


def test_steps_without_a_target_and_behind_the_end_count_nothing() -> None:
    task, whole = make("steps", "mse", 2), steps(0)
    task.train(False)
    short = {"x": whole["x"][:, :7], "y": whole["y"][:, :7], "length": torch.full((ROWS,), 7)}
    behind = {**whole, "length": short["length"]}  # something stands behind the end
    unknown = {**whole, "y": whole["y"].clone()}
    unknown["y"][:, 7:] = float("nan")
    expected = task.summarise(figures(task, short))
    for batch in (behind, unknown):
        found = task.summarise(figures(task, batch))
        assert found == pytest.approx(expected, rel=1e-5)
    assert task.predict(behind)["values"][:, 7:].isnan().all()


def test_transcripts_pass() -> None:
    for check in (suite.same_again, suite.resumes, suite.eval_changes_nothing, suite.weights_round_trip):
        check(lambda: make("transcript", "ctc", 5), spoken)
    suite.learns_its_toy_problem(lambda: make("transcript", "ctc", 5), spoken, 60, 0.5)


@pytest.mark.parametrize("width", [1, 4])
def test_texts_do_not_depend_on_the_rows_beside_them(width: int) -> None:
    task = suite._steps(make("transcript", "ctc", 5), spoken, 0, 60)
    assert isinstance(task, Transcribe)
    task.width = width
    task.train(False)
    batch = spoken(99)
    together = [[int(code) for code in row if code] for row in task.predict(batch)["texts"]]
    alone = [task.predict({k: v[row : row + 1] for k, v in batch.items()})["texts"][0] for row in range(ROWS)]
    assert together == [[int(code) for code in row if code] for row in alone]
    assert together == batch["y"].tolist()
    found = task.summarise(figures(task, batch))
    assert found["cer"] == 0.0 and found["loss"] < 0.2


def test_the_error_rate_counts_edits_a_code() -> None:
    task, batch = make("transcript", "ctc", 5), spoken(0)
    task.train(False)
    with torch.no_grad():  # every frame says "blank": each of the four codes is missing
        task.net.layers[1].weight.zero_()  # type: ignore[attr-defined]
        task.net.layers[1].bias.copy_(torch.tensor([5.0, 0, 0, 0, 0]))  # type: ignore[attr-defined]
    assert task.summarise(figures(task, batch))["cer"] == 1.0
