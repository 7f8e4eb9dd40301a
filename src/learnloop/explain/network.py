"""`explain_network`: a small network that somebody wrote down in YAML.

title: Is it spam?
about: An e-mail by three of its words.
inputs: {free: 1, win: 0, offer: 1}       or a list: they are then x1, x2, ...
layers:
  - activation: relu                      left out: identity
    units:
      H1: [0.5, -0.2, 0.3]                weights in the order of what comes in, no bias
      H2: {weights: {free: 0.4, win: 0.1, offer: -0.5}, bias: 0.2}
  - activation: sigmoid
    weights: [[0.7, 0.2]]                 the matrix of z = W a + b: one row a unit
    bias: [0.1]
    units: [spam]                         names; left out: y1, y2, ...
target: 1                                 a number, a list, {output: number}, or the name of an output
otherwise: ham                            what a single output says when it says no
loss: binary_cross_entropy                left out: the usual one of the last activation
learning_rate: 0.1
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from learnloop.errors import raise_all
from learnloop.explain.describe import Activation, Dense, Description, Feature, Layer, Step
from learnloop.explain.rate import LEARNING_RATE, checked_rate
from learnloop.explain.telling.tell import tell
from learnloop.explain.walk import Walk
from learnloop.explain.written.checks import Checks, shown
from learnloop.explain.written.document import Document, read
from learnloop.explain.written.goal import read_goal
from learnloop.explain.written.layers import EXAMPLE, Written, read_layer

TOP = ("title", "about", "inputs", "layers", "target", "otherwise", "loss", "learning_rate")


def explain_network(path: Path, lr: float | None = None, target: str | None = None) -> Walk:
    """The walk through the network in a YAML file. lr, target: instead of the file's.

    Raises UserError, all mistakes at once, each with its line: a key or a name that is not known, a value that is no
    number, shapes that do not fit (both, and the equation), a loss that does not go with the last layer.
    """
    return tell(_network(read(Path(path)), str(path), lr, target))


def _network(document: Document, typed: str, lr: float | None, target: str | None) -> Description:
    checks = Checks(document)
    given = checks.mapping(document.value, (), TOP, "inputs: {free: 1}")
    features = _inputs(checks, given) if isinstance(document.value, Mapping) else ()
    layers = _layers(checks, given, [feature.name for feature in features]) if features else ()
    rate = _learning_rate(checks, given, lr)
    goal = read_goal(checks, given, layers, target) if layers else None
    raise_all(checks.errors)
    assert goal is not None
    title = str(given.get("title") or Path(document.name).stem)
    return Description(
        title,
        features,
        _described(layers),
        goal,
        rate,
        about=() if given.get("about") is None else (str(given["about"]),),
        no_target="Without a target there is no loss, and nothing to go back from. "
        f"Give one: `learnloop explain {typed} --target 1`, or `target: 1` in the file.",
        next=(f"learnloop explain {typed} --html page.html", f"learnloop explain {typed} --lr {10 * rate:g}"),
    )


def _inputs(checks: Checks, given: Mapping[str, Any]) -> tuple[Feature, ...]:
    value = given.get("inputs")
    if isinstance(value, list) and value:
        value = {f"x{place}": each for place, each in enumerate(value, 1)}
        return tuple(
            Feature(name, checks.number(each, ("inputs", place))) for place, (name, each) in enumerate(value.items())
        )
    if not isinstance(value, Mapping) or not value:
        found = shown(value) if "inputs" in given else "no inputs"
        checks.wrong(
            ("inputs",), "must be {name: number} or a list of numbers", found=found, do="inputs: {free: 1, win: 0}"
        )
        return ()
    return tuple(Feature(str(name), checks.number(each, ("inputs", str(name)))) for name, each in value.items())


def _layers(checks: Checks, given: Mapping[str, Any], names: Sequence[str]) -> tuple[Written, ...]:
    """The layers one after the other; () where one is so wrong that those behind it cannot be checked."""
    value = given.get("layers")
    if not isinstance(value, list) or not value:
        found = shown(value) if "layers" in given else "no layers"
        checks.wrong(("layers",), "must be a list of layers, the output layer last", found=found, do=EXAMPLE)
        return ()
    layers = []
    for place, each in enumerate(value):
        letters = "y" if place == len(value) - 1 else f"h{place + 1}."
        layer = read_layer(checks, each, ("layers", place), names, letters)
        if layer is None:
            return ()
        layers.append(layer)
        names = layer.units
    return tuple(layers)


def _learning_rate(checks: Checks, given: Mapping[str, Any], lr: float | None) -> float:
    if lr is not None:
        return checked_rate(lr)
    if "learning_rate" not in given:
        return LEARNING_RATE
    mistakes = len(checks.errors)
    rate = checks.number(given["learning_rate"], ("learning_rate",))
    if not rate > 0 and len(checks.errors) == mistakes:
        checks.wrong(("learning_rate",), "must be a number above 0", found=f"{rate:g}", do="learning_rate: 0.1")
    return rate


def _described(layers: Sequence[Written]) -> tuple[Layer, ...]:
    """As `Description` has them: the activation of the last layer is the goal's link."""
    found = []
    for place, layer in enumerate(layers, 1):
        last = place == len(layers)
        steps: list[Step] = [Dense("output" if last else f"linear{place}", layer.W, layer.b)]
        if not last:
            steps.append(Activation(f"{layer.activation}{place}", layer.activation))
        count = f"{len(layer.units)} unit{'s' if len(layer.units) != 1 else ''}"
        title = "output" if last else f"{count}, {layer.activation}"
        found.append(Layer(title, layer.units, tuple(steps)))
    return tuple(found)
