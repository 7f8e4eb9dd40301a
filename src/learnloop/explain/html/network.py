"""The picture of a network as SVG: units with their values, edges coloured by sign and as wide as they weigh."""

from __future__ import annotations

from dataclasses import replace

from learnloop.explain.html.formula import with_code, with_minus
from learnloop.explain.html.layout import GAP, PHONE_GAP, RADIUS, SIDE, Layout, crowded, label_size, layout, title_lines
from learnloop.explain.html.svg import cut, drawing, number_that_fits, opacity, shown, text_at
from learnloop.explain.walk import Edge, Network, Node, number
from learnloop.report.text import esc, table

MOST_LISTED = 100
_KEY = (
    '<svg class="key" viewBox="0 0 34 10" aria-hidden="true">'
    '<line class="edge {}" x1="1" y1="5" x2="33" y2="5" stroke-width="3"/></svg>'
)


def network(block: Network) -> str:
    """A figure: the drawing, what colours and lines mean, and every weight in a table that opens."""
    note = f"<figcaption>{with_code(block.note)}</figcaption>" if block.note else ""
    weights_alone = replace(block, edges=[replace(edge, gradient=None) for edge in block.edges])
    broad = weights_alone if crowded(block) else block
    drawn = _drawn(broad, GAP, "broad") + _drawn(weights_alone, PHONE_GAP, "narrow")
    return f'<figure class="network">{drawn}{note}{_listed(block)}</figure>'


def _drawn(block: Network, gap: float, kind: str) -> str:
    """The drawing and its legend; style sheets show one kind at a time."""
    places = layout(block, gap)
    body = _edges(block, places) + _weights(block, places) + _units(block, places, gap) + _titles(block, places)
    sizes = ", ".join(f"{title}: {len(nodes)}" for title, nodes in zip(block.titles, block.layers))
    picture = drawing(places.width, places.height, f"A network. {sizes}", _description(block), body)
    return f'<div class="{kind}"><div class="pan" tabindex="0">{picture}</div>{_legend(block, places)}</div>'


def _edges(block: Network, places: Layout) -> str:
    largest = max((abs(edge.weight) for edge in block.edges), default=0.0)
    parts = []
    for edge, line in zip(block.edges, places.lines):
        kind = "neg" if edge.weight < 0 else "pos" if edge.weight else "zero"
        width = opacity(edge.weight, largest, 1.0, 5.0)
        parts.append(
            f'<line class="edge {kind}" x1="{line.x1:.1f}" y1="{line.y1:.1f}" x2="{line.x2:.1f}" y2="{line.y2:.1f}"'
            f' stroke-width="{width:.1f}"><title>{_said(block, edge)}</title></line>'
        )
    return "".join(parts)


def _said(block: Network, edge: Edge) -> str:
    start, end = _ends(block, edge)
    gradient = "" if edge.gradient is None else f", gradient {number(edge.gradient)}"
    return esc(f"{start} to {end}: weight {number(edge.weight)}{gradient}")


def _ends(block: Network, edge: Edge) -> tuple[str, str]:
    return block.layers[edge.layer][edge.start].name, block.layers[edge.layer + 1][edge.end].name


def _weights(block: Network, places: Layout) -> str:
    parts = []
    for edge, centre in zip(block.edges, places.labels):
        if centre is None:
            continue
        (x, y), (width, height) = centre, label_size(edge)
        parts.append(
            f'<rect class="plate" x="{x - width / 2 + 1:.1f}" y="{y - height / 2 + 1:.1f}" width="{width - 2:.1f}"'
            f' height="{height - 2:.1f}" rx="3"/>'
        )
        up = 4.5 if edge.gradient is None else -3.0
        parts.append(text_at(number_that_fits(edge.weight), x, y + up, "middle", 12))
        if edge.gradient is not None:
            parts.append(text_at(f"∂ {number_that_fits(edge.gradient)}", x, y + 11.5, "middle", 11, "dim"))
    return "".join(parts)


def _units(block: Network, places: Layout, gap: float) -> str:
    parts = []
    for layer, (nodes, column) in enumerate(zip(block.layers, places.units)):
        largest = max((abs(node.value) for node in nodes if node.value is not None), default=0.0)
        for node, (x, y) in zip(nodes, column):
            inner = 0 < layer < len(block.layers) - 1
            name = _below(node, x, y, gap) if inner else _beside(node, x, y, left=layer == 0)
            parts.append(_unit(node, x, y, largest) + name)
    return "".join(parts)


def _unit(node: Node, x: float, y: float, largest: float) -> str:
    value = node.value
    circle = f'cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS:.0f}"'
    if value is None:
        return f'<g><title>{esc(node.name)}</title><circle class="unit" {circle}/></g>'
    shade, kind = opacity(value, largest, 0.0, 0.5), "neg" if value < 0 else "pos"
    text = number_that_fits(value, 7)
    return (
        f'<g><title>{esc(node.name)}: {number(value)}</title><circle class="unit" {circle}/>'
        f'<circle class="{kind}" {circle} fill-opacity="{shade:.2f}"/>'
        f"{text_at(text, x, y + 4.3, 'middle', 12 if len(text) < 7 else 11)}</g>"
    )


def _below(node: Node, x: float, y: float, gap: float) -> str:
    name = text_at(cut(node.name, gap - 40), x, y + RADIUS + 14, "middle", 13)
    return name + text_at(cut(with_minus(node.note), gap - 40), x, y + RADIUS + 28, "middle", 11, "dim")


def _beside(node: Node, x: float, y: float, left: bool) -> str:
    anchor, x = ("end", x - RADIUS - 8) if left else ("start", x + RADIUS + 8)
    name = text_at(cut(node.name, SIDE), x, y + (0 if node.note else 4.5), anchor, 13)
    return name + text_at(cut(with_minus(node.note), SIDE), x, y + 15, anchor, 11, "dim")


def _titles(block: Network, places: Layout) -> str:
    return "".join(
        text_at(line, column[0][0], 18 + 16 * row, "middle", 13, "title")
        for title, column in zip(block.titles, places.units)
        for row, line in enumerate(title_lines(title))
    )


def _legend(block: Network, places: Layout) -> str:
    items = []
    if any(edge.weight > 0 for edge in block.edges):
        items.append(f"{_KEY.format('pos')} positive weight")
    if any(edge.weight < 0 for edge in block.edges):
        items.append(f"{_KEY.format('neg')} negative weight")
    items.append("wider: larger")
    if any(edge.gradient is not None for edge in block.edges):
        items.append("∂: gradient of the loss")
    written = sum(centre is not None for centre in places.labels)
    if written < len(block.edges):
        items.append(f"{written} of {len(block.edges)} weights are written: the table has all")
    return f'<figcaption class="legend">{"".join(f"<span>{item}</span>" for item in items)}</figcaption>'


def _listed(block: Network) -> str:
    """Every edge, largest weight first: what the drawing has no room for, and what a screen reader can read."""
    if not block.edges:
        return ""
    gradients = any(edge.gradient is not None for edge in block.edges)
    order = sorted(block.edges, key=lambda edge: (edge.layer, -abs(edge.weight)))
    rows = []
    for edge in order[:MOST_LISTED]:
        ends = [esc(name) for name in _ends(block, edge)]
        gradient = [] if not gradients else ["" if edge.gradient is None else shown(edge.gradient)]
        rows.append([*ends, shown(edge.weight), *gradient])
    body = table(["from", "to", "weight", *(["gradient"] if gradients else [])], rows, numeric=(2, 3))
    more = len(order) - len(rows)
    left_out = f'<p class="soft">{more} more are not listed.</p>' if more else ""
    summary = f"All {len(order)} weights" if len(order) > 1 else "The weight"
    return f"<details><summary>{summary} as a table</summary>{body}{left_out}</details>"


def _description(block: Network) -> str:
    parts = []
    for title, nodes in zip(block.titles, block.layers):
        values = (node.name if node.value is None else f"{node.name} {number(node.value)}" for node in nodes)
        parts.append(f"{title}: {', '.join(values)}")
    return ". ".join(parts)
