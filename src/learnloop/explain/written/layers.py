"""The layers of a YAML network: weights by unit or as a matrix, and whether z = W a + b can be computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from learnloop.explain.goals import LINKS
from learnloop.explain.walk import Array
from learnloop.explain.written.checks import Checks, shown
from learnloop.explain.written.document import Keys

LAYER = ("activation", "units", "weights", "bias")
UNIT = ("weights", "bias")
OTHER_NAMES = {"linear": "identity"}
EXAMPLE = "- {activation: relu, units: {H1: [0.5, -0.2, 0.3], H2: [0.4, 0.1, -0.5]}}"


@dataclass(frozen=True)
class Written:
    """One layer as it was written: W [units, inputs]; b [units], or None where no unit has a bias."""

    units: tuple[str, ...]
    W: Array
    b: Array | None
    activation: str


def read_layer(checks: Checks, value: Any, keys: Keys, names: Sequence[str], letters: str) -> Written | None:
    """One layer over what comes in, called `names`; None where it cannot be used. letters: of units without a name."""
    before = len(checks.errors)
    given = checks.mapping(value, keys, LAYER, EXAMPLE)
    if not isinstance(value, Mapping):
        return None
    activation = "identity"
    if "activation" in given:
        activation = checks.word(given["activation"], (*keys, "activation"), LINKS, activation, OTHER_NAMES)
    if "weights" in given:
        found = _matrix(checks, given, keys, names, letters)
    elif isinstance(given.get("units"), Mapping):
        found = _by_unit(checks, given, keys, names)
    else:
        checks.wrong(keys, "must have units with their weights, or a matrix of weights", found=_what(given), do=EXAMPLE)
        return None
    if found is None or len(checks.errors) > before:
        return Written(found[0], np.zeros((len(found[0]), len(names))), None, activation) if found else None
    return Written(*found, activation)


def _what(given: Mapping[str, Any]) -> str:
    return f"units without weights: {shown(given['units'])}" if "units" in given else "neither"


Found: TypeAlias = tuple[tuple[str, ...], Array, Array | None]


def _by_unit(checks: Checks, given: Mapping[str, Any], keys: Keys, names: Sequence[str]) -> Found | None:
    """units: {H1: [..] or {weights: .., bias: ..}, ...}."""
    if "bias" in given:
        checks.wrong((*keys, "bias"), "belongs to each unit here", do="H1: {weights: [0.5, -0.2, 0.3], bias: 0.1}")
    rows: dict[str, Array | None] = {}
    biases: dict[str, float] = {}
    for name, unit in given["units"].items():
        here = (*keys, "units", str(name))
        weights, place = unit, here
        if isinstance(unit, Mapping) and set(unit) & set(UNIT):
            each = checks.mapping(unit, here, UNIT, EXAMPLE)
            weights, place = each.get("weights"), (*here, "weights")
            if each.get("bias") is not None:
                biases[str(name)] = checks.number(each["bias"], (*here, "bias"))
        rows[str(name)] = checks.numbers(weights, place, names)
    if not rows:
        checks.wrong((*keys, "units"), "must have at least one unit", found="none", do=EXAMPLE)
        return None
    units = tuple(rows)
    W = _stacked(checks, rows, (*keys, "units"), names)
    b = np.array([biases.get(unit, 0.0) for unit in units]) if biases else None
    return units, np.zeros((len(units), len(names))) if W is None else W, b


def _stacked(checks: Checks, rows: Mapping[str, Array | None], keys: Keys, names: Sequence[str]) -> Array | None:
    """The rows as W, when each has a weight for every number that comes in."""
    there = {unit: row for unit, row in rows.items() if row is not None}
    lengths = {len(row) for row in there.values()}
    if len(there) == len(rows) and lengths == {len(names)}:
        return np.stack(list(there.values()))
    if len(there) == len(rows) and len(lengths) == 1:
        _does_not_fit(checks, keys, [len(rows), lengths.pop()], names)
        return None
    for unit, row in there.items():
        if len(row) != len(names):
            _does_not_fit(checks, (*keys, unit), [len(row)], names, f" of {unit}")
    return None


def _does_not_fit(checks: Checks, keys: Keys, shape: list[int], names: Sequence[str], of: str = "") -> None:
    """z = W a + b with W's columns not a's entries."""
    letter, equation = ("w", "z = w . a + b") if len(shape) == 1 else ("W", "z = W a + b")
    what = (
        f"{letter} needs {len(names)} column{'s' if len(names) != 1 else ''}"
        if letter == "W"
        else "w needs as many entries as a"
    )
    checks.wrong(
        keys,
        f"{what}: one weight for each of {_listed(names)}",
        found=f"{equation}{of}: {letter} is {shape}, a is [{len(names)}]",
    )


def _matrix(checks: Checks, given: Mapping[str, Any], keys: Keys, names: Sequence[str], letters: str) -> Found | None:
    """weights: [[..], [..]], bias: [..], units: [names]."""
    here = (*keys, "weights")
    value = given["weights"]
    if not isinstance(value, list) or not value or not all(isinstance(row, list) for row in value):
        checks.wrong(
            here, "must be a matrix: one list of numbers a unit", found=shown(value), do="weights: [[0.7, 0.2]]"
        )
        return None
    units = _names(checks, given, keys, len(value), letters)
    rows = {unit: checks.numbers(row, (*here, place), names) for place, (unit, row) in enumerate(zip(units, value))}
    lengths = {len(row) for row in value}
    W = None
    if len(lengths) > 1:
        checks.wrong(here, "every row must be as long as the others", found=f"rows of {_sizes(value)} numbers")
    elif lengths != {len(names)}:
        _does_not_fit(checks, here, [len(value), lengths.pop()], names)
    else:
        W = np.stack([row for row in rows.values() if row is not None])
    b = None
    if given.get("bias") is not None:
        b = checks.numbers(given["bias"], (*keys, "bias"), units)
        if b is not None and len(b) != len(units):
            found = f"z = W a + b: W is [{len(value)}, {len(value[0])}], b is [{len(b)}]"
            checks.wrong((*keys, "bias"), "b needs one number for each row of W", found=found)
    return units, np.zeros((len(units), len(names))) if W is None else W, b


def _names(checks: Checks, given: Mapping[str, Any], keys: Keys, count: int, letters: str) -> tuple[str, ...]:
    """The units' names, or made-up ones."""
    made = tuple(f"{letters}{place}" for place in range(1, count + 1))
    if given.get("units") is None:
        return made
    value, here = given["units"], (*keys, "units")
    if not isinstance(value, list) or any(isinstance(name, list | Mapping) for name in value):
        checks.wrong(
            here, "beside a matrix, units must be a list of names", found=shown(value), do=f"units: [{', '.join(made)}]"
        )
        return made
    names = tuple(str(name) for name in value)
    if len(names) != count or len(set(names)) != len(names):
        found = f"{len(names)} names, {len(set(names))} different, for W with {count} rows"
        checks.wrong(here, "must name each row of the matrix once", found=found)
        return made
    return names


def _sizes(rows: Sequence[Sequence[Any]]) -> str:
    return ", ".join(str(len(row)) for row in rows)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
