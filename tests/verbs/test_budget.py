"""What a limit in minutes leaves for training, against a clock that the network moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import learnloop as ll
from learnloop.nn.views import Views
from learnloop.recipe.build import build
from learnloop.train.events import Event
from learnloop.train.limits import StepLimit, TimeLimit
from learnloop.verbs import budget as module
from learnloop.verbs import training
from learnloop.verbs import views as views_module
from learnloop.verbs.baselines import Baseline
from learnloop.verbs.budget import Budget
from learnloop.verbs.packing import bundle_of
from learnloop.verbs.prepare import Prepared, prepare
from learnloop.verbs.rehearsal import TRAIN_ROWS_SCORED, VIEWS_SCORINGS, Rehearsal
from learnloop.verbs.scoring import predicted, truth
from learnloop.verbs.views import gain_of

HELD_OUT = 400 + 240


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class Slow(nn.Module):
    """Takes `each` seconds a row by a clock that stands still otherwise, and `once` seconds the first time."""

    made: ClassVar[list[Slow]] = []

    def __init__(self, clock: Clock, each: float, once: float = 0.0) -> None:
        super().__init__()
        self.made.append(self)
        self.layer = nn.Linear(2, 2)
        self.clock, self.each, self.once = clock, each, once

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.clock.seconds += self.each * len(x) + self.once
        self.once = 0.0
        return self.layer(x.float().flatten(1)[:, :2])

    def __deepcopy__(self, memo: Any) -> Slow:
        return Slow(self.clock, self.each, self.once)


class Uncopyable(Slow):
    def __deepcopy__(self, memo: Any) -> NoReturn:
        raise TypeError("no")


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(2000, 2)), columns=["a", "b"]).assign(y=rng.integers(0, 2, 2000))
    settings = {"train.minutes": 1.0, "report.html": False, "train.batch_size": 100}
    settings |= {"data.target": ("y",), "data.test": 0.2, "data.validation": 0.15}
    found = prepare(build(file=None, flags=settings, objects={"data": frame}, origin="argument"))
    assert (len(found.split.test), len(found.split.validation)) == (400, 240)
    return found


@pytest.fixture(scope="module")
def pictures() -> Prepared:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (150, 4, 4, 1)).astype(np.uint8), rng.integers(0, 2, 150)
    settings = {"train.minutes": 1.0, "report.html": False, "data.test": 0.2, "data.validation": 1 / 6}
    found = prepare(build(file=None, flags=settings, objects={"data": (x, y)}, origin="argument"))
    assert (len(found.split.test), len(found.split.validation)) == (30, 20) and found.spec.kind == "image"
    return found


def saving(each: float) -> float:
    """The exam of eight rows is the only thing that a saved bundle computes; a checkpoint counts four times."""
    return 5 * 8 * each


def test_prediction_is_timed_on_some_rows_and_scaled_to_all(prepared: Prepared, tmp_path: Path) -> None:
    clock = Clock()
    for once in (0.0, 0.05):  # what the first rows pay for is not counted for the others
        scored = {"validation": 2.0, "test": 3.0}
        seconds = Rehearsal(prepared, Slow(clock, 1e-3, once), scored, tmp_path, clock).seconds
        expected = 1e-3 * (HELD_OUT + TRAIN_ROWS_SCORED) + 2.0 + 3.0 + 2.0 + saving(1e-3)
        assert seconds == pytest.approx(expected)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("views", "times"), [("none", 0), ("mirror", 1), ("mirror+shifts", 5)])
def test_views_are_counted_as_often_as_the_last_part_is_looked_at_again(
    pictures: Prepared, tmp_path: Path, views: Views, times: int
) -> None:
    clock, scored = Clock(), {"validation": 2.0, "test": 3.0}
    report = pictures.recipe.report.model_copy(update={"views": views})
    asked = replace(pictures, recipe=replace(pictures.recipe, report=report))
    guessed = Budget(0.0, 1.0)._guess(asked, 1.0) - Budget(0.0, 1.0)._guess(pictures, 1.0)
    assert guessed == pytest.approx(0.4 * times * 30 / pictures.recipe.train.batch_size)
    seconds = Rehearsal(asked, Slow(clock, 1e-3), scored, tmp_path, clock).seconds
    once = 1e-3 * (30 + 20 + TRAIN_ROWS_SCORED) + 2.0 + 3.0 + 2.0 + saving(1e-3)
    assert seconds == pytest.approx(once + 1e-3 * times * 30 + (VIEWS_SCORINGS * 3.0 if times else 0))


def test_as_many_views_are_looked_at_after_training_as_were_counted(
    pictures: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    net = Slow(clock, 1e-3)
    bundle, rows, calls = bundle_of(pictures, net), pictures.part("test"), []
    plain = (truth(bundle, rows), predicted(bundle, rows))
    clock.seconds = 0.0
    monkeypatch.setattr(views_module, "score", lambda *given: calls.append("score"))
    monkeypatch.setattr(views_module, "paired_difference", lambda *given: calls.append("difference"))
    gain_of(bundle, rows, "mirror+shifts", plain=plain)
    assert clock.seconds == pytest.approx(5 * 30e-3) and calls == ["score", "score", "difference"]


def test_the_network_that_will_be_trained_is_not_touched(prepared: Prepared, tmp_path: Path) -> None:
    net = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 2)).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    assert Rehearsal.of(prepared, net, {}, tmp_path, Clock()) is not None
    assert net.training and all(module.training for module in net)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_without_baselines_scoring_is_timed_on_made_up_predictions(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from learnloop.verbs import rehearsal

    clock, seen = Clock(), []

    def score(kind: str, y: np.ndarray, outputs: np.ndarray, names: Any) -> None:
        assert outputs.shape == (len(y), 2) and np.allclose(outputs.sum(1), 1)
        seen.append(len(y))
        clock.seconds += 0.01 * len(y)

    monkeypatch.setattr(rehearsal, "score_arrays", score)
    seconds = Rehearsal(prepared, Slow(clock, 0), {}, tmp_path, clock).seconds
    assert seconds == pytest.approx(0.01 * (HELD_OUT + min(seen)))


def remaining(
    net: Callable[[Clock], nn.Module], prepared: Prepared, folder: Path, passed: float
) -> tuple[float, Budget]:
    clock = Clock()
    budget = Budget(clock.seconds - passed, 1.0, now=clock)
    rivals = [Baseline(name, "", {}, {}, 1.0, scoring={"validation": s, "test": s}) for name, s in SCORING]
    budget.learn_from(rivals)
    return budget.training_seconds(prepared, net(clock), folder, plain_seconds=0.5), budget


SCORING = (("majority", 0.5), ("linear", 1.0))


def test_what_is_left_is_the_limit_less_what_is_over_and_what_will_follow(prepared: Prepared, tmp_path: Path) -> None:
    rows = HELD_OUT + TRAIN_ROWS_SCORED
    after = module._MARGIN * (1e-3 * rows + 3 * 1.0 + saving(1e-3)) + module._OUTSIDE_SECONDS
    rehearsed = 1e-3 * (2 * 64 + 3 * 200 + 8)  # 64 rows, three times rows for twice the 0.1 s that are enough, the exam
    seconds, budget = remaining(lambda clock: Slow(clock, 1e-3), prepared, tmp_path, passed=10)
    assert seconds == pytest.approx(60 - 10 - after - rehearsed) and budget.notes == []


def test_a_last_look_sees_that_the_machine_has_become_slower(prepared: Prepared, tmp_path: Path) -> None:
    clock = Clock()
    net = Slow(clock, 1e-3)
    budget = Budget(clock.seconds, 1.0, now=clock)
    before = budget.training_seconds(prepared, net, tmp_path, plain_seconds=0.5)
    ends = clock.seconds + before
    reserve = 160 - ends
    for copied in (made for made in Slow.made if made is not net):
        copied.each = 2e-3
    left = budget.look_again()
    assert left is not None and clock.seconds + left == pytest.approx(160 - 2 * reserve)


def test_no_last_look_where_little_follows_or_there_is_no_limit(prepared: Prepared, tmp_path: Path) -> None:
    clock = Clock()
    budget = Budget(clock.seconds, 1.0, now=clock)
    budget.training_seconds(prepared, Slow(clock, 1e-5), tmp_path, plain_seconds=0.5)
    assert budget.look_again() is None and Budget(0.0, None, now=clock).look_again() is None


def test_the_last_look_moves_the_end_once_and_leaves_time_to_come_down() -> None:
    clock = Clock()
    limit = TimeLimit(100.0, pace=0.1, now=clock)
    budget = Budget(0.0, None)
    answers = iter((30.0, 1.0))
    budget.look_again = lambda: next(answers)  # type: ignore[method-assign]
    (look,) = training._last_look(limit, budget)
    clock.seconds += 80
    for fraction in (0.5, 0.9, 0.95):  # too early, the last look, no second one
        look(Event("train", 1, 1, 1.0, fraction, 100))
    assert limit.left == pytest.approx(30)
    (look,) = training._last_look(limit, budget)
    look(Event("validation", 1, 1, 1.0, 0.9, 100))
    assert limit.left == pytest.approx(0.3 * 30)
    budget.late, answers = True, iter((1.0, 40.0))
    for left in (0.3 * 30, 40.0):  # where the limit cannot be kept, the end may only come later
        (look,) = training._last_look(limit, budget)
        look(Event("train", 1, 1, 1.0, 0.9, 100))
        assert limit.left == pytest.approx(left)
    assert training._last_look(StepLimit(3), budget) == []


def test_little_time_is_said_and_training_keeps_its_least(prepared: Prepared, tmp_path: Path) -> None:
    seconds, budget = remaining(lambda clock: Slow(clock, 1e-3), prepared, tmp_path, passed=40)
    assert seconds == pytest.approx(18)
    assert budget.notes == [
        "18.0 s of 60 s are left for training; reading, baselines and the report take the rest. The whole command "
        "will take about 66 s. Give more --minutes, or --set report.baselines=false"
    ]
    assert budget.late
    seconds, budget = remaining(lambda clock: Slow(clock, 1e-3), prepared, tmp_path, passed=55)
    assert 4 < seconds < 5


def test_a_network_that_cannot_be_copied_is_guessed_from_its_step(prepared: Prepared, tmp_path: Path) -> None:
    seconds, _ = remaining(lambda clock: Uncopyable(clock, 1e-3), prepared, tmp_path, passed=10)
    guessed = 2.0 + 0.4 * (HELD_OUT + TRAIN_ROWS_SCORED) / 100 * 0.5
    assert seconds == pytest.approx(60 - 10 - module._MARGIN * guessed - module._OUTSIDE_SECONDS)


def test_notes_of_the_limit_are_said_and_stand_in_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Budget, "baselines", lambda self, kind: self.notes.append("Trees were left out.") or 60.0)
    frame = pd.DataFrame({"a": np.arange(80.0) % 7, "y": np.arange(80) % 2})
    run = ll.fit(frame, target="y", model="linear", steps=3, out=tmp_path / "run", set={"plan.name": "plain"})
    assert "note: Trees were left out.\n" in capsys.readouterr().err
    assert "Trees were left out." in run.report["data"]["notes"]
    assert "Trees were left out." in (run.path / "report.html").read_text()


def test_baselines_of_pictures_take_little() -> None:
    assert [Budget(0.0, minutes).baselines("table") for minutes in (None, 1.0, 30.0)] == [60.0, 6.0, 60.0]
    assert [Budget(0.0, minutes).baselines("image") for minutes in (None, 1.0, 30.0)] == [15.0, 6.0, 15.0]
