"""What augmentation adds to a training step: learnloop's own step with each preset and without, taking turns.

    python benchmarks/augment.py [--turns 30] [--steps 10] [--cases mono,colour]

The network is the benchmark CNN (`cnn3`: 32, 64 and 128 maps, dense 128, dropout 0.5), batch 128, on 28x28x1 (mono) and
on 32x32x3 (colour); pictures and labels are generated. Each contestant is put together as `learnloop fit` does it; the
Plan is measured once a case, without augmentation, and used by all. In a turn each contestant takes `--steps` steps,
none, light, standard, strong, none, light, ...; the first turn is not counted. The figure is the median over the turns
of (time with / time without in the same turn) - 1. It must be at most 0.10 on the benchmark CNN as it is, 28x28x1.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import learnloop  # noqa: F401  # isort: skip (bounds OpenMP's wait, which must come before torch)
import numpy as np
import torch
from shared import machine, say, table, write_results, yes

from learnloop.optim.plan import Plan
from learnloop.recipe.build import build
from learnloop.runs.folder import RunFolder
from learnloop.verbs.budget import Budget
from learnloop.verbs.prepare import prepare
from learnloop.verbs.training import Training, set_up

SHAPE = {"mono": (28, 28), "colour": (32, 32, 3)}
PRESETS = ("none", "light", "standard", "strong")
GOAL, GOAL_CASE = 0.10, "mono"
BATCH, ROWS, CLASSES = 128, 6400, 10
RUN = 3_000
"""Steps of a usual run: what the Plan's time for measuring depends on."""


@dataclass(frozen=True)
class Contestant:
    """A run that is ready to start. what: which operations are on."""

    what: str
    training: Training

    def seconds(self, steps: int) -> float:
        """That `steps` steps take, batches included."""
        task, source = self.training.fit.task, self.training.fit.source
        began = time.perf_counter()
        for _ in range(steps):
            task.train_step(next(source))
        if self.training.plan.device != "cpu":
            torch.cuda.synchronize()
        return time.perf_counter() - began


def pictures(case: str) -> tuple[np.ndarray, np.ndarray]:
    """(x uint8 [rows, h, w] or [rows, h, w, 3], y: names that say nothing against mirroring)."""
    stream = np.random.default_rng(0)
    x = stream.integers(0, 256, (ROWS, *SHAPE[case]), dtype=np.uint8)
    return x, np.array([f"thing{number}" for number in range(CLASSES)])[stream.integers(0, CLASSES, ROWS)]


def contestant(
    name: str, data: tuple[np.ndarray, np.ndarray], plan: Plan | None, folder: Path, settings: Sequence[str]
) -> Contestant:
    """One preset; plan: None to measure it."""
    flags = {
        "model.name": "cnn3", "augment.name": name, "train.batch_size": BATCH, "train.steps": RUN, "data.test": 0.0,
        "watch.progress": "off",
    }  # fmt: skip
    prepared = prepare(build(flags=flags, sets=settings, objects={"data": data}, origin="argument"))
    run = RunFolder.create(folder / name, name)
    training = set_up(prepared, run, plan=plan, budget=Budget(time.monotonic(), None))
    training.fit.task.train(True)
    training.fit.task.progress(0.0)
    return Contestant(prepared.recipe.augment.line(), training)


def contestants(case: str, folder: Path, settings: Sequence[str]) -> dict[str, Contestant]:
    """One for each preset, all with the Plan of the first."""
    data, found = pictures(case), dict[str, Contestant]()
    for name in PRESETS:
        plan = found["none"].training.plan if found else None
        found[name] = contestant(name, data, plan, folder, settings)
    return found


def take_turns(timed: dict[str, Callable[[], float]], turns: int) -> dict[str, list[float]]:
    """Seconds of each, turn by turn; one turn before them is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    for number in range(turns + 1):
        for name, call in timed.items():
            took = call()
            if number:
                seconds[name].append(took)
    return seconds


def added(seconds: dict[str, list[float]], name: str) -> list[float]:
    """Time with / time without - 1, turn by turn."""
    return [after / before - 1 for after, before in zip(seconds[name], seconds["none"], strict=True)]


def lines(case: str, seconds: dict[str, list[float]], what: dict[str, str], steps: int) -> list[dict[str, Any]]:
    """One for each preset but none. met: None where no goal is set."""
    found = []
    for name in PRESETS[1:]:
        shares = added(seconds, name)
        share = statistics.median(shares)
        found.append(
            {
                "case": case,
                "augment": name,
                "what": what[name],
                "ms_without": round(1000 * statistics.median(seconds["none"]) / steps, 3),
                "ms_with": round(1000 * statistics.median(seconds[name]) / steps, 3),
                "added": round(share, 4),
                "added_least": round(min(shares), 4),
                "added_most": round(max(shares), 4),
                "met": share <= GOAL if case == GOAL_CASE else None,
            }
        )
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default=",".join(SHAPE), help=", ".join(SHAPE))
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--steps", type=int, default=10, help="of each contestant in a turn")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of the recipe, for all")
    parser.add_argument("--out", type=Path, help="results file")
    arguments = parser.parse_args()
    cases = arguments.cases.split(",")
    strange = [case for case in cases if case not in SHAPE]
    if strange:
        parser.error(f"--cases: {', '.join(strange)} not among {', '.join(SHAPE)}")
    here, plans, measured = machine(), {}, []
    for case in cases:
        say(case)
        with tempfile.TemporaryDirectory() as folder:
            ready = contestants(case, Path(folder), arguments.set)
            plans[case] = ready["none"].training.plan.line()
            timed = {name: lambda one=one: one.seconds(arguments.steps) for name, one in ready.items()}
            seconds = take_turns(timed, arguments.turns)
        measured += lines(case, seconds, {name: one.what for name, one in ready.items()}, arguments.steps)
    facts = {"turns": arguments.turns, "steps": arguments.steps, "machine": here, "plans": plans, "lines": measured}
    rows = [
        [
            line["case"], line["augment"], line["ms_without"], line["ms_with"], f"{line['added']:+.1%}",
            f"{line['added_least']:+.1%} to {line['added_most']:+.1%}", yes(line["met"]),
        ]
        for line in measured
    ]  # fmt: skip
    print(table(["case", "augment", "ms without", "ms with", "added", "turns", f"at most {GOAL:.0%}"], rows))
    say(f"written: {write_results('augment', facts, arguments.out)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
