"""The wait of OpenMP's threads and what is read of the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from learnloop.optim import machine

ASK = "import sys, os; {before}; from learnloop.optim.wait import bound_wait; a = bound_wait(); "
TELL = (
    "print(a == bound_wait(), a, os.environ.get('GOMP_SPINCOUNT'), 'numpy' in sys.modules,"
    " 'torch' in sys.modules, sep='|')"
)


def ask(before: str = "pass", **environment: str) -> str:
    names = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "KMP_BLOCKTIME", "LEARNLOOP_WAIT")
    clean = {name: value for name, value in os.environ.items() if name not in names}
    code = ASK.format(before=before) + TELL
    done = subprocess.run(
        [sys.executable, "-c", code], env={**clean, **environment}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_wait_is_bounded_unless_the_user_chose_or_torch_came_first() -> None:
    assert ask() == "True|bounded|1000|False|False"
    assert ask(GOMP_SPINCOUNT="7") == "True|user: GOMP_SPINCOUNT=7|7|False|False"
    assert ask(OMP_WAIT_POLICY="passive") == "True|user: OMP_WAIT_POLICY=passive|None|False|False"
    fake = "import types; sys.modules['torch'] = types.ModuleType('torch')"
    assert ask(fake) == "True|default (torch was imported first)|None|False|True"


def test_a_child_of_ours_inherits_the_bound() -> None:
    assert ask(GOMP_SPINCOUNT="1000", LEARNLOOP_WAIT="1000") == "True|bounded|1000|False|False"


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_quotas_of_both_kinds_of_control_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "affinity", lambda: 8)
    two = write(tmp_path / "two", cpu_dot_max="125000 100000\n")
    assert machine.quota(two) == 1.25 and machine.usable_cores(two) == 2
    free = write(tmp_path / "free", cpu_dot_max="max 100000\n")
    assert machine.quota(free) is None and machine.usable_cores(free) == 8
    one = write(tmp_path / "one", cpu__cpu_dot_cfs_quota_us="50000", cpu__cpu_dot_cfs_period_us="100000")
    assert machine.quota(one) == 0.5 and machine.usable_cores(one) == 1
    none = write(tmp_path / "none", cpu__cpu_dot_cfs_quota_us="-1", cpu__cpu_dot_cfs_period_us="100000")
    assert machine.quota(none) is None
    assert machine.quota(tmp_path / "missing") is None and machine.usable_cores(tmp_path / "missing") == 8


def test_memory_is_cut_to_the_control_group(tmp_path: Path) -> None:
    limited = write(tmp_path / "a", memory_dot_max=str(64 << 20), memory_dot_current=str(24 << 20))
    assert machine.memory(limited) == (64 << 20, 40 << 20)
    total, available = machine.memory(write(tmp_path / "b", memory_dot_max="max"))
    assert total is not None and available is not None and total >= available > 0


def test_flags_and_load_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_PROC", tmp_path)
    for function in (machine._cpu_flags, machine._cpu_name, machine._cpu_bf16):
        function.cache_clear()
    assert machine.other_load() == 0 and machine.memory(tmp_path)[0] is None
    write(tmp_path, cpuinfo="model name : Some CPU\nflags : fpu avx512_bf16\n", loadavg="0.5 0.4 0.3 3/200 77\n")
    for function in (machine._cpu_flags, machine._cpu_name, machine._cpu_bf16):
        function.cache_clear()
    try:
        assert machine.bf16_in_hardware("cpu") and machine.other_load() == 2
        here, with_bf16 = machine.machine(), machine.signature()
        assert (here.cpu, here.bf16, here.to_json()["bf16"]) == ("Some CPU", True, True)
        write(tmp_path, cpuinfo="model name : Some CPU\nflags : fpu avx2\n")
        for function in (machine._cpu_flags, machine._cpu_bf16):
            function.cache_clear()
        assert not machine.bf16_in_hardware("cpu")
        assert machine.signature() != with_bf16 and len(with_bf16) == 12
    finally:
        for function in (machine._cpu_flags, machine._cpu_name, machine._cpu_bf16):
            function.cache_clear()


@pytest.mark.parametrize(("capability", "low"), [((6, 1), ""), ((7, 0), "fp16"), ((7, 5), "fp16"), ((8, 6), "bf16")])
def test_what_a_gpu_computes_follows_its_capability(
    capability: tuple[int, int], low: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: capability)
    assert machine.fp16_in_hardware("cuda:1") == (low == "fp16")
    assert machine.bf16_in_hardware("cuda:1") == (low == "bf16")
    assert not machine.fp16_in_hardware("cpu")


def test_float16_on_the_cpu_is_tried_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.autocast("cpu", dtype=torch.float16):
        expected = torch.mm(torch.ones(1, 1), torch.ones(1, 1)).dtype == torch.float16
    machine.cpu_computes_float16.cache_clear()
    assert machine.cpu_computes_float16() == expected
    machine.cpu_computes_float16.cache_clear()
    monkeypatch.setattr(torch, "mm", lambda a, b: a)  # as a torch that goes on in float32
    try:
        assert not machine.cpu_computes_float16()
    finally:
        machine.cpu_computes_float16.cache_clear()
