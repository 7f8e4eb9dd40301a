"""Small tasks and loops for the tests of the engine."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from learnloop.contracts import Batch
from learnloop.data.sources import RowSource
from learnloop.optim.average import WeightAverage
from learnloop.optim.optimisers import OPTIMISERS
from learnloop.optim.plan import PLAIN
from learnloop.optim.schedules import SCHEDULES
from learnloop.optim.updater import Updater
from learnloop.runs.checkpoint import Checkpoints
from learnloop.scores.losses import LOSSES
from learnloop.seeds import seed_torch
from learnloop.tasks.classify import Classify
from learnloop.train.best import Best
from learnloop.train.fit import Fit, Rhythm
from learnloop.train.limits import StepLimit
from learnloop.train.validation import Validation


def rows(count: int = 96, seed: int = 0) -> Batch:
    """Two noisy classes in five numbers."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 2, (count,), generator=generator)
    x = torch.randn(count, 5, generator=generator) + y[:, None] * 1.5
    return {"x": x, "y": y}


def net() -> nn.Module:
    """Batch norm and dropout: state outside of the weights, and torch's global generator."""
    return nn.Sequential(nn.Linear(5, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 2))


def task(
    optimiser: str = "adamw", schedule: str = "cosine", *, average: float = 0.9, clip: float | None = 1.0,
    accumulate: int = 1, l1: float = 0.0, lr: float = 0.02,
) -> Classify:  # fmt: skip
    seed_torch(3, "init")
    module = net()
    updater = Updater(
        OPTIMISERS[optimiser](lr=lr).build(module, fused=True),
        SCHEDULES[schedule]().build(),
        clip=clip,
        accumulate=accumulate,
        l1=l1,
        average=WeightAverage(module, average) if average else None,
    )
    seed_torch(3, "train")
    return Classify(module, ("x",), LOSSES["cross_entropy"]().build(), plan=PLAIN, updater=updater)


def loop(
    toy: Classify, folder: Path | None = None, *, steps: int = 40, watchers: tuple = (), patience: int | None = None,
    data: Batch | None = None, rhythm: Rhythm | None = None,
) -> Fit:  # fmt: skip
    return Fit(
        toy,
        RowSource(data or rows(), 16, seed=5),
        StepLimit(steps),
        rhythm=rhythm or Rhythm(log_every=7, evaluate_every=5, checkpoint_seconds=1e9),
        validation=Validation(rows(40, seed=1), 16),
        best=Best("loss", larger_is_better=False, patience=patience),
        checkpoints=None if folder is None else Checkpoints(folder),
        watchers=watchers,
    )
