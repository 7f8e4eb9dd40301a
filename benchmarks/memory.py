"""Peak memory of a fit on a large CSV: must stay under 4 GB for 2 million rows of 20 columns.

    python benchmarks/memory.py [--rows 2000000] [--minutes 3 | --steps N] [--model tabular] [--keep FOLDER]

The file is written into a temporary folder by a process of its own (a child's peak counts what its parent held when
it was started). Columns: 13 numbers, 2 of them with missing cells, 2 integers, 4 categories of 3 to 1,000 values, and a
binary target that depends on them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from shared import learnloop, machine, run, say, table, write_results, yes

LIMIT = 4_000_000_000
"""Bytes."""
_CHUNK = 100_000


def write_csv(path: Path, rows: int, seed: int = 0) -> None:
    """The file, chunk by chunk."""
    import numpy as np
    import pandas as pd

    stream = np.random.default_rng(seed)
    sizes = {"shape": 3, "region": 12, "shop": 150, "article": 1000}
    pulls = {name: stream.normal(0, 0.7, size) for name, size in sizes.items()}
    for start in range(0, rows, _CHUNK):
        count = min(_CHUNK, rows - start)
        numbers = stream.normal(size=(count, 13))
        score = numbers[:, 0] - 0.8 * numbers[:, 1] * numbers[:, 2] + 0.5 * np.sin(3 * numbers[:, 3])
        columns = {f"n{i:02d}": np.round(numbers[:, i], 4) for i in range(13)}
        for name in ("n05", "n09"):
            columns[name][stream.random(count) < 0.05] = np.nan
        columns["visits"] = stream.poisson(40, count)
        columns["price"] = stream.integers(100, 100_000, count)
        for name, size in sizes.items():
            codes = stream.integers(0, size, count)
            score = score + pulls[name][codes]
            columns[name] = np.char.add(f"{name}_", codes.astype(str))
        columns["y"] = np.where(score + stream.logistic(size=count) > 0, "yes", "no")
        pd.DataFrame(columns).to_csv(path, mode="a", header=start == 0, index=False)


def measure(path: Path, folder: Path, options: list[str]) -> dict[str, Any]:
    """Peak, wall time and test figures of `learnloop fit` on the file."""
    fixed = [*learnloop(), "fit", str(path), "--target", "y", "--json", "--out", str(folder / "run"), "--overwrite"]
    ran = run([*fixed, *options], env={"LEARNLOOP_HOME": str(folder / "home")}, timeout=7200)
    if ran.code:
        raise SystemExit(f"the fit ended with code {ran.code}\n{ran.stderr[-3000:]}")
    result = ran.last_json()
    test = result["metrics"]["test"]
    return {
        "command": " ".join(["learnloop", "fit", path.name, "--target", "y", *options]),
        "bytes": path.stat().st_size,
        "peak": ran.peak,
        "wall_s": round(ran.wall, 1),
        "cpu_s": round(ran.cpu, 1),
        "steps": result["steps"],
        "model": result["model"],
        "test": {name: test[name] for name in ("accuracy", "roc_auc")},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--steps", type=int, help="instead of --minutes: then the baselines take what they want")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="passed on to learnloop fit")
    parser.add_argument("--model", help="default: learnloop's own choice")
    parser.add_argument("--keep", type=Path, help="folder for the CSV and the run; an existing CSV is used again")
    parser.add_argument("--out", type=Path, help="results file")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        write_csv(arguments.write, arguments.rows)
        return 0
    options = ["--steps", str(arguments.steps)] if arguments.steps else ["--minutes", f"{arguments.minutes:g}"]
    options += [part for value in arguments.set for part in ("--set", value)]
    options += ["--model", arguments.model] if arguments.model else []
    here = machine()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"rows{arguments.rows}.csv"
        if not path.exists():
            say(f"writing {arguments.rows:,} rows")
            part = path.with_suffix(".part")
            part.unlink(missing_ok=True)
            wrote = run([sys.executable, __file__, "--rows", str(arguments.rows), "--write", str(part)])
            if wrote.code:
                raise SystemExit(wrote.stderr)
            part.rename(path)
        found = measure(path, folder, options)
    met = found["peak"] < LIMIT
    where = write_results("memory", {"rows": arguments.rows, "machine": here, "met": met, **found}, arguments.out)
    peak = f"{found['peak'] / 1e9:.2f} GB"
    head = ["rows", "file", "model", "peak", "under 4 GB", "whole command", "steps", "test"]
    size = f"{found['bytes'] / 1e6:.1f} MB"
    cells = [f"{arguments.rows:,}", size, found["model"], peak, yes(met), f"{found['wall_s']} s"]
    print(table(head, [[*cells, found["steps"], found["test"]]]))
    say(f"written: {where}")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
