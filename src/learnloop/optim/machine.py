"""What this machine is: cores that may be used, memory, bfloat16, float16, GPU. Read from the system, not guessed."""

from __future__ import annotations

import functools
import hashlib
import math
import os
import platform
import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

_CGROUP = Path("/sys/fs/cgroup")
_PROC = Path("/proc")


def affinity() -> int:
    """Logical processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def quota(cgroup: Path = _CGROUP) -> float | None:
    """Processors' worth of time that the control group grants (v2 `cpu.max`, v1 `cpu.cfs_*`); None without a
    limit.
    """
    fields = _words(cgroup / "cpu.max")
    if len(fields) == 2:
        return None if fields[0] == "max" else int(fields[0]) / int(fields[1])
    for folder in (cgroup / "cpu", cgroup / "cpu,cpuacct"):
        share, period = _words(folder / "cpu.cfs_quota_us"), _words(folder / "cpu.cfs_period_us")
        if share and period:
            return int(share[0]) / int(period[0]) if int(share[0]) > 0 else None
    return None


def usable_cores(cgroup: Path = _CGROUP) -> int:
    """Threads that can really run at once: the affinity, at most the control group's quota rounded up, at
    least 1.
    """
    limit = quota(cgroup)
    cores = affinity()
    return cores if limit is None else max(1, min(cores, math.ceil(limit)))


def load() -> float | None:
    """Mean number of runnable processes over the last minute, of the whole machine; None where it is
    unknown.
    """
    try:
        return os.getloadavg()[0]
    except (OSError, AttributeError):
        return None


def other_load(samples: int = 5) -> int:
    """Threads that want a processor right now, this one not counted: the median of a few looks, 0 where
    unknown.
    """
    running = []
    for _ in range(samples):
        words = _words(_PROC / "loadavg")
        if len(words) < 4:
            return 0
        running.append(int(words[3].partition("/")[0]) - 1)
        time.sleep(0.001)
    return max(0, sorted(running)[samples // 2])


def bf16_in_hardware(device: torch.device | str = "cpu") -> bool:
    """Whether this device multiplies bfloat16 in hardware (AVX512_BF16 or AMX on x86, BF16 on ARM, Ampere or
    later).
    """
    kind = torch.device(device).type
    if kind == "cuda":
        return torch.cuda.get_device_capability(torch.device(device))[0] >= 8
    return kind == "cpu" and _cpu_bf16()


def fp16_in_hardware(device: torch.device | str = "cpu") -> bool:
    """Whether float16 is the low precision of this device: a GPU of compute capability 7.0 to 7.x (Volta, Turing).

    Before it there are no tensor cores (Pascal), after it there is bfloat16, which needs no loss scaling (Ampere).
    """
    device = torch.device(device)
    return device.type == "cuda" and torch.cuda.get_device_capability(device)[0] == 7


@functools.cache
def cpu_computes_float16() -> bool:
    """Whether torch's autocast on the CPU takes float16: tried on one product, since older ones warn and go on in
    float32.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with torch.autocast("cpu", dtype=torch.float16):
                return torch.mm(torch.ones(1, 1), torch.ones(1, 1)).dtype == torch.float16
        except RuntimeError:
            return False


@functools.cache
def _cpu_bf16() -> bool:
    # "bf16" alone is the flag's name on ARM (Features), the others are those of x86 (flags)
    return bool(_cpu_flags() & {"avx512_bf16", "amx_bf16", "bf16"})


@functools.cache
def _cpu_flags() -> frozenset[str]:
    for line in _text(_PROC / "cpuinfo").splitlines():
        name, _, rest = line.partition(":")
        if name.strip().lower() in ("flags", "features"):
            return frozenset(rest.split())
    return frozenset()


@functools.cache
def _cpu_name() -> str:
    for line in _text(_PROC / "cpuinfo").splitlines():
        name, _, rest = line.partition(":")
        if name.strip().lower() == "model name":
            return rest.strip()
    return platform.processor() or platform.machine()


def memory(cgroup: Path = _CGROUP) -> tuple[int | None, int | None]:
    """(total, available) bytes of main memory, both cut to the control group's limit; None where unknown."""
    sizes: dict[str, int] = {}
    for line in _text(_PROC / "meminfo").splitlines():
        name, _, rest = line.partition(":")
        if name in ("MemTotal", "MemAvailable"):
            sizes[name] = int(rest.split()[0]) * 1024
    total, available = sizes.get("MemTotal"), sizes.get("MemAvailable")
    pairs = (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    )
    for limit_name, used_name in pairs:
        limit, used = _words(cgroup / limit_name), _words(cgroup / used_name)
        if limit and limit[0] != "max" and (total is None or int(limit[0]) < total):
            total = int(limit[0])
            room = total - int(used[0]) if used else total
            available = room if available is None else min(available, max(room, 0))
    return total, available


@dataclass(frozen=True)
class Machine:
    """A machine as a Plan depends on it.

    cores   threads that can run at once (affinity and quota)   cpu  its name   bf16  bfloat16 in the CPU's
    hardware
    gpu     the first GPU's name or ""                           gpu_bytes  its memory
    gpu_bf16  bfloat16 in the GPU's hardware                      memory_bytes  main memory or None
    gpu_fp16  the GPU has tensor cores for float16 and none for bfloat16
    """

    cpu: str
    cores: int
    bf16: bool
    memory_bytes: int | None
    gpu: str = ""
    gpu_bytes: int = 0
    gpu_bf16: bool = False
    gpu_fp16: bool = False

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def machine() -> Machine:
    """This machine, now."""
    gpu = torch.cuda.is_available()
    properties = torch.cuda.get_device_properties(0) if gpu else None
    return Machine(
        cpu=_cpu_name(),
        cores=usable_cores(),
        bf16=bf16_in_hardware("cpu"),
        memory_bytes=memory()[0],
        gpu=properties.name if properties else "",
        gpu_bytes=int(properties.total_memory) if properties else 0,
        gpu_bf16=gpu and bf16_in_hardware("cuda"),
        gpu_fp16=gpu and fp16_in_hardware("cuda"),
    )


def signature() -> str:
    """Twelve hex digits that change when the CPU, the cores we may use, its abilities or the GPU change."""
    here = machine()
    parts = [
        here.cpu,
        here.cores,
        here.bf16,
        here.gpu,
        here.gpu_bytes,
        platform.machine(),
        sorted(_cpu_flags()),
        *(["float16"] if here.gpu_fp16 else []),
    ]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def _words(path: Path) -> list[str]:
    return _text(path).split()
