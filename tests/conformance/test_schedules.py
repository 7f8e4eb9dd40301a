"""Every schedule passes its suite, and the suite notices each defect that it claims to notice."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from pydantic import Field

from learnloop.config import Config
from learnloop.contracts import State
from learnloop.optim.schedules import SCHEDULES, Schedule
from learnloop.testing.schedules import CHECKS, check_schedule

ENDS: dict[str, float | None] = {
    "constant": 1.0,
    "step": 0.1**3,
    "exponential": 0.01,
    "cosine": 0.0,
    "linear": 0.0,
    "one_cycle": 0.0,
    "plateau": 1.0,
}
VARIANTS: list[tuple[str, dict[str, Any], float | None]] = [
    ("step", {"gamma": 1.0, "every": 1.0}, 1.0),
    ("step", {"gamma": 0.5, "every": 0.01}, 0.5**100),
    ("exponential", {"decay": 0.5, "steps": 100}, 0.5**10),
    ("plateau", {"patience": 0, "mode": "max", "floor": 1.0}, 1.0),
    ("plateau", {"patience": 0, "gamma": 0.1, "floor": 1e-6, "warmup": 0.9}, 1.0),
    ("one_cycle", {"warmup": 0.99}, 0.0),
    ("cosine", {"warmup": 0.5}, 0.0),
]


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_passes(name: str) -> None:
    check_schedule(SCHEDULES[name](), end=ENDS[name])


@pytest.mark.parametrize(("name", "fields", "end"), VARIANTS)
def test_other_settings_pass(name: str, fields: dict[str, Any], end: float | None) -> None:
    check_schedule(SCHEDULES[name](**fields), end=end)


@pytest.mark.parametrize("name", SCHEDULES)
def test_zero_at_the_end_is_said_where_it_holds(name: str) -> None:
    text = " ".join(str(SCHEDULES[name].__doc__).split())
    assert ("zero at the end" in text) == (ENDS[name] == 0.0), text


class Toy(Schedule):
    """Halves after each figure that is worse than the one before; keeps the contract."""

    def __init__(self, warmup: float) -> None:
        self.warmup = warmup
        self.level = 1.0
        self.last: float | None = None

    def factor(self, fraction: float, step: int) -> float:
        if fraction < self.warmup:
            return self.level * (0.1 + 0.9 * fraction / self.warmup)
        return self.level

    def observe(self, metric: float) -> None:
        if self.last is not None and not metric < self.last:
            self.level = max(self.level / 2, 1e-3)
        self.last = metric

    def state_dict(self) -> State:
        return {"level": self.level, "last": self.last}

    def load_state_dict(self, state: State) -> None:
        self.level, self.last = state["level"], state["last"]


class ToyConfig(Config):
    kind: str = Field("toy", description="which toy")
    warmup: float = Field(0.0, ge=0, lt=1, description="share of the run that warms up")

    def build(self) -> Schedule:
        return KINDS[self.kind](self.warmup)


class Above(Toy):
    def factor(self, fraction: float, step: int) -> float:
        return super().factor(fraction, step) + 0.1


class Below(Toy):
    def factor(self, fraction: float, step: int) -> float:
        return 1 - fraction  # negative beyond the end


class Broken(Toy):
    def factor(self, fraction: float, step: int) -> float:
        return math.nan if fraction == 0.5 else 1.0


class Poisoned(Toy):
    def observe(self, metric: float) -> None:
        self.level *= metric


class Asleep(Toy):
    def factor(self, fraction: float, step: int) -> float:
        return min(fraction, 1.0)


class Counts(Toy):
    """Counts how often it was asked instead of looking at the step."""

    def __init__(self, warmup: float) -> None:
        super().__init__(warmup)
        self.asked = 0

    def factor(self, fraction: float, step: int) -> float:
        self.asked += 1
        return 1 / (1 + self.asked)


class CountsInState(Toy):
    def factor(self, fraction: float, step: int) -> float:
        self.last = fraction
        return super().factor(fraction, step)


class Draws(Toy):
    def factor(self, fraction: float, step: int) -> float:
        torch.rand(1)
        return super().factor(fraction, step)


class Instance(Toy):
    made = 0

    def __init__(self, warmup: float) -> None:
        super().__init__(warmup)
        Instance.made += 1
        self.level = 1 / Instance.made


class Cold(Toy):
    """Takes `warmup` and ignores it."""

    def factor(self, fraction: float, step: int) -> float:
        return self.level


class Short(Toy):
    """Rises only to a half, then jumps."""

    def factor(self, fraction: float, step: int) -> float:
        return 0.1 + 0.4 * fraction / self.warmup if fraction < self.warmup else self.level


class Stateless(Toy):
    def state_dict(self) -> State:
        return {}

    def load_state_dict(self, state: State) -> None:
        pass


class Half(Toy):
    """Saves the level and forgets what it compares with."""

    def state_dict(self) -> State:
        return {"level": self.level}

    def load_state_dict(self, state: State) -> None:
        self.level, self.last = state["level"], None


class Rounds(Toy):
    def load_state_dict(self, state: State) -> None:
        self.level, self.last = round(state["level"], 1), state["last"]


class Unsaved(Toy):
    def state_dict(self) -> State:
        return {"self": self}


KINDS: dict[str, type[Toy]] = {
    kind.__name__.lower(): kind
    for kind in (
        Toy, Above, Below, Broken, Poisoned, Asleep, Counts, CountsInState, Draws, Instance, Cold, Short,
        Stateless, Half, Rounds, Unsaved,
    )
}  # fmt: skip

FAULTS = [
    ("above", "range", r"factor\(0, 0\) is 1\.1, not a number in \[0, 1\]"),
    ("below", "range", r"factor\(1, 0\) is -1\.0\d*e-09, not a number"),
    ("broken", "range", r"factor\(0\.5, 0\) is nan"),
    ("poisoned", "range", r"is nan, not a number"),
    ("asleep", "moves", r"factor\(0, 0\) is 0\.0: the first step would not move"),
    ("counts", "same_again", "the factor depends on what was asked before"),
    ("countsinstate", "same_again", "asking for factors changes the state: last"),
    ("draws", "same_again", "it draws from torch's global generator"),
    ("instance", "same_again", "two builds of one config give different factors"),
    ("instance", "resumes", "two builds of one config answer differently"),
    ("cold", "warmup", r"with warmup=0\.25 the factor does not rise at 0\.005"),
    ("short", "warmup", r"the factor rises only to 0\.49\d*; later it is 1"),
    ("stateless", "resumes", "something that matters is not in state_dict"),
    ("half", "resumes", "something that matters is not in state_dict"),
    ("rounds", "resumes", "the state changes on its way through load_state_dict: level"),
    ("unsaved", "resumes", "its state cannot be saved: state 'self' holds a Unsaved"),
]


def test_the_toy_passes() -> None:
    check_schedule(ToyConfig(), end=1.0)


@pytest.mark.parametrize(("kind", "check", "text"), FAULTS)
def test_the_suite_notices(kind: str, check: str, text: str) -> None:
    with pytest.raises(AssertionError, match=f"ToyConfig: 1 of 1 checks failed\n  {check}: .*{text}"):
        check_schedule(ToyConfig(kind=kind), only=[check])


def test_a_broken_promise_of_the_end_is_noticed() -> None:
    with pytest.raises(AssertionError, match=r"end: factor\(1\) is 1, promised was 0"):
        check_schedule(ToyConfig(), end=0.0)


def test_every_check_is_seen_to_fail() -> None:
    assert {check for _, check, _ in FAULTS} | {"end"} == CHECKS.keys()


def test_all_faults_are_reported_at_once_and_names_are_checked() -> None:
    with pytest.raises(AssertionError, match=rf"2 of {len(CHECKS)} checks failed\n  range: .*\n  end: "):
        check_schedule(ToyConfig(kind="above"), end=0.0)
    with pytest.raises(ValueError, match="no check named 'ranges'; there are range, moves"):
        check_schedule(ToyConfig(), only=["ranges"])
