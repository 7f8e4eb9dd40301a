"""`learnloop explain gru`: one step of two units, with the reset gate before and after the matrix product."""

from __future__ import annotations

import numpy as np

from learnloop.explain.walk import (
    Array,
    Block,
    Equation,
    Grid,
    Say,
    Section,
    Table,
    Walk,
    factor,
    listed,
    weighted_sum,
)
from learnloop.scratch.activations import sigmoid
from learnloop.scratch.gru import example

UNITS = (0, 1)


def walk() -> Walk:
    values = example()
    sections = [_network(values), _gates(values), _before(values), _after(values), _new_state(values)]
    return Walk(
        "The GRU: keep or replace",
        [*sections, _backwards(values), _remember(values)],
        values,
        "Cho et al., Learning phrase representations using RNN encoder-decoder, 2014, section 2.3; "
        "Chung et al., Empirical evaluation of gated recurrent neural networks on sequence modeling, 2014, section 3.2",
        ["learnloop explain lstm", "learnloop explain rnn", "learnloop explain vanishing"],
    )


def _inputs(values: dict[str, Array]) -> Array:
    """[h_0, x_1]"""
    return np.concatenate([values["h_0"], values["x"][0]])


def _network(values: dict[str, Array]) -> Section:
    columns = ("h[1]", "h[2]", "x")
    return Section(
        "One state, two gates",
        [
            Say(
                "A GRU has one state `h`. The update gate `z` says how much of it to replace, the reset gate `r` how "
                "much of it the replacement may be made from. Two units take one step:"
            ),
            Grid("h_0", values["h_0"]),
            Grid("x_1", values["x"][0]),
            Grid("W_r", values["W_r"], columns=columns),
            Grid("W_z", values["W_z"], columns=columns),
            Grid("W", values["W"], columns=columns),
            Say("All biases are 0 here. The last column of each matrix stands on the input, the others on the state."),
        ],
    )


def _gates(values: dict[str, Array]) -> Section:
    blocks: list[Block] = [
        Equation(
            f"{gate}[{k + 1}] = sigmoid(W_{gate} [h_0, x_1])[{k + 1}]",
            f"sigmoid({weighted_sum(values[f'W_{gate}'][k], _inputs(values))})",
            values[gate][k],
        )
        for gate in ("r", "z")
        for k in UNITS
    ]
    return Section("The gates", blocks)


def _before(values: dict[str, Array]) -> Section:
    W, r, h_0, h_new = (values[name] for name in ("W", "r", "h_0", "h_new, before"))
    blocks: list[Block] = [
        Say("The course guide, and the paper, first scale each unit of the old state by its r, then mix the units:"),
        *[
            Equation(
                f"h~[{k + 1}] = tanh(W_h (r * h_0) + W_x x_1)[{k + 1}]",
                "tanh("
                + " + ".join(f"{factor(W[k, m])}*{factor(r[m])}*{factor(h_0[m])}" for m in UNITS)
                + f" + {weighted_sum(W[k, 2:], values['x'][0])})",
                h_new[k],
            )
            for k in UNITS
        ],
    ]
    return Section("The candidate, reset before the product", blocks)


def _after(values: dict[str, Array]) -> Section:
    W, r, h_0, h_new = (values[name] for name in ("W", "r", "h_0", "h_new, after"))
    rows: list[list[str | float]] = [
        [f"h~[{k + 1}]", float(values["h_new, before"][k]), float(h_new[k])] for k in UNITS
    ]
    return Section(
        "The candidate, reset after the product",
        [
            Say("PyTorch mixes the units first and scales the sums; it need not wait for r before it multiplies:"),
            *[
                Equation(
                    f"h~[{k + 1}] = tanh(r * (W_h h_0) + W_x x_1)[{k + 1}]",
                    f"tanh({factor(r[k])}*({weighted_sum(W[k, :2], h_0)}) + {weighted_sum(W[k, 2:], values['x'][0])})",
                    h_new[k],
                )
                for k in UNITS
            ],
            Table(["", "before", "after"], rows),
            Say(
                "The two differ because the units have different r. With one unit, or equal r, they would agree. "
                "Both are in use, but weights trained in one form are wrong in the other."
            ),
        ],
    )


def _new_state(values: dict[str, Array]) -> Section:
    z, h_0 = values["z"], values["h_0"]
    blocks: list[Block] = [Say("The new state is a mean of the old one and the candidate, weighted by z:")]
    for form in ("before", "after"):
        blocks += [
            Equation(
                f"h_1[{k + 1}] = (1 - z[{k + 1}]) h_0[{k + 1}] + z[{k + 1}] h~[{k + 1}]",
                f"(1 - {factor(z[k])})*{factor(h_0[k])} + {factor(z[k])}*{factor(values[f'h_new, {form}'][k])}",
                values[f"h, {form}"][k],
                f"reset {form}",
            )
            for k in UNITS
        ]
    total = -values["W_z"][0]
    return Section(
        "The new state",
        [
            *blocks,
            Say(
                "Where z is small the state passes unchanged: that is how a GRU remembers. Beware of the letter: in "
                "PyTorch, and in the first paper, z is what is kept, one minus ours. The weights of its z are ours "
                "with the sign changed:"
            ),
            Equation(
                "PyTorch's z[1] = sigmoid(-W_z [h_0, x_1])[1] = 1 - z[1]",
                f"sigmoid({weighted_sum(total, _inputs(values))})",
                float(sigmoid(total @ _inputs(values))),
            ),
        ],
    )


def _backwards(values: dict[str, Array]) -> Section:
    z, r, h_0, h_new = (values[name] for name in ("z", "r", "h_0", "h_new, before"))
    # One sample and one step: the derivative by a bias is the derivative by the sum it stands in
    da, da_r, da_z = (values[f"d{name}, before"] for name in ("b", "b_r", "b_z"))
    W, W_r, W_z = (values[name] for name in ("W", "W_r", "W_z"))
    past = f"{factor(r[0])}*({weighted_sum(W[:, 0], da)})"
    gates = f"{weighted_sum(W_r[:, 0], da_r)} + {weighted_sum(W_z[:, 0], da_z)}"
    return Section(
        "Backwards",
        [
            Say(f"Let the loss be the sum of h_1 (reset before), so `dh_1 = {listed(values['dh'])}`. For unit 1:"),
            Equation(
                "da[1] = dh_1[1] z[1] (1 - h~[1]^2)",
                f"{factor(values['dh'][0])}*{factor(z[0])}*(1 - {factor(h_new[0])}**2)",
                da[0],
                "through tanh, to the candidate's sum",
            ),
            Equation(
                "da_z[1] = dh_1[1] (h~[1] - h_0[1]) z[1] (1 - z[1])",
                f"{factor(values['dh'][0])}*({factor(h_new[0])} - {factor(h_0[0])})*{factor(z[0])}*(1 - "
                f"{factor(z[0])})",
                da_z[0],
                "through sigmoid, to the sum of z",
            ),
            Equation(
                "da_r[1] = (W_h[1,1] da[1] + W_h[2,1] da[2]) h_0[1] r[1] (1 - r[1])",
                f"({weighted_sum(W[:, 0], da)})*{factor(h_0[0])}*{factor(r[0])}*(1 - {factor(r[0])})",
                da_r[0],
                "to the sum of r",
            ),
            Say(
                "The old state was read in four places, so its derivative has four parts: kept, reset, and both gates."
            ),
            Equation(
                "dh_0[1] = (1 - z[1]) dh_1[1] + r[1] (W_h^T da)[1] + (W_r^T da_r)[1] + (W_z^T da_z)[1]",
                f"(1 - {factor(z[0])})*{factor(values['dh'][0])} + {past} + {gates}",
                values["dh_0, before"][0],
            ),
            Say("The first part is the one that keeps the gradient alive: `1 - z`, with no matrix in it."),
        ],
    )


def _remember(values: dict[str, Array]) -> Section:
    size = values["W"].size
    return Section(
        "What to remember",
        [
            Say(
                f"Three matrices (here {size} numbers each) instead of the four of an LSTM, and one state instead of "
                "two."
            ),
            Say("r before the product: textbook. r after the product: PyTorch. z: ours replaces, PyTorch's keeps."),
        ],
    )
