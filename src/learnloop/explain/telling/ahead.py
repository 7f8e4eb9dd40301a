"""The sections that go forward: what goes in, each layer, the answer, the loss."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from learnloop.explain.compute import Done, Forward
from learnloop.explain.describe import Activation, BatchNorm, Dense, Description, Layer, LayerNorm, Step
from learnloop.explain.telling.functions import FUNCTIONS, renamed
from learnloop.explain.telling.paths import Shown
from learnloop.explain.telling.sums import written
from learnloop.explain.walk import Array, Block, Equation, Grid, Say, Section, Table, factor, number

MOST_ROWS = 30
"""Inputs of a table that lists them all; of pixels only those on the active paths are listed."""
MOST_CELLS = 256
"""Units of a layer that are drawn as cells."""
MOST_SIDE = 64
"""Pixels of a picture that is drawn as cells."""


def letter(step: Step) -> str:
    """What the outcome of a step is called in formulas."""
    if isinstance(step, Dense):
        return "z"
    if isinstance(step, Activation):
        return "a"
    return "n" if isinstance(step, BatchNorm) else "m"


def what_goes_in(network: Description, shown: Sequence[int]) -> list[Section]:
    """The image, and a table of the inputs: all of few, of many those on the active paths.

    Nothing where the picture of the network has told it all.
    """
    blocks: list[Block] = []
    features = network.features
    if network.picture is not None and max(network.picture.values.shape) <= MOST_SIDE:
        marked = frozenset(network.picture.places[i] for i in shown)
        note = f"{network.picture.note} Framed: the most active pixels.".strip()
        blocks.append(Grid("the picture", network.picture.values, marked=marked, note=note))
    few = len(features) <= MOST_ROWS and network.picture is None
    places = range(len(features)) if few else shown
    told = any(features[i].raw or features[i].how for i in places)
    if not told and not blocks and len(shown) == len(features):
        return []
    columns = ("input", "given", "what the network gets", "how") if told else ("input", "value")
    rows: list[list[str | float | int]] = [
        [f.name, f.raw, f.value, f.how] if told else [f.name, f.value] for f in (features[i] for i in places)
    ]
    rest = len(features) - len(rows)
    zeros = len(features) - int(np.count_nonzero(network.x))
    note = f"and {rest:,} more" + (f"; {zeros:,} of all {len(features):,} are 0" if zeros else "") if rest else ""
    blocks.append(Table(columns, rows, note))
    return [Section("What goes in", blocks)]


def layer_section(network: Description, ahead: Forward, place: int, shown: Shown) -> Section:
    """The weighted sum and the activation of each unit shown of a hidden layer."""
    layer, units = network.layers[place], shown[place + 1]
    blocks: list[Block] = [Say(_first_words(layer, place, len(units)))]
    for done in ahead.layers[place]:
        if isinstance(done.step, LayerNorm):
            blocks += _mean_and_variance(done)
    for unit in units:
        blocks += unit_equations(layer, ahead.layers[place], unit, "x" if place == 0 else "a")
    if len(units) < len(layer.units):
        blocks += _all_units(ahead.leaving(place))
    return Section(f"Layer {place + 1}: {layer.title}", blocks)


def _first_words(layer: Layer, place: int, shown: int) -> str:
    source = "the inputs" if place == 0 else f"what layer {place} hands on"
    text = f"Each unit adds up {source}, times its weights."
    if shown < len(layer.units):
        text += f" Of {len(layer.units):,} units these {shown} are on the most active paths."
    if any(isinstance(step, BatchNorm) for step in layer.steps):
        text += " Batch norm stands in its form for use: with the mean and the variance that training left behind."
    if any(isinstance(step, LayerNorm) for step in layer.steps):
        text += " Layer norm takes the mean and the variance over all units of the layer."
    return text


def unit_equations(layer: Layer, steps: Sequence[Done], unit: int, source: str) -> list[Equation]:
    """One unit from its sum to what it hands on."""
    name, into = layer.units[unit], source
    found = []
    for done in steps:
        made = f"{letter(done.step)}[{name}]"
        found.append(_equation(done, unit, made, into))
        into = made
    return found


def _equation(done: Done, unit: int, made: str, into: str) -> Equation:
    step, after = done.step, float(done.after[unit])
    if isinstance(step, Dense):
        bias = None if step.b is None else float(step.b[unit])
        formula = f"{made} = w . {into}" + ("" if bias is None else " + b")
        return Equation(formula, written(step.W[unit], done.before, bias), after)
    before = float(done.before[unit])
    if isinstance(step, Activation):
        return activation_equation(step.function, made, into, before, after)
    mean, variance = statistics(done, unit)
    text = f"{factor(step.gamma[unit])}*({number(before)} - {factor(mean)})"
    text += f" / sqrt({number(variance)} + {number(step.eps)})"
    words = ("mean", "var") if isinstance(step, BatchNorm) else ("mu", "s2")
    formula = f"{made} = gamma ({into} - {words[0]}) / sqrt({words[1]} + eps) + beta"
    return Equation(formula, f"{text} + {factor(step.beta[unit])}", after)


def activation_equation(function: str, made: str, into: str, z: float, a: float) -> Equation:
    """a = g(z) of one unit."""
    if function == "softmax":
        return Equation(f"{made} = e^{into} / (sum of e^z over all units)", f"e^{factor(z)} / sum", a)
    written_out = FUNCTIONS[function]
    off = "off: it hands on nothing" if function == "relu" and a == 0 else ""
    return Equation(
        f"{made} = {renamed(written_out.formula, into, made)}", unless(written_out.numbers(z, a), a), a, off
    )


def unless(text: str, result: float) -> str:
    """The numbers of an equation, "" where they only say the result."""
    return "" if text == number(result) else text


def statistics(done: Done, unit: int) -> tuple[float, float]:
    """The mean and the variance that a norm took for this unit, read back from what it kept for its backward."""
    assert done.cache is not None and isinstance(done.step, BatchNorm | LayerNorm)
    if isinstance(done.step, BatchNorm):
        return float(done.step.mean[unit]), float(done.step.variance[unit])
    deviation = float(np.ravel(done.cache.deviation)[0])
    # x_hat = (x - mu) / deviation
    mean = float(done.before[0] - done.cache.x_hat[0, 0] * deviation)
    return mean, deviation**2 - done.step.eps


def _mean_and_variance(done: Done) -> list[Block]:
    mean, variance = statistics(done, 0)
    units = len(done.before)
    return [
        Equation(f"mu = mean of the {units:,} sums of the layer", "", mean),
        Equation(f"s2 = mean of the {units:,} squares (z - mu)^2", "", variance),
    ]


def _all_units(values: Array) -> list[Block]:
    """All units of a layer as cells, where they fill a rectangle; three decimals are enough to see which are on."""
    count = len(values)
    width = next((width for width in (8, 10, 9, 7, 6) if count % width == 0), 0)
    if not width or count > MOST_CELLS:
        return []
    zeros = int(np.count_nonzero(values == 0))
    note = "Before each row: the number of its first unit." + (f" {zeros} of {count} are 0." if zeros else "")
    rows = [str(first + 1) for first in range(0, count, width)]
    return [Grid(f"what all {count} units hand on", np.round(values, 3).reshape(-1, width), rows=rows, note=note)]
