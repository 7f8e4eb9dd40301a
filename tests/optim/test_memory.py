"""What malloc does with freed memory."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these settings")
FAULTS = """
import resource, torch
from learnloop.optim.memory import keep_memory

def faults():  # of ten rounds of the tensors of a step
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        kept = [torch.ones(12 * 2**20) for _ in range(2)]
        del kept
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

before = faults()
held = keep_memory()
faults()
print(held, keep_memory(), before, faults(), sep="|")
"""


def ask(**environment: str) -> list[str]:
    clean = {name: value for name, value in os.environ.items() if "MALLOC" not in name and name != "GLIBC_TUNABLES"}
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], env={**clean, **environment}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().split("|")


@glibc
def test_kept_memory_is_not_mapped_again_in_every_step() -> None:
    held, again, before, after = ask()
    assert held == again == "kept"
    # 20 tensors of 48 MiB are 245,760 pages of 4 KiB, fewer where pages are larger
    assert int(before) > 100 and int(after) < int(before) / 20


@glibc
def test_a_choice_of_the_user_is_left_alone() -> None:
    assert ask(MALLOC_TRIM_THRESHOLD_="65536")[0] == "user: MALLOC_TRIM_THRESHOLD_=65536"
    assert ask(GLIBC_TUNABLES="glibc.malloc.arena_max=2")[0] == "user: GLIBC_TUNABLES=glibc.malloc.arena_max=2"
    assert ask(GLIBC_TUNABLES="glibc.rtld.nns=4")[0] == "kept"
