"""Which units are shown where there are too many, and the picture of the network with the values on it.

The most active paths: a unit counts by |w a|, what it puts into the sums of the units shown behind it.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from learnloop.explain.compute import Backward, Forward
from learnloop.explain.describe import Description
from learnloop.explain.telling.answer import chosen_output, in_own_units
from learnloop.explain.walk import Array, Edge, Network, Node, number

Shown: TypeAlias = tuple[tuple[int, ...], ...]
"""The units shown of each row of the picture, ascending: features first, then layer by layer."""

FEW_OUTPUTS, FEW_UNITS, FEW_FEATURES = 4, 6, 8
"""So many are all shown."""
SOME_OUTPUTS, SOME_UNITS, SOME_FEATURES = 3, 4, 6
"""Of more than that, so many."""


def active_paths(network: Description, ahead: Forward) -> Shown:
    """The units to show, from the outputs backwards."""
    rows = [_outputs(network, ahead)]
    for layer in reversed(range(len(network.layers))):
        entering = ahead.entering(layer)
        flow = np.abs(network.layers[layer].dense.W[list(rows[0])] * entering).sum(0)  # [units before]
        few, some = (FEW_FEATURES, SOME_FEATURES) if layer == 0 else (FEW_UNITS, SOME_UNITS)
        rows.insert(0, _strongest(flow, few, some))
    return tuple(rows)


def _strongest(flow: Array, few: int, some: int) -> tuple[int, ...]:
    if len(flow) <= few:
        return tuple(range(len(flow)))
    order = np.argsort(-flow, kind="stable")[:some]
    active = [int(place) for place in order if flow[place] > 0] or [int(order[0])]
    return tuple(sorted(active))


def _outputs(network: Description, ahead: Forward) -> tuple[int, ...]:
    """All of few outputs; of many the answer, the truth, and what came near."""
    count = len(network.outputs)
    if count <= FEW_OUTPUTS:
        return tuple(range(count))
    target = network.goal.target
    first = [chosen_output(network.goal, ahead.yhat)]
    if target is not None:
        first += [int(np.argmax(target))]
    order = [int(place) for place in np.argsort(-ahead.yhat, kind="stable")]
    return tuple(sorted(list(dict.fromkeys([*first, *order]))[:SOME_OUTPUTS]))


def picture(network: Description, ahead: Forward, behind: Backward | None, shown: Shown) -> Network:
    """The units shown, with what they hand on, and the weights between them."""
    layers = [[Node(network.features[i].name, float(ahead.x[i]), network.features[i].raw) for i in shown[0]]]
    edges = []
    for place, layer in enumerate(network.layers):
        leaving, last = ahead.leaving(place), place == len(network.layers) - 1
        notes = _notes(network, ahead) if last else {}
        layers.append([Node(layer.units[i], float(leaving[i]), notes.get(i, "")) for i in shown[place + 1]])
        slopes = None if behind is None else behind.parameters[f"{layer.dense.name}.weight"]
        for end, i in enumerate(shown[place + 1]):
            for start, j in enumerate(shown[place]):
                slope = None if slopes is None else float(slopes[i, j])
                edges.append(Edge(place, start, end, float(layer.dense.W[i, j]), slope))
    titles = ["input", *(layer.title for layer in network.layers)]
    return Network(titles, layers, edges, left_out(network, shown))


def _notes(network: Description, ahead: Forward) -> dict[int, str]:
    if network.goal.kind == "numbers" and len(network.goal.std):
        values = in_own_units(network.goal, ahead.yhat)
        return {i: f"= {number(value)}" for i, value in enumerate(values)}
    return {}


def left_out(network: Description, shown: Shown) -> str:
    """One sentence on what the picture leaves out; "" when it leaves out nothing."""
    sizes = [len(network.features), *(len(layer.units) for layer in network.layers)]
    names = ["inputs", *(f"units of layer {place}" for place in range(1, len(network.layers))), "outputs"]
    parts = [
        f"{len(some)} of {size:,} {name}"
        for some, size, name in zip(shown, sizes, names, strict=True)
        if len(some) < size
    ]
    if not parts:
        return ""
    return (
        f"Shown: {', '.join(parts)}: those on the most active paths, by |weight * value|. The sums count all of them."
    )
