"""environment.json: what a run was made with."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

_PACKAGES = ("learnloop", "torch", "numpy", "pandas", "scikit-learn", "pydantic", "safetensors", "pillow")


def learnloop_version() -> str:
    try:
        return version("learnloop")
    except PackageNotFoundError:
        return "0+unknown"


def environment(command: list[str] | None = None) -> dict[str, Any]:
    """Versions, platform and the command. No user name, host name or path: a run may be passed on."""
    packages = {}
    for name in _PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "packages": packages,
        "command": command or [],
        "wait": {name: os.environ[name] for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY") if name in os.environ},
    }
