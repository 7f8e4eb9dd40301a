"""`learnloop explain activations`: what each bend does to a sum, what its slope does to a gradient, and softmax."""

from __future__ import annotations

import math

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
    weighted_sum,
)
from learnloop.scratch.activations import (
    ACTIVATIONS,
    example,
    sigmoid,
    sigmoid_prime,
    softmax_backward,
    tanh,
    tanh_prime,
)

Z = np.linspace(-4.0, 4.0, 81)
CLASSIC = ("sigmoid", "tanh", "relu")
BENT = ("relu", "leaky_relu", "elu", "swish", "gelu")
NAMES = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "swish", "gelu")
DEPTH = 10
"""Layers in the product of slopes."""
FAR = 5.0
"""A sum at which sigmoid and tanh are nearly flat."""
LARGE = 800.0
"""A score whose e^z is too large for a float64."""


def walk() -> Walk:
    """Every activation at five sums; then softmax of three scores."""
    values = example() | _products()
    jacobian = np.stack([softmax_backward(row, values["softmax"]) for row in np.eye(3)])  # row i: d y_i / d z
    values["softmax_jacobian"] = jacobian
    sections = [
        Section("A bend in the line", _bend(values)),
        Section("The classic three, number by number", _classic(values)),
        Section("The slope is what learning sees", _slopes(values)),
        Section("When relu is off: the other bends", _others(values)),
        Section("Softmax: scores become shares", _softmax(values)),
        Section("Softmax backwards", _backwards(values)),
        Section("Remember", [Say(text) for text in _REMEMBER]),
    ]
    return Walk(
        "Activation functions: from a sum z to an output a = g(z)",
        sections,
        values=values,
        source="course guide 004, section 2.2; guide 003, Activation Functions. Code: learnloop.scratch.activations",
        next=("learnloop explain initialise", "learnloop explain losses", "learnloop explain mlp"),
    )


def _products() -> dict[str, Array]:
    steepest, far = np.array([0.0]), np.array([FAR])
    return {
        "sigmoid_prime far": sigmoid_prime(far),
        "tanh_prime far": tanh_prime(far),
        "steepest sigmoid to the depth": sigmoid_prime(steepest) ** DEPTH,
        "steepest tanh to the depth": tanh_prime(steepest) ** DEPTH,
    }


def _bend(values: dict[str, Array]) -> list[Block]:
    return [
        Curves("a = g(z)", "z", "a", {name: (Z, ACTIVATIONS[name][0](Z)) for name in CLASSIC}),
        Say("A unit adds up its inputs to a sum `z` and passes on `a = g(z)`. The function `g` is the activation."),
        Say(
            "Without a bend, two layers are one: `w2 (w1 x + b1) + b2 = (w2 w1) x + (w2 b1 + b2)` is again a line, "
            "however many layers are stacked. The bend makes each further layer worth something."
        ),
        Table(
            ("z", *CLASSIC),
            [[z, *(values[name][i] for name in CLASSIC)] for i, z in enumerate(values["z"])],
            note="sigmoid stays between 0 and 1, tanh between -1 and 1, relu cuts off what is below 0.",
        ),
    ]


def _classic(values: dict[str, Array]) -> list[Block]:
    z = float(values["z"][-1])
    shrunk, grown = math.exp(-z), math.exp(z)
    s = float(values["sigmoid"][-1])
    return [
        Say(f"All three at `z = {number(z)}`; there `e^z` is {number(grown)} and `e^-z` is {number(shrunk)}."),
        Equation("sigmoid(z) = 1 / (1 + e^-z)", f"1 / (1 + {number(shrunk)})", s),
        Equation(
            "tanh(z) = (e^z - e^-z) / (e^z + e^-z)",
            f"({number(grown)} - {number(shrunk)}) / ({number(grown)} + {number(shrunk)})",
            float(values["tanh"][-1]),
        ),
        Equation("relu(z) = max(0, z)", f"max(0, {number(z)})", float(values["relu"][-1])),
        Say("Tanh is a sigmoid, stretched to twice the height and squeezed to half the width:"),
        Equation(
            "tanh(z) = 2 sigmoid(2z) - 1",
            f"2*{number(sigmoid(np.array([2 * z]))[0])} - 1",
            float(values["2 sigmoid(2z) - 1"][-1]),
            "the same number",
        ),
    ]


def _slopes(values: dict[str, Array]) -> list[Block]:
    z, s, t = float(values["z"][-1]), float(values["sigmoid"][-1]), float(values["tanh"][-1])
    far, quarter = np.array([FAR]), float(values["sigmoid_prime"][2])
    return [
        Curves("The slope g'(z)", "z", "g'", {name: (Z, ACTIVATIONS[name][1](Z)) for name in CLASSIC}),
        Say("On the way back the chain rule multiplies by the slope: `dL/dz = dL/da * g'(z)`. A slope of 0 ends it."),
        Equation(
            "sigmoid'(z) = s (1 - s)",
            f"{number(s)}*(1 - {number(s)})",
            float(values["sigmoid_prime"][-1]),
            f"at z = {number(z)}, with s = sigmoid(z)",
        ),
        Equation("tanh'(z) = 1 - tanh(z)^2", f"1 - {number(t)}*{number(t)}", float(values["tanh_prime"][-1])),
        Equation("relu'(z) = 1 if z > 0 else 0", "", float(values["relu_prime"][-1])),
        Say("Far from 0 the two soft ones are flat. The unit is saturated and hardly learns:"),
        Equation(f"sigmoid'({number(FAR)})", "", float(values["sigmoid_prime far"][0]), f"a = {sigmoid(far)[0]:.5f}"),
        Equation(f"tanh'({number(FAR)})", "", float(values["tanh_prime far"][0]), f"a = {tanh(far)[0]:.5f}"),
        Say(
            f"Even at its steepest, at z = 0, a sigmoid lets only {number(quarter)} through. After {DEPTH} layers "
            "(weights of 1) what is left is:"
        ),
        Equation(
            f"sigmoid'(0)^{DEPTH}",
            f"{number(quarter)} ** {DEPTH}",
            float(values["steepest sigmoid to the depth"][0]),
            "the vanishing gradient",
        ),
        Equation(
            f"relu'(1)^{DEPTH}",
            f"{number(values['relu_prime'][3])} ** {DEPTH}",
            float(values["relu_prime"][3] ** DEPTH),
            "a relu that is on passes everything",
        ),
    ]


def _others(values: dict[str, Array]) -> list[Block]:
    z = float(values["z"][1])
    negative, alpha = math.exp(z), number(values["leaky_relu_prime"][1])
    share = float(values["gelu"][1]) / z
    return [
        Curves("Five ways to bend at 0", "z", "a", {name: (Z, ACTIVATIONS[name][0](Z)) for name in BENT}),
        Say(
            "A relu unit whose sum is negative for every row has slope 0 everywhere. It never moves again: it is dead. "
            "The others leave something on the left side."
        ),
        Say(f"All at `z = {number(z)}`:"),
        Equation("leaky_relu = alpha z", f"{alpha}*{factor(z)}", float(values["leaky_relu"][1])),
        Equation("elu = alpha (e^z - 1)", f"1*({number(negative)} - 1)", float(values["elu"][1])),
        Equation("swish = z sigmoid(z)", f"{factor(z)}*{number(values['sigmoid'][1])}", float(values["swish"][1])),
        Equation(
            "gelu = z Phi(z)",
            f"{factor(z)}*{number(share)}",
            float(values["gelu"][1]),
            "Phi(z): the share of a normal distribution below z",
        ),
        Table(
            ("g", *(f"g({number(z)})" for z in values["z"])),
            [[name, *values[name]] for name in NAMES],
            note="selu is elu with the two numbers that keep mean 0 and variance 1 from layer to layer.",
        ),
        Table(
            ("slope", *(f"g'({number(z)})" for z in values["z"])),
            [[name, *values[name + "_prime"]] for name in NAMES],
            note="Only relu has nothing at all on the left; swish and gelu fall there before they rise.",
        ),
    ]


def _softmax(values: dict[str, Array]) -> list[Block]:
    scores, y = values["scores"], values["softmax"]
    powers = np.exp(scores)
    total = float(powers.sum())
    shares = [
        Equation(f"y{i} = exp(z{i}) / sum", f"{number(power)} / {number(total)}", float(share))
        for i, (power, share) in enumerate(zip(powers, y), start=1)
    ]
    return [
        Say(f"The last layer of a classifier has one score for each class, here {listed(scores)}."),
        Equation("sum = exp(z1) + exp(z2) + exp(z3)", " + ".join(number(power) for power in powers), total),
        *shares,
        Equation("y1 + y2 + y3", " + ".join(number(share) for share in y), float(y.sum()), "shares of one whole"),
        Grid("y = softmax(z)", y, columns=tuple(f"class {i}" for i in (1, 2, 3))),
        Say(
            f"The formula as printed breaks for large scores: `e^{number(LARGE)}` does not fit into a number, and "
            "infinity / infinity is no answer. Take the largest score off all of them first. It cancels:"
        ),
        Equation("softmax(z + 1000), by way of softmax(z - max z)", "", values["softmax of scores + 1000"]),
    ]


def _backwards(values: dict[str, Array]) -> list[Block]:
    y, dy, dz = values["softmax"], values["dy"], values["softmax_backward"]
    inner = float(dy @ y)
    names = ("z1", "z2", "z3")
    return [
        Say("Raising one score raises its own share and lowers the others: the shares must still sum to 1."),
        Grid(
            "dy_i / dz_j = y_i ([i = j] - y_j)",
            values["softmax_jacobian"],
            rows=("y1", "y2", "y3"),
            columns=names,
            note="Each row and each column sums to 0.",
        ),
        Say(f"A gradient `dy = {listed(dy)}` that wants more of class 3 therefore speaks to all three scores:"),
        Equation("dy . y", weighted_sum(dy, y), inner),
        *[
            Equation(
                f"d{name} = y{i + 1} (dy{i + 1} - dy . y)",
                f"{number(y[i])}*({number(dy[i])} - {number(inner)})",
                float(dz[i]),
            )
            for i, name in enumerate(names)
        ],
    ]


_REMEMBER = (
    "Hidden layers: relu to begin with. If units die, leaky_relu, elu, swish or gelu.",
    "The output decides by task: softmax for one class of many, sigmoid for yes or no, none for a quantity.",
    "Sigmoid and tanh saturate: keep their sums near 0, by how the weights start (`learnloop explain initialise`).",
    "At the kink of relu there is no slope. The guides and PyTorch take 0 there.",
)
