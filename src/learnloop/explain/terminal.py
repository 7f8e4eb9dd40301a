"""A walk in a terminal: `show`. In a pipe, or where NO_COLOR is set, the same text without colour codes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from learnloop.explain.text.grid import grid
from learnloop.explain.text.lines import SOFT, STRONG, equations, prose, table
from learnloop.explain.text.network import network
from learnloop.explain.text.plot import plot
from learnloop.explain.walk import Block, Curves, Equation, Grid, Network, Say, Table, Walk

MOST_WIDTH = 100
"""Longer lines are hard to follow back to the left."""
_ASCII = str.maketrans(
    {
        **dict(zip("█▓▒░│┤└─═·…−×≥≤→", "##*:||+-=..-x><>")),
        **{chr(0x2800 + bits): "*" for bits in range(1, 256)},
    }
)


def show(walk: Walk, console: Console) -> None:
    """Print the walk in lines no wider than the console (at most 100 columns)."""
    width = max(40, min(console.width, MOST_WIDTH))
    plain = not console.encoding.lower().startswith("utf")
    for line in lines(walk, width):
        console.print(_in_ascii(line) if plain else line, no_wrap=True, overflow="ignore", crop=False)


def lines(walk: Walk, width: int) -> list[Text]:
    """The whole walk, line by line, a blank line between its parts."""
    found = [*prose(walk.title, width, STRONG), Text("═" * min(width, len(walk.title)), SOFT)]
    for place, section in enumerate(walk.sections, 1):
        heading = f"{place}. {section.title}"
        found += [Text(), *prose(heading, width, STRONG), Text("─" * min(width, len(heading)), SOFT)]
        for group in grouped(section.blocks):
            found += [Text(), *_drawn(group, width)] if found[-1].plain.strip("─") else _drawn(group, width)
    if walk.source:
        found += [Text(), *prose(f"Source: {walk.source}", width, SOFT)]
    if walk.next:
        found += [Text(), Text("Next:"), *(Text(f"  {command}", "cyan") for command in walk.next)]
    return found


def grouped(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Equations in a row stand together; every other block stands alone."""
    group: list[Block] = []
    for block in blocks:
        if group and not (isinstance(block, Equation) and isinstance(group[-1], Equation)):
            yield group
            group = []
        group.append(block)
    if group:
        yield group


def _drawn(group: Sequence[Block], width: int) -> list[Text]:
    block = group[0]
    if isinstance(block, Equation):
        return [_indented(line) for line in equations([b for b in group if isinstance(b, Equation)], width - 2)]
    if isinstance(block, Say):
        return prose(block.text, width)
    note = [Text(line.plain, SOFT) for line in prose(block.note, width)] if block.note else []
    found = _picture(block, width)
    while found and not found[-1].plain.strip():
        found.pop()
    return found + note


def _picture(block: Grid | Table | Network | Curves, width: int) -> list[Text]:
    if isinstance(block, Grid):
        return grid(block, width)
    if isinstance(block, Table):
        return table(block, width)
    if isinstance(block, Network):
        return network(block, width)
    return plot(block, width)


def _indented(line: Text) -> Text:
    return Text.assemble("  ", line) if line.plain else line


def _in_ascii(line: Text) -> Text:
    """The same line, character by character, for a terminal that knows no others."""
    plain = line.plain.translate(_ASCII).encode("ascii", "replace").decode("ascii")
    return Text(plain, line.style, spans=line.spans)
