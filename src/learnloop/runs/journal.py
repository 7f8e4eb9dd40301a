"""metrics.jsonl: one JSON object a line, appended; rewound to the checkpoint when a run is resumed."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any, BinaryIO

from learnloop.runs.atomic import disk_error


class Journal:
    """Appends rows and reads them back. `position` (bytes) goes into the checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO | None = None

    def append(self, row: dict[str, Any]) -> None:
        """Add one row and flush it. Non-finite numbers are written as null: JSON has no others."""
        clean = {
            key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in row.items()
        }
        line = (json.dumps(clean, ensure_ascii=False, allow_nan=False) + "\n").encode()
        try:
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = open(self.path, "ab")  # noqa: SIM115 (kept open for the run, closed by close())
            self._file.write(line)
            self._file.flush()
        except OSError as error:
            raise disk_error(error, self.path) from error

    @property
    def position(self) -> int:
        """Bytes written so far."""
        return self.path.stat().st_size if self.path.exists() else 0

    def rewind(self, position: int) -> None:
        """Forget what was written after `position`: a resumed run writes it again."""
        self.close()
        if self.path.exists():
            os.truncate(self.path, min(position, self.position))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def read_journal(path: Path) -> list[dict[str, Any]]:
    """All whole rows; a line cut off by a crash, or damaged, is left out."""
    rows: list[dict[str, Any]] = []
    if path.exists():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue
            if isinstance(row, dict):
                rows.append(row)
    return rows
