"""What the suites share: run named checks, report every one that failed; states compared bit for bit."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from learnloop.contracts import State
from learnloop.runs.pack import pack, unpack

Case = TypeVar("Case")


def run_checks(
    title: str, checks: Mapping[str, Callable[[Case], None]], case: Case, only: Collection[str] = ()
) -> None:
    """Run `checks` (those named in `only`, or all) on `case`; AssertionError names every one that failed and why.

    torch's global generator is as it was before, afterwards. Raises ValueError for a name that is no check.
    """
    unknown = sorted(set(only) - set(checks))
    if unknown:
        raise ValueError(f"no check named {unknown[0]!r}; there are {', '.join(checks)}")
    names = [name for name in checks if not only or name in only]
    failed = []
    with torch.random.fork_rng(devices=[]):
        for name in names:
            try:
                checks[name](case)
            except Exception as error:
                kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
                failed.append(f"  {name}: {kind}{error}")
    if failed:
        raise AssertionError("\n".join([f"{title}: {len(failed)} of {len(names)} checks failed", *failed]))


def through_file(state: State) -> State:
    """A copy of `state` as a checkpoint would give it back. Fails where it could not be saved."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.safetensors"
        try:
            path.write_bytes(pack(state))
        except TypeError as error:
            raise AssertionError(f"its state cannot be saved: {error}") from error
        return unpack(str(path))


def difference(one: Any, other: Any, name: str = "") -> str:
    """The name of the first entry that differs in any bit (NaN equals NaN), or the empty string."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return "" if same_bits(one, other) else name or "the tensor"
    if isinstance(one, dict) and isinstance(other, dict):
        if one.keys() != other.keys():
            return f"{name or 'the state'} (other keys)"
        return next((d for key in one if (d := difference(one[key], other[key], _join(name, key)))), "")
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        if len(one) != len(other):
            return f"{name} (another length)"
        return next((d for i, pair in enumerate(zip(one, other)) if (d := difference(*pair, _join(name, i)))), "")
    same = type(one) is type(other) and (one == other or (one != one and other != other))
    return "" if same else name or "the value"


def same_bits(one: Tensor, other: Tensor) -> bool:
    """Equal in dtype, shape and every bit: NaN equals NaN, 0 does not equal -0."""
    return one.dtype == other.dtype and one.shape == other.shape and torch.equal(_bits(one), _bits(other))


def _join(name: str, key: object) -> str:
    return f"{name}/{key}" if name else str(key)


def _bits(tensor: Tensor) -> Tensor:
    return tensor.detach().contiguous().flatten().view(torch.uint8)
