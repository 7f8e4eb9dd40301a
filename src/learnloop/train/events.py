"""What a run tells those who watch it: immutable events. A watcher is any function of one event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

EventKind = Literal["start", "train", "validation", "checkpoint", "note", "end"]


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    kind      start, train (scalars averaged since the last one), validation, checkpoint, note (a sentence) or end
    step      steps taken so far
    samples   samples seen so far
    seconds   of training so far, earlier parts of a resumed run included
    fraction  share of the run that is done, 0..1
    total     steps of the whole run as far as known now
    scalars   loss, lr, and whatever the task returns
    text      for notes and the end: a sentence
    """

    kind: EventKind
    step: int
    samples: int
    seconds: float
    fraction: float
    total: int
    scalars: Mapping[str, float] = field(default_factory=dict)
    text: str = ""

    def row(self) -> dict[str, float | int | str]:
        """As a line of metrics.jsonl."""
        return {
            "step": self.step,
            "samples": self.samples,
            "seconds": round(self.seconds, 4),
            "kind": self.kind,
            **self.scalars,
        }


Watcher = Callable[[Event], str | None]
"""Returns None, or a sentence: the reason to end the run now. One with `state_dict` and `load_state_dict` is part of
the checkpoint (under its class name)."""
