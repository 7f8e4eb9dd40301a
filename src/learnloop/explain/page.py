"""A walk as one self-contained HTML page: no network, no scripts, light and dark, on a phone and on paper."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from learnloop.errors import RunError
from learnloop.explain.html.curves import curves
from learnloop.explain.html.equation import equation
from learnloop.explain.html.formula import number_html, with_code
from learnloop.explain.html.grid import grid
from learnloop.explain.html.network import network
from learnloop.explain.html.svg import shown
from learnloop.explain.walk import Block, Curves, Equation, Grid, Network, Say, Section, Table, Walk, number
from learnloop.report.page import style
from learnloop.report.text import esc, page, table

LONG = 4
"""From so many sections on, a page has a table of contents."""
LONG_CELL = 30
"""A text longer than this keeps a width that can be read when a table is squeezed."""
LONG_WIDTH = 210.0
"""That width in pixels, as the style sheet has it."""
LETTER, PADDING, PHONE = 8.8, 16.0, 360.0
"""Pixels of a letter in a table, of the empty sides of a cell, and of the page on a phone."""


def write(walk: Walk, path: Path) -> Path:
    """Write the page; returns its path. Raises RunError when the file cannot be written."""
    text = html(walk)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(f"--html {path}", "must be a file that can be written", found=str(error)) from None
    return path


def html(walk: Walk) -> str:
    """The whole page as text."""
    body = [f"<h1>{esc(walk.title)}</h1>", _contents(walk)]
    body += [_section(place, section) for place, section in enumerate(walk.sections, 1)]
    body += [_next(walk), _footer(walk)]
    own = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    return page(walk.title, style() + own, "\n".join(part for part in body if part))


def _anchor(place: int, section: Section) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", section.title.lower()).strip("-")
    return f"{place}-{words}".strip("-")


def _contents(walk: Walk) -> str:
    if len(walk.sections) < LONG:
        return ""
    items = "".join(
        f'<li><a href="#{_anchor(place, section)}">{esc(section.title)}</a></li>'
        for place, section in enumerate(walk.sections, 1)
    )
    return f'<nav class="contents" aria-label="Contents"><ol>{items}</ol></nav>'


def _section(place: int, section: Section) -> str:
    anchor = _anchor(place, section)
    heading = f'<h2 id="{anchor}"><span class="place">{place}</span><a href="#{anchor}">{esc(section.title)}</a></h2>'
    return "\n".join(["<section>", heading, *_blocks(section.blocks), "</section>"])


def _blocks(blocks: Sequence[Block]) -> Iterator[str]:
    """Equations in a row are set as one group, grids in a row side by side, and curves too."""
    place = 0
    while place < len(blocks):
        kind, end = type(blocks[place]), place + 1
        while end < len(blocks) and type(blocks[end]) is kind and kind in WRAPPED:
            end += 1
        drawn = "\n".join(_drawn(block) for block in blocks[place:end])
        yield WRAPPED[kind].format(drawn) if kind in WRAPPED and (end > place + 1 or kind is Equation) else drawn
        place = end


WRAPPED: dict[type, str] = {
    Equation: '<div class="equations">\n{}\n</div>',
    Grid: '<div class="row">\n{}\n</div>',
    Curves: '<div class="figures">\n{}\n</div>',
}


def _drawn(block: Block) -> str:
    return DRAWN[type(block)](block)


def _say(block: Say) -> str:
    return f"<p>{with_code(block.text)}</p>"


def _table(block: Table) -> str:
    numeric = [place for place in range(len(block.columns)) if all(_number_or_blank(row[place]) for row in block.rows)]
    rows = [[_cell(cell) for cell in row] for row in block.rows]
    note = f'<p class="soft">{with_code(block.note)}</p>' if block.note else ""
    drawn = table([with_code(name) for name in block.columns], rows, numeric)
    return f'<div class="sideways">{drawn}</div>{note}' if _broad(block) else drawn + note


def _number_or_blank(cell: str | float | int) -> bool:
    return cell == "" or not isinstance(cell, str)


def _broad(block: Table) -> bool:
    """Whether a phone shows only a part of it: the longest words of its columns need more room than there is."""
    return sum(map(_width, block.columns, zip(*block.rows, strict=True))) > PHONE


def _width(name: str, cells: Sequence[str | float | int]) -> float:
    texts = [_text(cell) for cell in cells]
    longest = max(len(word) for text in (name, *texts) for word in text.split() or [""])
    least = LONG_WIDTH if max(map(len, texts)) > LONG_CELL else 0.0
    return max(LETTER * longest, least) + PADDING


def _text(cell: str | float | int) -> str:
    return cell if isinstance(cell, str) else number(cell)


def _cell(value: str | float | int) -> str:
    if isinstance(value, str):
        text = with_code(value)
        return f'<span class="long">{text}</span>' if len(value) > LONG_CELL else text
    return number_html(str(value)) if isinstance(value, int) else shown(value)


DRAWN: dict[type, Callable[..., str]] = {
    Say: _say,
    Equation: equation,
    Grid: grid,
    Table: _table,
    Network: network,
    Curves: curves,
}


def _next(walk: Walk) -> str:
    if not walk.next:
        return ""
    items = "".join(f"<li><code>{esc(command)}</code></li>" for command in walk.next)
    return f'<section class="next"><h2>Next</h2><ul>{items}</ul></section>'


def _footer(walk: Walk) -> str:
    source = f"{esc(walk.source)} · " if walk.source else ""
    return f"<footer>{source}every number computed by <code>learnloop.scratch</code></footer>"
