"""A made-up walk with every kind of block, for the tests of what draws them."""

from __future__ import annotations

import numpy as np

from learnloop.explain.walk import Curves, Edge, Equation, Grid, Network, Node, Say, Section, Table, Walk

STEPS = np.arange(1.0, 41.0)
WEIGHTS = np.array([[0.5, -0.2, 0.3], [0.4, 0.1, -0.5]])
WALK = Walk(
    title="A small network, <number> by number",
    sections=[
        Section(
            "The picture",
            [
                Say("Two hidden units read three words. A unit adds `w*x` over its inputs & fires above zero."),
                Network(
                    ["input", "hidden: ReLU", "output"],
                    [
                        [Node("free", 1.0), Node("win", 0.0), Node("offer", 1.0, "appears once")],
                        [Node("H1", 0.8), Node("H2", -0.1, "silent")],
                        [Node("spam", 0.6365)],
                    ],
                    [Edge(0, i, j, float(WEIGHTS[j, i]), 0.01 * (i - j)) for i in range(3) for j in range(2)]
                    + [Edge(1, 0, 0, 0.7, -0.2908), Edge(1, 1, 0, 0.2)],
                    note="Two weights have no gradient here.",
                ),
            ],
        ),
        Section(
            "The sums",
            [
                Equation("z_1 = w_1 . x + b_1", "0.5*1 + (-0.2)*0 + 0.3*1 + 0", 0.8, "what the first unit collects"),
                Equation("z_2 = w_2 . x + b_2", "0.4*1 + 0.1*0 + (-0.5)*1 + 0", -0.1),
                Equation("a = relu(z)", "max(0, [0.8, -0.1])", np.array([0.8, 0.0])),
                Equation("yhat = sigma(0.56) = 1 / (1 + e^{-0.56})", "", 0.6365),
                Equation("dL/dW = dL/dz a^T", "", WEIGHTS, "one row a unit"),
                Say("Then a long one."),
                Equation(
                    "the sum of all inputs = sum_i w_i x_i",
                    " + ".join(f"{k / 7:.4g}*{k / 3:.4g}" for k in range(1, 25)),
                    233.3,
                ),
            ],
        ),
        Section(
            "Pictures",
            [
                Grid(
                    "the image",
                    np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
                    marked=frozenset({(0, 0), (0, 1), (1, 0), (1, 1)}),
                ),
                Grid("W", WEIGHTS, ("H1", "H2"), ("free", "win", "offer"), note="Rows are units."),
                Grid("a row", np.array([0.5, -0.25, 0.0])),
                Grid(
                    "a large picture",
                    np.outer(np.sin(STEPS[:28] / 4), np.cos(STEPS[:28] / 5)),
                    marked=frozenset({(3, 4)}),
                ),
            ],
        ),
        Section(
            "Along the way",
            [
                Curves(
                    "Loss while training",
                    "step",
                    "loss (nats)",
                    {"fast": (STEPS, np.exp(-STEPS / 6)), "slow": (STEPS, np.exp(-STEPS / 20))},
                    note="The fast one is done after 20 steps.",
                ),
                Curves("One line", "x", "y", {"y": (STEPS, np.sin(STEPS / 5))}),
                Curves("Shrinking", "depth", "size", {"size": (STEPS, 0.5**STEPS)}, log_y=True),
                Table(
                    ["rule", "steps", "loss", "remark"],
                    [
                        [
                            "sgd",
                            40,
                            0.1353,
                            "the plain rule, which follows the gradient and nothing else, step by step",
                        ],
                        ["a_rather_long_name_of_a_rule", 7, -1.25e-05, "<b>not bold</b>"],
                    ],
                    note="Both from the same start.",
                ),
            ],
        ),
    ],
    values={"z": np.array([0.8, -0.1]), "probability": np.array(0.6365)},
    source="Made up for this test <by hand>",
    next=["learnloop explain adam", "learnloop explain conv --html conv.html"],
)
