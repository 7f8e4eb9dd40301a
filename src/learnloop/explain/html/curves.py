"""Curves as SVG in the style of the reports: colour and dash tell lines apart, the colours follow the page."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import numpy as np

from learnloop.explain.html.formula import with_code
from learnloop.explain.walk import Curves, number
from learnloop.report.figures import DASHES, SERIES, panel, svg
from learnloop.report.text import esc

MOST_POINTS = 600
MARKED = 25
"""Up to so many points each is marked."""
POINTS = ("o", "s", "^", "D")
"""The marks of lines of which only the points are drawn."""
MOST_TICKS = 4
"""An axis of fewer whole numbers has fractions between them: they are no counts, or the axis would be bare."""
WIDEST = 48
"""Letters in a line of the title."""
_TAG = re.compile(r'<svg(?:[^>"]|"[^"]*")*>')


def curves(block: Curves) -> str:
    """A figure: axes with their names, one line after the other, the note below."""
    y = f"{block.y} (log scale)" if block.log_y else block.y
    longest = max(len(name) for name in block.lines)
    across = max(1, min(3, 44 // (longest + 5)))
    rows = -(-len(block.lines) // across)
    heading = _safe("\n".join(balanced(block.title, WIDEST)))
    with panel(heading, _safe(block.x), _safe(y), 5.4, 3.3 + 0.2 * rows) as (figure, axes):
        for place, (name, (x, values)) in enumerate(block.lines.items()):
            kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), MOST_POINTS)).round().astype(int))
            axes.plot(
                np.asarray(x, float)[kept],
                np.asarray(values, float)[kept],
                color=SERIES[place % len(SERIES)],
                linestyle="none" if name in block.points else DASHES[(place + place // len(SERIES)) % len(DASHES)],
                marker=POINTS[place % len(POINTS)] if name in block.points else "o" if len(x) <= MARKED else None,
                markersize=6 if name in block.points else 3.5,
                label=_safe(name),
            )
        if block.square:
            axes.set_aspect("equal", adjustable="datalim")
        if _counts(block):
            axes.xaxis.set_major_locator(_whole_numbers())
        if block.log_y:
            axes.set_yscale("log", nonpositive="mask")
        if len(block.lines) > 1:
            figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=across)
        picture = svg(figure, block.title)
    picture = _described(picture, block.title, _description(block))
    note = f"<figcaption>{with_code(block.note)}</figcaption>" if block.note else ""
    return f'<figure class="curves">{picture}{note}</figure>'


def balanced(text: str, width: int) -> list[str]:
    """The text in as few lines as fit the width, all about as long: no single word on the last."""
    lines = textwrap.wrap(text, width)
    narrower = lines
    while len(narrower) == len(lines) and width > 1:
        lines, width = narrower, width - 1
        narrower = textwrap.wrap(text, width)
    return lines


def _counts(block: Curves) -> bool:
    """Whether x counts something: whole numbers in every line, and more than a few."""
    xs = [np.asarray(x, float) for x, _ in block.lines.values()]
    return all((x == np.round(x)).all() for x in xs) and max(np.ptp(x) for x in xs) >= MOST_TICKS


def _whole_numbers() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator("auto", steps=[1, 2, 2.5, 5, 10], integer=True)


def _safe(text: str) -> str:
    """matplotlib reads $...$ as mathematics, and leaves names that begin with an underscore out of the legend."""
    text = text.replace("$", r"\$")
    return f" {text}" if text.startswith("_") else text


def _described(picture: str, title: str, description: str) -> str:
    tag = _TAG.match(picture)
    assert tag is not None
    return f"{tag[0]}<title>{esc(title)}</title><desc>{esc(description)}</desc>{picture[tag.end() :]}"


def _description(block: Curves) -> str:
    said = (f"{name} goes from {_end(line, 0)} to {_end(line, -1)}" for name, line in block.lines.items())
    return f"{block.y} against {block.x}: {'; '.join(said)}"


def _end(line: Any, place: int) -> str:
    x, y = line
    return f"{number(y[place])} at {number(x[place])}"
