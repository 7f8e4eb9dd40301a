"""Checkpoints: one safetensors file and one small JSON file with its checksum; the last good ones are kept."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from learnloop.contracts import State
from learnloop.errors import RunError
from learnloop.runs.atomic import write_bytes, write_json
from learnloop.runs.pack import pack, unpack

_NAME = re.compile(r"step-(\d+)\.json$")


@dataclass(frozen=True)
class Loaded:
    """A state that was read back. `skipped`: sentences about newer checkpoints that were damaged."""

    state: State
    step: int
    path: Path
    skipped: tuple[str, ...]


class Checkpoints:
    """The checkpoints of one run, `step-00000120.safetensors` + `.json`; `keep` good ones are left in the folder."""

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self.folder = folder
        self.keep = max(2, keep)  # the newest and the one before it: the newest may turn out to be damaged

    def save(self, step: int, state: State) -> Path:
        """Write atomically; the JSON with the checksum comes last, so that a checkpoint without it never counts."""
        data = pack(state)
        path = self.folder / f"step-{step:08d}.safetensors"
        write_bytes(path, data)
        digest = hashlib.sha256(data).hexdigest()
        write_json(path.with_suffix(".json"), {"step": step, "sha256": digest, "bytes": len(data)})
        self._tidy()
        return path

    def steps(self) -> list[int]:
        """Steps at which there is a checkpoint, newest first."""
        if not self.folder.is_dir():
            return []
        found = (_NAME.match(path.name) for path in self.folder.iterdir())
        return sorted((int(match.group(1)) for match in found if match), reverse=True)

    def load(self, device: str = "cpu") -> Loaded | None:
        """The newest checkpoint whose checksum holds; None when there has never been one.

        Raises RunError when there are checkpoints and all of them are damaged.
        """
        skipped: list[str] = []
        for step in self.steps():
            path = self.folder / f"step-{step:08d}.safetensors"
            problem = self._problem(path)
            if problem is None:
                try:
                    return Loaded(unpack(str(path), device), step, path, tuple(skipped))
                except ValueError as error:
                    problem = str(error)
            skipped.append(f"checkpoint {path.name} is damaged ({problem}); using the one before it")
        if skipped:
            raise RunError(
                str(self.folder),
                "must hold at least one intact checkpoint",
                found="; ".join(skipped),
                cause="the disk was damaged, or files were changed by hand",
                do="start again: learnloop fit <data> --out <another folder>",
            )
        return None

    def _problem(self, path: Path) -> str | None:
        try:
            note = json.loads(path.with_suffix(".json").read_text())
            data = path.read_bytes()
            size, digest = note["bytes"], note["sha256"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            return f"unreadable: {error}"
        if len(data) != size:
            return f"{len(data)} bytes where {size} were written"
        if hashlib.sha256(data).hexdigest() != digest:
            return "its checksum differs"
        return None

    def _tidy(self) -> None:
        for step in self.steps()[self.keep :]:
            path = self.folder / f"step-{step:08d}.safetensors"
            path.with_suffix(".json").unlink(missing_ok=True)
            path.unlink(missing_ok=True)
        for orphan in self.folder.glob(".*.part"):  # left by a process that was killed while writing
            orphan.unlink(missing_ok=True)
