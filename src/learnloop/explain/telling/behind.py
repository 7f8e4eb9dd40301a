"""The sections that go backward through the layers: each weight's slope, and what reaches the layer before."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from learnloop.explain.compute import Backward, Done, Forward
from learnloop.explain.describe import Activation, BatchNorm, Description, LayerNorm
from learnloop.explain.goals import link_prime
from learnloop.explain.telling.ahead import letter, statistics, unless
from learnloop.explain.telling.functions import FUNCTIONS, renamed
from learnloop.explain.telling.paths import Shown
from learnloop.explain.telling.sums import dot, written
from learnloop.explain.walk import Array, Block, Equation, Say, Section, Table, factor, number

Row: TypeAlias = list[str | float | int]
MOST_EQUATIONS = 6
"""Slopes of weights that are written as equations; more make a table."""
MOST_ROWS = 12
"""Rows of a table of slopes."""


def layer_sections(network: Description, ahead: Forward, behind: Backward, shown: Shown) -> list[Section]:
    """Layer by layer, the last first."""
    sections = []
    last = len(network.layers) - 1
    for place in range(last, -1, -1):
        layer = _Layer(network, ahead, behind, shown, place)
        blocks = [*([] if place == last else layer.arriving()), *layer.weights(), *layer.norms()]
        if place == 0:
            blocks += _embeddings(network, behind)
        name = "the output layer" if place == last else f"layer {place + 1}"
        sections.append(Section(f"Backwards: {name}", blocks))
    return sections


class _Layer:
    """One layer on the way back."""

    def __init__(self, network: Description, ahead: Forward, behind: Backward, shown: Shown, place: int) -> None:
        self.layer = network.layers[place]
        self.following = network.layers[place + 1].dense if place + 1 < len(network.layers) else None
        self.steps = ahead.layers[place]
        self.entering = ahead.entering(place)
        self.after, self.parameters = behind.after, behind.parameters
        self.units, self.sources = shown[place + 1], shown[place]
        before = [feature.name for feature in network.features] if place == 0 else network.layers[place - 1].units
        self.source_names = tuple(before)
        self.taken = "x" if place == 0 else "a"

    # --- from the layer behind it to its sums -------------------------------------------------------------------

    def arriving(self) -> list[Block]:
        """dL/da of each unit shown, then back through its activation and its norms to dL/dz."""
        assert self.following is not None
        dz = self.after[self.following.name]
        made = letter(self.layer.steps[-1])
        blocks: list[Block] = [
            Say(
                f"A unit answers for what it handed on: `dL/d{made}` adds up, over all units that took it, "
                "their slope times the weight between them."
            )
        ]
        for unit in self.units:
            name = self.layer.units[unit]
            total = float(self.after[self.layer.steps[-1].name][unit])
            text = written(self.following.W[:, unit], dz)
            blocks.append(Equation(f"dL/d{made}[{name}] = sum_k w[k, {name}] dL/dz[k]", text, total))
            for position in range(len(self.steps) - 1, 0, -1):
                blocks += self._through(position, unit)
        return blocks

    def _through(self, position: int, unit: int) -> list[Block]:
        """One unit back through one step."""
        done, before = self.steps[position], self.steps[position - 1]
        d = self.after[done.step.name]
        name, made, into = self.layer.units[unit], letter(done.step), letter(before.step)
        result = float(self.after[before.step.name][unit])
        left = f"dL/d{into}[{name}]"
        if isinstance(done.step, BatchNorm):
            _, variance = statistics(done, unit)
            text = f"{factor(d[unit])}*{factor(done.step.gamma[unit])}"
            text += f" / sqrt({number(variance)} + {number(done.step.eps)})"
            return [Equation(f"{left} = dL/d{made} gamma / sqrt(var + eps)", text, result)]
        if isinstance(done.step, LayerNorm):
            formula = f"{left} = (g - mean(g) - zhat mean(g zhat)) / sqrt(s2 + eps)"
            meaning = f"g = dL/d{made} gamma, zhat = ({into} - mu) / sqrt(s2 + eps)"
            return [Equation(formula, _layer_norm_text(done, d, unit), result, meaning)]
        assert isinstance(done.step, Activation)
        if done.step.function == "softmax":
            text = f"{number(done.after[unit])}*({number(d[unit])} - {factor(dot(d, done.after))})"
            return [Equation(f"{left} = a (dL/da - sum_k dL/da[k] a[k])", text, result)]
        one, slope = FUNCTIONS[done.step.function], float(link_prime(done.step.function, done.before)[unit])
        text = one.slope_numbers(float(done.before[unit]), float(done.after[unit]))
        off = "off: nothing passes" if done.step.function == "relu" and slope == 0 else ""
        formula = f"da/d{into}[{name}] = {renamed(one.slope, f'{into}[{name}]', f'{made}[{name}]')}"
        product = f"{factor(d[unit])}*{factor(slope)}"
        return [
            Equation(formula, unless(text, slope), slope, off),
            Equation(f"{left} = dL/da * da/d{into}", product, result),
        ]

    # --- its weights --------------------------------------------------------------------------------------------

    def weights(self) -> list[Block]:
        """dL/dw = dL/dz * a for every weight between units shown, and dL/db = dL/dz."""
        words = f"The slope by a weight is the slope by its sum, times what came in: `dL/dw = dL/dz * {self.taken}`."
        if self.following is None:
            words += " (`w[to, from]`: the weight of one unit in the sum of another.)"
        bias = self.layer.dense.b is not None
        if bias:
            words += " A bias takes in 1, so `dL/db = dL/dz`."
        pairs = [(unit, source) for unit in self.units for source in self.sources]
        few = len(pairs) <= MOST_EQUATIONS
        blocks: list[Block] = [Say(words), *(map(self._weight, pairs) if few else [self._table(pairs)])]
        if bias and few:
            dz = self.after[self.layer.dense.name]
            names = [(self.layer.units[unit], float(dz[unit])) for unit in self.units]
            blocks += [Equation(f"dL/db[{name}] = dL/dz[{name}]", "", slope) for name, slope in names]
        return blocks

    def _weight(self, pair: tuple[int, int]) -> Equation:
        unit, source = pair
        to, start = self.layer.units[unit], self.source_names[source]
        dz, slopes = self.after[self.layer.dense.name], self.parameters[f"{self.layer.dense.name}.weight"]
        text = f"{factor(dz[unit])}*{factor(self.entering[source])}"
        return Equation(
            f"dL/dw[{to}, {start}] = dL/dz[{to}] * {self.taken}[{start}]", text, float(slopes[unit, source])
        )

    def _table(self, pairs: list[tuple[int, int]]) -> Table:
        dz, slopes = self.after[self.layer.dense.name], self.parameters[f"{self.layer.dense.name}.weight"]
        steepest = sorted(pairs, key=lambda pair: -abs(slopes[pair]))[:MOST_ROWS]
        rows: list[Row] = []
        for unit, source in sorted(steepest):
            name = f"w[{self.layer.units[unit]}, {self.source_names[source]}]"
            rows.append([name, float(dz[unit]), float(self.entering[source]), float(slopes[unit, source])])
        rest = slopes.size - len(rows)
        note = f"the steepest between the units shown; and {rest:,} more weights" if rest else ""
        return Table(("weight", "dL/dz", self.taken, "dL/dw"), rows, note)

    def norms(self) -> list[Block]:
        """dL/dgamma = dL/dn zhat, dL/dbeta = dL/dn."""
        blocks: list[Block] = []
        for done in self.steps:
            if not isinstance(done.step, BatchNorm | LayerNorm) or done.cache is None:
                continue
            made, name = letter(done.step), done.step.name
            rows: list[Row] = []
            for unit in self.units:
                slopes = [float(self.parameters[f"{name}.{part}"][unit]) for part in ("weight", "bias")]
                rows.append([self.layer.units[unit], float(done.cache.x_hat[0, unit]), *slopes])
            kind = "batch norm" if isinstance(done.step, BatchNorm) else "layer norm"
            columns = ("unit", "zhat", f"dL/dgamma = dL/d{made} zhat", f"dL/dbeta = dL/d{made}")
            blocks.append(Table(columns, rows, f"gamma and beta of the {kind}"))
        return blocks


def _layer_norm_text(done: Done, d: Array, unit: int) -> str:
    """(g - mean(g) - zhat mean(g zhat)) / sqrt(s2 + eps) with its numbers; g = d gamma."""
    assert isinstance(done.step, LayerNorm) and done.cache is not None
    g, zhat = d * done.step.gamma, done.cache.x_hat[0]
    _, variance = statistics(done, unit)
    mean, along = dot(g, np.full(len(g), 1 / len(g))), dot(g, zhat / len(g))
    text = f"({number(g[unit])} - {factor(mean)} - {factor(zhat[unit])}*{factor(along)})"
    return f"{text} / sqrt({number(variance)} + {number(done.step.eps)})"


def _embeddings(network: Description, behind: Backward) -> list[Block]:
    """The numbers that stand for a category are learnt as weights are: their slope is dL/dx."""
    if not network.embeddings:
        return []
    blocks: list[Block] = [Say("The numbers of an embedding are weights, too: the slope by each is `dL/dx`.")]
    for part in network.embeddings:
        slope = behind.parameters[f"embedding.{part.name}"]
        features = network.features[part.start : part.start + part.width]
        rows: list[Row] = [[feature.name, feature.value, float(d)] for feature, d in zip(features, slope, strict=True)]
        rest = len(rows) - MOST_ROWS
        note = f"and {rest} more" if rest > 0 else ""
        blocks.append(Table((f"{part.name} = {part.category}", "value", "dL/dx"), rows[:MOST_ROWS], note))
    return blocks
