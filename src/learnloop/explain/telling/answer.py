"""What the outputs say in the user's words: a class and its probability, labels, or numbers in their own units."""

from __future__ import annotations

import numpy as np

from learnloop.explain.describe import Description, Goal
from learnloop.explain.walk import Array, number


def chosen_output(goal: Goal, yhat: Array) -> int:
    """The output with the largest answer."""
    return int(np.argmax(yhat))


def in_own_units(goal: Goal, yhat: Array) -> Array:
    """value = mean + std * yhat, [outputs]; yhat where the target was not standardised."""
    return goal.mean + goal.std * yhat if len(goal.std) else yhat


def decision(network: Description, yhat: Array) -> str:
    """The answer in a few words: "spam", "7", "red, round", "22.5"."""
    goal, names = network.goal, network.outputs
    if goal.kind == "numbers":
        values = in_own_units(goal, yhat)
        if len(values) == 1:
            return number(values[0])
        return ", ".join(f"{name} = {number(value)}" for name, value in zip(names, values, strict=True))
    if goal.kind == "class" and len(names) == 1:
        # As argmax over the two classes does: a tie goes to the first; a step unit says 1 from 0 on.
        return names[0] if yhat[0] > 0.5 else goal.opposite
    if goal.kind == "class":
        return names[chosen_output(goal, yhat)]
    least = 0.0 if goal.link == "identity" else 0.5  # hinge: the side of the line, z >= 0
    holding = [name for name, p in zip(names, yhat, strict=True) if p >= least]
    if len(names) == 1:
        return names[0] if holding else goal.opposite or f"not {names[0]}"
    return ", ".join(holding) or "none of them"


def probability(network: Description, yhat: Array) -> float | None:
    """Of the decision, for one of several classes and for a single yes or no; None where there is no such number."""
    goal = network.goal
    if goal.kind == "numbers" or goal.link not in ("sigmoid", "softmax"):
        return None
    if len(yhat) == 1:
        return float(max(yhat[0], 1 - yhat[0]))
    return float(yhat.max()) if goal.kind == "class" else None
