"""What the real commands reach, and how long they take, on real data.

    LEARNLOOP_DATA=DIR python benchmarks/quality.py [--only mnist30,adult] [--seeds 0,1,2] [--set KEY=VALUE]

Each case is one `learnloop fit ... --json`, run as a user would run it, once for each seed with an empty LEARNLOOP_HOME
(no Plan is remembered). Counted is the whole command: start, reading, baselines, training, evaluation, report. The
figure is the median over the seeds of the metric on the test part: the official one where the data has one, else 20 %
held out by the seed. Rivals are the baselines that the command itself fits on the same rows. CIFAR-10 is judged twice:
by the accuracy of one look at each picture, and by that of the mean over several views of it (`report.views`).
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared import learnloop, machine, run, say, table, write_results, yes

VIEWS = " with views"
"""Behind the name of a metric: that of the mean over test-time views."""
WEIGHTS = "weights"
"""Numbers in the network, as report.json counts them."""


@dataclass(frozen=True)
class Goal:
    """metric of the test part, divided by `unit`, must be at least `least` or at most `most`; `aim`: not a must.

    metric: a name of the test part's figures, `accuracy with views`, or `weights`.
    """

    metric: str
    least: float | None = None
    most: float | None = None
    unit: float = 1.0
    aim: bool = False
    beat: str = ""

    def met(self, value: float, rival: float | None) -> bool | None:
        """Against the number, or with `beat` against that baseline's median."""
        if self.beat:
            if rival is None:
                return None
            return value > rival if self.least is not None else value < rival
        return value >= self.least if self.least is not None else value <= (self.most or 0.0)

    def text(self) -> str:
        bound = f"above {self.beat}" if self.least is not None else f"below {self.beat}"
        if not self.beat:
            bound = f"at least {self.least:g}" if self.least is not None else f"at most {self.most:g}"
        return f"{self.metric} {bound}{' (aim)' if self.aim else ''}"


@dataclass(frozen=True)
class Case:
    """title, arguments of `learnloop fit`, goals, seconds that the whole command may take, seeds that it needs.

    seconds   None: no limit is set
    settings  `KEY=VALUE`, each handed over as --set; the same key on the command line wins
    """

    title: str
    command: tuple[str, ...]
    goals: tuple[Goal, ...]
    seconds: float | None
    seeds: tuple[int, ...] = (0, 1, 2)
    settings: tuple[str, ...] = ()

    def arguments(self, more: Sequence[str]) -> list[str]:
        """Of `learnloop fit`. more: settings of the command line, which replace what the case says of the same."""
        settings = dict(setting.partition("=")[::2] for setting in (*self.settings, *more))
        flags = list(self.command)
        for flag, keys in _FLAGS.items():
            if flag in flags and settings.keys() & keys:
                where = flags.index(flag)
                del flags[where : where + 2]
        return flags + [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]


_FLAGS = {"--minutes": {"train.minutes", "train.steps", "train.epochs"}, "--model": {"model.name"}}
"""Flags of a case, and the settings that say the same or the contrary."""


_NO_LIMIT = 3 * 3600.0
"""Seconds after which a command without a limit is given up."""


BOOSTING = "boosting"
CASES = {
    "digits": Case("digits, default", ("digits",), (Goal("accuracy", least=0.97),), 60),
    "mnist30": Case(
        "MNIST in 30 s", ("mnist", "--minutes", "0.45"), (Goal("accuracy", least=0.990),), 30
    ),
    "mnist240": Case(
        "MNIST in 240 s", ("mnist", "--minutes", "3.9"), (Goal("accuracy", least=0.995),), 240
    ),
    "fashion": Case(
        "Fashion-MNIST in 300 s", ("fashion-mnist", "--minutes", "4.8"), (Goal("accuracy", least=0.93),), 300
    ),
    "mnist300": Case(
        "MNIST in 300 s", ("mnist", "--minutes", "4.8"), (Goal("accuracy", least=0.996),), 300
    ),
    "fashion600": Case(
        "Fashion-MNIST in 600 s", ("fashion-mnist", "--minutes", "9.7"), (Goal("accuracy", least=0.935),), 600
    ),
    "fashion-small": Case(
        "Fashion-MNIST, fewer than 500,000 weights",
        ("fashion-mnist",),
        (Goal("accuracy", least=0.94), Goal(WEIGHTS, most=499_999)),
        None,
    ),
    "cifar300": Case(
        "CIFAR-10 in 300 s",
        ("cifar10", "--model", "fastnet", "--minutes", "4.8"),
        (Goal("accuracy", least=0.90), Goal("accuracy" + VIEWS, least=0.90)),
        300,
        settings=("report.views=mirror+shifts",),
    ),
    "cifar720": Case(
        "CIFAR-10 in 720 s",
        ("cifar10", "--model", "fastnet", "--minutes", "11.7"),
        (Goal("accuracy", least=0.935), Goal("accuracy" + VIEWS, least=0.935)),
        720,
        settings=("report.views=mirror+shifts",),
    ),
    "adult": Case(
        "Adult, default",
        ("adult",),
        (
            Goal("accuracy", least=0.868),
            Goal("roc_auc", least=0.922),
            Goal("accuracy", least=0.0, beat=BOOSTING, aim=True),
            Goal("roc_auc", least=0.0, beat=BOOSTING, aim=True),
        ),
        180,
    ),
    "california": Case(
        "California housing, default, in 100,000",
        ("california-housing",),
        (
            Goal("rmse", most=0.45, unit=1e5),
            Goal("rmse", most=0.43, unit=1e5, aim=True),
            Goal("rmse", most=0.0, unit=1e5, beat=BOOSTING),
        ),
        180,
        seeds=(0, 1, 2, 3, 4),
    ),
}  # fmt: skip


def one_run(case: Case, seed: int, more: Sequence[str]) -> dict[str, Any]:
    """The command with one seed: test metrics, those of the baselines, seconds."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [*learnloop(), "fit", *case.arguments(more), "--seed", str(seed), "--out", str(out), "--json"]
        limit = _NO_LIMIT if case.seconds is None else 10 * case.seconds
        ran = run(command, env={"LEARNLOOP_HOME": str(Path(folder) / "home")}, timeout=limit)
        if ran.code:
            return {"seed": seed, "failed": f"exit code {ran.code}: {ran.stderr[-1500:]}"}
        result = ran.last_json()
        report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return {
        "seed": seed,
        "test": result["metrics"]["test"],
        "intervals": result["intervals"].get("test"),
        "baselines": {rival["name"]: rival["metrics"] for rival in report["baselines"]},
        "baseline_notes": {rival["name"]: rival.get("note", "") for rival in report["baselines"]},
        "model": result["model"],
        "steps": result["steps"],
        "weights": report["training"]["parameters"],
        "views": report.get("views"),
        "plan": report["training"]["plan"],
        "verdict": report["verdict"],
        "wall_s": round(ran.wall, 2),
        "cpu_s": round(ran.cpu, 2),
        "peak_mb": round(ran.peak / 1e6),
    }


def figure(one: Mapping[str, Any], metric: str) -> float | None:
    """What one run reached; None where it was not measured (`--set report.views=none`)."""
    if metric == WEIGHTS:
        return float(one["weights"])
    if not metric.endswith(VIEWS):
        return float(one["test"][metric])
    views = one["views"]
    if views is None or views["metric"] + VIEWS != metric:
        return None
    return float(views["seen"]["value"])


def judge(case: Case, runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line for each goal, and one for the time."""
    good = [one for one in runs if "failed" not in one]
    if not good:
        return []
    lines = []
    for goal in case.goals:
        found = [figure(one, goal.metric) for one in good]
        values = [value / goal.unit for value in found if value is not None]
        rivals = [
            one["baselines"][BOOSTING][goal.metric] / goal.unit
            for one in good
            if goal.metric in one["baselines"].get(BOOSTING, {})
        ]
        value, rival = statistics.median(values) if values else None, statistics.median(rivals) if rivals else None
        lines.append({
            "goal": goal.text(), "median": value, "values": values, "boosting": rival,
            "met": None if value is None else goal.met(value, rival),
        })  # fmt: skip
    if case.seconds is None:
        return lines
    walls = [one["wall_s"] for one in good]
    wall = statistics.median(walls)
    lines.append({
        "goal": f"whole command at most {case.seconds:g} s", "median": wall, "values": walls, "boosting": None,
        "met": wall <= case.seconds,
    })  # fmt: skip
    return lines


def number(value: float) -> str:
    """As the table shows it: `0.9313`, `26.2`, `499,999`."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(CASES), help=", ".join(CASES))
    parser.add_argument("--seeds", help="instead of each case's own, for example 0,1,2")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="passed on to learnloop fit")
    parser.add_argument("--out", type=Path, help="results file")
    arguments = parser.parse_args()
    names = arguments.only.split(",")
    strange = [name for name in names if name not in CASES]
    if strange:
        parser.error(f"--only: {', '.join(strange)} not among {', '.join(CASES)}")
    here, found, failed = machine(), {}, 0
    rows: list[list[object]] = []
    for name in names:
        case = CASES[name]
        seeds = [int(seed) for seed in arguments.seeds.split(",")] if arguments.seeds else list(case.seeds)
        runs = []
        for seed in seeds:
            say(f"{case.title}, seed {seed}")
            runs.append(one_run(case, seed, arguments.set))
            if "failed" in runs[-1]:
                failed += 1
                say(runs[-1]["failed"])
        lines = judge(case, runs)
        found[name] = {
            "title": case.title,
            "command": ["learnloop", "fit", *case.arguments(arguments.set)],
            "runs": runs,
            "goals": lines,
        }
        for line in lines:
            shown = " ".join(number(value) for value in line["values"])
            rival = "" if line["boosting"] is None else number(line["boosting"])
            median = "-" if line["median"] is None else number(line["median"])
            rows.append([case.title, line["goal"], median, shown, rival, yes(line["met"])])
    print(table(["case", "goal", "median", "each seed", "HistGradientBoosting", "met"], rows))
    say(f"written: {write_results('quality', {'machine': here, 'cases': found}, arguments.out)}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
