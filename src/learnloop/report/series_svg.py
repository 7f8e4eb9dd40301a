"""Lines and stems over time as SVG that takes its colours from the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from learnloop.data.profile_text import figure

WIDTH, LEFT, RIGHT, BOTTOM = 1040, 66, 10, 22


def lines(
    label: str,
    steps: Sequence[int],
    times: Sequence[str],
    curves: Sequence[tuple[str, Sequence[float]]],
    *,
    height: int = 190,
    marks: Sequence[tuple[int, float]] = (),
    breaks: Sequence[int] = (),
) -> str:
    """Curves over the same steps; marks: points (step, value); breaks: upright lines. label: for screen readers."""
    values = [value for _, curve in curves for value in curve]
    low, high = _span(values)
    scale = _Scale(steps[0], max(steps[-1], steps[0] + 1), low, high, height)
    parts = [_grid(scale, low, high), _times(scale, steps, times)]
    parts += [
        f'<line class="break" x1="{scale.x(one):.1f}" x2="{scale.x(one):.1f}" y1="4" y2="{height - BOTTOM}"/>'
        for one in breaks
    ]
    for css, curve in curves:
        points = " ".join(f"{scale.x(step):.1f},{scale.y(value):.1f}" for step, value in zip(steps, curve, strict=True))
        parts.append(f'<polyline class="{css}" points="{points}"/>')
    parts += [f'<circle cx="{scale.x(step):.1f}" cy="{scale.y(value):.1f}" r="3.5"/>' for step, value in marks]
    return _svg(label, WIDTH, height, parts)


def stems(label: str, values: Sequence[float], bound: float, season: int, height: int = 150) -> str:
    """Correlations of lags 1, 2, ... as upright strokes, with the bound of white noise; lag 0 is left out."""
    width, count = WIDTH // 2, len(values) - 1
    low = min(-0.25, -bound * 1.4, min(values))
    scale = _Scale(0.0, count + 1.0, low, 1.0, height, width)
    parts = [
        f'<rect class="bound" x="{LEFT}" width="{width - LEFT - RIGHT}" y="{scale.y(bound):.1f}" '
        f'height="{scale.y(-bound) - scale.y(bound):.1f}"/>',
        _rule(scale, 0.0, "0"),
        _rule(scale, 1.0, "1"),
    ]
    for lag, value in enumerate(values[1:], start=1):
        css = "stem far" if abs(value) > bound else "stem"
        parts.append(
            f'<line class="{css}" x1="{scale.x(lag):.1f}" x2="{scale.x(lag):.1f}" y1="{scale.y(0):.1f}" '
            f'y2="{scale.y(value):.1f}"><title>lag {lag}: {value:.3f}</title></line>'
        )
    every = season if season > 1 else max(1, count // 5)
    while count / every > 8:
        every *= 2
    for lag in range(every, count + 1, every):
        parts.append(f'<text x="{scale.x(lag):.1f}" y="{height - 6}" text-anchor="middle">{lag}</text>')
    return _svg(label, width, height, parts)


class _Scale:
    """Values to places in the picture."""

    def __init__(self, left: float, right: float, low: float, high: float, height: int, width: int = WIDTH) -> None:
        self.left, self.right, self.low, self.high, self.height, self.width = left, right, low, high, height, width

    def x(self, value: float) -> float:
        return LEFT + (self.width - LEFT - RIGHT) * (value - self.left) / (self.right - self.left)

    def y(self, value: float) -> float:
        return 6 + (self.height - BOTTOM - 10) * (self.high - value) / (self.high - self.low)


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = (high - low) * 0.04 or max(1.0, abs(high)) * 0.04
    return low - room, high + room


def _grid(scale: _Scale, low: float, high: float) -> str:
    rough = (high - low) / 4
    size = 10 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
    first = math.ceil(low / step)
    return "".join(
        _rule(scale, number * step, figure(round(number * step, 10)))
        for number in range(first, math.floor(high / step) + 1)
    )


def _rule(scale: _Scale, value: float, text: str) -> str:
    y = scale.y(value)
    return (
        f'<line class="rule" x1="{LEFT}" x2="{scale.width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(text)}</text>'
    )


def _times(scale: _Scale, steps: Sequence[int], times: Sequence[str]) -> str:
    """Five times below, the outer two turned inwards."""
    places = sorted({round(position * (len(steps) - 1) / 4) for position in range(5)})
    texts = []
    for place in places:
        anchor = "start" if place == 0 else "end" if place == len(steps) - 1 else "middle"
        texts.append(
            f'<text x="{scale.x(steps[place]):.1f}" y="{scale.height - 6}" text-anchor="{anchor}">'
            f"{escape(times[place])}</text>"
        )
    return "".join(texts)


def _svg(label: str, width: int, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label, quote=True)}">'
        + "".join(parts)
        + "</svg>"
    )
