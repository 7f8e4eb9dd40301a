"""`check_schedule`: what every schedule must keep to, ours and yours, as a list of named checks.

    from learnloop.testing.schedules import check_schedule
    check_schedule(MyConfig(), end=0.0)

Each check raises AssertionError with what was expected and what was found; `check_schedule` runs all and
reports all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch

from learnloop.config import Config
from learnloop.optim.schedules import Schedule
from learnloop.testing.suite import difference, run_checks, through_file

STEPS = 1000
GRID = [index / 200 for index in range(201)]
HEARD = (1.0, 0.5, 0.6, 0.7, 0.55, 0.5, 0.52, math.nan, 0.51, 0.6, math.inf, 0.4, 0.45, 0.5, 0.5, 0.41)
"""Validation figures such as a run hears: better, worse, equal, and not finite."""
WARMUP = 0.25


class ScheduleConfig(Protocol):
    """A `Config` that builds a schedule. A field `warmup` makes the warm-up check apply."""

    def build(self) -> Schedule: ...


@dataclass(frozen=True)
class ScheduleCase:
    """config: what is checked. end: the factor that it promises for the end of a run, or None."""

    config: ScheduleConfig
    end: float | None


def check_schedule(config: ScheduleConfig, *, end: float | None = None, only: Collection[str] = ()) -> None:
    """Run the checks on `config.build()`; AssertionError names every one that failed and why.

    end   the factor promised for the end of the run (0 for a decay to zero); None promises nothing
    only  names of CHECKS to run; empty = all
    """
    run_checks(type(config).__name__, CHECKS, ScheduleCase(config, end), only)


def check_range(case: ScheduleCase) -> None:
    """factor is a finite float in [0, 1] for the whole run, a little beyond it, and whatever was heard."""
    schedule = case.config.build()
    for metric in (None, *HEARD):
        if metric is not None:
            schedule.observe(metric)
        for fraction in (*GRID, 1.0 + 1e-9, 1.05):
            for step in (0, round(fraction * STEPS), 10**7):
                factor = schedule.factor(fraction, step)
                fits = isinstance(factor, float | int) and math.isfinite(factor) and 0 <= factor <= 1
                assert fits, f"factor({fraction:g}, {step}) is {factor!r}, not a number in [0, 1]"


def check_moves(case: ScheduleCase) -> None:
    """The first step moves: the factor at the start is more than 0."""
    factor = case.config.build().factor(0.0, 0)
    assert factor > 0, f"factor(0, 0) is {factor}: the first step would not move"


def check_same_again(case: ScheduleCase) -> None:
    """The factor is a question: asked twice, in another order, or of another build, the answer is the same,
    and nothing is drawn from torch's generator.
    """
    drawn = torch.get_rng_state()
    schedule, other = case.config.build(), case.config.build()
    before = through_file(schedule.state_dict())
    forward = _factors(schedule, GRID)
    backward = _factors(schedule, GRID[::-1])[::-1]
    assert forward == backward, "the factor depends on what was asked before"
    assert forward == _factors(other, GRID), "two builds of one config give different factors"
    changed = difference(before, schedule.state_dict())
    assert not changed, f"asking for factors changes the state: {changed}"
    assert torch.equal(drawn, torch.get_rng_state()), "it draws from torch's global generator"


def check_warmup(case: ScheduleCase) -> None:
    """With `warmup` w the factor rises all through [0, w), from above 0 nearly to the largest of the run."""
    config = case.config
    if not isinstance(config, Config) or "warmup" not in type(config).model_fields:
        return
    for share in (WARMUP, 0.05):
        warmed = type(config).model_validate({**config.model_dump(), "warmup": share})
        schedule: Schedule = warmed.build()  # type: ignore[attr-defined]
        fine = [share * index / 50 for index in range(50)]
        rising = _factors(schedule, fine)
        drop = next((f for f, (a, b) in zip(fine[1:], pairwise(rising)) if not a < b), None)
        assert drop is None, f"with warmup={share:g} the factor does not rise at {drop:.3g}"
        most = max(_factors(schedule, GRID))
        assert rising[-1] >= 0.9 * most, (
            f"with warmup={share:g} the factor rises only to {rising[-1]:.3g}; later it is {most:.3g}"
        )


def check_resumes(case: ScheduleCase) -> None:
    """Heard half, saved, loaded into a new and into a used schedule, heard the rest: the same factors as
    without the break.
    """
    half = len(HEARD) // 2
    whole, cut = case.config.build(), case.config.build()
    before = _hear(whole, 0, half)
    assert before == _hear(cut, 0, half), "two builds of one config answer differently to the same figures"
    state = through_file(cut.state_dict())
    expected = _hear(whole, half, len(HEARD))
    for used in (0, 20):
        resumed = case.config.build()
        for _ in range(used):
            resumed.observe(3.0)
        resumed.load_state_dict(through_file(state))
        changed = difference(state, through_file(resumed.state_dict()))
        assert not changed, f"the state changes on its way through load_state_dict: {changed}"
        found = _hear(resumed, half, len(HEARD))
        different = [place + half for place, pair in enumerate(zip(expected, found)) if pair[0] != pair[1]]
        assert not different, (
            f"resumed, the factors after figure {different[0]} differ: something that matters is not in state_dict"
        )


def check_end(case: ScheduleCase) -> None:
    """At the end of the run, and beyond, the factor is what was promised."""
    if case.end is None:
        return
    for fraction in (1.0, 1.05):
        factor = case.config.build().factor(fraction, STEPS)
        assert abs(factor - case.end) < 1e-9, f"factor({fraction:g}) is {factor:.4g}, promised was {case.end:g}"


def _factors(schedule: Schedule, fractions: Collection[float]) -> list[float]:
    return [schedule.factor(fraction, round(fraction * STEPS)) for fraction in fractions]


def _hear(schedule: Schedule, start: int, stop: int) -> list[float]:
    """The factor after each of the figures from `start` to `stop`."""
    found = []
    for place in range(start, stop):
        schedule.observe(HEARD[place])
        fraction = (place + 1) / len(HEARD)
        found.append(schedule.factor(fraction, round(fraction * STEPS)))
    return found


CHECKS: dict[str, Callable[[ScheduleCase], None]] = {
    "range": check_range,
    "moves": check_moves,
    "same_again": check_same_again,
    "warmup": check_warmup,
    "resumes": check_resumes,
    "end": check_end,
}
"""Every check by name, in the order in which they run."""
