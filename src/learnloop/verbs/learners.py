"""What learns in a walk forward: ridge regression on all features or a few, and a small network.

All of them learn what the best of the question's rules leaves over,

    y - b,   b = the rule with the smallest squared error on the training rows

and standardise features and answers on the training rows alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch

from learnloop.contracts import InputSpec, X, Y
from learnloop.data.origins import Origins
from learnloop.data.sources import RowSource
from learnloop.models.mlp import MLPConfig
from learnloop.nn.fitted import fit_layers
from learnloop.optim.adam import AdamWConfig
from learnloop.optim.plan import PLAIN
from learnloop.optim.schedules import CosineConfig
from learnloop.optim.updater import Updater
from learnloop.scores.losses import MSEConfig
from learnloop.seeds import derive, seed_torch
from learnloop.tasks.regress import VALUES, Regress
from learnloop.train.best import Best
from learnloop.train.fit import Fit, Rhythm
from learnloop.train.limits import StepLimit
from learnloop.train.validation import Validation

HELD_OUT = 0.2
"""The latest share of the training rows, which chooses the penalty and the step at which training stops."""
PENALTIES = (0.0, 0.001, 0.01, 0.1, 1.0, 10.0)
"""A row; 0 is least squares."""
_FAR = 6.0
"""Features are cut at so many standard deviations: a crash is seen, and not extrapolated."""


class Learner(Protocol):
    """Learns from rows whose answers are known, answers others. title: for people."""

    @property
    def title(self) -> str: ...

    def fit(self, rows: Origins, seed: int) -> None:
        """Learn anew; what was learnt before is forgotten."""
        ...

    def predict(self, rows: Origins) -> np.ndarray:
        """Answers in the unit of the question, [rows]."""
        ...


@dataclass
class Scaled:
    """Features and answers in standard deviations of the training rows, and the rule that is learnt from."""

    columns: tuple[str, ...]
    rule: str
    mean: np.ndarray
    std: np.ndarray
    middle: np.ndarray
    centre: float
    unit: float

    @classmethod
    def of(cls, rows: Origins, columns: Sequence[str]) -> Scaled:
        errors = {name: float(np.mean((rows.y - values) ** 2)) for name, values in rows.rules.items()}
        rule = min(errors, key=lambda name: errors[name])
        x, left = rows.columns(columns), rows.y - rows.rules[rule]
        mean, std = x.mean(axis=0), x.std(axis=0)
        std = np.where(std > 0, std, 1.0)
        middle = np.clip((x - mean) / std, -_FAR, _FAR).mean(axis=0)  # not zero where some were cut
        return cls(tuple(columns), rule, mean, std, middle, float(left.mean()), float(left.std()) or 1.0)

    def features(self, rows: Origins) -> np.ndarray:
        return np.clip((rows.columns(self.columns) - self.mean) / self.std, -_FAR, _FAR) - self.middle

    def answers(self, rows: Origins) -> np.ndarray:
        return (rows.y - rows.rules[self.rule] - self.centre) / self.unit

    def invert(self, answers: np.ndarray, rows: Origins) -> np.ndarray:
        return rows.rules[self.rule] + self.centre + self.unit * answers


@dataclass
class Ridge:
    """`w = argmin mean (y - x w)^2 + penalty |w|^2`: the penalty with the smallest error on the latest training rows.

    columns: features by name, () for all. penalties: (0,) is least squares. Source: Hoerl and Kennard, Ridge
    Regression, Technometrics 12 (1970)."""

    title: str = "ridge regression"
    columns: tuple[str, ...] = ()
    penalties: tuple[float, ...] = PENALTIES
    penalty: float = field(default=0.0, init=False)
    _scaled: Scaled | None = field(default=None, init=False, repr=False)
    _weights: np.ndarray = field(default_factory=lambda: np.empty(0), init=False, repr=False)

    def fit(self, rows: Origins, seed: int) -> None:
        self._scaled = Scaled.of(rows, self.columns or rows.names)
        x, y = self._scaled.features(rows), self._scaled.answers(rows)
        self.penalty = self.penalties[0]
        if len(self.penalties) > 1:
            early, late = parts(rows)
            errors = [
                float(np.mean((y[late] - x[late] @ _solved(x[early], y[early], penalty)) ** 2))
                for penalty in self.penalties
            ]
            self.penalty = self.penalties[int(np.argmin(errors))]
        self._weights = _solved(x, y, self.penalty)

    def predict(self, rows: Origins) -> np.ndarray:
        assert self._scaled is not None
        return self._scaled.invert(self._scaled.features(rows) @ self._weights, rows)


@dataclass
class Network:
    """A multi-layer perceptron of all features, trained by `Fit` on squared errors; the step that is best on the latest
    training rows is kept. The mean of `members` of them, which differ in their seeds.

    steps: at most; patience: evaluations without improvement after which it stops.
    """

    title: str = "network"
    hidden: tuple[int, ...] = (64, 32)
    dropout: float = 0.1
    lr: float = 1e-3
    decay: float = 0.1
    steps: int = 800
    batch: int = 256
    patience: int = 8
    members: int = 2
    _scaled: Scaled | None = field(default=None, init=False, repr=False)
    _tasks: list[Regress] = field(default_factory=list, init=False, repr=False)

    def fit(self, rows: Origins, seed: int) -> None:
        self._scaled = Scaled.of(rows, rows.names)
        x = torch.as_tensor(self._scaled.features(rows), dtype=torch.float32)  # [rows, features]
        y = torch.as_tensor(self._scaled.answers(rows)[:, None], dtype=torch.float32)  # [rows, 1]
        early, late = (torch.as_tensor(part) for part in parts(rows))
        train, held_out = ({X: x[part], Y: y[part]} for part in (early, late))
        self._tasks = [self._train(train, held_out, derive(seed, "member", member)) for member in range(self.members)]

    def predict(self, rows: Origins) -> np.ndarray:
        assert self._scaled is not None
        x = torch.as_tensor(self._scaled.features(rows), dtype=torch.float32)
        with torch.inference_mode():
            found = [task.predict({X: x})[VALUES][:, 0] for task in self._tasks]
        return self._scaled.invert(torch.stack(found).mean(0).double().numpy(), rows)

    def _train(self, train: dict[str, torch.Tensor], held_out: dict[str, torch.Tensor], seed: int) -> Regress:
        seed_torch(seed, "init")
        config = MLPConfig.model_validate({"hidden": self.hidden, "dropout": self.dropout, "activation": "gelu"})
        net = config.build(InputSpec("table", numbers=train[X].shape[1]), 1)
        fit_layers(net, [train[X]])
        stepper = AdamWConfig.model_validate({"lr": self.lr, "weight_decay": self.decay}).build(net, fused=PLAIN.fused)
        updater = Updater(stepper, CosineConfig(warmup=0.05).build(), clip=1.0)
        task = Regress(net, (X,), MSEConfig().build(), plan=PLAIN, updater=updater)
        best = Best("loss", larger_is_better=False, patience=self.patience)
        every = max(1, self.steps // 40)
        fit = Fit(
            task,
            RowSource(train, self.batch, seed=derive(seed, "order")),
            StepLimit(self.steps),
            rhythm=Rhythm(log_every=every, evaluate_every=every),
            validation=Validation(held_out, 8192),
            best=best,
        )
        seed_torch(seed, "train")
        fit.run()
        if best.weights is not None:
            task.load_weights(best.weights)
        task.train(False)
        return task


def parts(rows: Origins) -> tuple[np.ndarray, np.ndarray]:
    """(early, late) positions: the latest `HELD_OUT` of the rows, and those whose answers were known before them."""
    first = rows.time[int((1 - HELD_OUT) * len(rows))]
    late = np.flatnonzero(rows.time >= first)
    early = np.flatnonzero(rows.known <= first)
    return early, late


def _solved(x: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """The weights [features]; the tiniest penalty keeps columns that say the same apart."""
    matrix = x.T @ x / len(x) + (penalty + 1e-9) * np.eye(x.shape[1])
    return np.asarray(np.linalg.solve(matrix, x.T @ y / len(x)))
