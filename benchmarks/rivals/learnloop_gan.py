"""learnloop: `train.Fit` on the task `Gan` with a measured Plan, the generator's average and a log row a pass."""

from __future__ import annotations

import learnloop  # isort: skip (bounds OpenMP's wait, which must come before torch)
import gan_work as work
import torch

from learnloop.contracts import InputSpec, X
from learnloop.data.sources import RowSource
from learnloop.home import cache
from learnloop.models.generative.dcgan import DcganConfig
from learnloop.optim.adam import AdamConfig
from learnloop.optim.average import WeightAverage
from learnloop.optim.measure import measure
from learnloop.optim.plan import PlanConfig
from learnloop.optim.schedules import ConstantConfig
from learnloop.optim.updater import Updater
from learnloop.seeds import seed_torch
from learnloop.tasks.gan import Gan
from learnloop.train.events import Event
from learnloop.train.fit import Fit, Rhythm
from learnloop.train.limits import StepLimit

USUAL_STEPS = 20_000
"""Of a run: what the time for measuring the Plan depends on."""


def main() -> None:
    given = work.arguments()
    x = torch.from_numpy(work.pictures(given.steps))[:, None]  # [rows, 1, 28, 28]
    seed_torch(0, "init")
    config = DcganConfig(noise=work.NOISE)
    net = config.build(InputSpec("image", shape=(1, 28, 28), mean=(0.5,), std=(0.5,)))
    plan = measure(
        net, lambda module, batch: Gan.rehearsal(module, batch, config), [{X: x[: work.BATCH]}],
        options=PlanConfig(compile=False), steps=USUAL_STEPS, signature="gan benchmark", cache=cache() / "plans",
    )  # fmt: skip
    plan.apply()
    plan.prepare(net)
    updaters = {
        name: Updater(
            AdamConfig(lr=work.LR, beta1=work.BETA1).build(player, fused=plan.fused),
            ConstantConfig().build(),
            average=WeightAverage(player) if name == "generator" else None,
            scaling=plan.loss_scaling(),
        )
        for name, player in net.players.items()
    }
    task = Gan(net, config, plan=plan, updaters=updaters)
    marks, losses = work.Marks(), [0.0, 0.0]

    def at_end_of_pass(event: Event) -> None:
        if event.kind == "train":
            marks.mark()
            losses[:] = [event.scalars["loss"], event.scalars["discriminator_loss"]]

    total = given.steps * given.passes
    source = RowSource(plan.place({X: x}), work.BATCH, seed=0)
    Fit(task, source, StepLimit(total), rhythm=Rhythm(given.steps, total), watchers=[at_end_of_pass]).run()
    count = [sum(p.numel() for p in player.parameters()) for player in net.players.values()]
    work.report(
        marks, given, f"learnloop {learnloop.__version__}, torch {torch.__version__}", count, losses, plan.line()
    )


if __name__ == "__main__":
    main()
