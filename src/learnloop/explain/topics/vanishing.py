"""`learnloop explain vanishing`: what a gradient is multiplied with on its way back through time."""

from __future__ import annotations

import numpy as np

from learnloop.explain.walk import (
    Array,
    Block,
    Curves,
    Equation,
    Grid,
    Say,
    Section,
    Table,
    Walk,
    factor,
    listed,
    number,
)
from learnloop.scratch.lstm import LSTMWeights, lstm
from learnloop.scratch.recurrent import rnn
from learnloop.scratch.vanishing import clip, example, lstm_jacobian, norm, norms, products, rnn_jacobian

UNITS, STEPS = 8, 50
SIZES = (0.5, 0.9, 1.0, 1.1, 1.5)
"""How much W_hh stretches every vector: a random rotation times this."""
FORGET = (0.0, 1.0, 5.0)
"""Biases of the forget gate."""
SHOWN = (1, 10, 25, 50)


def walk() -> Walk:
    values = example()
    quiet, heard, kept = _quiet(), _heard(), _lstms()
    values |= {f"quiet, {size}": curve for size, curve in quiet.items()}
    values |= {f"heard, {size}": curve for size, curve in heard.items()}
    values |= {f"{road}, b_f = {number(bias)}": curve for (road, bias), curve in kept.items()}
    sections = [_one_unit(), _matrix(values), _far(quiet), _with_inputs(heard), _with_gates(heard, kept)]
    return Walk(
        "Vanishing and exploding gradients",
        [*sections, _clipping(values), _remember()],
        values,
        "Bengio, Simard and Frasconi, 1994; Hochreiter and Schmidhuber, 1997; "
        "Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, 2013",
        ["learnloop explain rnn", "learnloop explain lstm", "learnloop explain gru"],
    )


def _rotation() -> Array:
    """A random matrix that keeps every length. [UNITS, UNITS]"""
    return np.linalg.qr(np.random.default_rng(0).normal(size=(UNITS, UNITS)))[0]


def _signal() -> Array:
    """[1, STEPS, 1]"""
    return np.random.default_rng(1).normal(size=(1, STEPS, 1)) / 2


def _quiet() -> dict[float, Array]:
    """||dh_T/dh_{T-k}|| for k = 0 ... STEPS where nothing comes in: the states stay 0, and tanh'(0) = 1."""
    return {size: norms([rnn_jacobian(np.zeros(UNITS), size * _rotation())] * STEPS) for size in SIZES}


def _heard() -> dict[float, Array]:
    """The same with a signal, which drives the states away from 0."""
    W_xh = np.random.default_rng(2).normal(size=(UNITS, 1))
    found = {}
    for size in SIZES:
        W_hh = size * _rotation()
        h = rnn(_signal(), np.zeros((1, UNITS)), W_hh, W_xh, np.zeros(UNITS))[0]
        found[size] = norms([rnn_jacobian(h_t, W_hh) for h_t in h])
    return found


def _lstms() -> dict[tuple[str, float], Array]:
    """||dC_T/dC_{T-k}|| of LSTMs that hear the same signal: along the cell alone, and over all roads."""
    found = {}
    for bias in FORGET:
        rng = np.random.default_rng(3)
        W_f, W_i, W_C, W_o = rng.normal(size=(4, UNITS, UNITS + 1)) / np.sqrt(UNITS)
        zero = np.zeros(UNITS)
        weights = LSTMWeights(W_f, zero + bias, W_i, zero, W_C, zero, W_o, zero)
        _, steps = lstm(_signal(), np.zeros((1, UNITS)), np.zeros((1, UNITS)), weights)
        found["along the cell", bias] = norms([np.diag(step.f[0]) for step in steps])
        whole = products([lstm_jacobian(step, weights) for step in steps])
        found["all roads", bias] = np.array([norm(product[UNITS:, UNITS:]) for product in whole])
    return found


def _one_unit() -> Section:
    """One unit whose state is 0.5 throughout."""
    h = np.array([0.5])
    blocks: list[Block] = [
        Say(
            "One unit: `h_t = tanh(w h_{t-1} + ...)`. How much does h_t move when the state before it moves a "
            "little? By the slope of tanh, `1 - h_t^2`, times the weight w."
        )
    ]
    rows: list[list[str | float]] = []
    for w in (0.5, 1.0, 2.0):
        jacobian = rnn_jacobian(h, np.array([[w]]))
        back = norms([jacobian] * STEPS)
        blocks.append(
            Equation(
                "dh_t/dh_{t-1} = (1 - h_t^2) w",
                f"(1 - {number(h[0])}**2)*{number(w)}",
                jacobian[0, 0],
                f"w = {number(w)}",
            )
        )
        rows.append([number(w), *[float(back[k]) for k in SHOWN]])
    return Section(
        "One unit, one step, many steps",
        [
            *blocks,
            Say(f"Every step further back multiplies once more. With h = {number(h[0])} all the time, after k steps:"),
            Table(["w", *[f"k = {k}" for k in SHOWN]], rows),
            Say("Below 1 it is soon too small to learn from: it vanishes. Above 1 it explodes. Only 1 itself lasts."),
        ],
    )


def _matrix(values: dict[str, Array]) -> Section:
    W, h, J, swapped = values["W_hh"], values["h"][0], values["J"], values["J, factors swapped"]
    slopes = 1 - h**2
    entries = [
        Equation(
            f"J[{k + 1},{m + 1}] = (1 - h[{k + 1}]^2) W_hh[{k + 1},{m + 1}]",
            f"(1 - {factor(h[k])}**2)*{factor(float(W[k, m]))}",
            J[k, m],
        )
        for k, m in np.ndindex(*J.shape)
    ]
    return Section(
        "Several units: a Jacobian",
        [
            Say(
                "With several units the factor is a matrix, the Jacobian: entry [k,m] says how much unit k moves "
                f"when unit m moved before. Here for `h_1 = {listed(h)}`:"
            ),
            Equation("J = dh_t/dh_{t-1} = diag(1 - h_t^2) W_hh"),
            *entries,
            Grid("J", J),
            Grid("as one guide prints it", swapped),
            Say(
                "One course guide prints the factors the other way round, `W_hh diag(1 - tanh^2)`. That scales "
                f"columns instead of rows: `{listed(slopes)}` belong to the units that are reached, not to those that "
                "are left."
            ),
            Say(
                "Over many steps the Jacobians multiply. The most they can stretch a gradient is the norm of the "
                "product:"
            ),
            Table(
                ["steps back", "norm of the product", "norm of W_hh to that power"],
                [
                    [k, float(found), float(most)]
                    for k, (found, most) in enumerate(zip(values["norms"], values["bound"]))
                ],
                "The second is an upper bound for the first, as no slope of tanh is above 1.",
            ),
        ],
    )


def _curves(title: str, lines: dict[str, Array], note: str = "") -> Curves:
    back = np.arange(STEPS + 1.0)
    return Curves(
        title, "steps back", "norm of the Jacobian", {name: (back, y) for name, y in lines.items()}, True, note
    )


def _far(quiet: dict[float, Array]) -> Section:
    return Section(
        "Fifty steps back",
        [
            Say(
                f"{UNITS} units that hear nothing, so that h = 0 and the slope of tanh is 1. `W_hh` is a rotation "
                "times a number g: it stretches everything by g."
            ),
            _curves("A network that hears nothing", {f"g = {number(g)}": curve for g, curve in quiet.items()}),
            Table(
                ["g", *[f"{k} back" for k in SHOWN]],
                [[number(g), *[float(curve[k]) for k in SHOWN]] for g, curve in quiet.items()],
            ),
            Say(
                "A straight line on a logarithmic axis is a power: g to the number of steps. There is almost no middle."
            ),
        ],
    )


def _with_inputs(heard: dict[float, Array]) -> Section:
    return Section(
        "The same networks at work",
        [
            Say("Now a signal comes in. The states leave 0, tanh bends, and its slope falls below 1:"),
            _curves("The same networks with a signal", {f"g = {number(g)}": curve for g, curve in heard.items()}),
            Table(
                ["g", *[f"{k} back" for k in SHOWN]],
                [[number(g), *[float(curve[k]) for k in SHOWN]] for g, curve in heard.items()],
            ),
            Say("Even the rotation (g = 1) forgets here. The factor depends on the signal: no fixed g is right."),
        ],
    )


def _with_gates(heard: dict[float, Array], kept: dict[tuple[str, float], Array]) -> Section:
    along = {f"LSTM, b_f = {number(bias)}": kept["along the cell", bias] for bias in FORGET}
    rows: list[list[str | float]] = [["RNN, g = 1", *[float(heard[1.0][k]) for k in SHOWN]]]
    for bias in FORGET:
        for road in ("along the cell", "all roads"):
            rows.append([f"LSTM, b_f = {number(bias)}, {road}", *[float(kept[road, bias][k]) for k in SHOWN]])
    return Section(
        "The LSTM's way out",
        [
            Say(
                "An LSTM's cell is scaled by its forget gate and added to: `dC_t/dC_{t-1} = f_t` along the cell. No "
                "weight matrix, no slope of tanh. How open the gate is depends on its bias b_f:"
            ),
            _curves("The same signal, along the cell", {"RNN, g = 1": heard[1.0], **along}),
            Table(["", *[f"{k} back" for k in SHOWN]], rows),
            Say(
                "With an open gate most of the gradient arrives; with b_f = 0 the gate is half shut and the cell "
                "forgets as the RNN does. So the LSTM does not cure by itself: it makes remembering something that "
                "can be learnt."
            ),
            Say("All roads, through h and the gates too, can add up to more than 1. Growth is still possible: clip."),
        ],
    )


def _clipping(values: dict[str, Array]) -> Section:
    g, clipped, threshold = values["g"], values["clipped g"], 1.0
    w = SIZES[-1]
    large = norms([rnn_jacobian(np.zeros(1), np.array([[w]]))] * STEPS)[-1:]
    [cut], length = clip([large], threshold)
    scale = f"min(1, {number(threshold)}/{number(float(values['||g||']))})"
    return Section(
        "Clipping what explodes",
        [
            Say(
                "A gradient that is too long is shortened to a threshold; its direction stays. All weights count "
                "together:"
            ),
            Equation(
                "||g|| = sqrt(sum of squares)",
                f"sqrt({' + '.join(f'{factor(value)}**2' for value in g)})",
                float(values["||g||"]),
            ),
            *[
                Equation(f"g[{k + 1}] := min(1, threshold/||g||) g[{k + 1}]", f"{scale}*{factor(g[k])}", clipped[k])
                for k in range(len(g))
            ],
            Say(f"One unit whose state is 0, with w = {number(w)}, and its derivative {STEPS} steps back:"),
            Table(["", "length of g"], [["before", length], ["after", float(abs(cut[0]))]]),
            Say("PyTorch: `nn.utils.clip_grad_norm_(parameters, max_norm=threshold)`; it adds 0.000001 to the norm."),
            Say(
                "Clipping helps against explosion only. A gradient that has vanished is drowned by those of the near "
                "steps, and no scaling brings it back."
            ),
        ],
    )


def _remember() -> Section:
    return Section(
        "What to remember",
        [
            Say("Going back k steps multiplies k Jacobians. Norms below 1 vanish, norms above 1 can explode."),
            Say(
                "Exploding is loud and can be clipped. Vanishing is silent: the network just never learns what is "
                "far apart."
            ),
            Say("Gates (LSTM, GRU) give the gradient a road on which the factor is near 1 when the network wants it."),
        ],
    )
