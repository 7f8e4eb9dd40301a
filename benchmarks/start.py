"""How long it takes until something happens: help, import, a whole small fit; and what an install weighs.

    python benchmarks/start.py [--repeats 5] [--install]

Every figure is the median of `--repeats` fresh processes. The fit has a new, empty LEARNLOOP_HOME each time (no Plan is
remembered); files may be in the operating system's cache. --install makes a virtual environment of its own, installs
this checkout into it with the constraints file, counts packages and bytes, and fits the digits there.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shared import HERE, Ran, learnloop, machine, run, say, table, write_results, yes

HELP_S, FIT_S, PACKAGES, BYTES = 0.3, 8.0, 50, 1_500_000_000
"""What must be reached: seconds, seconds, distributions, bytes."""
SETUP = ("pip", "setuptools", "wheel", "learnloop")
"""Not counted as packages: the installer's own, and we."""


def repeated(name: str, command: Sequence[str], repeats: int, most: float | None = None) -> dict[str, Any]:
    """Median wall and CPU seconds of a command, each time with an empty home."""
    ran = []
    for number in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            filled = [part.replace("RUN", str(Path(folder) / "run")) for part in command]
            ran.append(_ended_well(run(filled, env={"LEARNLOOP_HOME": str(Path(folder) / "home")})))
        say(f"{name}, {number + 1} of {repeats}: {ran[-1].wall:.2f} s")
    wall = statistics.median(one.wall for one in ran)
    return {
        "name": name,
        "wall_s": round(wall, 3),
        "cpu_s": round(statistics.median(one.cpu for one in ran), 3),
        "peak_mb": round(max(one.peak for one in ran) / 1e6),
        "walls_s": [round(one.wall, 3) for one in ran],
        "must": most,
        "met": None if most is None else wall <= most,
    }


def _ended_well(ran: Ran) -> Ran:
    if ran.code:
        raise SystemExit(f"exit code {ran.code}\n{ran.stderr[-3000:]}")
    return ran


def measure_install(folder: Path) -> dict[str, Any]:
    """A fresh environment with the core install: distributions, bytes, and the digits fitted in it."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    root, copy = HERE.parent, folder / "checkout"
    shutil.copytree(root / "src", copy / "src", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(root / name, copy)  # built from a copy: a build leaves folders behind
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    installed = _ended_well(run([*pip, "-c", str(root / "constraints.txt"), str(copy)]))
    listed = _ended_well(run([python, "-m", "pip", "list", "--format", "json", "--disable-pip-version-check"]))
    found = {item["name"].lower(): item["version"] for item in json.loads(listed.stdout)}
    packages = sorted(name for name in found if name not in SETUP)
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    size = sum(path.stat().st_size for path in files if "site-packages" in path.parts)
    command = [str(folder / "bin" / "learnloop"), "fit", "digits", "--out", str(folder / "run"), "--json"]
    fitted = _ended_well(run(command, env={"LEARNLOOP_HOME": str(folder / "home")}))
    return {
        "packages": len(packages),
        "names": packages,
        "bytes": size,
        "torch": found.get("torch"),
        "install_s": round(installed.wall, 1),
        "digits_accuracy": fitted.last_json()["metrics"]["test"]["accuracy"],
        "met": len(packages) <= PACKAGES and size < BYTES,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--install", action="store_true", help="also measure a fresh install (some minutes)")
    parser.add_argument("--no-fit", action="store_true", help="leave out the fit of the digits")
    parser.add_argument("--out", type=Path, help="results file")
    arguments = parser.parse_args()
    here, repeats = machine(), arguments.repeats
    python = sys.executable
    found = [
        repeated("learnloop --help", [*learnloop(), "--help"], repeats, HELP_S),
        repeated("python -c pass", [python, "-c", "pass"], repeats),
        repeated("import learnloop", [python, "-c", "import learnloop"], repeats),
        repeated("import torch", [python, "-c", "import torch"], repeats),
    ]
    if not arguments.no_fit:
        fit = [*learnloop(), "fit", "digits", "--out", "RUN", "--json"]
        found.append(repeated("learnloop fit digits", fit, repeats, FIT_S))
    rows: list[list[object]] = [
        [
            f"`{one['name']}`",
            f"{one['wall_s']:.2f}",
            f"{one['cpu_s']:.2f}",
            one["peak_mb"],
            one["must"] or "",
            yes(one["met"]),
        ]
        for one in found
    ]
    print(table(["command", "wall s", "CPU s", "peak MB", "at most s", "met"], rows))
    install = None
    if arguments.install:
        with tempfile.TemporaryDirectory() as folder:
            install = measure_install(Path(folder) / "venv")
        size = f"{install['bytes'] / 1e9:.2f} GB"
        cells = [install["packages"], size, install["torch"], install["install_s"], yes(install["met"])]
        head = ["packages", "site-packages", "torch", "install s", f"at most {PACKAGES} and {BYTES / 1e9:.1f} GB"]
        print("\n" + table(head, [cells]))
    path = write_results("start", {"machine": here, "commands": found, "install": install}, arguments.out)
    say(f"written: {path}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
