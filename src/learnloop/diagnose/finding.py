"""`Finding`: what was seen, the numbers that show it, and a change of the recipe that should mend it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Literal

from learnloop.scores.evaluation import Evaluation
from learnloop.scores.names import headline, higher_is_better

Severity = Literal["note", "warning", "problem"]
SEVERITIES: tuple[Severity, ...] = ("problem", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """name      the check that found it, a key of CHECKS
    title     a few words
    text      two or three plain sentences: what was seen and what it means
    severity  note (good to know), warning (the result is worse than it could be), problem (do not use it)
    evidence  the numbers that the text is about
    remedy    {"changes": {"dotted.key": value}, "text": one sentence}; no changes where no setting helps
    """

    name: str
    title: str
    text: str
    severity: Severity
    evidence: dict[str, Any] = field(default_factory=dict)
    remedy: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Finding:
        return cls(**data)


def remedy(text: str, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {"changes": dict(changes or {}), "text": text}


@dataclass(frozen=True)
class Evidence:
    """Everything a check may look at; plain values, so that it can be made from a run folder.

    recipe       the resolved recipe as nested dicts (`{"train": {"epochs": 30}, "optimiser": {..}, ..}`)
    history      rows of metrics.jsonl in order
    training     report.json's "training": seconds, steps, passes, stopped, best_step, monitor, ...
    evaluations  part -> Evaluation; "train" may be among them
    baselines    rows of report.json's "baselines" (name, title, metrics, intervals)
    rows         part -> number of rows
    extras       linearly_separable: bool | None, class_weights, ...
    """

    recipe: Mapping[str, Any] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    training: Mapping[str, Any] = field(default_factory=dict)
    evaluations: Mapping[str, Evaluation] = field(default_factory=dict)
    baselines: Sequence[Mapping[str, Any]] = ()
    rows: Mapping[str, int] = field(default_factory=dict)
    extras: Mapping[str, Any] = field(default_factory=dict)

    def curve(self, kind: str, name: str = "loss") -> list[float]:
        """The values of one metric along training; kind is "train" or "validation". Undefined ones (null in
        metrics.jsonl, which has no NaN) are left out. Empty for the loss of a perceptron: the share of mistakes in
        single rows, which need not fall, and which no learning rate changes."""
        if name == "loss" and self.setting("model.name") == "perceptron":
            return []
        return [float(row[name]) for row in self.history if row.get("kind") == kind and row.get(name) is not None]

    def setting(self, key: str, default: Any = None) -> Any:
        """The recipe's value at a dotted key; a section may hold nested or dotted names."""
        found: Any = self.recipe
        if key in self.recipe:
            return self.recipe[key]
        for part in key.split("."):
            if not isinstance(found, Mapping) or part not in found:
                return default
            found = found[part]
        return default if found is None else found

    def longer(self) -> dict[str, Any]:
        """The change of the recipe that doubles the limit it has (epochs, steps or minutes); {} where it has
        none."""
        for key in ("train.minutes", "train.steps", "train.epochs"):
            limit = self.setting(key)
            if isinstance(limit, (int, float)):
                return {key: 2 * limit}
        return {}

    @property
    def task(self) -> str | None:
        """classify, labels or regress; None where nothing was evaluated."""
        held = self.held_out
        return held.task if held else None

    @property
    def held_out(self) -> Evaluation | None:
        """The evaluation of the test part, of validation where there is no test part."""
        return self.evaluations.get("test") or self.evaluations.get("validation")

    @property
    def metric(self) -> str | None:
        """The metric that models are compared by."""
        return headline(self.task)[0] if self.task else None

    def best_baseline(self) -> Mapping[str, Any] | None:
        metric = self.metric
        known = [row for row in self.baselines if metric is not None and metric in row["metrics"]]
        if metric is None or not known:
            return None
        sign = 1 if higher_is_better(metric) else -1
        return max(known, key=lambda row: sign * row["metrics"][metric])


def smooth(values: Sequence[float], parts: int = 20) -> list[float]:
    """Means of about `parts` equal stretches: enough to see a trend through the noise of batches."""
    if len(values) <= parts:
        return [float(value) for value in values]
    edges = [round(position * len(values) / parts) for position in range(parts + 1)]
    return [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
