"""`Alarms`: a watcher that names what goes wrong in training, with the number that shows it and the usual remedy."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from learnloop.contracts import State
from learnloop.runs.journal import Journal
from learnloop.train.events import Event, Watcher

SPAN = 400
"""Steps whose log rows are kept: the rules look back no further."""
PROBE_EVERY, EARLY, LATER = 20, 400, 100
"""Steps between probes: at first, up to which step, and behind it. Failures begin early."""
EVALUATIONS_KEPT, PROBES_KEPT = 100, 10

Row = Mapping[str, float]


@dataclass(frozen=True)
class Alarm:
    """name    of the failure: mode_collapse, ...
    number  the figure that shows it
    text    a sentence with that figure
    remedy  a sentence: what usually helps
    """

    name: str
    number: float
    text: str
    remedy: str


@dataclass(frozen=True)
class Raised:
    """An alarm and when it held: `step` the first time, `last` the last time that it was seen."""

    alarm: Alarm
    step: int
    last: int

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self.alarm), "step": self.step, "last_step": self.last}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Raised:
        alarm = Alarm(data["name"], float(data["number"]), data["text"], data["remedy"])
        return cls(alarm, int(data["step"]), int(data["last_step"]))


@dataclass
class Seen:
    """What rules look at: rows {"step": ..., name: value}, oldest first.

    train       log rows of the last SPAN steps, each the means of the steps since the row before
    validation  the last evaluations;  probed: what was looked at between them
    first       the first log row of the run
    highest     name -> the largest value of a log row so far;  lowest: the smallest
    """

    train: list[dict[str, float]] = field(default_factory=list)
    validation: list[dict[str, float]] = field(default_factory=list)
    probed: list[dict[str, float]] = field(default_factory=list)
    first: dict[str, float] = field(default_factory=dict)
    highest: dict[str, float] = field(default_factory=dict)
    lowest: dict[str, float] = field(default_factory=dict)

    @property
    def step(self) -> int:
        return int(self.train[-1]["step"]) if self.train else 0

    def recent(self, name: str, steps: int) -> list[float]:
        """Values of the log rows of the last `steps` steps; none where the run is younger, or a row lacks it."""
        rows = [row for row in self.train if row["step"] > self.step - steps]
        return [row[name] for row in rows] if self.step >= steps and all(name in row for row in rows) else []

    def evaluations(self, name: str, count: int) -> list[float]:
        """Values of the last `count` evaluations; none where there were fewer, or one lacks it."""
        return _last(self.validation, name, count)

    def probes(self, name: str, count: int) -> list[float]:
        """Values of the last `count` probes, likewise."""
        return _last(self.probed, name, count)

    def add(self, kind: str, step: int, scalars: Row) -> None:
        """One row more. Values that are not finite are left out."""
        row = {"step": float(step), **{name: float(v) for name, v in scalars.items() if math.isfinite(v)}}
        if kind == "validation":
            self.validation = [*self.validation, row][-EVALUATIONS_KEPT:]
            return
        if kind == "probe":
            self.probed = [*self.probed, row][-PROBES_KEPT:]
            return
        self.first = self.first or row
        self.train = [*(old for old in self.train if old["step"] > step - SPAN), row]
        self.highest = {name: max(value, self.highest.get(name, value)) for name, value in row.items()}
        self.lowest = {name: min(value, self.lowest.get(name, value)) for name, value in row.items()}


def _last(rows: list[dict[str, float]], name: str, count: int) -> list[float]:
    rows = rows[-count:]
    return [row[name] for row in rows] if len(rows) == count and all(name in row for row in rows) else []


Rules = Callable[[Seen], Sequence[Alarm]]
"""The alarms that hold now; a pure function."""
Probe = Callable[[], Row]
"""Figures that are too dear for every step. It changes nothing and moves no random stream."""


class Alarms:
    """Looks at every log row and every evaluation. The first time that an alarm holds it is told to all of `tell` as a
    note and written to the journal as a row of kind "alarm"; that it still holds is only counted. Changes nothing that
    is learnt, and goes on behind its checkpoint in a run that is resumed.

    probe    asked for figures at log rows, at most every PROBE_EVERY steps, later less often
    journal  that of the metrics, whose `JournalWriter` takes back what came after the checkpoint
    tell     those that show notes
    """

    def __init__(
        self, rules: Rules, *, probe: Probe | None = None, journal: Journal | None = None, tell: Sequence[Watcher] = ()
    ) -> None:
        self._rules = rules
        self._probe = probe
        self._journal = journal
        self._tell = tuple(tell)
        self._seen = Seen()
        self._raised: dict[str, Raised] = {}

    @property
    def raised(self) -> tuple[Raised, ...]:
        """In the order in which they were first seen."""
        return tuple(self._raised.values())

    def to_json(self) -> list[dict[str, Any]]:
        return [raised.to_json() for raised in self.raised]

    def __call__(self, event: Event) -> None:
        if event.kind == "end" and self._journal is not None:
            self._journal.close()
        if event.kind not in ("train", "validation"):
            return
        self._seen.add(event.kind, event.step, event.scalars)
        self._look(event.step)
        for alarm in self._rules(self._seen):
            known = self._raised.get(alarm.name)
            self._raised[alarm.name] = Raised(alarm, event.step if known is None else known.step, event.step)
            if known is None:
                self._say(alarm, event)

    def _look(self, step: int) -> None:
        since = step - (self._seen.probed[-1]["step"] if self._seen.probed else 0)
        if self._probe is not None and since >= (PROBE_EVERY if step <= EARLY else LATER):
            self._seen.add("probe", step, self._probe())

    def _say(self, alarm: Alarm, event: Event) -> None:
        title = alarm.name.replace("_", " ")
        said = f"warning: {title} at step {event.step}: {alarm.text}. Usual remedy: {alarm.remedy}"
        for watcher in self._tell:
            watcher(replace(event, kind="note", scalars={}, text=said))
        if self._journal is not None:
            self._journal.append({**replace(event, scalars={}).row(), "kind": "alarm", **asdict(alarm)})

    def state_dict(self) -> State:
        return {"seen": asdict(self._seen), "raised": self.to_json()}

    def load_state_dict(self, state: State) -> None:
        self._seen = Seen(**state["seen"])
        self._raised = {row["name"]: Raised.from_json(row) for row in state["raised"]}
