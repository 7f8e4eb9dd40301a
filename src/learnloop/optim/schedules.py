"""Schedules: the learning rate as a share of its base value, over the share of the run that is done.

f in [0, 1] is the share of the run that is done (of steps, or of minutes), s the number of steps taken, w the
warm-up share. In the warm-up, f < w, the factor rises linearly: START + (1 - START) f / w. After it, t = (f -
w) / (1 - w) in [0, 1] runs through the rest, and each class below gives its curve c(t). The update uses lr *
factor.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal, final

from pydantic import Field

from learnloop.config import Config
from learnloop.contracts import State

START = 1 / 25
"""Where a warm-up begins: not 0, so that the first step moves (the 1/25 of torch's OneCycleLR)."""


class Schedule(ABC):
    """What the Updater asks before every step."""

    @abstractmethod
    def factor(self, fraction: float, step: int) -> float:
        """The multiplier of the base learning rate, in [0, 1], after `fraction` of the run and `step`
        steps.
        """

    @abstractmethod
    def observe(self, metric: float) -> None:
        """Hear the monitored validation figure; only `plateau` listens."""

    @abstractmethod
    def state_dict(self) -> State: ...

    @abstractmethod
    def load_state_dict(self, state: State) -> None: ...


def _warm(fraction: float, warmup: float) -> float | None:
    """The warm-up's factor, or None once it is over."""
    if fraction >= warmup:
        return None
    return START + (1 - START) * max(fraction, 0.0) / warmup


@final
class Curve(Schedule):
    """A factor that is a function of progress alone. `curve(t, step)`, t in [0, 1]; it has no state."""

    def __init__(self, curve: Callable[[float, int], float], warmup: float) -> None:
        self._curve = curve
        self._warmup = warmup

    def factor(self, fraction: float, step: int) -> float:
        warm = _warm(fraction, self._warmup)
        if warm is not None:
            return warm
        t = (min(fraction, 1.0) - self._warmup) / (1 - self._warmup)
        return min(max(self._curve(t, step), 0.0), 1.0)

    def observe(self, metric: float) -> None:
        """A curve does not listen."""

    def state_dict(self) -> State:
        return {}

    def load_state_dict(self, state: State) -> None:
        """Nothing to restore."""


@final
class Plateau(Schedule):
    """See `PlateauConfig`."""

    def __init__(self, config: PlateauConfig) -> None:
        self._config = config
        self._level = 1.0
        self._best: float | None = None
        self._waited = 0

    def factor(self, fraction: float, step: int) -> float:
        warm = _warm(fraction, self._config.warmup)
        return self._level if warm is None else min(warm, self._level)

    def observe(self, metric: float) -> None:
        value = metric if self._config.mode == "min" else -metric
        if math.isfinite(value) and (self._best is None or value < self._threshold(self._best)):
            self._best, self._waited = value, 0
            return
        self._waited += 1
        if self._waited > self._config.patience:
            self._level = max(self._level * self._config.gamma, self._config.floor)
            self._waited = 0

    def _threshold(self, best: float) -> float:
        return best - self._config.min_delta * abs(best)

    def state_dict(self) -> State:
        return {"level": self._level, "best": self._best, "waited": self._waited}

    def load_state_dict(self, state: State) -> None:
        self._level = float(state["level"])
        self._best = None if state["best"] is None else float(state["best"])
        self._waited = int(state["waited"])


class ConstantConfig(Config):
    """c(t) = 1: the base rate from the end of the warm-up to the end of the run."""

    warmup: float = Field(0.0, ge=0, lt=1, description="share of the run in which the rate rises to its base value")

    def build(self) -> Schedule:
        return Curve(lambda t, step: 1.0, self.warmup)


class StepConfig(Config):
    """c(t) = gamma ** floor(t / every)."""

    gamma: float = Field(0.1, gt=0, le=1, description="what the rate is multiplied with at each drop")
    every: float = Field(1 / 3, gt=0, le=1, description="share of the run between two drops")
    warmup: float = Field(0.0, ge=0, lt=1, description="share of the run in which the rate rises to its base value")

    def build(self) -> Schedule:
        # 1e-9: a third of the run, three times, must count as three drops in spite of rounding
        return Curve(lambda t, step: self.gamma ** math.floor(t / self.every + 1e-9), self.warmup)


class ExponentialConfig(Config):
    """alpha(s) = alpha_0 decay ** (s / steps); without `steps`, alpha_0 decay ** t: `decay` is what is left
    at the end.
    """

    decay: float = Field(0.01, gt=0, le=1, description="what is left of the rate after `steps` steps")
    steps: int | None = Field(None, gt=0, description="steps in which the rate falls to `decay`; null: the whole run")
    warmup: float = Field(0.0, ge=0, lt=1, description="share of the run in which the rate rises to its base value")

    def build(self) -> Schedule:
        steps = self.steps
        if steps is None:
            return Curve(lambda t, step: self.decay**t, self.warmup)
        return Curve(lambda t, step: self.decay ** (step / steps), self.warmup)


class CosineConfig(Config):
    """c(t) = (1 + cos(pi t)) / 2, zero at the end. Loshchilov & Hutter, SGDR, arXiv:1608.03983, eq. 5, one
    cycle.
    """

    warmup: float = Field(0.0, ge=0, lt=1, description="share of the run in which the rate rises to its base value")

    def build(self) -> Schedule:
        return Curve(lambda t, step: (1 + math.cos(math.pi * t)) / 2, self.warmup)


class LinearConfig(Config):
    """c(t) = 1 - t, zero at the end."""

    warmup: float = Field(0.0, ge=0, lt=1, description="share of the run in which the rate rises to its base value")

    def build(self) -> Schedule:
        return Curve(lambda t, step: 1 - t, self.warmup)


class OneCycleConfig(Config):
    """Half a cosine from 1/25 up to 1 in the first `warmup` of the run, then half a cosine, zero at the end.

    up: START + (1 - START) (1 - cos(pi f / w)) / 2; down: (1 + cos(pi t)) / 2. Smith & Topin,
    Super-Convergence, arXiv:1708.07120, in the cosine form of fastai and torch's OneCycleLR (momentum is left
    alone).
    """

    warmup: float = Field(0.3, gt=0, lt=1, description="share of the run in which the rate rises to its base value")

    def build(self) -> Schedule:
        w = self.warmup

        def curve(f: float, step: int) -> float:
            if f < w:
                return START + (1 - START) * (1 - math.cos(math.pi * f / w)) / 2
            return (1 + math.cos(math.pi * (f - w) / (1 - w))) / 2

        return Curve(curve, 0.0)


class PlateauConfig(Config):
    """The factor starts at 1 and is multiplied by `gamma` whenever the monitored figure did not improve, by
    more than `min_delta` times its best value, in `patience` + 1 validations in a row. It ends where the data
    left it, not at 0.
    """

    gamma: float = Field(0.5, gt=0, lt=1, description="what the rate is multiplied with at each drop")
    patience: int = Field(3, ge=0, description="validations without improvement that are forgiven before a drop")
    min_delta: float = Field(1e-4, ge=0, description="relative change that counts as an improvement")
    floor: float = Field(1e-3, gt=0, le=1, description="the factor never falls below this")
    mode: Literal["min", "max"] = Field("min", description="whether a smaller or a larger figure is better")
    warmup: float = Field(0.0, ge=0, lt=1, description="share of the run in which the rate rises to its base value")

    def build(self) -> Schedule:
        return Plateau(self)


SCHEDULES = {
    "constant": ConstantConfig,
    "step": StepConfig,
    "exponential": ExponentialConfig,
    "cosine": CosineConfig,
    "linear": LinearConfig,
    "one_cycle": OneCycleConfig,
    "plateau": PlateauConfig,
}
