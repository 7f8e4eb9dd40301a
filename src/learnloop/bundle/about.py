"""`About`: the plain facts of a bundle, as bundle.json holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from learnloop.contracts import InputSpec
from learnloop.data.schema import Schema
from learnloop.runs.environment import environment
from learnloop.tasks.table import TargetKind

FORMAT = 1


@dataclass(frozen=True)
class About:
    """The plain facts of a bundle (bundle.json).

    task     "classify", "regress", ...;  target: "class", "labels", "numbers", "text" or "transcript"
    model    {"name": ..., "config": {...}}: name is in MODELS, or an import path, or "own" for a module handed over
    outputs  of the network
    facts    for the model card: data, rows, metrics
    decode   how texts are written, the section of the recipe; empty where none are
    """

    task: str
    target: TargetKind
    model: Mapping[str, Any]
    spec: InputSpec
    outputs: int
    schema: Schema
    facts: Mapping[str, Any] = field(default_factory=dict)
    decode: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "task": self.task,
            "target": self.target,
            "model": dict(self.model),
            "input": self.spec.to_json(),
            "outputs": self.outputs,
            "schema": self.schema.to_json(),
            "facts": dict(self.facts),
            "decode": dict(self.decode),
            "environment": environment(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> About:
        return cls(
            task=data["task"],
            target=data["target"],
            model=data["model"],
            spec=InputSpec.from_json(data["input"]),
            outputs=int(data["outputs"]),
            schema=Schema.from_json(data["schema"]),
            facts=data["facts"],
            decode=data.get("decode", {}),  # bundles written before texts could be written lack it
        )
