"""What the drawings of a page share: their frame with title and description, texts, how strong a colour is."""

from __future__ import annotations

import math

from learnloop.explain.html.formula import number_html
from learnloop.explain.walk import number
from learnloop.report.text import esc


def drawing(width: float, height: float, title: str, description: str, body: str, shrinks: float = 0.75) -> str:
    """An inline SVG of that many pixels that shrinks with the page, down to `shrinks` of its size."""
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{esc(title)}"'
        f' style="width:{width:.0f}px;max-width:max(100%,{shrinks * width:.0f}px)">'
        f"<title>{esc(title)}</title><desc>{esc(description)}</desc>{body}</svg>"
    )


def text_width(text: str, size: float) -> float:
    """Pixels, a little too many: fonts differ from one machine to the next."""
    return 0.61 * size * len(text)


def number_that_fits(value: float, most: int = 9) -> str:
    """The number in at most `most` characters, with fewer digits if need be, and a true minus."""
    text = number(value)
    digits = 3
    while len(text) > most and digits:
        text = f"{value:.{digits}g}"
        digits -= 1
    return text.replace("-", "−")


def opacity(value: float, largest: float, low: float, high: float) -> float:
    """low for zero, high for the largest value, in proportion between."""
    if not largest or not math.isfinite(value):
        return low
    return low + (high - low) * min(1.0, abs(value) / largest)


def shown(value: float) -> str:
    """A number as HTML."""
    return number_html(number(value))


def text_at(text: str, x: float, y: float, anchor: str, size: int, kind: str = "") -> str:
    """A text of that size, "start", "middle" or "end" at x; nothing for an empty one."""
    if not text:
        return ""
    style = f' class="{kind}"' if kind else ""
    return f'<text{style} x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">{esc(text)}</text>'


def cut(name: str, room: float, size: float = 13) -> str:
    """The name, shortened to `room` pixels."""
    while text_width(name, size) > room and len(name) > 1:
        name = name.removesuffix("…")[:-1] + "…"
    return name
