"""`learnloop explain mlp`: XOR through two layers, forward, backward, one step, and three kinds of descent."""

from __future__ import annotations

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
    listed,
    number,
    weighted_sum,
)
from learnloop.scratch.activations import tanh_prime
from learnloop.scratch.descent import example as descent_example
from learnloop.scratch.mlp import example

SAMPLE = 2
"""The column that is followed number by number: x = (1, 0), which XOR calls different."""
COLUMNS = ("(0, 0)", "(0, 1)", "(1, 0)", "(1, 1)")
CLASSES = ("same", "different")


def walk() -> Walk:
    """The XOR network of `scratch.mlp` and the steps of `scratch.descent`."""
    values = example() | {"g'(z1)": tanh_prime(example()["z1"])} | descent_example()
    sections = [
        Section("Forward: sum, bend, sum, shares", _forward(values)),
        Section("All samples at once, and the loss", _batch(values)),
        Section("Backward: the chain rule, link by link", _backward(values)),
        Section("One step downhill", _step(values)),
        Section("Batch, stochastic, mini-batch", _descents(values)),
        Section("What the guide prints", _guide()),
        Section("Remember", [Say(text) for text in _REMEMBER]),
    ]
    return Walk(
        "The multi-layer perceptron: how a network learns XOR",
        sections,
        values=values,
        source="course guide 004, sections 2.3, 2.4 and 3.1. Rumelhart, Hinton and Williams 1986. "
        "Code: learnloop.scratch.mlp, learnloop.scratch.descent",
        next=("learnloop explain spam", "learnloop explain initialise", "learnloop explain losses"),
    )


def _network(values: dict[str, Array], gradients: bool, note: str) -> Network:
    column = {name: values[name][:, SAMPLE] for name in ("X", "z1", "a1", "z2", "a2")}
    edges = [
        Edge(layer, j, i, float(W[i, j]), float(dW[i, j]) if gradients else None)
        for layer, (W, dW) in enumerate([(values["W1"], values["dW1"]), (values["W2"], values["dW2"])])
        for i, j in np.ndindex(*W.shape)
    ]
    layers = [
        [Node(f"x{i + 1}", x) for i, x in enumerate(column["X"])],
        [Node(f"h{i + 1}", a, f"z = {number(z)}") for i, (z, a) in enumerate(zip(column["z1"], column["a1"]))],
        [Node(name, a, f"z = {number(z)}") for name, z, a in zip(CLASSES, column["z2"], column["a2"])],
    ]
    return Network(("input", "hidden, tanh", "output, softmax"), layers, edges, note)


def _forward(values: dict[str, Array]) -> list[Block]:
    x, z1, a1, z2, yhat = (values[name][:, SAMPLE] for name in ("X", "z1", "a1", "z2", "a2"))
    b1, b2 = values["b1"][:, 0], values["b2"][:, 0]
    powers = np.exp(z2)
    blocks: list[Block] = [
        _network(values, False, f"One sample on its way through: x = {listed(x)}. All biases are 0 at the start."),
        Say("A perceptron cannot learn XOR. Two units before it can, if they bend: `z = W a + b`, then `a = g(z)`."),
    ]
    blocks += [
        Equation(f"z1[{i + 1}] = W1[{i + 1}] . x + b1", weighted_sum(W, x, b), z, f"tanh makes it {number(a)}")
        for i, (W, b, z, a) in enumerate(zip(values["W1"], b1, z1, a1))
    ]
    blocks += [
        Equation(f"z2[{i + 1}] = W2[{i + 1}] . a1 + b2", weighted_sum(W, a1, b), z)
        for i, (W, b, z) in enumerate(zip(values["W2"], b2, z2))
    ]
    blocks.append(Say("Softmax turns the two scores into shares of 1:"))
    blocks += [
        Equation(
            f"yhat[{i + 1}] = exp(z2[{i + 1}]) / sum",
            f"{number(p)} / ({number(powers[0])} + {number(powers[1])})",
            y,
            name,
        )
        for i, (p, y, name) in enumerate(zip(powers, yhat, CLASSES))
    ]
    return [*blocks, Say(f"The truth is `y = {listed(values['Y'][:, SAMPLE])}`, different. The network is wrong.")]


def _batch(values: dict[str, Array]) -> list[Block]:
    right = [values["a2"][k, i] for i, k in enumerate(values["Y"].argmax(axis=0))]
    marked = frozenset((int(k), i) for i, k in enumerate(values["Y"].argmax(axis=0)))
    logs = [-np.log(share) for share in right]
    return [
        Say("Four samples are four columns. One product of matrices does all the sums of a layer."),
        Grid("X", values["X"], ("x1", "x2"), COLUMNS),
        Grid("a1 = tanh(W1 X + b1)", values["a1"], ("h1", "h2"), COLUMNS),
        Grid("yhat = softmax(W2 a1 + b2)", values["a2"], CLASSES, COLUMNS, marked, "Framed: the share of the truth."),
        Equation(
            "loss = mean of -log of the framed",
            f"({' + '.join(number(v) for v in logs)}) / {len(logs)}",
            float(values["loss"]),
        ),
    ]


def _backward(values: dict[str, Array]) -> list[Block]:
    delta2, da1, delta1 = (values[name][:, SAMPLE] for name in ("delta2", "da1", "delta1"))
    yhat, y, slope = (values[name][:, SAMPLE] for name in ("a2", "Y", "g'(z1)"))
    a1, x = values["a1"][:, SAMPLE], values["X"][:, SAMPLE]
    blocks: list[Block] = [
        Say(f"Back to the sample x = {listed(x)}. `delta` says how much its loss changes with each sum `z`."),
        Say("At the output, softmax and cross-entropy together leave a difference:"),
    ]
    blocks += [
        Equation(f"delta2[{i + 1}] = yhat - y", f"{number(yhat[i])} - {number(y[i])}", delta2[i], name)
        for i, name in enumerate(CLASSES)
    ]
    blocks.append(Say("Each hidden unit is asked by every output it feeds, through the weight between them:"))
    blocks += [
        Equation(f"da1[{j + 1}] = column {j + 1} of W2 . delta2", weighted_sum(values["W2"][:, j], delta2), da1[j])
        for j in range(2)
    ]
    blocks.append(Say("Then back through the bend: times the slope of tanh, `1 - a^2`."))
    blocks += [
        Equation(
            f"delta1[{j + 1}] = da1[{j + 1}] (1 - a1[{j + 1}]^2)", f"{factor(da1[j])}*{number(slope[j])}", delta1[j]
        )
        for j in range(2)
    ]
    each = values["delta2"][0] * values["a1"][1]
    return [
        *blocks,
        Say("A weight's gradient is what arrives at its end times what entered at its start, averaged over samples."),
        Equation("for this sample: delta2[1] a1[2]", f"{number(delta2[0])}*{number(a1[1])}", float(each[SAMPLE])),
        Equation(
            "dW2[1, 2] = mean of delta2[1] a1[2]",
            f"({' + '.join(factor(v) for v in each)}) / {len(each)}",
            float(values["dW2"][0, 1]),
        ),
        Equation(
            "db2[1] = mean of delta2[1]",
            f"({' + '.join(factor(v) for v in values['delta2'][0])}) / {len(each)}",
            float(values["db2"][0, 0]),
        ),
        _network(values, True, "Every weight with its gradient, the mean over the four samples."),
    ]


def _step(values: dict[str, Array]) -> list[Block]:
    alpha, W, dW = float(values["alpha"]), values["W2"], values["dW2"]
    return [
        Say(f"Each weight moves against its gradient, by alpha = {number(alpha)} of it."),
        Equation(
            "W2[1, 2] := W2[1, 2] - alpha dW2[1, 2]",
            f"{number(W[0, 1])} - {number(alpha)}*{factor(dW[0, 1])}",
            float(values["W2 after"][0, 1]),
        ),
        Equation(
            "W1 := W1 - alpha dW1",
            f"{listed(values['W1'])} - {number(alpha)} {listed(values['dW1'])}",
            values["W1 after"],
        ),
        Equation("W2 := W2 - alpha dW2", f"{listed(W)} - {number(alpha)} {listed(dW)}", values["W2 after"]),
        Table(
            ("", "before the step", "after it"),
            [["loss", float(values["loss"]), float(values["loss after"])]],
            note="One step does not make it right. It makes it less wrong.",
        ),
    ]


def _descents(values: dict[str, Array]) -> list[Block]:
    epochs, m = len(values["losses batch"]), values["X"].shape[1]  # batch descent updates once an epoch
    lines, rows = {}, []
    for kind in ("batch", "mini-batch", "stochastic"):
        losses, yhat = values[f"losses {kind}"], values[f"yhat {kind}"]
        size = epochs * m // len(losses)
        lines[f"{kind} ({size})"] = (np.arange(1.0, epochs + 1), losses.reshape(epochs, -1).mean(axis=1))
        rows.append([kind, size, len(losses), *yhat[1]])
    return [
        Curves("Loss on the way, mean over each epoch", "epoch", "loss", lines, log_y=True),
        Say(
            f"{epochs} epochs each, the same start, the same alpha. Batch descent uses all samples for one step; "
            "stochastic descent one sample; mini-batch something between."
        ),
        Table(
            ("descent", "batch", "updates", *COLUMNS),
            rows,
            note='Share of "different" at the end. XOR wants 0 1 1 0: learnt by all three.',
        ),
        Say(
            "Smaller batches take more steps an epoch, so they get further here; each step knows less, so they jitter."
        ),
    ]


def _guide() -> list[Block]:
    return [
        Table(
            ("printed in guide 004", "meant"),
            [
                ["dL/db = delta (equation 14)", "for one sample; over a batch: the mean of delta's columns"],
                ["dL/dW = delta a^T (equation 13)", "for one sample; over a batch: divided by m, as its code does"],
                ["W{1+1}, Z{1}, A{1-1} (code)", "W{l+1}, Z{l}, A{l-1}: the letter l, not the digit 1"],
                ["randn * 0.01 (code)", "starts slowly: see learnloop explain initialise"],
            ],
        ),
        Say(
            "PyTorch lays samples in rows, not columns: `nn.Linear` computes `y = x W^T + b` with the same `W`. "
            "Same numbers, turned on their side."
        ),
    ]


_REMEMBER = (
    "Forward, every layer keeps what it computed. Backward, each link needs exactly that.",
    "`delta` of a layer is the next layer's `delta`, back through its weights, times the slope of the bend.",
    "Nothing but the chain rule: PyTorch's `loss.backward()` gives these same numbers.",
)
