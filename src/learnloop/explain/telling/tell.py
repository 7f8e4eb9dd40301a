"""`tell`: a `Description` becomes a `Walk`, forward, backward and one step, with every number in `Walk.values`.

Names in values: `x`; each step's outcome by the step's name (`linear1`, `norm1`, `relu1`, `output`); `yhat`; `value`
(numbers in their own units); `target`; `loss`; `gradient.<step>`, `gradient.x`, `gradient.yhat`; for each learnt array
`gradient.linear1.weight` and `updated.linear1.weight`; `after.output`, `after.yhat`, `after.loss` behind the update.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from learnloop.errors import UserError
from learnloop.explain.compute import Backward, Forward, backward, forward, has_slope, updated
from learnloop.explain.describe import Description
from learnloop.explain.telling.ahead import layer_section, what_goes_in
from learnloop.explain.telling.answer import in_own_units
from learnloop.explain.telling.behind import layer_sections
from learnloop.explain.telling.end import answer_section, loss_section
from learnloop.explain.telling.paths import Shown, active_paths, picture
from learnloop.explain.telling.slopes import output_section
from learnloop.explain.telling.update import update_section
from learnloop.explain.walk import Array, Block, Say, Section, Walk, listed

SOURCE = "Rumelhart, Hinton and Williams 1986, Learning representations by back-propagating errors"
PERCEPTRON = "Rosenblatt 1958, The Perceptron"
_NO_SLOPE = (
    "A hidden step unit has slope 0 wherever it has one: no gradient reaches the weights before it, so the walk ends "
    "here. With `sigmoid` in place of `step` it can go on."
)


@dataclass(frozen=True)
class _Numbers:
    """All that was computed; behind, after and again only where a gradient could go back."""

    ahead: Forward
    behind: Backward | None
    after: Description | None
    again: Forward | None


def tell(network: Description) -> Walk:
    """The whole walk; without a target it ends with the answer.

    Raises UserError where a number overflows: weights, inputs or learning rate are too large.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        numbers = _compute(network)
        values = _values(network, numbers)
    _refuse_infinite(network, values)
    ahead, behind = numbers.ahead, numbers.behind
    shown = active_paths(network, ahead)
    sections = [_first(network, ahead, behind, shown), *what_goes_in(network, shown[0])]
    sections += [layer_section(network, ahead, place, shown) for place in range(len(network.layers) - 1)]
    sections.append(answer_section(network, ahead, shown))
    if network.goal.target is not None:
        sections.append(loss_section(network, ahead))
    if behind is None or numbers.after is None or numbers.again is None:
        sections.append(Section("Backwards", [Say(network.no_target if network.goal.target is None else _NO_SLOPE)]))
    else:
        sections.append(output_section(network, ahead, behind, shown[-1]))
        sections += layer_sections(network, ahead, behind, shown)
        sections.append(update_section(network, ahead, behind, numbers.after, numbers.again, shown))
    source = PERCEPTRON if network.goal.loss.startswith("perceptron") else SOURCE
    return Walk(network.title, sections, values, source, network.next)


def _compute(network: Description) -> _Numbers:
    ahead = forward(network)
    if network.goal.target is None or not has_slope(network):
        return _Numbers(ahead, None, None, None)
    behind = backward(network, ahead)
    after = updated(network, behind.parameters)
    return _Numbers(ahead, behind, after, forward(after))


def _values(network: Description, numbers: _Numbers) -> dict[str, Array]:
    values = _forward_values(network, numbers.ahead)
    if numbers.behind is not None and numbers.after is not None and numbers.again is not None:
        values |= _backward_values(numbers.behind, numbers.after, numbers.again)
    return values


def _refuse_infinite(network: Description, values: Mapping[str, Array]) -> None:
    for name, array in values.items():
        if not np.isfinite(array).all():
            raise UserError(
                network.title,
                "its numbers must stay finite",
                found=f"{name} = {listed(np.ravel(array)[:6])}",
                cause="inputs, weights or the learning rate are so large that a product overflows",
                do="--lr 0.1   # or smaller inputs and weights",
            )


def _first(network: Description, ahead: Forward, behind: Backward | None, shown: Shown) -> Section:
    blocks: list[Block] = [Say(text) for text in network.about]
    return Section("The network with its values", [*blocks, picture(network, ahead, behind, shown)])


def _forward_values(network: Description, ahead: Forward) -> dict[str, Array]:
    values = {"x": ahead.x, **ahead.outcomes(), "yhat": ahead.yhat}
    if network.goal.kind == "numbers":
        values["value"] = in_own_units(network.goal, ahead.yhat)
    if network.goal.target is not None:
        values["target"] = network.goal.target
    if ahead.loss is not None:
        values["loss"] = np.array(ahead.loss)
    return values


def _backward_values(behind: Backward, after: Description, again: Forward) -> dict[str, Array]:
    values = {f"gradient.{name}": slope for name, slope in behind.after.items()}
    if len(behind.yhat) and np.isfinite(behind.yhat).all():
        values["gradient.yhat"] = behind.yhat
    values["gradient.x"] = behind.x
    values |= {f"gradient.{name}": slope for name, slope in behind.parameters.items()}
    values |= {f"updated.{name}": array for name, array in after.parameters()}
    assert again.loss is not None
    return values | {"after.output": again.z, "after.yhat": again.yhat, "after.loss": np.array(again.loss)}
