"""Pieces of HTML that the sections with pictures share."""

from __future__ import annotations

from learnloop.report.text import esc


def image(url: str, label: str, kind: str = "") -> str:
    """Nothing but pictures that are part of the page."""
    if not str(url).startswith("data:image/"):
        return ""
    return f'<img src="{esc(url)}" alt="{esc(label)}" title="{esc(label)}"{f" class={kind}" if kind else ""}>'


def percent(share: float) -> str:
    return f"{100 * share:.1f}\u00a0%"  # number and sign stay on one line


def sure(probability: float | None) -> str:
    return "" if probability is None else f' <span class="soft">{percent(probability)}</span>'
