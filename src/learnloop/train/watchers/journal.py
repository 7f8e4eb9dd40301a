"""metrics.jsonl (always) and metrics.csv (on request)."""

from __future__ import annotations

import csv
from pathlib import Path

from learnloop.contracts import State
from learnloop.runs.atomic import disk_error
from learnloop.runs.journal import Journal, read_journal
from learnloop.train.events import Event


class JournalWriter:
    """Writes train and validation rows. A resumed run continues where its checkpoint was taken."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def __call__(self, event: Event) -> None:
        if event.kind in ("train", "validation"):
            self._journal.append(event.row())
        elif event.kind == "end":
            self._journal.close()

    def state_dict(self) -> State:
        return {"position": self._journal.position}

    def load_state_dict(self, state: State) -> None:
        self._journal.rewind(int(state["position"]))


class CsvWriter:
    """metrics.csv: the same rows as metrics.jsonl, one column a name, written at the end and at each evaluation."""

    def __init__(self, journal: Path, path: Path) -> None:
        self._source = journal
        self._path = path

    def __call__(self, event: Event) -> None:
        if event.kind not in ("validation", "end"):
            return
        rows = read_journal(self._source)
        names = list(dict.fromkeys(name for row in rows for name in row))
        try:
            with open(self._path, "w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, names)
                writer.writeheader()
                writer.writerows(rows)
        except OSError as error:
            raise disk_error(error, self._path) from error
