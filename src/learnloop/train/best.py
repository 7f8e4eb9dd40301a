"""The best weights so far, and when to stop waiting for better ones."""

from __future__ import annotations

import math

from learnloop.contracts import State, Task


class Best:
    """Keeps a copy of the (averaged) weights at the best validation metric; ends the run after `patience` misses.

    monitor   a metric of the validation events: smaller is better for loss and errors, larger for scores
    patience  evaluations without improvement before the run ends; None = never
    """

    def __init__(self, monitor: str, *, larger_is_better: bool, patience: int | None) -> None:
        self.monitor = monitor
        self.sign = -1.0 if larger_is_better else 1.0
        self.patience = patience
        self.step = -1
        self.value = math.nan
        self.misses = 0
        self.weights: State | None = None

    def offer(self, metrics: dict[str, float], step: int, task: Task) -> bool:
        """Look at the metrics of one evaluation; True when they are the best so far."""
        value = metrics[self.monitor]
        better = math.isfinite(value) and (self.weights is None or self.sign * value < self.sign * self.value)
        if better:
            self.value, self.step, self.misses = value, step, 0
            with task.averaged():
                self.weights = task.weights()
        else:
            self.misses += 1
        return better

    def reason_to_stop(self) -> str | None:
        if self.patience is None or self.misses < self.patience:
            return None
        return (
            f"{self.monitor} has not improved in {self.misses} evaluations (best {self.value:.5g} at step {self.step})"
        )

    def state_dict(self) -> State:
        return {"step": self.step, "value": self.value, "misses": self.misses, "weights": self.weights}

    def load_state_dict(self, state: State) -> None:
        self.step, self.value, self.misses = state["step"], state["value"], state["misses"]
        self.weights = state["weights"]
