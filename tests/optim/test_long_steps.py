"""Where a step takes long, ways are timed on some rows of a batch, so that all of them are tried."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from learnloop.contracts import Batch
from learnloop.optim import machine
from learnloop.optim import measure as measuring
from learnloop.optim.batches import head, rows_of
from learnloop.optim.measure import LEAST_ROWS, measure
from learnloop.optim.plan import Plan, PlanConfig


def net() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 3))


def batch(rows: int) -> Batch:
    return {"x": torch.randn(rows, 1, 8, 8), "y": torch.randint(3, (rows,)), "one": torch.ones(1)}


class Slow:
    """A loss that sleeps for each row and remembers how many rows it saw."""

    def __init__(self, seconds_a_row: float) -> None:
        self.seconds_a_row = seconds_a_row
        self.rows: set[int] = set()

    def __call__(self, net: nn.Module, values: Batch) -> Tensor:
        assert len(values["one"]) == 1
        self.rows.add(len(values["x"]))
        time.sleep(self.seconds_a_row * len(values["x"]))
        return nn.functional.cross_entropy(net(values["x"]).float(), values["y"])


def test_long_steps_are_timed_on_fewer_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "bf16_in_hardware", lambda device="cpu": True)
    loss = Slow(4e-4)
    plan = measure(net(), loss, [batch(640)], options=PlanConfig(threads=1), seconds=60, budget_s=1.0)
    assert loss.rows == {LEAST_ROWS}  # 1 s is worth 62 rows for 40 steps
    assert plan.plain_ms is not None and plan.plain_ms >= 256  # of a whole batch
    assert {trial.ms is not None for trial in plan.trials} == {True}, [trial.verdict for trial in plan.trials]


def test_short_steps_are_timed_whole() -> None:
    loss = Slow(0.0)
    measure(net(), loss, [batch(100)], options=PlanConfig(threads=1), steps=1000, budget_s=5)
    assert loss.rows == {LEAST_ROWS, 100}  # the former to see how long a step takes


def test_a_batch_may_begin_with_a_scalar() -> None:
    values = {"share": torch.tensor(0.5), **batch(100)}
    assert rows_of(values) == 100 and rows_of({"share": torch.tensor(0.5)}) == 0
    assert {key: tuple(value.shape) for key, value in head(values, 7).items()} == {
        "share": (), "x": (7, 1, 8, 8), "y": (7,), "one": (1,),
    }  # fmt: skip


def test_code_that_needs_whole_batches_gets_them() -> None:
    seen = []

    def whole(net: nn.Module, values: Batch) -> Tensor:
        seen.append(len(values["x"]))
        if len(values["x"]) != 100:
            raise ValueError("100 rows, no others")
        return nn.functional.cross_entropy(net(values["x"]), values["y"])

    plan = measure(net(), whole, [batch(100)], options=PlanConfig(threads=1), steps=10, budget_s=1)
    assert plan.ms is not None and set(seen) == {LEAST_ROWS, 100}


def test_a_disturbed_turn_is_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads in bfloat16 are the fastest; another process comes in between when they are timed first."""
    monkeypatch.setattr(machine, "bf16_in_hardware", lambda device="cpu": True)
    monkeypatch.setattr(measuring, "thread_counts", lambda: [2, 1])
    monkeypatch.setattr(measuring._Search, "_disagreement", lambda self, plan: "")
    turns: list[Plan] = []

    def timed(self: object, plan: Plan, best: float | None) -> float:
        fast = plan.dtype == "bfloat16" and plan.channels_last
        first = plan.threads == 2 and not any(turn == replace(plan, ms=turn.ms) for turn in turns)
        turns.append(plan)
        return (30.0 if fast else 70.0) * (1.0 if plan.threads == 2 else 1.7) * (1.9 if fast and first else 1.0)

    monkeypatch.setattr(measuring._Search, "_time", timed)
    monkeypatch.setattr(machine, "usable_cores", lambda: 2)
    plan = measure(net(), Slow(0.0), [batch(64)], options=PlanConfig(), steps=1000, budget_s=60)
    assert (plan.threads, plan.dtype, plan.channels_last, plan.ms) == (2, "bfloat16", True, 30.0)
