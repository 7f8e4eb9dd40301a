"""The picture of a network in a terminal: layers as columns, units with their values, then the strongest edges."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from learnloop.explain.text.grid import ground
from learnloop.explain.text.lines import SOFT, prose
from learnloop.explain.walk import Edge, Network, Node, number

MOST_EDGES = 8
"""Edges listed between two layers."""
NAME = 18
BAR = 12


def network(block: Network, width: int) -> list[Text]:
    columns = [_column(title, nodes) for title, nodes in zip(block.titles, block.layers)]
    lines: list[Text] = []
    for band in _bands(columns, width):
        lines += _side_by_side(band)
        lines.append(Text())
    for layer in range(len(block.layers) - 1):
        edges = [edge for edge in block.edges if edge.layer == layer]
        if edges:
            lines += _edges(block, layer, edges, width)
    return lines


def _column(title: str, nodes: Sequence[Node]) -> list[Text]:
    """A layer: its title, then a line for each unit and one for its note."""
    names = [_cut(node.name) for node in nodes]
    values = ["" if node.value is None else number(node.value) for node in nodes]
    left, right = max(map(len, names), default=0), max(map(len, values), default=0)
    largest = max((abs(node.value) for node in nodes if node.value is not None), default=0.0)
    lines = [Text(_cut(title, 2 * NAME), "bold")]
    for node, name, value in zip(nodes, names, values):
        line = Text(f"({name:<{left}}")
        if node.value is not None:
            line.append(" ")
            line.append(f" {value:>{right}} ", ground(node.value, largest))
        else:
            line.append(" " * (right + 3 if right else 0))
        line.append(")")
        lines.append(line)
        if node.note:
            lines.append(Text(f"  {_cut(node.note, left + right + 6)}", SOFT))
    return lines


def _bands(columns: list[list[Text]], width: int) -> list[list[list[Text]]]:
    """The columns that fit side by side; the next ones below them."""
    bands: list[list[list[Text]]] = [[]]
    used = 0
    for column in columns:
        size = max(line.cell_len for line in column) + 5
        if bands[-1] and used + size > width + 5:
            bands.append([])
            used = 0
        bands[-1].append(column)
        used += size
    return bands


def _side_by_side(columns: list[list[Text]]) -> list[Text]:
    lines = []
    for row in range(max(len(column) for column in columns)):
        line = Text()
        for place, column in enumerate(columns):
            size = max(each.cell_len for each in column)
            entry = column[row].copy() if row < len(column) else Text()
            entry.pad_right(size - entry.cell_len)
            if place:
                line.append("  >  " if row == 0 else "     ", SOFT)
            line.append_text(entry)
        line.rstrip()
        lines.append(line)
    return lines


def _edges(block: Network, layer: int, edges: Sequence[Edge], width: int) -> list[Text]:
    """The largest weights between two layers, each with a bar; their gradients where there are any."""
    shown = sorted(edges, key=lambda edge: -abs(edge.weight))[:MOST_EDGES]
    heading = f"weights {block.titles[layer]} > {block.titles[layer + 1]}"
    more = f", the {len(shown)} largest of {len(edges)}" if len(shown) < len(edges) else ""
    weights = [number(edge.weight) for edge in shown]
    gradients = ["" if edge.gradient is None else f"gradient {number(edge.gradient)}" for edge in shown]
    wide = max(map(len, weights))
    room = (width - 11 - wide - BAR - max(map(len, gradients))) // 2
    starts = [_cut(block.layers[layer][edge.start].name, min(NAME, room)) for edge in shown]
    ends = [_cut(block.layers[layer + 1][edge.end].name, min(NAME, room)) for edge in shown]
    left, right = max(map(len, starts)), max(map(len, ends))
    largest = max(abs(edge.weight) for edge in shown) or 1.0
    lines = prose(heading + more, width, SOFT)
    for edge, start, end, weight, gradient in zip(shown, starts, ends, weights, gradients):
        line = Text(f"  {start:<{left}} > {end:<{right}}  {weight:>{wide}}  ")
        bar = ("░" if edge.weight < 0 else "█") * round(BAR * abs(edge.weight) / largest)
        line.append(f"{bar:<{BAR}}", "#d55e00" if edge.weight < 0 else "#0072b2")
        line.append(f"  {gradient}" if gradient else "")
        line.rstrip()
        lines.append(line)
    lines.append(Text())
    return lines


def _cut(name: str, most: int = NAME) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
