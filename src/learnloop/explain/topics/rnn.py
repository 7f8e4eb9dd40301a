"""`learnloop explain rnn`: two units read three numbers; forwards, back through time, one update."""

from __future__ import annotations

import numpy as np

from learnloop.explain.walk import (
    Array,
    Block,
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
    weighted_sum,
)
from learnloop.scratch.recurrent import example, readout, rnn, rnn_step_backward

LEARNING_RATE = 0.05


def walk() -> Walk:
    values = example()
    values |= _back_in_time(values) | _after_one_step(values)
    sections = [_unrolled(values), _forwards(values), _loss(values), _backwards(values), _shares(values)]
    return Walk(
        "A recurrent network: one layer, used again at every step",
        [*sections, _update(values), _remember(values)],
        values,
        "Elman, Finding structure in time, 1990; Werbos, Backpropagation through time, 1990; "
        "Goodfellow, Bengio and Courville, Deep Learning, 2016, section 10.2",
        ["learnloop explain vanishing", "learnloop explain lstm", "learnloop explain gru"],
    )


def _state(values: dict[str, Array], t: int) -> Array:
    """h_t [2]; t = 0 is the start."""
    return values["h_0"] if t == 0 else values["h"][t - 1]


def _back_in_time(values: dict[str, Array]) -> dict[str, Array]:
    """dz_t and the whole dh_t of each step."""
    x, W_hh, W_xh = values["x"], values["W_hh"], values["W_xh"]
    found: dict[str, Array] = {}
    later = np.zeros((1, len(W_hh)))
    for t in range(len(x), 0, -1):
        whole = values["dh"][None, t - 1] + later
        step = rnn_step_backward(
            whole, _state(values, t)[None], x[None, t - 1], _state(values, t - 1)[None], W_hh, W_xh
        )
        # One sample: the sum of dz over the batch, db, is dz itself
        found[f"dh_{t}"], found[f"dz_{t}"] = whole[0], step[4]
        later = step[1]
    return found


def _after_one_step(values: dict[str, Array]) -> dict[str, Array]:
    moved = {name: values[name] - LEARNING_RATE * values["d" + name] for name in ("W_hh", "W_xh", "b", "W_hy", "b_y")}
    h = rnn(values["x"][None], values["h_0"][None], moved["W_hh"], moved["W_xh"], moved["b"])
    y = readout(h, moved["W_hy"], moved["b_y"])[0, -1]
    return {f"{name} after": value for name, value in moved.items()} | {
        "y_3 after": y,
        "loss after": (y - values["target"]) ** 2 / 2,
    }


def _unrolled(values: dict[str, Array]) -> Section:
    x, W_hh, W_xh, W_hy = (values[name] for name in ("x", "W_hh", "W_xh", "W_hy"))
    titles, layers, edges = [], [], []
    for t in range(len(x) + 1):
        nodes = [Node(f"h_{t}[{k + 1}]", float(value)) for k, value in enumerate(_state(values, t))]
        if t < len(x):
            nodes.append(Node(f"x_{t + 1}", float(x[t, 0])))
            weights = np.concatenate([W_hh, W_xh], axis=1)  # [unit, h and x]
            edges += [Edge(t, start, end, float(weights[end, start])) for end, start in np.ndindex(*weights.shape)]
        titles.append("start" if t == 0 else f"time {t}")
        layers.append(nodes)
    edges += [Edge(len(x), start, 0, float(weight)) for start, weight in enumerate(W_hy[0])]
    return Section(
        "One layer, laid out in time",
        [
            Say(
                "The network reads one number at a time. Its two units hand their state `h` on to themselves. Laid out "
                "in time it looks like a deep network, but the weights between two columns are the same every time."
            ),
            Network([*titles, "answer"], [*layers, [Node("y_3", float(values["y"][-1, 0]))]], edges),
            Grid("W_hh, state to state", W_hh),
            Grid("W_xh, input to state", W_xh),
            Grid("b", values["b"]),
        ],
    )


def _forwards(values: dict[str, Array]) -> Section:
    x, W_hh, W_xh, b = (values[name] for name in ("x", "W_hh", "W_xh", "b"))
    blocks: list[Block] = [Say("Each unit sums the old state and the new input, and bends the sum with tanh.")]
    for t in range(1, len(x) + 1):
        inputs = np.concatenate([_state(values, t - 1), x[t - 1]])
        for k in range(len(b)):
            total = weighted_sum(np.concatenate([W_hh[k], W_xh[k]]), inputs, b[k])
            name = f"h_{t}[{k + 1}]"
            formula = f"{name} = tanh(W_hh h_{t - 1} + W_xh x_{t} + b)[{k + 1}]"
            blocks.append(Equation(formula, f"tanh({total})", _state(values, t)[k]))
    blocks.append(
        Grid(
            "h, one row a step",
            values["h"],
            [f"time {t + 1}" for t in range(len(x))],
            [f"unit {k + 1}" for k in range(len(b))],
        )
    )
    return Section("Forwards", blocks)


def _loss(values: dict[str, Array]) -> Section:
    h, W_hy, b_y, target = _state(values, 3), values["W_hy"], values["b_y"], values["target"]
    y, dy = values["y"][-1, 0], values["dy"][-1, 0]
    return Section(
        "The answer and the loss",
        [
            Equation("y_3 = W_hy h_3 + b_y", weighted_sum(W_hy[0], h, b_y[0]), y),
            Equation("L = (y_3 - target)^2 / 2", f"({number(y)} - {number(target[0])})**2 / 2", values["loss"][0]),
            Equation("dy_3 = y_3 - target", f"{number(y)} - {number(target[0])}", dy, "the loss falls when y_3 grows"),
        ],
    )


def _backwards(values: dict[str, Array]) -> Section:
    W_hh, W_hy, dy = values["W_hh"], values["W_hy"], values["dy"][-1, 0]
    units = range(len(W_hh))
    blocks: list[Block] = [
        Say("Now the chain rule, from the last step to the first. The answer owes each unit its weight times dy:"),
        *[
            Equation(f"dh_3[{k + 1}] = W_hy[{k + 1}] dy_3", f"{factor(W_hy[0, k])}*{factor(dy)}", values["dh_3"][k])
            for k in units
        ],
    ]
    for t in (3, 2, 1):
        dz, dh = values[f"dz_{t}"], values[f"dh_{t}"]
        blocks.append(Say(f"Through tanh at time {t}: its derivative is `1 - h^2`."))
        blocks += [
            Equation(
                f"dz_{t}[{k + 1}] = dh_{t}[{k + 1}] (1 - h_{t}[{k + 1}]^2)",
                f"{factor(dh[k])}*(1 - {factor(_state(values, t)[k])}**2)",
                dz[k],
            )
            for k in units
        ]
        before = values[f"dh_{t - 1}"] if t > 1 else values["dh_0"]
        blocks.append(Say(f"One step further back, to the state at time {t - 1}: through column k of `W_hh`."))
        blocks += [
            Equation(
                f"dh_{t - 1}[{k + 1}] = W_hh[1,{k + 1}] dz_{t}[1] + W_hh[2,{k + 1}] dz_{t}[2]",
                weighted_sum(W_hh[:, k], dz),
                before[k],
            )
            for k in units
        ]
    return Section("Back through time", blocks)


def _shares(values: dict[str, Array]) -> Section:
    x, dW_hh, dW_xh = values["x"], values["dW_hh"], values["dW_xh"]
    dz = [values[f"dz_{t}"][0] for t in (3, 2, 1)]
    states = [_state(values, t - 1)[0] for t in (3, 2, 1)]
    inputs = [x[t - 1, 0] for t in (3, 2, 1)]
    return Section(
        "One weight, three shares",
        [
            Say(
                "A weight was used at every step, so its derivative is a sum over the steps: dz of the unit it leads "
                "to, times what it carried."
            ),
            Equation(
                "dW_hh[1,1] = dz_3[1] h_2[1] + dz_2[1] h_1[1] + dz_1[1] h_0[1]", weighted_sum(dz, states), dW_hh[0, 0]
            ),
            Equation("dW_xh[1] = dz_3[1] x_3 + dz_2[1] x_2 + dz_1[1] x_1", weighted_sum(dz, inputs), dW_xh[0, 0]),
            Equation("db[1] = dz_3[1] + dz_2[1] + dz_1[1]", " + ".join(factor(value) for value in dz), values["db"][0]),
            Grid("dW_hh", dW_hh),
            Grid("dW_xh", dW_xh),
            Grid("db", values["db"]),
            Table(
                ["time", "size of dz_t"],
                [[t, float(np.linalg.norm(values[f"dz_{t}"]))] for t in (3, 2, 1)],
                "The further back, the less arrives here: the gradient vanishes.",
            ),
        ],
    )


def _update(values: dict[str, Array]) -> Section:
    old, slope, new = values["W_hh"][0, 0], values["dW_hh"][0, 0], values["W_hh after"][0, 0]
    rate = number(LEARNING_RATE)
    return Section(
        "One update",
        [
            Say(f"Every weight moves against its derivative, here by the learning rate {rate}:"),
            Equation("W_hh[1,1] := W_hh[1,1] - rate dW_hh[1,1]", f"{number(old)} - {rate}*{factor(slope)}", new),
            Table(
                ["", "before", "after"],
                [
                    ["y_3", float(values["y"][-1, 0]), float(values["y_3 after"][0])],
                    ["loss", float(values["loss"][0]), float(values["loss after"][0])],
                ],
                f"The answer should be {number(values['target'][0])}.",
            ),
        ],
    )


def _remember(values: dict[str, Array]) -> Section:
    count = sum(values[name].size for name in ("W_hh", "W_xh", "b"))
    return Section(
        "What to remember",
        [
            Say(f"A sequence of any length is read with the same {count} numbers (W_hh, W_xh, b)."),
            Say("Back through time: at each step times `1 - h^2`, then through `W_hh`, again and again."),
            Say(
                "PyTorch's `nn.RNN` computes the same. It has two biases, of which only the sum matters, and its "
                "answer is h: the layer from h to y is yours to add."
            ),
        ],
    )
