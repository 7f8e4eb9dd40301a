"""Where the units, edges and titles of a network's picture stand, in pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from learnloop.explain.html.labels import Box, Line, place
from learnloop.explain.html.svg import cut, number_that_fits, text_width
from learnloop.explain.walk import Edge, Network

RADIUS, ROW, GAP = 26.0, 82.0, 220.0
PHONE_GAP = 126.0
"""A phone gets a drawing of its own: shrunk to its width, the broad one could not be read."""
ROOM_FOR_GRADIENTS = 16.0
"""What rows and columns are further apart when each edge carries two numbers."""
ROOM_FOR_NOTES = 12.0
"""What rows are further apart when a note stands below the name of a unit."""
MOST_EDGES = 16
"""A picture with more edges than this is crowded: weights without their gradients, and only the largest."""
MOST_LABELS = 9
"""Weights written between two layers of a crowded picture."""
SIDE = 150.0
"""The widest name beside the first or last layer."""
TITLE = 20
"""Letters in a line of a layer's title."""


@dataclass(frozen=True)
class Layout:
    """width, height of the drawing; units[layer][unit] = (x, y); lines and labels, one for each edge.

    A label is the centre of an edge's weight, or None where there is no room for it.
    """

    width: float
    height: float
    units: Sequence[Sequence[tuple[float, float]]]
    lines: Sequence[Line]
    labels: Sequence[tuple[float, float] | None]


def layout(block: Network, gap: float) -> Layout:
    """Layers as columns `gap` pixels apart, each in the middle of the height."""
    left, right = _side(block, 0), _side(block, len(block.layers) - 1)
    room = ROOM_FOR_GRADIENTS if any(edge.gradient is not None for edge in block.edges) else 0.0
    most = max(len(nodes) for nodes in block.layers)
    noted = ROOM_FOR_NOTES if any(node.note for nodes in block.layers[1:-1] for node in nodes) else 0.0
    row, top = ROW + max(room, noted), 24 + 16 * max(len(title_lines(title)) for title in block.titles)
    columns = [left + RADIUS + layer * (gap + 2 * room) for layer in range(len(block.layers))]
    units = [
        [(x, top + row * (unit + 0.5 + (most - len(nodes)) / 2)) for unit in range(len(nodes))]
        for x, nodes in zip(columns, block.layers)
    ]
    lines = [_line(units, edge) for edge in block.edges]
    return Layout(
        columns[-1] + RADIUS + right, top + row * most + 6 + noted, units, lines, _labels(block, units, lines)
    )


def crowded(block: Network) -> bool:
    return len(block.edges) > MOST_EDGES


def title_lines(title: str) -> list[str]:
    """A title in at most two lines."""
    lines = [""]
    for word in title.split():
        if lines[-1] and len(lines[-1]) + len(word) >= TITLE and len(lines) < 2:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [cut(line, 1.4 * text_width("m" * TITLE, 13)) for line in lines]


def label_size(edge: Edge) -> tuple[float, float]:
    """Width and height of an edge's weight, with its gradient below where it has one."""
    texts = [number_that_fits(edge.weight)]
    if edge.gradient is not None:
        texts.append(f"∂ {number_that_fits(edge.gradient)}")
    return max(text_width(text, 12) for text in texts) + 6, 15.0 * len(texts) + 2


def _side(block: Network, layer: int) -> float:
    """The room beside an outer column: for its names and notes, and for half of its title."""
    names = [name for node in block.layers[layer] for name in (node.name, node.note)]
    widest = max((text_width(cut(name, SIDE), 13) for name in names), default=0.0)
    heading = max((text_width(line, 13) for line in title_lines(block.titles[layer])), default=0.0)
    return max(widest + 12, heading / 2 - RADIUS + 4)


def _line(units: Sequence[Sequence[tuple[float, float]]], edge: Edge) -> Line:
    (x1, y1), (x2, y2) = units[edge.layer][edge.start], units[edge.layer + 1][edge.end]
    return Line(x1 + RADIUS, y1, x2 - RADIUS, y2)


def _labels(
    block: Network, units: Sequence[Sequence[tuple[float, float]]], lines: Sequence[Line]
) -> list[tuple[float, float] | None]:
    """The places of the weights; the heaviest edges choose first."""
    order = sorted(range(len(lines)), key=lambda edge: -abs(block.edges[edge].weight))
    most = MOST_LABELS if crowded(block) else len(lines)
    left = dict.fromkeys(range(len(block.layers)), most)
    sizes: list[tuple[float, float] | None] = []
    for edge in order:
        left[block.edges[edge].layer] -= 1
        sizes.append(label_size(block.edges[edge]) if left[block.edges[edge].layer] >= 0 else None)
    found = place([lines[edge] for edge in order], sizes, _taken(block, units))
    centres: list[tuple[float, float] | None] = [None] * len(lines)
    for edge, centre in zip(order, found):
        centres[edge] = centre
    return centres


def _taken(block: Network, units: Sequence[Sequence[tuple[float, float]]]) -> list[Box]:
    """The units themselves, and the names below those of the inner layers."""
    boxes = [Box(x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS) for column in units for x, y in column]
    for nodes, column in zip(block.layers[1:-1], units[1:-1]):
        for node, (x, y) in zip(nodes, column):
            half = text_width(node.name, 13) / 2
            boxes.append(Box(x - half, y + RADIUS, x + half, y + RADIUS + 30))
    return boxes
