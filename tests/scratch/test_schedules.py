from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    ExponentialLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    SequentialLR,
    StepLR,
)

from learnloop.optim.schedules import SCHEDULES
from learnloop.scratch.schedules import (
    cosine,
    example,
    exponential,
    linear,
    milestones,
    one_cycle,
    staircase,
    warm_up,
)
from tests.scratch.checks import Array

Make = Callable[[torch.optim.Optimizer], LRScheduler]


def torch_rates(make: Make, alpha_0: float, count: int) -> Array:
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=alpha_0)
    scheduler = make(optimiser)
    rates = [float(optimiser.param_groups[0]["lr"])]
    for _ in range(count - 1):
        optimiser.step()
        scheduler.step()
        rates.append(float(optimiser.param_groups[0]["lr"]))
    return np.array(rates)


def test_the_example_gives_the_numbers_worked_out_by_hand() -> None:
    values = example()
    expected = {
        # 0.1 sqrt(0.5), 0.1/2, 0.1/4
        "exponential": [0.1, 0.0707106781, 0.05, 0.025],
        "staircase": [0.1, 0.1, 0.05, 0.025],
        "milestones": [0.1, 0.01, 0.01, 0.001],
        "linear": [0.1, 0.075, 0.05, 0],
        # 0.1 (1 + cos 45 degrees)/2
        "cosine": [0.1, 0.0853553391, 0.05, 0],
        "warm_up": [0, 0.05, 0.1, 0],
    }
    for name, value in expected.items():
        np.testing.assert_allclose(values[name], value, rtol=1e-9, atol=1e-15, err_msg=name)
    # the top is at step 0.3 * 21 - 1 = 5.3; step 5 is 5/5.3 of the way up: 0.1 - 0.096 (1 + cos(pi 5/5.3))/2
    np.testing.assert_allclose(values["one_cycle"], [0.004, 0.0992430677, 0.0768275115, 4e-7], rtol=1e-8)


TORCH: dict[str, tuple[Callable[..., Array], Make]] = {
    "exponential": (partial(exponential, decay=0.3, steps=7), lambda o: ExponentialLR(o, gamma=0.3 ** (1 / 7))),
    "staircase": (partial(staircase, decay=0.3, steps=7), lambda o: StepLR(o, step_size=7, gamma=0.3)),
    "milestones": (partial(milestones, decay=0.3, at=(4, 11)), lambda o: MultiStepLR(o, [4, 11], gamma=0.3)),
    "linear": (
        partial(linear, steps=9, start=0.2, end=0.7),
        lambda o: LinearLR(o, start_factor=0.2, end_factor=0.7, total_iters=9),
    ),
    "cosine": (partial(cosine, steps=24, alpha_end=0.01), lambda o: CosineAnnealingLR(o, T_max=24, eta_min=0.01)),
    "one_cycle": (partial(one_cycle, steps=25), lambda o: OneCycleLR(o, max_lr=0.5, total_steps=25)),
}


@pytest.mark.parametrize("name", TORCH)
def test_every_schedule_equals_torchs(name: str) -> None:
    ours, make = TORCH[name]
    np.testing.assert_allclose(ours(np.arange(25), 0.5), torch_rates(make, 0.5, 25), rtol=1e-12)


@pytest.mark.parametrize(("steps", "rise"), [(10, 0.5), (7, 0.21)])
def test_one_cycle_equals_torchs_wherever_its_top_is(steps: int, rise: float) -> None:
    rates = torch_rates(lambda o: OneCycleLR(o, max_lr=0.5, total_steps=steps, pct_start=rise), 0.5, steps)
    np.testing.assert_allclose(one_cycle(np.arange(steps), 0.5, steps, rise), rates, rtol=1e-9)


def test_a_warm_up_and_what_follows_equal_torchs_sequence() -> None:
    def make(optimiser: torch.optim.Optimizer) -> LRScheduler:
        rising = LinearLR(optimiser, start_factor=0.1, total_iters=5)
        return SequentialLR(optimiser, [rising, CosineAnnealingLR(optimiser, T_max=20)], milestones=[5])

    ours = warm_up(np.arange(25), 0.5, 5, lambda t: cosine(t, 0.5, 20), start=0.1)
    np.testing.assert_allclose(ours, torch_rates(make, 0.5, 25), rtol=1e-12)


def test_torchs_cosine_climbs_again_after_the_end_and_ours_stays_down() -> None:
    theirs = torch_rates(lambda o: CosineAnnealingLR(o, T_max=10), 0.5, 21)
    ours = cosine(np.arange(21), 0.5, 10)
    np.testing.assert_allclose(theirs[20], 0.5, rtol=1e-12)
    assert (ours[10:] == 0).all()


def test_the_staircase_meets_the_curve_at_every_step_edge_and_lies_above_between() -> None:
    t = np.arange(1, 40)
    curve, stairs = exponential(t, 1.0, 0.5, 10), staircase(t, 1.0, 0.5, 10)
    np.testing.assert_allclose(curve[t % 10 == 0], stairs[t % 10 == 0], rtol=1e-12)
    assert (stairs[t % 10 != 0] > curve[t % 10 != 0]).all()


def test_the_engines_schedules_are_these() -> None:
    run = 20
    for t in range(run + 1):
        share = t / run

        def factor(name: str, share: float = share, step: int = t, **settings: float) -> float:
            return float(SCHEDULES[name](**settings).build().factor(share, step))

        pairs = {
            "exponential": (factor("exponential", decay=0.3, steps=7), exponential(t, 1.0, 0.3, 7)),
            "step": (factor("step", gamma=0.3, every=0.25), staircase(t, 1.0, 0.3, 5)),
            "cosine": (factor("cosine"), cosine(t, 1.0, run)),
            "linear": (factor("linear"), linear(t, 1.0, run)),
            "warm-up": (
                factor("linear", warmup=0.25),
                warm_up(t, 1.0, 5, lambda s: linear(s, 1.0, 15), start=1 / 25),
            ),
        }
        for name, (theirs, ours) in pairs.items():
            np.testing.assert_allclose(theirs, float(ours), rtol=1e-9, atol=1e-12, err_msg=f"{name} at {t}")


@settings(max_examples=25, deadline=None)
@given(st.floats(1e-5, 1), st.integers(4, 50), st.floats(0.01, 0.99))
def test_every_curve_starts_and_ends_where_it_says_and_stays_between(alpha: float, steps: int, decay: float) -> None:
    t = np.arange(steps + 1)
    falling = {
        "exponential": (exponential(t, alpha, decay, steps), alpha * decay),
        "staircase": (staircase(t, alpha, decay, steps), alpha * decay),
        "milestones": (milestones(t, alpha, decay, (steps,)), alpha * decay),
        "linear": (linear(t, alpha, steps), 0.0),
        "cosine": (cosine(t, alpha, steps, alpha * decay), alpha * decay),
    }
    for name, (rates, end) in falling.items():
        assert rates.shape == t.shape, name
        np.testing.assert_allclose(rates[[0, -1]], [alpha, end], rtol=1e-9, err_msg=name)
        assert (np.diff(rates) <= 1e-15).all(), name
    cycle = one_cycle(np.arange(steps), alpha, steps, rise=0.5)
    np.testing.assert_allclose(cycle[[0, -1]], [alpha / 25, alpha / 250000], rtol=1e-9)
    assert (cycle <= alpha * (1 + 1e-12)).all() and np.argmax(cycle) in (steps // 2 - 1, (steps - 1) // 2)


@pytest.mark.parametrize("name", TORCH)
def test_one_step_gives_what_the_whole_array_gives(name: str) -> None:
    ours, _ = TORCH[name]
    np.testing.assert_allclose([float(ours(t, 0.5)) for t in range(25)], ours(np.arange(25), 0.5), rtol=1e-13)


def test_what_does_not_fit_is_named_with_the_equation() -> None:
    with pytest.raises(
        ValueError, match=r"^alpha_t = alpha_0 decay\^\(t / steps\): steps is 0; it takes 1 step or more"
    ):
        exponential(3, 0.1, 0.5, 0)
    with pytest.raises(
        ValueError, match=r"^alpha_t = alpha_0 decay\^floor\(t / steps\): t is -2; steps are counted from 0"
    ):
        staircase(np.array([3, -2]), 0.1, 0.5, 10)
    for schedule in (linear, cosine, one_cycle):
        with pytest.raises(ValueError, match="steps is 0"):
            schedule(3, 0.1, 0)
    with pytest.raises(ValueError, match="t is -1"):
        milestones(-1, 0.1, 0.5, (3,))
    with pytest.raises(ValueError, match=r"start \+ \(1 - start\) t / steps\): steps is 0"):
        warm_up(3, 0.1, 0, lambda t: t)
    with pytest.raises(
        ValueError, match=r"^top = rise steps - 1: rise is 0.3, steps is 3; the top must lie inside the run"
    ):
        one_cycle(0, 0.1, 3)
