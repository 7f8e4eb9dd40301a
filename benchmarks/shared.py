"""What the benchmark scripts share: run a command and measure it, describe the machine, write results."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"

STEERING = (
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "GOMP_SPINCOUNT", "OMP_WAIT_POLICY",
    "KMP_BLOCKTIME", "OMP_PROC_BIND", "LEARNLOOP_WAIT", "XLA_FLAGS", "KERAS_BACKEND",
)  # fmt: skip
"""Variables that change threads or waiting: no contestant inherits them, each runs as shipped."""


@dataclass(frozen=True)
class Ran:
    """A command that has ended. wall, cpu: seconds (cpu: user + system, children included); peak: bytes of the
    largest resident set of it or one of its children.
    """

    code: int
    wall: float
    cpu: float
    peak: int
    stdout: str
    stderr: str

    def last_json(self) -> dict[str, Any]:
        """The last line of stdout that is a JSON object. Raises ValueError with the end of stderr without one."""
        for line in reversed(self.stdout.splitlines()):
            if line.startswith("{"):
                found: dict[str, Any] = json.loads(line)
                return found
        raise ValueError(f"exit code {self.code}, no JSON on stdout\n{self.stderr[-2000:]}")


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what steers threads, and `extra`."""
    kept = {name: value for name, value in os.environ.items() if name not in STEERING}
    return {**kept, **(extra or {})}


def run(command: Sequence[str], *, env: Mapping[str, str] | None = None, timeout: float = 3600) -> Ran:
    """Run a command to its end and measure it; killed after `timeout` seconds (code -9).

    Linux counts into a child's peak what its parent held when it was started: keep the calling process small.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        child = subprocess.Popen(list(command), stdout=out, stderr=err, env=environment(env))
        timer = threading.Timer(timeout, child.kill)
        timer.start()
        # wait4 gives the resources of this child alone; subprocess gives those of all children so far
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        timer.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        text, errors = out.read().decode(errors="replace"), err.read().decode(errors="replace")
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes on macOS, kibibytes on Linux
    cpu = used.ru_utime + used.ru_stime
    return Ran(child.returncode, wall, cpu, used.ru_maxrss * unit, text, errors)


def learnloop() -> list[str]:
    """The command of the environment that runs this script."""
    script = Path(sys.executable).parent / "learnloop"
    return [str(script)] if script.exists() else [sys.executable, "-m", "learnloop"]


def others() -> int:
    """Threads that want a processor right now, this one not counted; -1 where that is unknown."""
    looks = []
    for _ in range(9):
        try:
            looks.append(int(Path("/proc/loadavg").read_text().split()[3].partition("/")[0]) - 1)
        except (OSError, IndexError, ValueError):
            return -1
        time.sleep(0.02)
    return max(0, int(statistics.median(looks)))


def machine() -> dict[str, Any]:
    """What figures depend on. `others`: other threads that were running; above 0 the machine was not quiet."""
    name = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cpu": name,
        "cores": cores,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "others": others(),
    }


def write_results(name: str, found: Mapping[str, Any], out: Path | None) -> Path:
    """`results/NAME-DATE.json`, or `out`."""
    path = out or RESULTS / f"{name}-{date.today().isoformat()}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"date": date.today().isoformat(), **found}, indent=1) + "\n", encoding="utf-8")
    return path


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def say(text: str) -> None:
    """Progress, to stderr: stdout holds results."""
    print(text, file=sys.stderr, flush=True)


def yes(met: bool | None) -> str:
    """A verdict as a word."""
    return "-" if met is None else "yes" if met else "NO"
