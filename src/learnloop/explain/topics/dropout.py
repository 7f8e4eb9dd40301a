"""`learnloop explain dropout`: one mask by hand, both ways of scaling, and the mean over all masks."""

from __future__ import annotations

from itertools import product

import numpy as np

from learnloop.explain.walk import (
    Array,
    Block,
    Curves,
    Edge,
    Equation,
    Grid,
    Network,
    Node,
    Say,
    Section,
    Table,
    Walk,
    factor,
    number,
)
from learnloop.scratch.regularise import (
    dropout,
    dropout_backward,
    dropout_in_use,
    example,
    inverted_dropout,
    inverted_dropout_backward,
    keep,
)

P = 0.25
"""Of the example."""
W = np.array([0.5, -1.0, 1.0, 0.25])
"""The weights of one unit behind the four."""
DRAWS = 400


def walk() -> Walk:
    values = example() | _behind() | _masks() | _running_means()
    sections = [
        Section("Four units, one mask", _mask(values)),
        Section("What the next unit hears", _heard(values)),
        Section("In use: all units, and a scale", _scaled(values)),
        Section("The other form: scale while training", _inverted(values)),
        Section("Backwards", _backwards(values)),
        Section("Remember", [Say(text) for text in _REMEMBER]),
    ]
    return Walk(
        "Dropout: train with units missing",
        sections,
        values,
        "course guide 004, section 4.2, equation 28; guide 003, Dropout; Srivastava et al., Dropout, 2014, sections "
        "4 and "
        "10. Code: learnloop.scratch.regularise",
        ["learnloop explain regularise", "learnloop explain batch_norm"],
    )


_REMEMBER = (
    "In training units are dropped at random, anew for every sample. In use none is.",
    "Scale in use by `1 - p` (the guide), or while training by `1 / (1 - p)` (PyTorch, Keras): not both.",
    "`p` is the share dropped here and in PyTorch; in the paper it is the share kept.",
)


def _behind() -> dict[str, Array]:
    """The sum of the unit behind: in training under the mask, in use scaled, in use as it is."""
    values = example()
    a, d = values["a"], values["d"]
    sums = {"sum under the mask": dropout(a, d), "sum in use": dropout_in_use(a, P), "sum, not scaled": a}
    return {name: np.array(W @ units) for name, units in sums.items()}


def _masks() -> dict[str, Array]:
    """All masks of the first two units [4, 2], their chances [4], and the units under them, inverted form [4, 2]."""
    a = example()["a"][:2]
    masks = np.array(list(product((1.0, 0.0), repeat=2)))
    chances = np.where(masks == 1, 1 - P, P).prod(axis=1)
    units = np.array([inverted_dropout(a, d, P) for d in masks])
    return {"masks": masks, "chances": chances, "units": units, "mean of the units": chances @ units}


def _running_means() -> dict[str, Array]:
    """Mean of the first unit over the first 1, 2, ..., DRAWS masks drawn."""
    a = example()["a"][:1]
    masks = keep((DRAWS, 1), P, np.random.default_rng(0))
    plain = np.array([dropout(a, d)[0] for d in masks])
    inverted = np.array([inverted_dropout(a, d, P)[0] for d in masks])
    counts = np.arange(1, DRAWS + 1)
    return {"running mean": np.cumsum(plain) / counts, "running mean, inverted": np.cumsum(inverted) / counts}


def _mask(values: dict[str, Array]) -> list[Block]:
    a, d = values["a"], values["d"]
    dropped = frozenset((0, i) for i in range(len(d)) if d[i] == 0)
    return [
        Grid("units a", a, marked=dropped),
        Grid("mask d", d, marked=dropped, note=f"1 with probability 1 - p = {number(1 - P)}, else 0"),
        Equation("a := a * d", "", values["dropout"], "entry by entry"),
        Say(
            "No unit can lean on one certain neighbour: it may be gone in the next sample. What is learnt has to be "
            "held "
            "by several."
        ),
    ]


def _heard(values: dict[str, Array]) -> list[Block]:
    units = values["dropout"]
    notes = ["" if d else "dropped" for d in values["d"]]
    nodes = [Node(f"a{i + 1}", float(u), note) for i, (u, note) in enumerate(zip(units, notes))]
    behind = float(values["sum under the mask"])
    terms = " + ".join(f"{factor(w)}*{factor(u)}" for w, u in zip(W, units))
    return [
        Network(
            ("units under the mask", "unit behind"),
            (nodes, [Node("z", behind)]),
            [Edge(0, i, 0, float(w)) for i, w in enumerate(W)],
        ),
        Equation("z = w . a", terms, behind),
    ]


def _scaled(values: dict[str, Array]) -> list[Block]:
    a, in_use = values["a"], values["in_use"]
    t = np.arange(1.0, DRAWS + 1)
    return [
        Say(
            f"In use nothing is dropped: the unit behind would hear {number(float(values['sum, not scaled']))}, from "
            "more "
            f"units than in training. So each is scaled to its mean: {number(1 - P)} of the masks keep it."
        ),
        Equation("a1 := (1 - p) a1", f"(1 - {number(P)})*{factor(a[0])}", in_use[0]),
        Grid("all four in use", in_use),
        Equation(
            "z = w . (1 - p) a",
            " + ".join(f"{factor(w)}*{factor(u)}" for w, u in zip(W, in_use)),
            float(values["sum in use"]),
        ),
        Curves(
            "Mean of the first unit over the masks drawn so far",
            "masks",
            "mean",
            {
                "scaled in use": (t, values["running mean"]),
                "scaled while training": (t, values["running mean, inverted"]),
            },
            note=f"They go to (1 - p) a1 = {number(in_use[0])} and to a1 = {number(a[0])}.",
        ),
    ]


def _inverted(values: dict[str, Array]) -> list[Block]:
    a, mean = values["a"], values["mean of the units"]
    each = zip(values["masks"], values["chances"], values["units"])
    rows = [[*(f"{int(bit)}" for bit in d), float(chance), *units] for d, chance, units in each]
    terms = " + ".join(f"{number(c)}*{factor(u)}" for c, u in zip(values["chances"], values["units"][:, 0]))
    return [
        Say("PyTorch divides while training, and leaves the units alone in use: a served model has no dropout at all."),
        Equation(
            "a1 := a1 d1 / (1 - p)",
            f"{factor(a[0])}*{number(values['d'][0])} / (1 - {number(P)})",
            values["inverted"][0],
        ),
        Table(("d1", "d2", "chance", "a1", "a2"), rows, note="All masks of two units, and the units under each."),
        Equation("mean of a1 over all masks", terms, mean[0], "a1 itself"),
        Equation("mean of a2 over all masks", "", mean[1], "a2 itself"),
    ]


def _backwards(values: dict[str, Array]) -> list[Block]:
    da, d = np.ones(len(W)), values["d"]
    return [
        Say("A dropped unit had no part in the answer: no slope comes back to it. The mask is the same as forwards."),
        Equation("da := da * d", "", dropout_backward(da, d), "guide's form, with slopes of 1 coming in"),
        Equation("da := da * d / (1 - p)", "", inverted_dropout_backward(da, d, P), "PyTorch's form"),
    ]
