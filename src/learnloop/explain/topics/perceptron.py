"""`learnloop explain perceptron`: AND by hand and by learning; XOR, and the proof that it cannot be learnt."""

from __future__ import annotations

import numpy as np

from learnloop.explain.walk import (
    Array,
    Block,
    Curves,
    Edge,
    Equation,
    Network,
    Node,
    Say,
    Section,
    Table,
    Walk,
    factor,
    listed,
    number,
    weighted_sum,
)
from learnloop.scratch.perceptron import (
    AND,
    INPUTS,
    XOR,
    Learning,
    contradiction,
    example,
    learn,
    most_corrections,
    predict,
    score,
)

SHOWN = 3
"""Corrections written out in full; the rest stand in a table."""


def walk() -> Walk:
    """One unit on AND and on XOR."""
    values = example()
    values |= {"R^2": (INPUTS**2).sum(axis=1).max() + 1, "gamma^2": _closest(values)}
    learnt, cycling = (learn(INPUTS, y, np.zeros(2), 0.0) for y in (AND, XOR))
    sections = [
        Section("One unit: a weighted sum and a step", _unit(values)),
        Section("What it draws: a line", _line(values)),
        Section("Learning AND from zero", _learning(learnt)),
        Section("Why that must end", _bound(values, learnt)),
        Section("XOR goes round for ever", _round(cycling)),
        Section("The proof stands in the corrections", _proof(cycling)),
        Section("Remember", [Say(text) for text in _REMEMBER]),
    ]
    return Walk(
        "The perceptron: one unit that learns from its mistakes",
        sections,
        values=values,
        source="course guide 004, section 2.1; guide 002, perceptron.py. Rosenblatt 1958; Novikoff 1962; "
        "Minsky and Papert 1969. Code: learnloop.scratch.perceptron",
        next=("learnloop explain mlp", "learnloop explain activations"),
    )


def _unit(values: dict[str, Array]) -> list[Block]:
    w, b = values["w"], float(values["b"])
    last = INPUTS[-1]
    picture = Network(
        ("inputs", "unit"),
        [
            [Node(f"x{i}", value) for i, value in enumerate(last, start=1)],
            [Node("yhat", float(values["yhat"][-1]), f"z = {number(values['z'][-1])}")],
        ],
        [Edge(0, i, 0, weight) for i, weight in enumerate(w)],
        note=f"The bias is b = {number(b)}: what the sum must overcome.",
    )
    sums = [
        Equation("z = w . x + b", weighted_sum(w, x, b), float(z), f"x = {listed(x)}: {'fires' if y else 'silent'}")
        for x, z, y in zip(INPUTS, values["z"], values["yhat"])
    ]
    rows = [[*x, z, y] for x, z, y in zip(INPUTS, values["z"], values["yhat"])]
    return [
        Say("Each input is multiplied by a weight. The unit fires, `yhat = 1`, when the sum is at least 0."),
        picture,
        *sums,
        Table(("x1", "x2", "z", "yhat"), rows, note="That is the truth table of AND: 1 only where both inputs are 1."),
        Say(
            "Textbooks differ in what happens at exactly `z = 0`: guide 004 fires at `z >= 0`, as here; the code of "
            "guide 002 fires at `z > 0`. No row above has `z = 0`, so here both give the same."
        ),
    ]


def _line(values: dict[str, Array]) -> list[Block]:
    (w1, w2), b = values["w"], float(values["b"])
    x1 = np.array([0.25, 1.25])
    middle = float(x1[0] + x1[1]) / 2
    zeros, one = INPUTS[AND == 0], INPUTS[AND == 1]
    return [
        Say("Where the sum is 0 the answer changes. With two inputs that is a line; on one side the unit fires."),
        Equation(
            "x2 = -(w1 x1 + b) / w2",
            f"-({factor(w1)}*{number(middle)} + {factor(b)}) / {factor(w2)}",
            float(-(w1 * middle + b) / w2),
            f"where the border is at x1 = {number(middle)}",
        ),
        Curves(
            "AND: the border lies between the zeros and the one",
            "x1",
            "x2",
            {
                "border, z = 0": (x1, -(w1 * x1 + b) / w2),
                "rows with y = 0": (zeros[:, 0], zeros[:, 1]),
                "row with y = 1": (one[:, 0], one[:, 1]),
            },
            points=frozenset({"rows with y = 0", "row with y = 1"}),
        ),
    ]


def _learning(learnt: Learning) -> list[Block]:
    blocks: list[Block] = [
        Say("Start with all weights at 0. Go through the rows. A right answer changes nothing."),
        Say("A wrong one adds the row to the weights (the answer was too low) or takes it away (too high)."),
        Equation("w := w + (y - yhat) x,   b := b + (y - yhat)", meaning="the rule, with alpha = 1"),
    ]
    for before, after, row in list(zip(learnt.path, learnt.path[1:], learnt.rows))[:SHOWN]:
        x, y = INPUTS[int(row)], AND[int(row)]
        error = f"({number(y)} - {number(float(predict(x, before[:2], before[2])))})"
        z = score(x, before[:2], before[2])
        blocks += [
            Equation("z = w . x + b", weighted_sum(before[:2], x, before[2]), float(z), f"x = {listed(x)}: wrong"),
            Equation("w := w + (y - yhat) x", f"{listed(before[:2])} + {error} {listed(x)}", after[:2]),
            Equation("b := b + (y - yhat)", f"{factor(before[2])} + {error}", float(after[2])),
        ]
    epochs = np.repeat(np.arange(1, len(learnt.mistakes) + 1), learnt.mistakes.astype(int))
    rows = [
        [int(epoch), listed(INPUTS[int(row)]), *after]
        for epoch, row, after in zip(epochs, learnt.rows, learnt.path[1:])
    ]
    count = np.arange(1, len(learnt.mistakes) + 1, dtype=float)
    return [
        *blocks,
        Table(("epoch", "row", "w1", "w2", "b"), rows, note="All corrections, with the weights after each."),
        Curves("Mistakes in each epoch", "epoch", "mistakes", {"AND": (count, learnt.mistakes)}),
        Say(f"It {learnt.why}."),
    ]


def _bound(values: dict[str, Array], learnt: Learning) -> list[Block]:
    w, b = values["w"], float(values["b"])
    longest, gamma = float(values["R^2"]), float(values["gamma^2"])
    closest = float(np.abs(values["z"]).min())
    return [
        Say(
            "Suppose some weights separate the rows: those of the first section do. Each correction brings the learner "
            "closer to their direction, yet lets it grow only slowly. Both can go on only so long."
        ),
        Equation("R^2 = max |(x, 1)|^2", weighted_sum(INPUTS[-1], INPUTS[-1], 1.0), longest, "the longest row"),
        Equation(
            "gamma^2 = min z^2 / |(w, b)|^2",
            f"{number(closest)}^2 / ({weighted_sum(w, w, b * b)})",
            gamma,
            "the row that is closest to the line",
        ),
        Equation(
            "corrections <= R^2 / gamma^2",
            f"{number(longest)} / {gamma:.6g}",
            most_corrections(INPUTS, AND, w, b),
            f"it took {len(learnt.rows)}",
        ),
    ]


def _closest(values: dict[str, Array]) -> Array:
    """gamma^2: the square of the smallest distance from the line, in units of |(w, b)|."""
    return np.array((values["z"] ** 2).min() / (values["w"] @ values["w"] + values["b"] ** 2))


def _round(cycling: Learning) -> list[Block]:
    epochs = np.repeat(np.arange(1, len(cycling.mistakes) + 1), cycling.mistakes.astype(int))
    rows: list[list[str | float | int]] = [["start", "", *cycling.path[0]]]
    rows += [
        [int(epoch), listed(INPUTS[int(row)]), *after]
        for epoch, row, after in zip(epochs, cycling.rows, cycling.path[1:])
    ]
    last = cycling.path[-1]
    return [
        Say("XOR is 1 when exactly one input is 1. The same rule from the same start:"),
        Table(("epoch", "row", "w1", "w2", "b"), rows, note=f"The last epoch ends where it began: {listed(last)}."),
        Say("From there everything repeats: the same rows, the same mistakes, the same corrections."),
    ]


def _proof(cycling: Learning) -> list[Block]:
    lines, total = contradiction(INPUTS, XOR, cycling.cycle)
    ones, zeros = INPUTS[XOR == 1], INPUTS[XOR == 0]
    return [
        Say("Weights that solve XOR would have to fulfil one inequality for each row that was corrected in the round:"),
        *[
            Equation(line.split("  ")[1], meaning=f"row {listed(x)}, y = {number(y)}")
            for line, x, y in zip(lines, INPUTS, XOR)
        ],
        Say(
            "Add the two with `>= 0`: `w1 + w2 + 2 b >= 0`. Add the two with `< 0`: `w1 + w2 + 2 b < 0`. "
            "Both cannot hold, so no such weights exist."
        ),
        Equation(
            "sum of t (x, 1), t = +1 or -1", _signed_rows(cycling.cycle), total, "the corrections of a round cancel"
        ),
        Curves(
            "XOR: the zeros and the ones lie across each other",
            "x1",
            "x2",
            {"rows with y = 1": (ones[:, 0], ones[:, 1]), "rows with y = 0": (zeros[:, 0], zeros[:, 1])},
            note="A line with the ones on one side would have the whole segment between them there, and the crossing.",
        ),
    ]


def _signed_rows(cycle: Array) -> str:
    terms = []
    for x, y, count in zip(INPUTS, XOR, cycle):
        sign = "+" if y else "-"
        terms.append(f"{sign} {number(count)} {listed(np.append(x, 1.0))}")
    return " ".join(terms)


_REMEMBER = (
    "A perceptron answers with a line: `w . x + b >= 0`.",
    "The step has no slope, so there is no gradient to follow: the rule moves the weights by the row it got wrong.",
    "If a line separates the rows, the rule finds one. If none does, it never stops, and it will not tell you.",
    "XOR needs a second layer of units: `learnloop explain mlp`.",
)
