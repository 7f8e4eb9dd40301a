"""Milliseconds a step of learnloop's loop beside hand-written PyTorch and other libraries, all in one run.

    python benchmarks/loop.py --venvs DIR --rounds 5

Every contestant is a process of its own in an environment of its own (README.md says how to make them), started anew in
every round: A B C ... A B C ..., so that a change of the machine's mood meets all. A round's figure is the median over
its passes (rivals/work.py); the figure is the median of the rounds, the spread their least and most. Ratios are taken
round by round and their median is given. `quiet` runs come first, then `busy` ones beside one other process that spins.
Without --venvs only learnloop and the hand-written loops run. The pictures of 32x32x3 (cnn3, resnet18) are for a few
contestants on a quiet machine; --loads and --contestants ask for others.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared import HERE, machine, others, run, say, table, write_results, yes

CASES = ("mlp", "cnn", "cnn3", "resnet18")
PICTURES = ("cnn3", "resnet18")
LOADS = ("quiet", "busy")


@dataclass(frozen=True)
class Contestant:
    """venv: folder under --venvs, empty for this environment. busy, pictures: takes part unasked beside a busy
    process, and in the cases PICTURES.
    """

    title: str
    script: str
    venv: str = ""
    options: tuple[str, ...] = ()
    busy: bool = True
    pictures: bool = False


CONTESTANTS = {
    "learnloop": Contestant(
        "learnloop, journal and progress", "learnloop_fit.py", options=("--watchers",), pictures=True
    ),
    "same-plan": Contestant("hand-written PyTorch, same Plan", "torch_loop.py"),
    "learnloop-bare": Contestant("learnloop, no watchers", "learnloop_fit.py"),
    "plain": Contestant("hand-written PyTorch, plain", "torch_loop.py", pictures=True),
    "keras-jax": Contestant("Keras on JAX", "keras_fit.py", "keras", ("--backend", "jax"), pictures=True),
    "keras-torch": Contestant("Keras on torch", "keras_fit.py", "keras", ("--backend", "torch")),
    "lightning": Contestant("Lightning", "lightning_trainer.py", "lightning", busy=False),
    "skorch": Contestant("skorch", "skorch_net.py", "skorch", busy=False),
    "fastai": Contestant("fastai", "fastai_learner.py", "fastai", busy=False, pictures=True),
    "hf": Contestant("Hugging Face Trainer", "hf_trainer.py", "hf", busy=False),
}
"""In the order in which they run: learnloop next to the loop that it is held against."""


@dataclass(frozen=True)
class Target:
    """`other` takes at least `least` times (or learnloop at most 1 / `least` times) as long. `aim`: not a must."""

    case: str
    load: str
    other: str
    least: float
    aim: bool = False


TARGETS = (
    Target("mlp", "quiet", "same-plan", 1 / 1.03),
    Target("cnn", "quiet", "same-plan", 1 / 1.03),
    Target("cnn", "quiet", "plain", 2),
    Target("cnn", "quiet", "keras-jax", 4),
    Target("cnn", "quiet", "keras-torch", 4),
    Target("mlp", "quiet", "keras-torch", 5),
    Target("mlp", "quiet", "keras-jax", 1, aim=True),
    Target("cnn", "busy", "plain", 3),
    *(Target(case, "quiet", other, 2) for case in PICTURES for other in ("plain", "keras-jax", "fastai")),
)


class Course:
    """One case under one load: the rounds of every contestant, and why some gave no figure."""

    def __init__(self, case: str, load: str) -> None:
        self.case = case
        self.load = load
        self.rounds: dict[str, list[dict[str, Any]]] = {}
        self.failed: dict[str, str] = {}
        self.others: list[int] = []

    def milliseconds(self, name: str) -> list[float]:
        return [line["ms"] for line in self.rounds.get(name, [])]

    def ratio(self, name: str, base: str = "learnloop") -> tuple[float, float, float] | None:
        """(median, least, most) over the rounds of time(name) / time(base)."""
        pairs = list(zip(self.milliseconds(name), self.milliseconds(base)))
        if not pairs:
            return None
        ratios = [mine / theirs for mine, theirs in pairs]
        return statistics.median(ratios), min(ratios), max(ratios)

    def to_json(self) -> dict[str, Any]:
        found = {}
        for name, lines in self.rounds.items():
            ms = self.milliseconds(name)
            found[name] = {
                "title": CONTESTANTS[name].title,
                "version": lines[0]["version"],
                "ms": statistics.median(ms),
                "rows_s": statistics.median(line["rows_s"] for line in lines),
                "rounds_ms": ms,
                "passes_ms": [line["passes_ms"] for line in lines],
                "times_learnloop": self.ratio(name),
                "plan": [line["line"] for line in lines if "line" in line],
                "accuracy": [line["accuracy"] for line in lines],
            }
        return {
            "case": self.case, "load": self.load, "others_before_each_round": self.others,
            "contestants": found, "failed": self.failed,
        }  # fmt: skip


@contextmanager
def busy_process(load: str) -> Iterator[None]:
    """One process beside that wants a whole processor, pinned nowhere."""
    if load == "quiet":
        yield
        return
    spinner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        spinner.kill()
        spinner.wait()


def python_of(contestant: Contestant, venvs: Path | None) -> str | None:
    """Its interpreter; None where there is none."""
    if not contestant.venv:
        return sys.executable
    if venvs is None:
        return None
    python = venvs / contestant.venv / "bin" / "python"
    return str(python) if python.exists() else None


def take_part(
    course: Course, name: str, python: str, arguments: argparse.Namespace, env: Mapping[str, str], plan: str
) -> None:
    """One contestant, one round. A failure is a result too, and ends its part in this course."""
    contestant = CONTESTANTS[name]
    command = [python, str(HERE / "rivals" / contestant.script), "--case", course.case, *contestant.options]
    command += ["--steps", str(arguments.steps), "--passes", str(arguments.passes)]
    if name == "same-plan":
        command += ["--plan", plan]
    ran = run(command, env=env, timeout=arguments.timeout)
    try:
        if ran.code:
            raise ValueError(_reason(ran.stderr) or f"exit code {ran.code}")
        course.rounds.setdefault(name, []).append(ran.last_json())
    except ValueError as problem:
        course.failed[name] = str(problem)
        say(f"    {contestant.title}: {problem}")


def _reason(stderr: str) -> str:
    """The last line of a traceback, which names the error; "" without any text."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if "Error" in line.partition(":")[0]]
    return (errors or lines or [""])[-1][:300]


def run_course(course: Course, names: Sequence[str], arguments: argparse.Namespace, env: Mapping[str, str]) -> None:
    """All rounds."""
    for number in range(arguments.rounds):
        course.others.append(others())
        say(f"{course.case}, {course.load}, round {number + 1} of {arguments.rounds}; others: {course.others[-1]}")
        with busy_process(course.load):
            for name in names:
                python = python_of(CONTESTANTS[name], arguments.venvs)
                if name in course.failed or python is None:
                    continue
                mine = course.rounds.get("learnloop") or course.rounds.get("learnloop-bare")
                if name == "same-plan" and not mine:
                    course.failed[name] = "learnloop gave no Plan"
                    continue
                take_part(course, name, python, arguments, env, json.dumps(mine[-1]["plan"]) if mine else "")


def results_table(course: Course) -> str:
    """A row for each contestant that gave figures, the reason for each that did not."""
    base = "learnloop" if course.milliseconds("learnloop") else "learnloop-bare"
    rows: list[list[object]] = []
    for name in CONTESTANTS:
        ms = course.milliseconds(name)
        if ms:
            ratio = course.ratio(name, base)
            shown = "" if ratio is None else f"{ratio[0]:.3f} ({ratio[1]:.3f} to {ratio[2]:.3f})"
            title, version = CONTESTANTS[name].title, course.rounds[name][0]["version"]
            spread = f"{min(ms):.4g} to {max(ms):.4g}"
            speed = f"{statistics.median(line['rows_s'] for line in course.rounds[name]):,.0f}"
            rows.append([title, f"{statistics.median(ms):.4g}", spread, speed, shown, version])
        elif name in course.failed:
            rows.append([CONTESTANTS[name].title, "-", "-", "-", "-", course.failed[name]])
    unit = "rows a second" if course.case == "mlp" else "images a second"
    return table(["", "ms a step", "rounds", unit, f"times {base}", "version, or why not"], rows)


def judge(courses: Sequence[Course]) -> list[dict[str, Any]]:
    """The targets that this run can speak about."""
    found = []
    for target in TARGETS:
        for course in courses:
            ratio = course.ratio(target.other) if (course.case, course.load) == (target.case, target.load) else None
            if ratio is None:
                continue
            if target.least < 1:
                text = f"learnloop at most {1 / target.least:.2f} times {target.other}"
                value, met = 1 / ratio[0], ratio[0] >= target.least
            else:
                text = f"{target.other} at least {target.least:g} times learnloop"
                value, met = ratio[0], ratio[0] >= target.least
            aim = " (aim)" if target.aim else ""
            found.append(
                {"target": f"{course.case}, {course.load}: {text}{aim}", "measured": round(value, 3), "met": met}
            )
    return found


def contestants_of(case: str, load: str, asked: Sequence[str]) -> list[str]:
    """Who takes part in one course: those that were asked for, else all that are meant for it."""
    if asked:
        return [name for name in CONTESTANTS if name in asked]
    return [
        name
        for name, contestant in CONTESTANTS.items()
        if (load == "quiet" or contestant.busy) and (case not in PICTURES or contestant.pictures)
    ]


def plan_courses(cases: Sequence[str], loads: Sequence[str], asked: Sequence[str]) -> list[tuple[str, str, list[str]]]:
    """(case, load, contestants) in the order in which they run; loads empty: quiet, and busy but for PICTURES."""
    return [
        (case, load, contestants_of(case, load, asked))
        for load in LOADS
        for case in CASES
        if case in cases and (load in loads if loads else load == "quiet" or case not in PICTURES)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venvs", type=Path, help="folder of the rivals' environments; without it they are left out")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--loads", default="", help=f"{', '.join(LOADS)}, or both; else what suits each case")
    parser.add_argument("--contestants", default="", help=f"{', '.join(CONTESTANTS)}; else those meant for each case")
    parser.add_argument("--steps", type=int, default=0, help="batches in a pass; 0: the case's own (rivals/work.py)")
    parser.add_argument("--passes", type=int, default=0, help="passes in a round; 0: the case's own")
    parser.add_argument("--timeout", type=float, default=900, help="seconds for one contestant in one round")
    parser.add_argument("--out", type=Path, help="results file")
    arguments = parser.parse_args()
    known_names = {"cases": CASES, "loads": LOADS, "contestants": tuple(CONTESTANTS)}
    asked = {key: [name for name in getattr(arguments, key).split(",") if name] for key in known_names}
    for key, known in known_names.items():
        strange = [name for name in asked[key] if name not in known]
        if strange:
            parser.error(f"--{key}: {', '.join(strange)} not among {', '.join(known)}")
    if arguments.venvs is not None and not arguments.venvs.is_dir():
        parser.error(f"--venvs: {arguments.venvs} is not a folder")
    courses = []
    here = machine()
    if here["others"] > 0:
        say(f"NOTE: {here['others']} other threads want a processor: this machine is not quiet")
    for case, load, names in plan_courses(asked["cases"], asked["loads"], asked["contestants"]):
        course = Course(case, load)
        courses.append(course)
        # a home of its own: the Plan is measured in the first round under this load, then remembered
        with tempfile.TemporaryDirectory() as home:
            run_course(course, names, arguments, {"LEARNLOOP_HOME": home})
        print(f"\n### {case}, {load}\n\n{results_table(course)}", flush=True)
    targets = judge(courses)
    if targets:
        rows = [[line["target"], line["measured"], yes(line["met"])] for line in targets]
        print(f"\n### targets\n\n{table(['target', 'measured', 'met'], rows)}")
    found = {"machine": here, "rounds": arguments.rounds, "courses": [c.to_json() for c in courses], "targets": targets}
    say(f"written: {write_results('loop', found, arguments.out)}")
    return 0 if any(course.rounds for course in courses) else 1


if __name__ == "__main__":
    raise SystemExit(main())
