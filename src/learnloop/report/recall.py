"""Recall of each class as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from learnloop.report.figures import LINE, SERIES, panel
from learnloop.scores.share import wilson

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 25
_SHORT = 22


def recall_figure(per_class: Sequence[Mapping[str, Any]]) -> Figure | None:
    """A point a class with its 95 % interval (Wilson), the lowest recall on top; the `MOST` lowest of many classes.

    per_class: rows {"name", "recall", "support"}. None where no class has rows.
    """
    rows = sorted((row for row in per_class if row["support"]), key=lambda row: row["recall"])
    shown = rows[:MOST]
    if not shown:
        return None
    heading = (
        "Recall of each class" if len(shown) == len(rows) else f"Recall of the {MOST} classes that are missed most"
    )
    with panel(heading, "share of the class that was found", "", 5.2, max(2.2, 0.9 + 0.24 * len(shown))) as (
        figure,
        axes,
    ):
        places = range(len(shown))
        ends = [wilson(row["recall"], row["support"]) for row in shown]
        axes.hlines(
            places, [low for low, _ in ends], [high for _, high in ends], color=SERIES[0], alpha=0.4, linewidth=5
        )
        axes.plot([row["recall"] for row in shown], places, "o", color=SERIES[0], markersize=5)
        axes.set_yticks(list(places), [_short(row["name"]) for row in shown])
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.grid(axis="y", visible=False)
        axes.grid(axis="x", color=LINE)
        axes.tick_params(axis="y", length=0)
        axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g} %")
        return figure


def _short(name: str) -> str:
    # matplotlib reads $...$ as mathematics
    name = " ".join(str(name).split()).replace("$", r"\$")
    return name if len(name) <= _SHORT else name[: _SHORT - 1] + "…"
