"""Values of a YAML network, checked one by one; what is wrong is collected, so that all of it is said at once."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from learnloop.errors import UserError, did_you_mean, nearest
from learnloop.explain.walk import Array
from learnloop.explain.written.document import Document, Keys


class Checks:
    """A document and the mistakes found in it so far."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._found: list[tuple[int, UserError]] = []

    @property
    def errors(self) -> list[UserError]:
        """The mistakes in the order of their lines."""
        return [error for _, error in sorted(self._found, key=lambda each: each[0])]

    def wrong(
        self,
        keys: Keys,
        must: str,
        *,
        found: str = "",
        cause: str = "",
        do: str | Sequence[str] = (),
        available: Sequence[str] = (),
    ) -> None:
        """One more mistake, at the place that `keys` leads to."""
        where, line = self.document.where(keys), self.document.line(keys)
        self._found.append((line, UserError(where, must, found=found, cause=cause, do=do, available=available)))

    def wrong_option(self, option: str, checks: Checks) -> None:
        """The mistakes of `checks` were made in an option of the command, not in the file."""
        for error in checks.errors:
            words = {"found": error.found, "cause": error.cause}
            self._found.append((0, UserError(option, error.must, **words, do=error.do, available=error.available)))

    def mapping(self, value: Any, keys: Keys, allowed: Sequence[str], do: str) -> Mapping[str, Any]:
        """A mapping whose keys are all in `allowed`; {} where it is none."""
        if not isinstance(value, Mapping):
            self.wrong(keys, f"must be a mapping with {', '.join(allowed)}", found=shown(value), do=do)
            return {}
        for key in value:
            if key not in allowed:
                cause = did_you_mean(str(key), allowed)
                self.wrong((*keys, str(key)), "no such key here", cause=cause, available=nearest(str(key), allowed))
        return value

    def word(self, value: Any, keys: Keys, allowed: Sequence[str], default: str, aliases: Mapping[str, str]) -> str:
        """One of some names; the default where it is none of them."""
        name = aliases.get(str(value), str(value))
        if isinstance(value, str) and name in allowed:
            return name
        cause = did_you_mean(str(value), allowed)
        self.wrong(
            keys, "must be a name that is known", found=shown(value), cause=cause, available=nearest(name, allowed)
        )
        return default

    def number(self, value: Any, keys: Keys) -> float:
        """A finite number; 0 where it is none."""
        if not isinstance(value, bool) and isinstance(value, int | float):
            try:
                found = float(value)
            except OverflowError:
                found = math.inf
            if math.isfinite(found):
                return found
        self.wrong(keys, "must be a finite number", found=shown(value))
        return 0.0

    def numbers(self, value: Any, keys: Keys, names: Sequence[str]) -> Array | None:
        """A list of numbers, or {name: number} with exactly `names`; None where neither. The length is not checked."""
        if isinstance(value, Mapping):
            return self._by_name(value, keys, names)
        if isinstance(value, list):
            return np.array([self.number(each, (*keys, place)) for place, each in enumerate(value)], np.float64)
        self.wrong(keys, "must be a list of numbers, or {name: number}", found=shown(value))
        return None

    def _by_name(self, value: Mapping[Any, Any], keys: Keys, names: Sequence[str]) -> Array | None:
        given = {str(key): each for key, each in value.items()}
        fine = True
        for name in given:
            if name not in names:
                cause = did_you_mean(name, names)
                self.wrong((*keys, name), "nothing of this name comes in", cause=cause, available=nearest(name, names))
                fine = False
        missing = [name for name in names if name not in given]
        if missing and fine:
            self.wrong(
                keys, "must have a number for each name", found=f"none for {', '.join(missing)}", do=f"{missing[0]}: 0"
            )
        if missing or not fine:
            return None
        return np.array([self.number(given[name], (*keys, name)) for name in names], np.float64)


def shown(value: Any) -> str:
    """A value in a message, short."""
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
