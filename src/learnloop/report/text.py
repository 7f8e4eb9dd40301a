"""Values and pieces of HTML. Everything that comes from data passes through `esc`."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import Any

from learnloop.scores.names import METRICS


def esc(value: object) -> str:
    return html.escape(str(value), quote=True)


def number(value: Any, digits: int = 4) -> str:
    """A plain number: thousands separated, `digits` significant digits."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if not math.isfinite(value):
        return "not finite"
    if isinstance(value, int) or (value == int(value) and abs(value) < 1e15):
        return f"{int(value):,}"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    if abs(value) < 1:
        return f"{value:.{digits}f}" if abs(value) >= 10 ** (1 - digits) else f"{value:.{digits - 1}g}"
    return f"{value:.{digits}g}"


def score(name: str, value: float | None) -> str:
    """A metric's value as people say it: 97.2 % for shares, else significant digits."""
    if value is None:
        return "–"
    metric = METRICS.get(name)
    if metric is not None and metric.scale == "share":
        return f"{100 * value:.1f} %" if abs(value) < 0.9995 or value >= 1 else f"{100 * value:.2f} %"
    if metric is not None and metric.scale == "plain" and abs(value) <= 1:
        return f"{value:.4f}"
    return number(float(value))


def score_range(name: str, pair: Sequence[float] | None) -> str:
    """`95.1 – 97.4 %`."""
    if pair is None:
        return ""
    low, high = (score(name, value) for value in pair)
    return f"{low.removesuffix(' %')} – {high}" if low.endswith(" %") else f"{low} – {high}"


def title(name: str) -> str:
    return METRICS[name].title if name in METRICS else name.replace("_", " ")


def duration(seconds: float) -> str:
    if seconds < 0.1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 90:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numeric: Iterable[int] = ()) -> str:
    """An HTML table of cells that are HTML already; columns in `numeric` are aligned right."""
    right = set(numeric)

    def cells(values: Sequence[str], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=n' if column in right else ''}>{value}</{tag}>" for column, value in enumerate(values)
        )

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    top = f"<thead><tr>{cells(head, 'th')}</tr></thead>"
    kind = "scroll wide" if len(head) >= 5 else "scroll"
    return f'<div class="{kind}" tabindex="0"><table>{top}<tbody>{body}</tbody></table></div>'


def section(heading: str, *parts: str) -> str:
    """A section with its heading; nothing at all when every part is empty."""
    body = "\n".join(part for part in parts if part)
    return f"<section><h2>{esc(heading)}</h2>\n{body}\n</section>" if body else ""


def facts(pairs: Iterable[tuple[str, object]]) -> str:
    rows = "".join(f"<dt>{esc(name)}</dt><dd>{esc(value)}</dd>" for name, value in pairs if value not in (None, ""))
    return f"<dl>{rows}</dl>" if rows else ""


def page(heading: str, style: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{esc(heading)}</title>\n<style>\n{style}\n</style></head>\n<body><main>\n{body}\n</main></body></html>\n"
    )
