"""The last section: one step of gradient descent, and the loss after it."""

from __future__ import annotations

from learnloop.explain.compute import Backward, Forward
from learnloop.explain.describe import Description
from learnloop.explain.telling.answer import decision
from learnloop.explain.telling.paths import Shown
from learnloop.explain.walk import Block, Equation, Say, Section, Table, factor, number

MOST_ROWS = 12
_DESCENT = (
    "Plain gradient descent with the learning rate {}: every weight moves against its slope, all at once. "
    "Training does the same with the mean slope of many inputs, and often with a cleverer rule."
)
_RULE = (
    "The perceptron's rule with the learning rate {}: `w := w - lr (yhat - y) x`. "
    "Training does just this, one row after the other, until no row is wrong or the rows are through often enough."
)
_HUGE = 0.1
"""A step that leaves less of the loss than this is called too long for one input."""


def update_section(
    network: Description, ahead: Forward, behind: Backward, after: Description, again: Forward, shown: Shown
) -> Section:
    """w := w - lr dL/dw of the weights shown that move most; the loss before and after."""
    rate = network.learning_rate
    rows = _moves(network, behind, after, shown)
    name, old, slope, new = rows[0]
    text = f"{number(old)} - {number(rate)}*{factor(slope)}"
    assert ahead.loss is not None and again.loss is not None
    blocks: list[Block] = [
        Say((_RULE if network.goal.loss.startswith("perceptron") else _DESCENT).format(number(rate))),
        Equation(f"{name} := {name} - lr * dL/dw", text, new),
        Table(("weight", "before", "dL/dw", "after"), rows[:MOST_ROWS], _rest(network, len(rows))),
        _before_and_after(network, ahead, again, shown[-1]),
        Say(_verdict(ahead.loss, again.loss, rate, any(row[2] for row in rows))),
    ]
    return Section("One step downhill", blocks)


def _before_and_after(network: Description, ahead: Forward, again: Forward, units: tuple[int, ...]) -> Table:
    assert ahead.loss is not None and again.loss is not None
    rows: list[list[str | float | int]] = [["loss L", ahead.loss, again.loss]]
    for unit in units:
        rows.append([f"yhat[{network.outputs[unit]}]", float(ahead.yhat[unit]), float(again.yhat[unit])])
    rows.append(["the answer", decision(network, ahead.yhat), decision(network, again.yhat)])
    return Table(("", "before", "after"), rows)


def _moves(
    network: Description, behind: Backward, after: Description, shown: Shown
) -> list[tuple[str, float, float, float]]:
    """(weight, before, slope, after) of the weights and biases shown, the steepest first."""
    found = []
    for place, (old, new) in enumerate(zip(network.layers, after.layers, strict=True)):
        sources = [f.name for f in network.features] if place == 0 else network.layers[place - 1].units
        slopes = behind.parameters[f"{old.dense.name}.weight"]
        for unit in shown[place + 1]:
            for source in shown[place]:
                name = f"w[{old.units[unit]}, {sources[source]}]"
                before, then = float(old.dense.W[unit, source]), float(new.dense.W[unit, source])
                found.append((name, before, float(slopes[unit, source]), then))
            if old.dense.b is not None and new.dense.b is not None:
                slope = float(behind.parameters[f"{old.dense.name}.bias"][unit])
                found.append((f"b[{old.units[unit]}]", float(old.dense.b[unit]), slope, float(new.dense.b[unit])))
    return sorted(found, key=lambda row: -abs(row[2]))


def _rest(network: Description, shown: int) -> str:
    rest = network.weights - min(shown, MOST_ROWS)
    return f"the steepest of those shown; {rest:,} more move the same way" if rest else ""


def _verdict(before: float, after: float, rate: float, moved: bool) -> str:
    smaller = f"`--lr {number(rate / 10)}`"
    if not moved:
        return "Every slope is 0 here: nothing moves, and the loss stays as it is."
    if after == before:
        return "The loss stayed as it was."
    if after > before:
        return (
            f"The loss rose by {number(after - before)}: with the learning rate {number(rate)} the step went too far, "
            f"past the valley. Try {smaller}."
        )
    text = f"The loss fell by {number(before - after)}."
    if after < _HUGE * before:
        text += (
            " So long a step for one input throws away what was learnt from others; training takes shorter ones. "
            f"Try {smaller}."
        )
    return text
