"""The sections at the end of the forward path: the sums of the outputs, what they mean, and the loss."""

from __future__ import annotations

import numpy as np

from learnloop.explain.compute import Forward
from learnloop.explain.describe import Description, Goal
from learnloop.explain.goals import LOSSES
from learnloop.explain.telling.ahead import activation_equation, unit_equations
from learnloop.explain.telling.answer import decision, in_own_units, probability
from learnloop.explain.telling.paths import Shown
from learnloop.explain.walk import Block, Equation, Say, Section, Table, factor, number

MOST_TERMS = 6
MOST_OUTPUTS = 30


def answer_section(network: Description, ahead: Forward, shown: Shown) -> Section:
    """The sums of the output layer, the link, and the answer in the user's words."""
    layer, goal = network.layers[-1], network.goal
    source = "x" if len(network.layers) == 1 else "a"
    blocks: list[Block] = []
    if len(shown[-1]) < len(layer.units):
        many = f"Of {len(layer.units):,} outputs, these {len(shown[-1])}: the answer, the truth, and what came near."
        blocks.append(Say(many))
    for unit in shown[-1]:
        blocks += unit_equations(layer, ahead.layers[-1], unit, source)
    blocks += _links(network, ahead, shown[-1])
    if goal.kind == "numbers" and len(goal.std):
        blocks += _own_units(network, ahead, shown[-1])
    if len(layer.units) > 1 and goal.link != "identity":
        blocks.append(_every_output(network, ahead))
    blocks.append(Say(_answer(network, ahead)))
    return Section("The answer", blocks)


def _links(network: Description, ahead: Forward, units: tuple[int, ...]) -> list[Block]:
    goal, names = network.goal, network.outputs
    if goal.link == "identity":
        return []
    if goal.link == "softmax":
        return [_softmax(names, ahead, unit) for unit in units]
    if goal.link == "argmax":
        return [
            Equation(f"yhat[{names[u]}] = 1 if z[{names[u]}] is the largest, else 0", "", float(ahead.yhat[u]))
            for u in units
        ]
    return [
        activation_equation(goal.link, f"yhat[{names[u]}]", f"z[{names[u]}]", float(ahead.z[u]), float(ahead.yhat[u]))
        for u in units
    ]


def _softmax(names: tuple[str, ...], ahead: Forward, unit: int) -> Equation:
    order = [int(place) for place in np.argsort(-ahead.z, kind="stable")[:MOST_TERMS]]
    kept = range(len(names)) if len(names) <= MOST_TERMS else order
    terms = " + ".join(f"e^{factor(ahead.z[place])}" for place in kept)
    rest = len(names) - len(kept)
    below = f"{terms} + ... {rest} smaller terms" if rest else terms
    formula = f"yhat[{names[unit]}] = e^z[{names[unit]}] / sum_k e^z[k]"
    return Equation(formula, f"e^{factor(ahead.z[unit])} / ({below})", float(ahead.yhat[unit]))


def _own_units(network: Description, ahead: Forward, units: tuple[int, ...]) -> list[Block]:
    goal = network.goal
    values = in_own_units(goal, ahead.z)
    blocks: list[Block] = [Say("The network was trained on standardised targets: its output is turned back.")]
    for u in units:
        text = f"{number(goal.mean[u])} + {factor(goal.std[u])}*{factor(ahead.yhat[u])}"
        name = network.outputs[u]
        blocks.append(Equation(f"{name} = mean + std * z[{name}]", text, float(values[u])))
    return blocks


def _every_output(network: Description, ahead: Forward) -> Table:
    """The outputs, the likeliest first where they are many."""
    order = range(len(network.outputs))
    if len(network.outputs) > MOST_OUTPUTS:
        order = [int(place) for place in np.argsort(-ahead.yhat, kind="stable")[:MOST_OUTPUTS]]  # type: ignore[assignment]
    target = network.goal.target
    columns = ["output", "z", "yhat"] + ([] if target is None else ["y"])
    rows: list[list[str | float | int]] = []
    for place in order:
        row: list[str | float | int] = [network.outputs[place], float(ahead.z[place]), float(ahead.yhat[place])]
        rows.append(row if target is None else [*row, float(target[place])])
    rest = len(network.outputs) - len(rows)
    return Table(columns, rows, f"and {rest} less likely ones" if rest else "")


def _answer(network: Description, ahead: Forward) -> str:
    said = decision(network, ahead.yhat)
    p = probability(network, ahead.yhat)
    text = f"The network says: {said}" + (f", with probability {number(p)}." if p is not None else ".")
    if p is not None and network.goal.loss == "hinge":
        text += " It was trained by the hinge loss, so this number only ranks: it is no measured probability."
    if not network.goal.exact:
        return text
    if network.goal.kind == "numbers":
        return f"{text} The true value is {network.goal.exact}."
    right = said == network.goal.exact
    return f"{text} That is right." if right else f"{text} That is wrong: the truth is {network.goal.exact}."


def loss_section(network: Description, ahead: Forward) -> Section:
    """The loss of this one input, with the numbers put in."""
    goal, rule = network.goal, LOSSES[network.goal.loss]
    assert goal.target is not None
    over = rule.over if len(goal.target) > 1 else ""
    text = f"How wrong is that? By the {rule.title}" + (
        f", the {over} over the {len(goal.target)} outputs." if over else "."
    )
    share = f"1/{len(goal.target)} " if over == "mean" else ""
    formula = rule.formula.replace("L = ", f"L = {share}sum_k ") if over else rule.formula
    blocks: list[Block] = [Say(" ".join((text, *goal.notes))), Equation(formula, loss_numbers(goal, ahead), ahead.loss)]
    return Section("The loss", blocks)


def loss_numbers(goal: Goal, ahead: Forward) -> str:
    """The loss with its numbers, where it is short enough to write; y = 0 leaves nothing of a class's term."""
    assert goal.target is not None
    y, yhat = goal.target, ahead.yhat
    if goal.loss in ("cross_entropy", "kl"):
        terms = [(t, p) for t, p in zip(y, yhat, strict=True) if t != 0]
        if len(terms) > MOST_TERMS:
            return ""
        if goal.loss == "kl":
            return " + ".join(f"{number(t)} log({number(t)} / {number(p)})" for t, p in terms)
        logs = [f"log {number(p)}" if t == 1 else f"{number(t)} log {number(p)}" for t, p in terms]
        return f"-{logs[0]}" if len(logs) == 1 else f"-({' + '.join(logs)})"
    if goal.loss == "perceptron_classes":
        return f"{number(ahead.z.max())} - {factor(ahead.z[int(np.argmax(y))])}"
    if len(y) > MOST_TERMS // 2:
        return ""
    terms_written = [_term(goal.loss, float(z), float(p), float(t)) for z, p, t in zip(ahead.z, yhat, y, strict=True)]
    text = " + ".join(terms_written)
    return f"({text}) / {len(y)}" if len(y) > 1 and LOSSES[goal.loss].over == "mean" else text


def _term(loss: str, z: float, yhat: float, y: float) -> str:
    if loss == "binary_cross_entropy":
        return f"-[{number(y)} log {number(yhat)} + {number(1 - y)} log {number(1 - yhat)}]"
    if loss == "hinge":
        return f"max(0, 1 - {factor(2 * y - 1)}*{factor(z)})"
    if loss == "perceptron":
        return f"max(0, {'-' if y else ''}{factor(z)})"
    difference = f"{number(yhat)} - {factor(y)}"
    if loss == "mse":
        return f"({difference})^2"
    if loss == "mae":
        return f"|{difference}|"
    return f"({difference})^2 / 2" if abs(yhat - y) <= 1 else f"|{difference}| - 0.5"
