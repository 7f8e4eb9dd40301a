"""The real program in a process of its own: what it imports, how fast it starts, pipes."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "numpy", "pandas", "pydantic", "sklearn", "matplotlib", "PIL", "yaml", "rich")
# typer itself loads pydantic for the options of one command
OURS = ("torch", "numpy", "pandas", "sklearn", "matplotlib", "PIL", "yaml", "rich")
PROBE = """
import sys
code = 0
try:
    {}
except SystemExit as stop:
    code = stop.code or 0
print([name for name in {} if name in sys.modules], code, file=sys.stderr)
"""


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("statement", "barred"),
    [
        ("from learnloop.cli.main import main; main(['--help'])", HEAVY),
        ("from learnloop.cli.main import main; main(['--version'])", HEAVY),
        ("from learnloop.cli.main import main; main(['fit', '--help'])", OURS),
        ("import learnloop; learnloop.__version__; dir(learnloop)", HEAVY),
    ],
)
def test_light_commands_import_nothing_heavy(statement: str, barred: tuple[str, ...]) -> None:
    done = python(PROBE.format(statement, barred))
    assert done.stderr.strip() == "[] 0"


def test_help_lists_the_commands_and_costs_little() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-m", "learnloop", "--help"], capture_output=True, text=True, timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert done.returncode == 0 and done.stderr == ""
    commands = done.stdout.split("Commands:")[1].split("\n")
    assert [line.split()[0] for line in commands if line.strip()] == [
        "fit", "inspect", "evaluate", "predict", "generate", "report", "compare", "runs", "explain", "models", "tasks",
        "data",
    ]  # fmt: skip
    assert used < 0.3, "seconds of processor time: something heavy is imported"


def test_the_wait_of_openmp_is_bounded_before_torch_is_imported() -> None:
    clean = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    code = (
        "import os, sys, learnloop; spins = os.environ.get('GOMP_SPINCOUNT'); "
        "assert 'torch' not in sys.modules; print(spins)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=clean, timeout=60)
    assert done.stdout.strip() == "1000", done.stderr


def test_a_reader_who_leaves_early_is_no_error() -> None:
    code = "import sys; from learnloop.cli.main import main; main(['data'])"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    err = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(timeout=60) == 0 and err == ""


def test_one_command_from_data_to_figures(tmp_path: Path, own_home: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "learnloop",
        "fit",
        "iris",
        "--model",
        "linear",
        "--epochs",
        "3",
        "--json",
    ]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "run"), "--set", "plan=plain"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["run"] == str(tmp_path / "run")
    assert done.stdout.count("\n") == 1 and "task: classify species" in done.stderr
