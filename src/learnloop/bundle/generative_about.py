"""`GenerativeAbout`: the plain facts of a bundle that makes data, as its bundle.json holds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from learnloop.bundle.about import FORMAT
from learnloop.bundle.stored import read_kind
from learnloop.contracts import InputSpec
from learnloop.data.schema import Schema
from learnloop.models.generative.config import GenerativeConfig
from learnloop.models.generative.table import GENERATIVE_MODELS
from learnloop.runs.environment import environment

KIND = "generative"


@dataclass(frozen=True)
class GenerativeAbout:
    """The plain facts (bundle.json).

    task       "autoencode", "gan" or "diffusion"
    model      {"name", "config"}: name is in GENERATIVE_MODELS
    spec       of the inputs; of a network that makes pictures from pictures that of the source pictures
    schema     of the rows that are read: names, kinds, how values are written back
    classes    names of the labels in the order of their codes; () where the data has none
    wanted     of the pictures that are made from those of `spec`; None elsewhere
    shares     of each class in the training part, in the order of `classes`; (): all alike
    threshold  of the anomaly score: rows above it are flagged; None where nothing was held out
    facts      for the model card: data, rows, seed, metrics
    """

    task: str
    model: Mapping[str, Any]
    spec: InputSpec
    schema: Schema
    classes: tuple[str, ...] = ()
    wanted: InputSpec | None = None
    shares: tuple[float, ...] = ()
    threshold: float | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> GenerativeConfig:
        """The declaration of the network."""
        return GENERATIVE_MODELS[self.model["name"]].model_validate(self.model["config"])

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "kind": KIND,
            "task": self.task,
            "model": dict(self.model),
            "input": self.spec.to_json(),
            "wanted": None if self.wanted is None else self.wanted.to_json(),
            "schema": self.schema.to_json(),
            "classes": list(self.classes),
            "shares": list(self.shares),
            "threshold": self.threshold,
            "facts": dict(self.facts),
            "environment": environment(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> GenerativeAbout:
        wanted, threshold = data["wanted"], data["threshold"]
        return cls(
            task=data["task"],
            model=data["model"],
            spec=InputSpec.from_json(data["input"]),
            schema=Schema.from_json(data["schema"]),
            classes=tuple(str(name) for name in data["classes"]),
            wanted=None if wanted is None else InputSpec.from_json(wanted),
            shares=tuple(float(share) for share in data["shares"]),
            threshold=None if threshold is None else float(threshold),
            facts=data["facts"],
        )


def read_about(path: Path) -> GenerativeAbout:
    """bundle.json. Raises RunError: none there, of a newer format, of another kind, damaged."""
    instead = f"learnloop predict {path.parent} DATA"
    return read_kind(path, KIND, "makes data", instead, GenerativeAbout.from_json)


def rebuild(about: GenerativeAbout) -> nn.Module:
    """The untrained network. The random streams are left as they were."""
    state = torch.get_rng_state()
    try:
        config = about.config
        return config.build(about.spec, len(about.classes) if config.conditional else 0, about.wanted)
    finally:
        torch.set_rng_state(state)
