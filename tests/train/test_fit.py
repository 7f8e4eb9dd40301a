"""The loop: exact resume, best weights, early stopping, and what happens when a loss is not finite."""

from __future__ import annotations

import math
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from learnloop.errors import NonFiniteError
from learnloop.optim.optimisers import OPTIMISERS
from learnloop.optim.schedules import SCHEDULES
from learnloop.runs.checkpoint import Checkpoints
from learnloop.train.events import Event
from learnloop.train.fit import Fit, Rhythm
from tests.train.toys import loop, rows, task


def _flat(state: Any, name: str = "") -> dict[str, Any]:
    if isinstance(state, dict):
        return {k: v for key, item in state.items() for k, v in _flat(item, f"{name}/{key}").items()}
    if isinstance(state, list | tuple):
        return {k: v for i, item in enumerate(state) for k, v in _flat(item, f"{name}/{i}").items()}
    return {name: state}


def _assert_same(one: Fit, other: Fit) -> None:
    first, second = _flat(one.state_dict()), _flat(other.state_dict())
    first.pop("/seconds"), second.pop("/seconds")
    assert first.keys() == second.keys()
    for name, value in first.items():
        same = torch.equal(value, second[name]) if isinstance(value, torch.Tensor) else value == second[name]
        assert same or (value != value and second[name] != second[name]), f"{name} differs"


class Pull:
    """Pulls the plug at a step: as a watcher, and the way a kill does, with whatever is on disk then."""

    def __init__(self, step: int) -> None:
        self.step = step

    def __call__(self, event: Event) -> str | None:
        return "plug pulled" if event.step >= self.step else None


def _interrupted(make: Any, folder: Path, step: int) -> Fit:
    """Run with a checkpoint at every chunk, killed at `step`; then a fresh process's objects resume it."""
    rhythm = Rhythm(log_every=1, evaluate_every=5, checkpoint_seconds=0.0)
    first = loop(make(), folder, rhythm=rhythm)

    class Killed(BaseException):
        pass

    def kill(event: Event) -> None:
        if event.kind == "checkpoint" and event.step >= step:
            raise Killed

    first.watchers = (kill,)
    with pytest.raises(Killed):
        first.run()
    torch.manual_seed(999)  # the new process's generator is elsewhere
    again = loop(make(), folder, rhythm=rhythm)
    assert again.resume() == ()
    assert again.step >= step
    again.run()
    return again


@pytest.mark.parametrize("optimiser", sorted(OPTIMISERS))
def test_every_optimiser_resumes_bit_for_bit(optimiser: str, tmp_path: Path) -> None:
    rhythm = Rhythm(log_every=1, evaluate_every=5, checkpoint_seconds=1e9)
    whole = loop(task(optimiser), tmp_path / "whole", rhythm=rhythm)
    whole.run()
    _assert_same(whole, _interrupted(lambda: task(optimiser), tmp_path / "cut", 17))


@pytest.mark.parametrize("schedule", sorted(SCHEDULES))
@pytest.mark.parametrize("step", [1, 23])
def test_every_schedule_resumes_bit_for_bit(schedule: str, step: int, tmp_path: Path) -> None:
    rhythm = Rhythm(log_every=1, evaluate_every=5, checkpoint_seconds=1e9)
    whole = loop(task(schedule=schedule), tmp_path / "whole", rhythm=rhythm)
    whole.run()
    _assert_same(whole, _interrupted(lambda: task(schedule=schedule), tmp_path / "cut", step))


def test_half_accumulated_gradients_are_part_of_a_checkpoint(tmp_path: Path) -> None:
    def make() -> Any:
        return task(accumulate=4, l1=1e-3, average=0.0, clip=None)

    rhythm = Rhythm(log_every=1, evaluate_every=5, checkpoint_seconds=1e9)
    whole = loop(make(), tmp_path / "whole", rhythm=rhythm)
    whole.run()
    _assert_same(whole, _interrupted(make, tmp_path / "cut", 18))


def test_checkpoints_and_logging_never_change_what_is_learnt(tmp_path: Path) -> None:
    busy = loop(task(), tmp_path, rhythm=Rhythm(log_every=1, evaluate_every=5, checkpoint_seconds=0.0))
    busy.run()
    quiet = loop(task(), rhythm=Rhythm(log_every=40, evaluate_every=5, checkpoint_seconds=1e9))
    quiet.run()
    assert all(torch.equal(busy.task.weights()[k], v) for k, v in quiet.task.weights().items())


def test_accumulation_equals_one_large_batch() -> None:
    small, large = task("sgd", accumulate=2, average=0.0, clip=None), task("sgd", average=0.0, clip=None)
    for toy in (small, large):
        toy.net[1].eval(), toy.net[3].eval()  # batch norm and dropout see batches, not rows
    data = rows(32)
    small.progress(0), large.progress(0)
    for half in (slice(0, 16), slice(16, 32)):
        small.train_step({key: value[half] for key, value in data.items()})
    large.train_step(data)
    for one, other in zip(small.net.parameters(), large.net.parameters()):
        assert torch.allclose(one, other, atol=1e-7)


def test_l1_is_the_gradient_of_the_sum_of_absolute_weights() -> None:
    plain, with_l1 = task("sgd", average=0.0, clip=None), task("sgd", average=0.0, clip=None, l1=0.1)
    before = [p.detach().clone() for p in plain.net.parameters()]
    for toy in (plain, with_l1):
        torch.manual_seed(0)
        toy.progress(0.0)
        toy.train_step(rows(16))
    lr = with_l1.learning_rate
    for old, one, other in zip(before, plain.net.parameters(), with_l1.net.parameters()):
        assert torch.allclose(one - lr * 0.1 * old.sign(), other, atol=1e-6)


def test_best_weights_are_those_of_the_best_evaluation_and_patience_ends_the_run() -> None:
    values = iter([0.9, 0.5, 0.7, 0.6, 0.8, 0.1])
    fit = loop(task(), patience=3, steps=1000)
    kept: dict[int, dict] = {}

    def scripted(toy: Any) -> dict[str, float]:
        with toy.averaged():
            kept[fit.step] = toy.weights()
        return {"loss": next(values)}

    fit.validation = scripted  # type: ignore[assignment]
    ended = fit.run()
    assert ended.step == 25 and fit.best is not None and fit.best.step == 10
    assert ended.stopped == "loss has not improved in 3 evaluations (best 0.5 at step 10)"
    assert all(torch.equal(fit.best.weights[k], v) for k, v in kept[10].items())  # type: ignore[index]


def test_a_watcher_can_end_the_run() -> None:
    ended = loop(task(), watchers=(Pull(14),)).run()
    assert ended.step == 14 and ended.stopped == "plug pulled"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_the_run_goes_on_bit_for_bit(number: int, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    whole = loop(task(), tmp_path / "whole")
    whole.run()

    def send(event: Event) -> None:
        if event.kind == "validation" and event.step == 15:
            os.kill(os.getpid(), number)

    cut = loop(task(), tmp_path / "cut", watchers=(send,))
    ended = cut.run()
    assert ended.interrupted == signal.Signals(number).name and ended.step < 40
    again = loop(task(), tmp_path / "cut")
    again.resume()
    assert again.step == ended.step
    again.run()
    assert all(torch.equal(whole.task.weights()[k], v) for k, v in again.task.weights().items())
    assert signal.getsignal(signal.SIGINT) is before, "handlers are put back"


def test_nan_in_the_data_stops_at_that_batch_and_names_the_rows(tmp_path: Path) -> None:
    data = rows()
    data["x"][33, 2] = math.nan
    fit = loop(task(), tmp_path, data=data)
    with pytest.raises(NonFiniteError) as caught:
        fit.run()
    text = str(caught.value)
    assert "training: must have a finite loss" in text
    assert "the loss was nan at step" in text and "x holds values that are not finite in rows [33]" in text
    assert "the first layer with a non-finite output is 0 (Linear)" in text
    assert "The weights of the last checkpoint, step 0, are kept" in text, "batch norm has seen the NaN"
    assert all(torch.isfinite(v).all() for v in fit.task.weights().values())
    assert Checkpoints(tmp_path).load() is not None


def test_a_learning_rate_of_1000_says_so(tmp_path: Path) -> None:
    data = {key: value * (100 if key == "x" else 1) for key, value in rows().items()}
    fit = loop(task("sgd", "constant", lr=1000.0, clip=None, average=0.0), tmp_path, steps=500, data=data)
    with pytest.raises(NonFiniteError) as caught:
        fit.run()
    text = str(caught.value)
    assert "the learning rate 1000 is too high" in text and "--lr 0.001" in text
    assert all(torch.isfinite(v).all() for v in fit.task.weights().values()), "the last good weights are kept"


def test_a_diverging_but_finite_loss_is_refused_too() -> None:
    fit = loop(task(), steps=400)
    steps = 0

    def growing(batch: Any) -> dict[str, torch.Tensor]:
        nonlocal steps
        steps += 1
        return {"loss": torch.tensor(0.5 * 3.0**steps)}

    fit.task.train_step = growing  # type: ignore[method-assign]
    with pytest.raises(NonFiniteError, match=r"the loss \(it began at 1.5\) was"):
        fit.run()
