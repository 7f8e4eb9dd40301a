"""Curves as SVG in the style of the reports: colour and dash tell lines apart, the colours follow the page."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import numpy as np

from learnloop.explain.walk import Curves, number
from learnloop.report.figures import DASHES, SERIES, panel, svg
from learnloop.report.text import esc

MOST_POINTS = 600
MARKED = 25
"""Up to so many points each is marked."""
WIDEST = 46
"""Letters in a line of the title."""
_TAG = re.compile(r'<svg(?:[^>"]|"[^"]*")*>')


def curves(block: Curves) -> str:
    """A figure: axes with their names, one line after the other, the note below."""
    y = f"{block.y} (log scale)" if block.log_y else block.y
    longest = max(len(name) for name in block.lines)
    across = max(1, min(3, 44 // (longest + 5)))
    rows = -(-len(block.lines) // across)
    heading = _safe(textwrap.fill(block.title, WIDEST))
    with panel(heading, _safe(block.x), _safe(y), 5.4, 3.3 + 0.2 * rows) as (figure, axes):
        for place, (name, (x, values)) in enumerate(block.lines.items()):
            kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), MOST_POINTS)).round().astype(int))
            axes.plot(
                np.asarray(x, float)[kept],
                np.asarray(values, float)[kept],
                color=SERIES[place % len(SERIES)],
                linestyle=DASHES[(place + place // len(SERIES)) % len(DASHES)],
                marker="o" if len(x) <= MARKED else None,
                markersize=3.5,
                label=_safe(name),
            )
        if block.log_y:
            axes.set_yscale("log", nonpositive="mask")
        if len(block.lines) > 1:
            figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=across)
        picture = svg(figure, block.title)
    picture = _described(picture, block.title, _description(block))
    note = f"<figcaption>{esc(block.note)}</figcaption>" if block.note else ""
    return f'<figure class="curves">{picture}{note}</figure>'


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
