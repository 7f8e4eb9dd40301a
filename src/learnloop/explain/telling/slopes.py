"""The first section backward: from the loss to dL/dz, the slope by the sums of the output layer."""

from __future__ import annotations

import numpy as np

from learnloop.explain.compute import Backward, Forward
from learnloop.explain.describe import Description
from learnloop.explain.goals import LOSSES, link_prime
from learnloop.explain.telling.ahead import unless
from learnloop.explain.telling.functions import FUNCTIONS, renamed
from learnloop.explain.telling.sums import dot
from learnloop.explain.walk import Block, Equation, Say, Section, factor, number

_CHAIN = "The chain rule: the slope by z is the slope by yhat, times the slope of yhat by z."
_PERCEPTRON = (
    "A step has slope 0, so no gradient passes it. The perceptron's rule is the slope of its criterion instead: "
    "`dL/dz = yhat - y`. It is 0 when the answer is right: then nothing moves."
)
_HINGE = "The hinge loss looks at the sum z itself: it asks for a margin, t z >= 1."
_TIED = (
    "Softmax ties the outputs together: a larger z of one makes every other yhat smaller. "
    "With the cross-entropy behind it, the slopes multiply out to something short: `dL/dz = yhat - y`."
)
_TIED_LONG = "Softmax ties the outputs together: each yhat depends on every z, so each slope by z has a sum in it."


def output_section(network: Description, ahead: Forward, behind: Backward, units: tuple[int, ...]) -> Section:
    """dL/dyhat, dyhat/dz and dL/dz of the outputs shown."""
    goal = network.goal
    each = _Output(network, ahead, behind)
    if goal.loss.startswith("perceptron"):
        blocks: list[Block] = [Say(_PERCEPTRON), *map(each.short, units)]
    elif goal.loss == "hinge":
        blocks = [Say(_HINGE), *map(each.hinge, units)]
    elif goal.link == "softmax" and goal.loss == "cross_entropy":
        blocks = [Say(_TIED), *map(each.short, units)]
    elif goal.link == "softmax":
        blocks = [Say(_TIED_LONG), *map(each.by_yhat, units), *map(each.softmax, units)]
    else:
        blocks = [Say(_CHAIN), *[equation for unit in units for equation in each.chain(unit)]]
    return Section("Backwards: from the loss to the sums", blocks)


class _Output:
    """The slopes of one output at a time."""

    def __init__(self, network: Description, ahead: Forward, behind: Backward) -> None:
        assert network.goal.target is not None
        self.goal = network.goal
        self.names = network.outputs
        self.y = network.goal.target
        self.ahead = ahead
        self.dyhat = behind.yhat
        self.dz = behind.after[ahead.layers[-1][-1].step.name]
        mean = LOSSES[network.goal.loss].over == "mean"
        self.below = f" / {len(self.y)}" if mean and len(self.y) > 1 else ""

    def short(self, unit: int, meaning: str = "") -> Equation:
        """dL/dz = yhat - y."""
        text = f"{number(self.ahead.yhat[unit])} - {factor(self.y[unit])}"
        formula = f"dL/dz[{self.names[unit]}] = "
        if self.below:
            return Equation(f"{formula}(yhat - y){self.below}", f"({text}){self.below}", float(self.dz[unit]), meaning)
        return Equation(f"{formula}yhat - y", text, float(self.dz[unit]), meaning)

    def hinge(self, unit: int) -> Equation:
        t, z = 2 * float(self.y[unit]) - 1, float(self.ahead.z[unit])
        side = "< 1: too near, or on the wrong side" if t * z < 1 else ">= 1: far enough, nothing to mend"
        formula = f"dL/dz[{self.names[unit]}] = (-t if t z < 1 else 0){self.below}"
        return Equation(formula, f"t z = {factor(t)}*{factor(z)} {side}", float(self.dz[unit]))

    def chain(self, unit: int) -> list[Equation]:
        """dL/dyhat, dyhat/dz, their product; and the short form of the binary cross-entropy."""
        name, link = self.names[unit], self.goal.link
        z, yhat, dz = float(self.ahead.z[unit]), float(self.ahead.yhat[unit]), float(self.dz[unit])
        if not np.isfinite(self.dyhat[unit]):
            return [self.short(unit, "yhat is as good as 0 or 1: only the short form can be computed")]
        found = [self.by_yhat(unit)]
        if link == "identity":
            return [*found, Equation(f"dL/dz[{name}] = dL/dyhat[{name}]", "", dz, "yhat is z itself")]
        slope = float(link_prime(link, self.ahead.z)[unit])
        formula = renamed(FUNCTIONS[link].slope, f"z[{name}]", f"yhat[{name}]")
        found.append(
            Equation(f"dyhat/dz[{name}] = {formula}", unless(FUNCTIONS[link].slope_numbers(z, yhat), slope), slope)
        )
        product = f"{factor(self.dyhat[unit])}*{factor(slope)}"
        found.append(Equation(f"dL/dz[{name}] = dL/dyhat * dyhat/dz", product, dz))
        if self.goal.loss == "binary_cross_entropy":
            found.append(self.short(unit, "the same, multiplied out"))
        return found

    def by_yhat(self, unit: int) -> Equation:
        formula, text = self._slope(float(self.ahead.yhat[unit]), float(self.y[unit]))
        return Equation(f"dL/dyhat[{self.names[unit]}] = {formula}", text, float(self.dyhat[unit]))

    def softmax(self, unit: int) -> Equation:
        """dL/dz_i = yhat_i (dL/dyhat_i - sum_k dL/dyhat_k yhat_k)."""
        inner = dot(self.dyhat, self.ahead.yhat)
        text = f"{number(self.ahead.yhat[unit])}*({number(self.dyhat[unit])} - {factor(inner)})"
        formula = f"dL/dz[{self.names[unit]}] = yhat (dL/dyhat - sum_k dL/dyhat[k] yhat[k])"
        return Equation(formula, text, float(self.dz[unit]))

    def _slope(self, yhat: float, y: float) -> tuple[str, str]:
        """dL/dyhat in symbols and with numbers."""
        below, difference = self.below, f"({number(yhat)} - {factor(y)})"
        if self.goal.loss == "mse":
            return f"2 (yhat - y){below}", f"2*{difference}{below}"
        if self.goal.loss == "mae":
            return f"sign(yhat - y){below}", f"sign{difference}{below}"
        if self.goal.loss == "huber":
            return f"(yhat - y, cut at -1 and 1){below}", f"{difference}{below}" if abs(
                yhat - y
            ) <= 1 else f"cut {difference}{below}"
        if self.goal.loss == "kl":
            return "-y / yhat", f"{number(-y)} / {number(yhat)}"
        if y in (0.0, 1.0):
            side = ("-1 / yhat", f"-1 / {number(yhat)}") if y else ("1 / (1 - yhat)", f"1 / (1 - {number(yhat)})")
            return f"{side[0]}{below}", f"{side[1]}{below}"
        text = f"{number(-y)} / {number(yhat)} + {number(1 - y)} / (1 - {number(yhat)})"
        return f"(-y / yhat + (1 - y) / (1 - yhat)){below}", f"({text}){below}"
