"""`Draft`: what was asked for, value by value, before anything is known of the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from learnloop.recipe.recipe import LIMITS


@dataclass(frozen=True)
class Given:
    """One value that somebody gave.

    value   as read, not yet checked
    origin  "command line", "--set", "argument", or the name of the recipe file
    typed   how to name it in a message: "--lr", "optimiser.lr", "recipe.yaml line 3: optimiser.lr"
    """

    value: Any
    origin: str
    typed: str


@dataclass(frozen=True)
class Draft:
    """Checked as far as it can be without data.

    values   by dotted key ("train.epochs", "seed"); only what was given
    file     the recipe file, if there was one
    objects  what cannot be written down: {"data": DataFrame, "model": nn.Module, "loss": function}
    notes    legal but doubtful choices, and what was overruled; to be shown once
    """

    values: Mapping[str, Given]
    file: Path | None = None
    objects: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def get(self, key: str, default: Any = None) -> Any:
        """The value that was given for `key`, else `default`."""
        given = self.values.get(key)
        return default if given is None else given.value

    def typed(self, key: str) -> str:
        """How to name `key` in a message."""
        given = self.values.get(key)
        return key if given is None else given.typed

    def section(self, name: str) -> dict[str, Given]:
        """The values of one section, by field."""
        return {key.split(".", 1)[1]: given for key, given in self.values.items() if key.startswith(f"{name}.")}

    @property
    def limit(self) -> str | None:
        """Which of `train.epochs`, `train.steps`, `train.minutes` was given."""
        return next((key for key in LIMITS if self.get(key) is not None), None)

    @property
    def minutes(self) -> float | None:
        value = self.get("train.minutes")
        return None if value is None else float(value)

    def with_values(self, values: Mapping[str, Any], origin: str) -> Draft:
        """A copy in which `values` are given too, overruling what was there."""
        more = {key: Given(value, origin, key) for key, value in values.items()}
        return replace(self, values={**self.values, **more})
