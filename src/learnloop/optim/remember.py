"""Plans that were measured before: one small JSON file each, named by what the choice depends on."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from learnloop.contracts import Batch
from learnloop.errors import RunError
from learnloop.optim import machine
from learnloop.optim.plan import Plan, PlanConfig
from learnloop.optim.wait import bound_wait

FORMAT = 4


def key_of(batches: Sequence[Batch], options: PlanConfig, signature: str) -> str:
    """A name for this model on this machine, busy or not, with this torch and batches of this shape."""
    shapes = sorted((name, str(tensor.dtype), list(tensor.shape)) for name, tensor in batches[0].items())
    # what is best beside another busy process is not what is best alone
    here = (machine.signature(), machine.other_load() > 0, torch.__version__, bound_wait())
    parts = [FORMAT, signature, here, shapes, options.model_dump()]
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:24]


def remembered(path: Path | None) -> tuple[Plan | None, tuple[str, ...]]:
    """The remembered Plan, if there is a good one, and what to say about a damaged one."""
    if path is None or not path.exists():
        return None, ()
    try:
        return Plan.from_json(json.loads(path.read_text(encoding="utf-8"))), ()
    except (OSError, ValueError, AttributeError, RunError) as problem:
        return None, (f"the remembered plan {path} was damaged ({type(problem).__name__}) and is measured anew",)


def remember(path: Path, plan: Plan) -> Plan:
    """Write beside, then rename: a reader sees the old file, the new one, or none. A full disk only costs the
    memory.
    """
    kept = replace(plan, notes=())
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".part", delete=False, encoding="utf-8") as file:
            temporary = file.name
            json.dump(kept.to_json(), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as problem:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        return replace(plan, notes=(*plan.notes, f"the plan could not be remembered in {path.parent} ({problem})"))
    return plan
