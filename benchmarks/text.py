"""What the real command reaches on texts: rt-polarity and SMS spam by folds, IMDB on its official split.

    LEARNLOOP_DATA=DIR python benchmarks/text.py [--only rt,imdb,sms] [--seeds 0,1,2] [--folds 3] [--set KEY=VALUE]

rt-polarity (10,662 sentences, 10 folds) and SMS spam (5,574 messages, 5 folds with the same share of spam): rows are
dealt into folds by the seed; each fold in turn is the test part of one `learnloop fit ... --json`, the other rows are
what it may learn from, its own validation part included. The figure of a seed is the mean over its folds. IMDB: 25,000
reviews to learn from, 25,000 to be judged by, one command a seed with a limit in minutes. The figure of a case is the
median over the seeds. No pretrained vectors, an empty LEARNLOOP_HOME for each command.

Rivals are the baselines that the command itself fits: TF-IDF with logistic regression, and NB-SVM.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from shared import learnloop, machine, run, say, table, write_results, yes

from learnloop.data.read import read


@dataclass(frozen=True)
class Case:
    """source: a name of the catalog; folds: 0 for the official split; limits: arguments of `learnloop fit`.

    least, aim  what the metric must reach, and what is hoped for;  seconds  that one whole command may take
    """

    title: str
    source: str
    metric: str
    least: float
    aim: float
    folds: int = 0
    limits: tuple[str, ...] = ()
    seconds: float | None = None


CASES = {
    "rt": Case("rt-polarity, 10 folds", "rt_polarity", "accuracy", 0.783, 0.80, folds=10),
    "imdb": Case(
        "IMDB, official split", "imdb", "accuracy", 0.915, 0.925, limits=("--minutes", "5.8"), seconds=360
    ),
    "sms": Case("SMS spam, 5 folds, F1 of spam", "sms_spam", "f1", 0.96, 0.98, folds=5),
}  # fmt: skip


def folds_of(labels: Sequence[object], folds: int, seed: int) -> np.ndarray:
    """int [rows]: the fold of each row. Every class is dealt out by itself, so that all folds have its share of it."""
    order = np.random.default_rng(seed).permutation(len(labels))
    codes = pd.factorize(np.asarray(labels, object)[order], sort=True)[0]
    by_class = order[np.argsort(codes, kind="stable")]
    fold = np.empty(len(labels), np.int64)
    fold[by_class] = np.arange(len(labels)) % folds
    return fold


def one_command(arguments: Sequence[str], seed: int, seconds: float | None) -> dict[str, Any]:
    """Test figures of the network and its baselines, and what it took."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [*learnloop(), "fit", *arguments, "--seed", str(seed), "--out", str(out), "--json"]
        ran = run(command, env={"LEARNLOOP_HOME": str(Path(folder) / "home")}, timeout=10 * (seconds or 360))
        if ran.code:
            return {"seed": seed, "failed": f"exit code {ran.code}: {ran.stderr[-1500:]}"}
        result = ran.last_json()
        report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return {
        "seed": seed,
        "test": result["metrics"]["test"],
        "baselines": {rival["name"]: rival["metrics"] for rival in report["baselines"]},
        "model": result["model"],
        "steps": result["steps"],
        "plan": report["training"]["plan"],
        "wall_s": round(ran.wall, 2),
        "cpu_s": round(ran.cpu, 2),
        "peak_mb": round(ran.peak / 1e6),
    }


def commands_of(case: Case, seed: int, most: int | None, folder: Path) -> list[list[str]]:
    """The arguments of each command: one, or one a fold, each with a file of its own."""
    if not case.folds:
        return [[case.source, *case.limits]]
    data = read(case.source)
    target = data.schema.targets[0].name
    frame = data.frame[[field.name for field in (*data.schema.inputs, *data.schema.targets)]]
    fold, found = folds_of(frame[target].tolist(), case.folds, seed), []
    for number in range(case.folds)[:most]:
        path = folder / f"{case.source}-{seed}-{number}.csv"
        frame.assign(split=np.where(fold == number, "test", "train")).to_csv(path, index=False)
        found.append([str(path), "--target", target, *case.limits])
    return found


def one_seed(case: Case, seed: int, most: int | None, more: Sequence[str]) -> list[dict[str, Any]]:
    """All commands of a seed, one after the other."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for number, arguments in enumerate(commands_of(case, seed, most, Path(folder)), start=1):
            found.append(one_command([*arguments, *more], seed, case.seconds))
            last = found[-1]
            shown = last.get("failed") or f"{case.metric} {last['test'][case.metric]:.4f}, {last['wall_s']:.0f} s"
            say(f"{case.title}, seed {seed}, command {number}: {shown}")
    return found


def judge(case: Case, seeds: Sequence[Sequence[dict[str, Any]]]) -> dict[str, Any]:
    """Means over the commands of each seed, and their median; the same of the baselines."""
    good = [[one for one in runs if "failed" not in one] for runs in seeds]
    whole = [runs for runs in good if runs]
    values = [statistics.fmean(one["test"][case.metric] for one in runs) for runs in whole]
    names = sorted({name for runs in whole for one in runs for name in one["baselines"]})
    rivals = {
        name: statistics.median(
            statistics.fmean(one["baselines"].get(name, {}).get(case.metric, float("nan")) for one in runs)
            for runs in whole
        )
        for name in names
    }
    walls = [one["wall_s"] for runs in whole for one in runs]
    median = statistics.median(values) if values else None
    return {
        "metric": case.metric,
        "median": median,
        "values": values,
        "least": case.least,
        "aim": case.aim,
        "met": None if median is None else median >= case.least,
        "aim_met": None if median is None else median >= case.aim,
        "baselines": rivals,
        "seconds_a_command": statistics.median(walls) if walls else None,
        "in_time": None if case.seconds is None or not walls else statistics.median(walls) <= case.seconds,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(CASES), help=", ".join(CASES))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--folds", type=int, help="only the first ones, for a quick look")
    parser.add_argument("--model", help="passed on to learnloop fit")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="passed on to learnloop fit")
    parser.add_argument("--out", type=Path, help="results file")
    arguments = parser.parse_args()
    names = arguments.only.split(",")
    strange = [name for name in names if name not in CASES]
    if strange:
        parser.error(f"--only: {', '.join(strange)} not among {', '.join(CASES)}")
    more = [part for setting in arguments.set for part in ("--set", setting)]
    more += ["--model", arguments.model] if arguments.model else []
    here, found, rows, failed = machine(), {}, list[list[object]](), 0
    for name in names:
        case = CASES[name]
        seeds = [one_seed(case, int(seed), arguments.folds, more) for seed in arguments.seeds.split(",")]
        failed += sum("failed" in one for runs in seeds for one in runs)
        verdict = judge(case, seeds)
        found[name] = {"title": case.title, "more": more, "folds": arguments.folds, "runs": seeds, **verdict}
        if verdict["median"] is None:
            continue
        rivals = ", ".join(f"{rival} {value:.4f}" for rival, value in verdict["baselines"].items())
        shown = " ".join(f"{value:.4f}" for value in verdict["values"])
        must = f"{case.metric} at least {case.least:g}"
        seconds = f"{verdict['seconds_a_command']:.0f}"
        rows.append([case.title, must, f"{verdict['median']:.4f}", shown, rivals, seconds, yes(verdict["met"])])
    print(table(["case", "goal", "median", "each seed", "baselines", "seconds a command", "met"], rows))
    say(f"written: {write_results('text', {'machine': here, 'cases': found}, arguments.out)}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
