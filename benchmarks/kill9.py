"""Kill a fit with SIGKILL at random moments, resume it, and compare the final weights with an undisturbed run.

    python benchmarks/kill9.py --kills 100 [--data digits] [--model mlp] [--seed 0]

Each kill hits a process of its own (forked from one that has imported learnloop, so that a kill costs a second and not
six). A run is killed and resumed until `--kills` kills have hit; each run that ends is compared bit for bit: weights
and the rows of metrics.jsonl (their times apart).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("GOMP_SPINCOUNT", "1000")

from learnloop.verbs.fit import fit

SETTINGS = {
    "train.checkpoint_seconds": 0.05,
    "report.baselines": False,
    "report.html": False,
    "plan.name": "auto",
    "plan.threads": 1,
    "watch.progress": "off",
}


def in_child(out: Path, arguments: argparse.Namespace) -> int:
    """Start or resume the fit in a forked child; returns its process id."""
    child = os.fork()
    if child:
        return child
    sys.stderr = open(out.parent / f"{out.name}.log", "a")  # noqa: SIM115
    status = 1
    try:
        if (out / "recipe.yaml").exists():
            fit(resume=out)
        else:
            shutil.rmtree(out, ignore_errors=True)
            fit(
                arguments.data,
                model=arguments.model,
                epochs=arguments.epochs,
                seed=arguments.seed,
                out=out,
                set=SETTINGS,
            )
        status = 0
    finally:
        sys.stderr.flush()
        os._exit(status)


def outcome(out: Path) -> tuple[bytes, list[dict[str, object]]]:
    """What must be equal: the weights, and every logged row without its time."""
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    for row in rows:
        row.pop("seconds")
    return (out / "bundle" / "model.safetensors").read_bytes(), rows


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--data", default="digits")
    parser.add_argument("--model", default="mlp")
    parser.add_argument("--epochs", type=float, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["LEARNLOOP_HOME"] = str(folder / "home")
        began = time.monotonic()
        os.waitpid(in_child(folder / "whole", arguments), 0)
        length = time.monotonic() - began
        expected = outcome(folder / "whole")
        kills = runs = resumed_from_start = 0
        while kills < arguments.kills:
            out = folder / f"run{runs}"
            while True:
                child = in_child(out, arguments)
                pause = chance.uniform(0.05, length * 1.1)
                deadline = time.monotonic() + pause
                done = 0
                while not done and time.monotonic() < deadline:
                    done, status = os.waitpid(child, os.WNOHANG)
                    time.sleep(0.005)
                if done:
                    if status != 0:
                        print((folder / f"{out.name}.log").read_text()[-3000:])
                        return 1
                    break
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                kills += 1
                resumed_from_start += not (out / "recipe.yaml").exists()
            runs += 1
            if outcome(out) != expected:
                print(f"run {runs} differs after {kills} kills")
                return 1
            shutil.rmtree(out)
        print(
            f"{kills} kills in {runs} runs of {length:.1f} s ({resumed_from_start} before the run had begun): "
            "every resumed run ended with the same bits"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
