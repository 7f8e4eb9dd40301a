"""`ForecastAbout`: the plain facts of a bundle that forecasts, as bundle.json holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from learnloop.bundle.about import FORMAT
from learnloop.bundle.stored import read_kind
from learnloop.contracts import WindowSpec
from learnloop.runs.environment import environment

KIND = "forecast"


@dataclass(frozen=True)
class ForecastAbout:
    """The plain facts (bundle.json).

    weights    {name: share} of what answers: names of METHODS, and the network's
    horizon    steps ahead that it was measured for; levels: shares that its intervals should cover
    series     how the series were read, so that newer rows are read alike: time, group, target, fill, known, ...
    model      {"name", "config"} of the network, spec: what it was built for; None where no network answers
    facts      for the model card: data, seed, metrics, verdict
    """

    weights: Mapping[str, float]
    horizon: int
    levels: tuple[float, ...]
    frequency: str = ""
    season: int = 1
    series: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] | None = None
    spec: WindowSpec | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "kind": KIND,
            "task": KIND,
            "weights": dict(self.weights),
            "horizon": self.horizon,
            "levels": list(self.levels),
            "frequency": self.frequency,
            "season": self.season,
            "series": dict(self.series),
            "model": None if self.model is None else dict(self.model),
            "spec": None if self.spec is None else self.spec.to_json(),
            "facts": dict(self.facts),
            "environment": environment(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ForecastAbout:
        return cls(
            {str(name): float(share) for name, share in data["weights"].items()},
            int(data["horizon"]),
            tuple(float(level) for level in data["levels"]),
            data["frequency"],
            int(data["season"]),
            data["series"],
            data["model"],
            None if data["spec"] is None else WindowSpec.from_json(data["spec"]),
            data["facts"],
        )


def read_about(path: Path) -> ForecastAbout:
    """bundle.json. Raises RunError: none there, of a newer format, of another kind, damaged."""
    return read_kind(path, KIND, "forecasts series", "learnloop predict RUN ...", ForecastAbout.from_json)
