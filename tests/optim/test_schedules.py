"""Schedules: their equations at known points, zero at the end, warm-up, and the plateau's memory."""

from __future__ import annotations

from itertools import pairwise

import pytest
from pydantic import ValidationError

from learnloop.optim.schedules import SCHEDULES, START

GRID = [i / 200 for i in range(201)]


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("warmup", [0.1, 0.4])
def test_factors_stay_between_0_and_1_and_the_warm_up_rises(name: str, warmup: float) -> None:
    schedule = SCHEDULES[name](warmup=warmup).build()
    factors = [schedule.factor(f, 0) for f in GRID]
    assert all(0 <= factor <= 1 for factor in factors)
    assert factors[0] == pytest.approx(START)
    rising = [factor for f, factor in zip(GRID, factors) if f <= warmup]
    assert rising == sorted(rising)
    assert schedule.factor(warmup, 0) == pytest.approx(1.0)
    assert schedule.state_dict().keys() == ({"level", "best", "waited"} if name == "plateau" else set())


@pytest.mark.parametrize("name", SCHEDULES)
def test_after_the_warm_up_no_factor_rises(name: str) -> None:
    schedule = SCHEDULES[name](warmup=0.2).build()
    falling = [schedule.factor(f, 0) for f in GRID if f >= 0.2]
    assert all(a >= b for a, b in pairwise(falling))


@pytest.mark.parametrize("name", ["cosine", "linear", "one_cycle"])
def test_zero_at_the_end_and_beyond(name: str) -> None:
    schedule = SCHEDULES[name]().build()
    assert schedule.factor(1.0, 0) == pytest.approx(0.0, abs=1e-12)
    assert schedule.factor(1.2, 0) == pytest.approx(0.0, abs=1e-12)
    assert schedule.factor(0.98, 0) > 0


def test_known_points() -> None:
    def at(name: str, fraction: float, step: int = 0, **fields: float) -> float:
        return SCHEDULES[name](**fields).build().factor(fraction, step)

    assert at("constant", 0.9) == 1
    assert at("cosine", 0.5) == pytest.approx(0.5)
    assert at("linear", 0.25) == pytest.approx(0.75)
    assert at("linear", 0.6, warmup=0.2) == pytest.approx(0.5)
    assert at("exponential", 0.5, decay=0.01) == pytest.approx(0.1)
    assert at("exponential", 0.0, step=30, decay=0.96, steps=10) == pytest.approx(0.96**3)
    assert [at("step", f, gamma=0.5, every=1 / 3) for f in (0.0, 0.3, 1 / 3, 0.5, 2 / 3, 1.0)] == [
        1, 1, 0.5, 0.5, 0.25, 0.125,
    ]  # fmt: skip
    assert at("one_cycle", 0.0) == pytest.approx(START)
    assert at("one_cycle", 0.3) == pytest.approx(1)
    assert at("one_cycle", 0.15) == pytest.approx((1 + START) / 2)
    assert at("one_cycle", 0.65) == pytest.approx(0.5)


def test_plateau_waits_then_drops_then_stops_at_the_floor() -> None:
    schedule = SCHEDULES["plateau"](gamma=0.5, patience=1, floor=0.2).build()
    seen = []
    for metric in (1.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.8, 0.9, float("nan"), 0.9):
        schedule.observe(metric)
        seen.append(schedule.factor(0.5, 0))
    assert seen == [1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2]


def test_plateau_resumes_and_knows_which_way_is_better() -> None:
    one, whole = (
        SCHEDULES["plateau"](mode="max", patience=0),
        SCHEDULES["plateau"](mode="max", patience=0).build(),
    )
    first = one.build()
    for metric in (0.5, 0.6, 0.6):
        first.observe(metric)
        whole.observe(metric)
    assert first.factor(0.5, 0) == 0.5
    second = one.build()
    second.load_state_dict(first.state_dict())
    for metric in (0.61, 0.6):
        second.observe(metric)
        whole.observe(metric)
    assert second.state_dict() == whole.state_dict()
    assert second.factor(0.5, 0) == whole.factor(0.5, 0) == 0.25


def test_wrong_fields_are_refused() -> None:
    for name in SCHEDULES:
        with pytest.raises(ValidationError, match="less than 1"):
            SCHEDULES[name](warmup=1.0)
