"""The end of a YAML network: loss and target, and whether they go with the last activation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import yaml

from learnloop.errors import did_you_mean, nearest
from learnloop.explain.describe import Goal
from learnloop.explain.goals import LOSSES, usual_loss
from learnloop.explain.walk import Array, listed, number
from learnloop.explain.written.checks import Checks, shown
from learnloop.explain.written.layers import Written
from learnloop.recipe.reading import parse_value

NAMES = tuple(name for name in LOSSES if name != "perceptron_classes")
OTHER_NAMES = {"categorical_cross_entropy": "cross_entropy"}


def read_goal(checks: Checks, given: Mapping[str, Any], layers: Sequence[Written], asked: str | None) -> Goal:
    """What the last layer is measured by. asked: the target of the command line, instead of the file's."""
    last = layers[-1]
    link, loss = last.activation, usual_loss(last.activation)
    if "loss" in given:
        loss = checks.word(given["loss"], ("loss",), NAMES, loss, OTHER_NAMES)
    if link not in LOSSES[loss].links:
        _does_not_go(checks, loss, link, len(layers))
    kind = "class" if link == "softmax" else "labels" if link in ("sigmoid", "step") or loss == "hinge" else "numbers"
    opposite = str(given["otherwise"]) if given.get("otherwise") is not None else ""
    target = _target(checks, given, last.units, opposite, (kind, loss), asked)
    return Goal(kind, link, loss, target, opposite, exact=_exact(target, last.units, opposite, kind))  # type: ignore[arg-type]


def _does_not_go(checks: Checks, loss: str, link: str, layers: int) -> None:
    fitting = [name for name in NAMES if link in LOSSES[name].links]
    activations = LOSSES[loss].links
    checks.wrong(
        ("loss",),
        f"{loss} needs {' or '.join(activations)} as the activation of the last layer",
        found=f"{link} in layers[{layers - 1}]",
        do=(f"loss: {fitting[0]}", f"activation: {activations[0]}   # in layers[{layers - 1}]"),
        available=fitting,
    )


def _target(
    checks: Checks,
    given: Mapping[str, Any],
    names: tuple[str, ...],
    opposite: str,
    goal: tuple[str, str],
    asked: str | None,
) -> Array | None:
    """The target of every output, [outputs]; None where there is none, or none that can be used."""
    value = given.get("target")
    if asked is None:
        return None if value is None else _checked(checks, value, names, opposite, goal)
    try:
        value = parse_value(asked)
    except yaml.YAMLError:
        value = asked
    # What is wrong with it is wrong with the option, not with the file.
    own = Checks(checks.document)
    found = _checked(own, value, names, opposite, goal)
    checks.wrong_option(f"--target {asked}", own)
    return found


def _checked(checks: Checks, value: Any, names: tuple[str, ...], opposite: str, goal: tuple[str, str]) -> Array | None:
    found = _read(checks, value, names, opposite, goal[0])
    if found is not None:
        _check_values(checks, found, goal[1])
    return found


def _read(checks: Checks, value: Any, names: tuple[str, ...], opposite: str, kind: str) -> Array | None:
    if isinstance(value, str) or (kind == "class" and str(value) in names and not isinstance(value, list | Mapping)):
        return _named(checks, str(value), names, opposite, kind)
    if isinstance(value, list | Mapping):
        found = checks.numbers(value, ("target",), names)
        if found is not None and len(found) != len(names):
            _shapes(checks, f"[{len(found)}]", names)
            return None
        return found
    target = checks.number(value, ("target",))
    if len(names) != 1:
        _shapes(checks, "[] (one number)", names)
        return None
    return np.array([target])


def _shapes(checks: Checks, shape: str, names: tuple[str, ...]) -> None:
    checks.wrong(
        ("target",),
        f"must have one number for each output: {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}",
        found=f"L(yhat, y): yhat is [{len(names)}], y is {shape}",
    )


def _named(checks: Checks, name: str, names: tuple[str, ...], opposite: str, kind: str) -> Array | None:
    """The target by the name of an output: 1 there, 0 elsewhere."""
    no = opposite or f"not {names[0]}"
    known = [*names, no] if len(names) == 1 else list(names)
    if kind == "numbers" or name not in known:
        must = "must be a number for each output" if kind == "numbers" else "must be a number, or the name of an output"
        cause = "" if kind == "numbers" else did_you_mean(name, known)
        checks.wrong(("target",), must, found=shown(name), cause=cause, available=nearest(name, known))
        return None
    return np.array([1.0 if each == name else 0.0 for each in names])


def _check_values(checks: Checks, target: Array, loss: str) -> None:
    """What a loss asks of its target."""
    if loss in ("binary_cross_entropy", "cross_entropy", "kl") and ((target < 0) | (target > 1)).any():
        checks.wrong(("target",), f"{loss} compares probabilities: from 0 to 1", found=listed(target))
    elif loss in ("cross_entropy", "kl") and abs(float(target.sum()) - 1) > 1e-6:
        found = f"{listed(target)}, which adds up to {number(float(target.sum()))}"
        checks.wrong(("target",), f"{loss} compares distributions: the target must add up to 1", found=found)
    elif loss in ("hinge", "perceptron") and not np.isin(target, (0.0, 1.0)).all():
        checks.wrong(("target",), f"{loss} knows no and yes: 0 or 1", found=listed(target))


def _exact(target: Array | None, names: tuple[str, ...], opposite: str, kind: str) -> str:
    """The target in words; "" where it is no plain answer."""
    if target is None:
        return ""
    if kind == "numbers":
        return number(target[0]) if len(target) == 1 else listed(target)
    if not np.isin(target, (0.0, 1.0)).all():
        return ""
    holding = [name for name, y in zip(names, target, strict=True) if y == 1]
    if len(names) == 1:
        return names[0] if holding else opposite or f"not {names[0]}"
    return ", ".join(holding) or "none of them"
