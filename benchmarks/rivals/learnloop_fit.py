"""learnloop: `train.Fit` with an automatic Plan, alone or with the watchers of a usual run (`--watchers`)."""

from __future__ import annotations

import argparse
import math
import os
import tempfile
from pathlib import Path
from typing import Any

import learnloop  # isort: skip (bounds OpenMP's wait, which must come before torch)
import torch
import work
from torch import nn

from learnloop.contracts import Batch, InputSpec, X, Y
from learnloop.data.sources import RowSource
from learnloop.home import cache
from learnloop.models.cnn3 import CNN3Config
from learnloop.models.mlp import MLPConfig
from learnloop.models.resnet import ResNet18Config
from learnloop.optim.adam import AdamConfig
from learnloop.optim.measure import measure
from learnloop.optim.plan import PLAIN, Plan, PlanConfig
from learnloop.optim.schedules import ConstantConfig
from learnloop.optim.updater import Updater
from learnloop.optim.wait import SPINS
from learnloop.runs.journal import Journal
from learnloop.scores.losses import CrossEntropyConfig
from learnloop.seeds import seed_torch
from learnloop.tasks.classify import Classify
from learnloop.train.events import Event, Watcher
from learnloop.train.fit import Fit, Rhythm
from learnloop.train.limits import StepLimit
from learnloop.train.watchers.journal import JournalWriter
from learnloop.train.watchers.progress import LineProgress

RUN = {"mlp": 20_000, "cnn": 2_000, "cnn3": 3_000, "resnet18": 11_000}
"""Steps of a usual run: what the Plan's time for measuring, and the number of log rows, depend on."""
LOG_EVERY = {"mlp": 50, "cnn": 5, "cnn3": 5, "resnet18": 24}
"""As often as `learnloop fit` would log in such a run (400 rows), or oftener."""
SCALE, SHIFT = 40.0, 128.0
"""Images become bytes, as learnloop keeps them; the network scales them back."""


def build(case: str, x: Any) -> tuple[nn.Module, torch.Tensor]:
    """The network, and its inputs as learnloop holds them."""
    seed_torch(0, "init")
    if case == "mlp":
        spec = InputSpec(kind="table", numbers=x.shape[1])
        return MLPConfig(hidden=(128, 64)).build(spec, work.CLASSES), torch.from_numpy(x)
    maps = x.shape[1]
    spec = InputSpec(kind="image", shape=x.shape[1:], mean=(SHIFT / 255,) * maps, std=(SCALE / 255,) * maps)
    config = ResNet18Config(stem="small") if case == "resnet18" else CNN3Config(dropout=0.5)
    net = config.build(spec, work.CLASSES)
    return net, torch.from_numpy(x).mul(SCALE).add(SHIFT).round().clamp(0, 255).to(torch.uint8)


def choose(case: str, net: nn.Module, loss: Any, batch: Batch) -> Plan:
    """The Plan, as `learnloop fit` measures it."""

    def step_loss(module: nn.Module, data: Batch) -> torch.Tensor:
        return Classify(module, (X,), loss, plan=PLAIN).loss_of(module(data[X]), data)

    return measure(
        net, step_loss, [batch], options=PlanConfig(), steps=RUN[case], signature=case, cache=cache() / "plans"
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--watchers", action="store_true", help="journal and live progress, as in a usual run")
    given = work.arguments(parser)
    x, labels = work.data(given.case, given.steps)
    net, inputs = build(given.case, x)
    y = torch.from_numpy(labels)
    loss = CrossEntropyConfig().build()
    plan = choose(given.case, net, loss, {X: inputs[: given.batch], Y: y[: given.batch]})
    plan.apply()
    net = plan.prepare(net)
    updater = Updater(AdamConfig(lr=work.LR).build(net, fused=plan.fused), ConstantConfig().build())
    task = Classify(net, (X,), loss, plan=plan, updater=updater)
    source = RowSource(plan.place({X: inputs, Y: y}), given.batch, seed=0)
    marks = work.Marks()

    def at_end_of_pass(event: Event) -> None:
        if event.kind == "train" and event.step % given.steps == 0:
            marks.mark()

    total = given.steps * given.passes
    # a log row must fall on every end of a pass, where the clock is read
    log_every = math.gcd(LOG_EVERY[given.case], given.steps) if given.watchers else given.steps
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "w") as nowhere:
        watchers: list[Watcher] = [at_end_of_pass]
        if given.watchers:
            progress = LineProgress(live=True, monitor="loss", stream=nowhere)
            watchers = [JournalWriter(Journal(Path(folder) / "metrics.jsonl")), progress, at_end_of_pass]
        Fit(task, source, StepLimit(total), rhythm=Rhythm(log_every, total), watchers=watchers).run()
    right = work.accuracy(net, x if given.case == "mlp" else inputs.float().numpy(), labels)
    way = {name: getattr(plan, name) for name in ("device", "threads", "wait", "dtype", "channels_last", "compile")}
    work.report(
        marks, given, version=f"learnloop {learnloop.__version__}, torch {torch.__version__}",
        parameters=sum(p.numel() for p in net.parameters()), accuracy=right,
        plan={**way, "fused": plan.fused, "spins": SPINS}, line=plan.line(), origin=plan.origin,
    )  # fmt: skip


if __name__ == "__main__":
    main()
