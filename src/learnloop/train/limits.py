"""When a run ends, and which share of it is done: counted in steps, or in time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Protocol

from learnloop.contracts import State


class Limit(Protocol):
    """`fraction(step)`: the share done before step number `step` (0, 1, ...) is taken; the run ends at 1."""

    def fraction(self, step: int) -> float: ...

    def steps_left(self, step: int) -> int:
        """How many more steps are planned now; 0 ends the run."""
        ...

    def total(self, step: int) -> int:
        """Steps of the whole run, as far as known now."""
        ...

    def observe(self, step: int) -> None:
        """Called between chunks of steps."""
        ...

    def describe(self) -> str: ...

    def state_dict(self) -> State: ...

    def load_state_dict(self, state: State) -> None: ...


class StepLimit:
    """fraction = step / steps. The run is a function of the seed alone."""

    def __init__(self, steps: int, why: str = "") -> None:
        self._steps = steps
        self._why = why or f"{steps} steps"

    @classmethod
    def of_epochs(cls, epochs: float, samples: int, batch_size: int) -> StepLimit:
        """Passes over the data in steps: ceil(epochs * samples / batch_size)."""
        passes = "1 pass" if epochs == 1 else f"{epochs:g} passes"
        return cls(max(1, math.ceil(epochs * samples / batch_size)), f"{passes} over the data")

    def fraction(self, step: int) -> float:
        return min(1.0, step / self._steps)

    def steps_left(self, step: int) -> int:
        return max(0, self._steps - step)

    def total(self, step: int) -> int:
        return self._steps

    def observe(self, step: int) -> None:
        return None

    def describe(self) -> str:
        return self._why

    def state_dict(self) -> State:
        return {}  # the number of steps is part of the recipe

    def load_state_dict(self, state: State) -> None:
        return None


class TimeLimit:
    """The run ends after `seconds` of wall time, schedule at zero, however the machine's speed changes on the way.

    Between chunks of steps, with `left` seconds to go and `pace` seconds a step (everything included: evaluation,
    checkpoints, other processes), (1 - fraction) is spread evenly over left / pace steps::

        fraction(step) = base + (step - base_step) * (1 - base) / (left / pace)

    A resumed run has what was left when its checkpoint was written.
    """

    def __init__(self, seconds: float, *, pace: float, now: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._now = now
        self._start = now()
        self._base = 0.0
        self._base_step = 0
        self._pace = max(pace, 1e-6)
        self._rate = min(1.0, self._pace / max(seconds, self._pace))
        self._last: tuple[float, int] | None = None

    @property
    def elapsed(self) -> float:
        return self._now() - self._start

    @property
    def left(self) -> float:
        """Seconds until the end as it is planned now."""
        return max(0.0, self._seconds - self.elapsed)

    def fraction(self, step: int) -> float:
        return min(1.0, self._base + (step - self._base_step) * self._rate)

    def steps_left(self, step: int) -> int:
        if self.elapsed >= self._seconds:
            return 0
        return max(0, math.ceil((1 - self.fraction(step)) / self._rate - 1e-9))

    def total(self, step: int) -> int:
        return step + self.steps_left(step)

    def observe(self, step: int) -> None:
        """Measure the pace since the last call and spread the rest of the schedule over the rest of the time."""
        time_now = self._now()
        if self._last is not None and step > self._last[1]:
            seen = (time_now - self._last[0]) / (step - self._last[1])
            weight = min(1.0, (time_now - self._last[0]) / max(1.0, 0.05 * self._seconds))
            self._pace += max(weight, 0.1) * (seen - self._pace)
        self._last = (time_now, step)
        left = self.left
        self._base, self._base_step = self.fraction(step), step
        self._rate = (1 - self._base) if left <= self._pace else (1 - self._base) * self._pace / left
        self._rate = max(self._rate, 1e-12)

    def end_in(self, seconds: float) -> None:
        """Move the end: `seconds` are left from now. The schedule follows with the next `observe`."""
        self._seconds = self.elapsed + max(0.0, seconds)

    def describe(self) -> str:
        return f"{self._seconds:.0f} s of training"

    def state_dict(self) -> State:
        return {
            "elapsed": self.elapsed,
            "base": self._base,
            "base_step": self._base_step,
            "rate": self._rate,
            "pace": self._pace,
        }

    def load_state_dict(self, state: State) -> None:
        self._start = self._now() - state["elapsed"]
        self._base, self._base_step = state["base"], state["base_step"]
        self._rate, self._pace = state["rate"], state["pace"]
        self._last = None
