"""`learnloop explain lstm`: one unit reads 1, then 0; every gate written out, then the way back."""

from __future__ import annotations

import numpy as np

from learnloop.explain.walk import (
    Array,
    Block,
    Edge,
    Equation,
    Network,
    Node,
    Say,
    Section,
    Table,
    Walk,
    factor,
    number,
    weighted_sum,
)
from learnloop.scratch.lstm import LSTMStep, LSTMWeights, cell_gradient, example, lstm, lstm_step_backward

GATES = ("f", "i", "C", "o")
NAMES = {"f": "f", "i": "i", "C": "C~", "o": "o"}


def walk() -> Walk:
    values = example()
    weights = LSTMWeights(*[values[name] for name in LSTMWeights._fields])
    nothing = np.zeros((1, 1))
    _, steps = lstm(values["x"][None], nothing, nothing, weights)
    values |= _back_in_time(values, steps, weights)
    sections = [_parts(), _step(values, 1), _step(values, 2), _memory(values), _backwards(values)]
    return Walk(
        "The LSTM: a network with a memory of its own",
        [*sections, _other_forms(), _remember()],
        values,
        "Hochreiter and Schmidhuber, Long short-term memory, 1997; "
        "Gers, Schmidhuber and Cummins, Learning to forget, 2000 (the forget gate)",
        ["learnloop explain gru", "learnloop explain vanishing", "learnloop explain rnn"],
    )


def _back_in_time(values: dict[str, Array], steps: list[LSTMStep], weights: LSTMWeights) -> dict[str, Array]:
    """dC_t, dh_t and the dz of each gate, for both steps: one sample, so each db share is the dz itself."""
    found: dict[str, Array] = {}
    dh, dC = values["dh"][1:], np.zeros((1, 1))
    for t in (2, 1):
        found |= {f"dh_{t}": dh[0], f"dC_{t}": cell_gradient(dh, dC, steps[t - 1])[0]}
        _, dh_before, dC, shares = lstm_step_backward(dh, dC, steps[t - 1], weights)
        found |= {f"dz_{gate}, time {t}": getattr(shares, f"b_{gate}") for gate in GATES}
        dh = dh_before + (values["dh"][:1] if t == 2 else 0)
    return found


def _one(values: dict[str, Array], name: str, t: int) -> float:
    """The value of the single unit at time t; at time 0 the states are 0."""
    return 0.0 if t == 0 else float(values[name][t - 1, 0])


def _parts() -> Section:
    return Section(
        "Two states and four small layers",
        [
            Say(
                "An LSTM hands on two states. `h` is what it shows. `C`, the cell, is what it keeps. Three gates, "
                "numbers between 0 and 1, decide what happens to the cell:"
            ),
            Table(
                ["name", "made by", "what it says"],
                [
                    ["f", "sigmoid", "how much of the old cell to keep (forget gate)"],
                    ["i", "sigmoid", "how much of the new to write (input gate)"],
                    ["C~", "tanh", "the new"],
                    ["o", "sigmoid", "how much of the cell to show (output gate)"],
                ],
            ),
            Equation("C_t = f_t C_{t-1} + i_t C~_t"),
            Equation("h_t = o_t tanh(C_t)"),
            Say("Each of the four is a layer of its own on the old `h` and the new input `x`."),
        ],
    )


def _step(values: dict[str, Array], t: int) -> Section:
    x, h_before, C_before = _one(values, "x", t), _one(values, "h", t - 1), _one(values, "C", t - 1)
    results = {"f": "f", "i": "i", "C": "C_new", "o": "o"}
    blocks: list[Block] = [_picture(values, t, h_before, x, results)]
    for gate in GATES:
        name, bend = NAMES[gate], "tanh" if gate == "C" else "sigmoid"
        total = weighted_sum(values[f"W_{gate}"][0], [h_before, x], values[f"b_{gate}"][0])
        formula = f"{name}_{t} = {bend}(W_{gate} [h_{t - 1}, x_{t}] + b_{gate})"
        blocks.append(Equation(formula, f"{bend}({total})", _one(values, results[gate], t)))
    f, i, new, o, C = (_one(values, name, t) for name in ("f", "i", "C_new", "o", "C"))
    blocks += [
        Say("What is kept of the old cell, and what is written to it:"),
        Equation(f"C_{t} = f_{t} C_{t - 1} + i_{t} C~_{t}", weighted_sum([f, i], [C_before, new]), C),
        Equation(f"h_{t} = o_{t} tanh(C_{t})", f"{number(o)}*tanh({number(C)})", _one(values, "h", t)),
    ]
    if t == 2:
        blocks.append(
            Say(
                f"The input was 0 this time, and yet the cell still holds {number(C)}: it kept {number(f * 100)} "
                f"percent of what the 1 left behind and added {number(i * new)}."
            )
        )
    return Section(f"Time {t}: it reads {number(x)}", blocks)


def _picture(values: dict[str, Array], t: int, h_before: float, x: float, results: dict[str, str]) -> Network:
    nodes = [Node(f"{NAMES[gate]}_{t}", _one(values, results[gate], t)) for gate in GATES]
    edges = [
        Edge(0, start, end, float(values[f"W_{gate}"][0, start])) for end, gate in enumerate(GATES) for start in (0, 1)
    ]
    inputs = [Node(f"h_{t - 1}", h_before), Node(f"x_{t}", x)]
    return Network(["state and input", "gates and the new"], [inputs, nodes], edges)


def _memory(values: dict[str, Array]) -> Section:
    f = values["f"][:, 0]
    return Section(
        "Why it remembers",
        [
            Say(
                "From cell to cell there is no matrix and no tanh, only a product with f. Along this road the "
                "derivative is f itself:"
            ),
            Equation("dC_2/dC_1 = f_2", "", f[1]),
            Equation("dC_2/dC_0 = f_2 f_1", f"{number(f[1])}*{number(f[0])}", float(np.prod(f)), "along the cell"),
            Say(
                "With f near 1 the product stays near 1 over many steps. The network can learn when f should be so: "
                "that is the point of the gate. (There are side roads through h and the gates; the next section "
                "takes them along.)"
            ),
        ],
    )


def _backwards(values: dict[str, Array]) -> Section:
    blocks: list[Block] = [
        Say(f"Let the loss be h_2 itself, so `dh_2 = {number(values['dh_2'][0])}`. Through `o tanh(C)`:")
    ]
    blocks += _gates_backwards(values, 2)
    blocks += [
        Say("All four layers read h_1, so it gets a share from each; the cell before gets its part through f:"),
        _state_before(values),
        Say("At time 1 the cell has two roads to the loss: through the later cell, and through h_1."),
    ]
    blocks += _gates_backwards(values, 1)
    blocks += [
        Say("Each weight was used at both steps. Its derivative adds up dz times what it carried:"),
        _weight(values, "i", 1, "x"),
        _weight(values, "f", 0, "h"),
        Table(
            ["gate", "dW on h", "dW on x", "db"],
            [
                [NAMES[gate], *[float(value) for value in values[f"dW_{gate}"][0]], float(values[f"db_{gate}"][0])]
                for gate in GATES
            ],
            "The derivatives of all twelve numbers.",
        ),
    ]
    return Section("Backwards", blocks)


def _gates_backwards(values: dict[str, Array], t: int) -> list[Equation]:
    """dC_t, then the dz of each gate: derivative of the product, times derivative of the bend."""
    f, i, new, o, C = (_one(values, name, t) for name in ("f", "i", "C_new", "o", "C"))
    before = _one(values, "C", t - 1)
    dh, dC = values[f"dh_{t}"][0], values[f"dC_{t}"][0]
    through_h = f"{factor(dh)}*{factor(o)}*(1 - tanh({number(C)})**2)"
    if t == 2:
        cell = Equation("dC_2 = dh_2 o_2 (1 - tanh(C_2)^2)", through_h, dC)
    else:
        later = f"{factor(values['dC_2'][0])}*{factor(_one(values, 'f', 2))}"
        cell = Equation("dC_1 = dC_2 f_2 + dh_1 o_1 (1 - tanh(C_1)^2)", f"{later} + {through_h}", dC)
    owed = {
        "f": (f"dC_{t} C_{t - 1} f_{t} (1 - f_{t})", f"{factor(dC)}*{factor(before)}*{_slope(f)}"),
        "i": (f"dC_{t} C~_{t} i_{t} (1 - i_{t})", f"{factor(dC)}*{factor(new)}*{_slope(i)}"),
        "C": (f"dC_{t} i_{t} (1 - C~_{t}^2)", f"{factor(dC)}*{factor(i)}*(1 - {factor(new)}**2)"),
        "o": (f"dh_{t} tanh(C_{t}) o_{t} (1 - o_{t})", f"{factor(dh)}*tanh({number(C)})*{_slope(o)}"),
    }
    gates = [
        Equation(f"dz_{NAMES[gate]} = {formula}", numbers, values[f"dz_{gate}, time {t}"][0])
        for gate, (formula, numbers) in owed.items()
    ]
    return [cell, *gates]


def _slope(gate: float) -> str:
    return f"{factor(gate)}*(1 - {factor(gate)})"


def _state_before(values: dict[str, Array]) -> Equation:
    weights = [values[f"W_{gate}"][0, 0] for gate in GATES]
    owed = [values[f"dz_{gate}, time 2"][0] for gate in GATES]
    formula = "dh_1 = W_f[h] dz_f + W_i[h] dz_i + W_C[h] dz_C~ + W_o[h] dz_o"
    return Equation(formula, weighted_sum(weights, owed), values["dh_1"][0])


def _weight(values: dict[str, Array], gate: str, column: int, carried: str) -> Equation:
    """dW of one weight: what stands on h_{t-1} or on x_t, at both steps."""
    times = (2, 1)
    inputs = [_one(values, carried, t if carried == "x" else t - 1) for t in times]
    owed = [values[f"dz_{gate}, time {t}"][0] for t in times]
    names = ("x_2", "x_1") if carried == "x" else ("h_1", "h_0")
    formula = f"dW_{gate}[{carried}] = dz_{gate},2 {names[0]} + dz_{gate},1 {names[1]}"
    return Equation(formula, weighted_sum(owed, inputs), values[f"dW_{gate}"][0, column])


def _other_forms() -> Section:
    return Section(
        "As PyTorch has it",
        [
            Say("`nn.LSTM` computes the same equations. Its names and its order differ:"),
            Table(
                ["here", "PyTorch"],
                [
                    ["C~, C", "g, c"],
                    ["W_f [h, x] in one product", "weight_hh_l0 h + weight_ih_l0 x"],
                    ["b_f", "bias_hh_l0 + bias_ih_l0"],
                    ["order f, i, C~, o", "rows of the stacked weights: i, f, g, o"],
                ],
            ),
            Say(
                "One habit to know: start `b_f` at 1 or above, so that the gate is open before anything is learnt. "
                "PyTorch starts it at random around 0."
            ),
        ],
    )


def _remember() -> Section:
    return Section(
        "What to remember",
        [
            Say("The cell is only scaled and added to. The gates learn when to keep, when to write, when to show."),
            Say("An LSTM has four times the weights of a simple recurrent layer of the same size."),
        ],
    )
