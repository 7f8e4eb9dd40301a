"""`learnloop explain initialise`: one layer's numbers, then the size of a signal through fifty of them."""

from __future__ import annotations

import math

import numpy as np

from learnloop.explain.walk import Array, Block, Curves, Equation, Grid, Say, Section, Table, Walk, number
from learnloop.scratch.initialise import (
    INITIALISATIONS,
    Draw,
    Spread,
    example,
    he_sigma,
    small_normal,
    spread,
    xavier_uniform,
)

WIDTH, LAYERS, SAMPLES = 128, 50, 16
SMALL = 0.01
"""The standard deviation that `small_normal` draws with."""
SHOWN = {
    "0.01 normal": "small_normal",
    "Xavier normal": "xavier_normal",
    "He normal": "he_normal",
    "nn.Linear's own": "pytorch_default",
}
"""Name in the pictures -> key of INITIALISATIONS."""


def walk() -> Walk:
    """Limits of a small layer; activations and gradients through 50 layers; the misprint of a guide."""
    values = example()
    values["W"] = xavier_uniform(2, 4, np.random.default_rng(0))
    runs = {(name, g): _through(INITIALISATIONS[key], g) for name, key in SHOWN.items() for g in ("relu", "tanh")}
    runs["He misread", "relu"] = _through(_misread, "relu")
    for (name, g), run in runs.items():
        values |= {f"{name}, {g}, activations": run.activations, f"{name}, {g}, gradients": run.gradients}
    sections = [
        Section("How far from 0? It depends on the layer", _layer(values)),
        Section("What one layer does to the size of a signal", _growth(values)),
        Section("Fifty relu layers", _relu(runs)),
        Section("Fifty tanh layers", _tanh(runs)),
        Section("A variance or a standard deviation?", _slip(values, runs)),
        Section("Remember", [Say(text) for text in _REMEMBER]),
    ]
    return Walk(
        "Initialisation: where the weights start",
        sections,
        values=values,
        source="course guide 000, Weight Initialization; guide 004, section 2.4.2. Glorot and Bengio 2010; He et al. "
        "2015. Code: learnloop.scratch.initialise",
        next=("learnloop explain activations", "learnloop explain mlp"),
    )


def _through(draw: Draw, activation: str) -> Spread:
    return spread(draw, activation, np.random.default_rng(0), WIDTH, LAYERS, SAMPLES)


def _misread(units: int, inputs: int, rng: np.random.Generator) -> Array:
    """N(0, sqrt(2 / n_in)) with the second number taken as a variance."""
    return small_normal(units, inputs, rng, math.sqrt(he_sigma(inputs)))


def _layer(values: dict[str, Array]) -> list[Block]:
    inputs, units = float(values["inputs"]), float(values["units"])
    both, alone = f"({number(inputs)} + {number(units)})", number(inputs)
    return [
        Grid(
            "W, drawn by Xavier uniform",
            values["W"],
            rows=("unit 1", "unit 2"),
            columns=tuple(f"x{i}" for i in range(1, int(inputs) + 1)),
            note=f"A layer of {number(units)} units on {number(inputs)} inputs.",
        ),
        Say(
            "Equal weights would make equal units: the same sum, the same gradient, for ever. So weights are drawn by "
            "chance. The question is how far from 0."
        ),
        Equation(
            "Xavier uniform: -l to l, l^2 = 6 / (n_in + n_out)", f"6 / {both}", float(values["xavier_limit"]) ** 2
        ),
        Equation("Xavier normal: s^2 = 2 / (n_in + n_out)", f"2 / {both}", float(values["xavier_sigma"]) ** 2),
        Equation("He uniform: -l to l, l^2 = 6 / n_in", f"6 / {alone}", float(values["he_limit"]) ** 2),
        Equation("He normal: s^2 = 2 / n_in", f"2 / {alone}", float(values["he_sigma"]) ** 2),
        Equation(
            "uniform draw: s^2 = l^2 / 3",
            f"{number(float(values['xavier_limit']) ** 2)} / 3",
            float(values["xavier_sigma"]) ** 2,
            "so both Xaviers spread alike",
        ),
    ]


def _growth(values: dict[str, Array]) -> list[Block]:
    width = int(values["width"])
    cases = [("0.01 normal", "small_normal"), ("Xavier", "xavier"), ("He", "he")]
    growths = [(name, float(values[f"growth {key}"])) for name, key in cases]
    rows: list[list[str | float]] = [[name, growth, growth**10, growth**LAYERS] for name, growth in growths]
    return [
        Say(
            f"Each sum has `n_in` terms, here {width}, and each adds `Var[w]` times the square of its input. "
            "Relu then sets half of them to 0. So a relu layer multiplies the mean square by:"
        ),
        Equation(
            "growth = n_in s^2 / 2",
            f"{width}*{number(SMALL)}**2 / 2",
            float(values["growth small_normal"]),
            "0.01 normal",
        ),
        Equation(
            "growth = n_in s^2 / 2", f"{width}*(2 / ({width} + {width})) / 2", float(values["growth xavier"]), "Xavier"
        ),
        Equation(
            "growth = n_in s^2 / 2", f"{width}*(2 / {width}) / 2", float(values["growth he"]), "He: built to be 1"
        ),
        Table(("start", "one layer", "10 layers", f"{LAYERS} layers"), rows, note="Only 1 can be repeated."),
    ]


def _relu(runs: dict[tuple[str, str], Spread]) -> list[Block]:
    layer = np.arange(LAYERS + 1.0)
    he = runs["He normal", "relu"]
    return [
        Curves(
            "Variance of the activations, relu",
            "layer",
            "variance",
            {name: (layer, runs[name, "relu"].activations) for name in SHOWN},
            log_y=True,
        ),
        Curves(
            "Variance of dL/da, relu: read from right to left",
            "layer",
            "variance",
            {name: (layer, runs[name, "relu"].gradients) for name in SHOWN},
            log_y=True,
            note=f"The gradient starts at layer {LAYERS} with variance 1 and is followed back to the input.",
        ),
        Say(
            f"{WIDTH} units a layer, {SAMPLES} samples, weights really drawn. With He, layer {LAYERS} has "
            f"{number(he.activations[-1])}, and the gradient that arrives at the input has {number(he.gradients[0])}."
        ),
        _ends(runs, "relu"),
        Say(
            "The growth above is that of the mean square. The pictures show the variance, which leaves the mean out: "
            f"after a relu it is {number(1 - 1 / math.pi)} of the mean square, at every depth."
        ),
    ]


def _tanh(runs: dict[tuple[str, str], Spread]) -> list[Block]:
    layer = np.arange(LAYERS + 1.0)
    xavier, he = runs["Xavier normal", "tanh"], runs["He normal", "tanh"]
    return [
        Curves(
            "Variance of the activations, tanh",
            "layer",
            "variance",
            {name: (layer, runs[name, "tanh"].activations) for name in SHOWN},
            log_y=True,
        ),
        Say(
            "Tanh keeps both halves, so half of He's variance is right: Xavier. It sinks slowly, because tanh is a "
            f"little flatter than a line: {number(xavier.activations[-1])} after {LAYERS} layers."
        ),
        Say(
            f"He looks better going forward ({number(he.activations[-1])}). But going back its gradient grows to "
            f"{number(he.gradients[0])} at the input, against {number(xavier.gradients[0])} with Xavier."
        ),
        _ends(runs, "tanh"),
    ]


def _ends(runs: dict[tuple[str, str], Spread], activation: str) -> Table:
    rows = [[name, runs[name, activation].activations[-1], runs[name, activation].gradients[0]] for name in SHOWN]
    return Table((f"start, {activation}", f"activations at layer {LAYERS}", "gradients at the input"), rows)


def _slip(values: dict[str, Array], runs: dict[tuple[str, str], Spread]) -> list[Block]:
    layer, width = np.arange(LAYERS + 1.0), int(values["width"])
    misread = runs["He misread", "relu"]
    return [
        Say(
            "Guide 000 writes He as `N(0, sqrt(2 / n_in))`. The square root is the standard deviation, as in "
            "`rng.normal(0, s)`. But `N(mean, variance)` is what the notation mostly means. Taken that way:"
        ),
        Equation(
            "growth = n_in s^2 / 2, with s^2 = sqrt(2 / n_in)",
            f"{width}*(2 / {width})**0.5 / 2",
            float(values["growth he misread"]),
        ),
        Curves(
            "Variance of the activations, relu",
            "layer",
            "variance",
            {
                "He, s = sqrt(2 / n_in)": (layer, runs["He normal", "relu"].activations),
                "misread, s^2 = sqrt(2 / n_in)": (layer, misread.activations),
            },
            log_y=True,
            note=f"After {LAYERS} layers the misread one has {number(misread.activations[-1])}.",
        ),
    ]


_REMEMBER = (
    "Relu and its kin: He. Tanh and sigmoid: Xavier. Biases: 0.",
    "Weights of 0.01 slow a network of two layers down and silence one of ten.",
    "`nn.Linear` in PyTorch draws with variance `1 / (3 n_in)`, a sixth of He's: draw deep relu networks anew.",
    "Batch norm and residual connections make the start matter less, for they set the size anew in each layer.",
)
