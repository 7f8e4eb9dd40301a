"""Limits in steps and in time."""

from __future__ import annotations

import pytest

from learnloop.train.limits import StepLimit, TimeLimit


def test_epochs_in_steps_rounds_up() -> None:
    limit = StepLimit.of_epochs(2, samples=100, batch_size=32)
    assert limit.total(0) == 7 and limit.fraction(0) == 0 and limit.fraction(7) == 1 and limit.steps_left(7) == 0


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.mark.parametrize("pace", [0.01, 0.2])
@pytest.mark.parametrize("change", [1.0, 4.0, 0.25])
def test_time_limit_ends_on_time_with_the_schedule_at_its_end(pace: float, change: float) -> None:
    """A machine that becomes `change` times slower half way still ends within 5 %, at fraction 1, monotonically."""
    clock = Clock()
    limit = TimeLimit(20.0, pace=pace * 1.3, now=clock)
    step, before = 0, 0.0
    while limit.steps_left(step):
        chunk = max(1, min(limit.steps_left(step), int(0.1 / pace)))
        for _ in range(chunk):
            fraction = limit.fraction(step)
            assert before <= fraction <= 1
            before = fraction
            clock.time += pace * (change if clock.time > 10 else 1)
            step += 1
        limit.observe(step)
    assert clock.time == pytest.approx(20, rel=0.05)
    assert limit.fraction(step) > 0.98


def test_one_pass_is_said_as_one() -> None:
    said = {epochs: StepLimit.of_epochs(epochs, 100, 10).describe() for epochs in (0.5, 1, 1.0, 8)}
    assert said == {0.5: "0.5 passes over the data", 1: "1 pass over the data", 8: "8 passes over the data"}


def test_a_resumed_time_limit_has_what_was_left() -> None:
    clock = Clock()
    limit = TimeLimit(10.0, pace=0.1, now=clock)
    clock.time = 4.0
    limit.observe(40)
    state = limit.state_dict()
    later = Clock()
    later.time = 1000.0
    again = TimeLimit(10.0, pace=0.1, now=later)
    again.load_state_dict(state)
    assert again.elapsed == pytest.approx(4.0) and again.fraction(40) == limit.fraction(40)


@pytest.mark.parametrize("left", [2.0, 6.0])
def test_the_end_can_be_moved_and_the_schedule_still_ends_at_its_end(left: float) -> None:
    clock = Clock()
    limit = TimeLimit(20.0, pace=0.1, now=clock)
    step, moved = 0, False
    while limit.steps_left(step):
        clock.time += 0.1
        step += 1
        if clock.time >= 16 and not moved:
            moved = True
            assert limit.left == pytest.approx(20 - clock.time)
            limit.end_in(left)
        limit.observe(step)
    assert clock.time == pytest.approx(16 + left, abs=0.25) and limit.fraction(step) > 0.98
    assert limit.describe() == f"{16 + left:.0f} s of training"
