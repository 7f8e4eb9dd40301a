"""Figures of networks that make data: codes, KL by dimension, classes made, anomalies found, two players."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from learnloop.report.figures import DASHES, SERIES, SOFT, panel, thin

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Rows = Sequence[Mapping[str, Any]]
COLLAPSED = 0.01
"""Nats below which a dimension of a code says nothing."""
_MOST_CLASSES = 12


def codes_figure(points: Sequence[Sequence[Any]], heading: str, x: str, y: str) -> Figure:
    """Points [x, y, label or None] in the plane, coloured by their label."""
    names = sorted({str(point[2]) for point in points if len(point) > 2 and point[2] is not None}, key=_natural)
    with panel(heading, x, y, 5.2, 4.4) as (figure, axes):
        shown = names if 1 < len(names) <= _MOST_CLASSES else []
        for place, name in enumerate(shown):
            some = [point for point in points if str(point[2]) == name]
            axes.scatter(*_plane(some), s=9, color=_colour(place), marker=_marker(place), linewidths=0, label=name)
        if not shown:
            axes.scatter(*_plane(points), s=9, color=SERIES[0], linewidths=0, alpha=0.7)
        if shown:
            figure.legend(loc="outside right upper", markerscale=1.8)
        return figure


def kl_figure(kl: Sequence[float]) -> Figure:
    """Bars of nats, largest first; those that collapsed are grey."""
    values = sorted(kl, reverse=True)
    with panel("KL of each number of the code", "numbers of the code, largest first", "nats") as (figure, axes):
        colours = [SERIES[0] if value >= COLLAPSED else SOFT for value in values]
        axes.bar(range(1, len(values) + 1), values, color=colours, width=0.8)
        axes.grid(axis="x", visible=False)
        return figure


def histogram_figure(made: Mapping[str, float], real: Mapping[str, float] | None = None) -> Figure:
    """Share of each class among what was made, beside that of the data where it is known."""
    names = list(made)[:40]
    with panel("Classes of what it makes", "class", "share") as (figure, axes):
        places = range(len(names))
        axes.bar(places, [made[name] for name in names], color=SERIES[0], width=0.7, label="made")
        if real:
            known = [(place, real[name]) for place, name in enumerate(names) if name in real]
            where, shares = [place for place, _ in known], [share for _, share in known]
            axes.scatter(where, shares, color=SERIES[1], marker="_", s=160, zorder=3, label="in the data")
            axes.legend()
        axes.set_xticks(list(places), [name.replace("$", r"\$")[:10] for name in names])
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g} %")
        axes.grid(axis="x", visible=False)
        return figure


def anomaly_figure(curves: Mapping[str, Mapping[str, Any]]) -> Figure:
    """ROC curves of several ways to find what is not normal. curves: name -> {"fpr", "tpr", "roc_auc"}."""
    with panel("Anomalies found", "share of normal rows flagged", "share of anomalies flagged") as (figure, axes):
        for place, (name, curve) in enumerate(curves.items()):
            label = f"{name}, AUC {curve['roc_auc']:.3f}"
            style = DASHES[place % len(DASHES)]
            axes.plot(curve["fpr"], curve["tpr"], color=_colour(place), linestyle=style, label=label)
        axes.plot([0, 1], [0, 1], color=SOFT, linestyle=":", linewidth=1.2, label="chance, AUC 0.5")
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.legend(loc="lower right")
        return figure


def players_figure(history: Rows, names: Mapping[str, str], heading: str, alarms: Rows = ()) -> Figure | None:
    """Scalars of the training rows along the steps. names: scalar -> how it is called. alarms: {"step", ...}."""
    rows = [row for row in history if row.get("kind") == "train"]
    with panel(heading, "step", "") as (figure, axes):
        drawn = 0
        for place, (name, called) in enumerate(names.items()):
            points = thin([(row["step"], row[name]) for row in rows if isinstance(row.get(name), int | float)])
            if points:
                axes.plot(*zip(*points), color=_colour(place), linestyle=DASHES[place % len(DASHES)], label=called)
                drawn += 1
        if not drawn:
            return None
        for alarm in alarms:
            axes.axvline(alarm["step"], color=SERIES[1], linewidth=1, linestyle=":")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.legend()
        return figure


def series_figure(rows: Rows) -> Figure:
    """Series and what is left of them, or series that were made, one below the other."""
    with panel("Series", "step", "", 5.2, 3.8) as (figure, axes):
        reach = max((abs(v) for row in rows for v in [*row.get("truth", []), *row["made"]]), default=1.0) or 1.0
        for place, row in enumerate(rows):
            shift = -2.2 * reach * place
            if "truth" in row:
                label = "held out" if place == 0 else None
                axes.plot([v + shift for v in row["truth"]], color=SOFT, linewidth=1.2, label=label)
            label = "made" if place == 0 else None
            axes.plot([v + shift for v in row["made"]], color=SERIES[0], linewidth=1.2, label=label)
        axes.set_yticks([])
        axes.legend(loc="upper right")
        return figure


def _plane(points: Sequence[Sequence[Any]]) -> tuple[list[float], list[float]]:
    return [float(point[0]) for point in points], [float(point[1]) for point in points]


def _colour(place: int) -> str:
    return SERIES[place % len(SERIES)]


def _marker(place: int) -> str:
    """Two classes of one colour differ in their marks."""
    return ("o", "^")[place // len(SERIES) % 2]


def _natural(name: str) -> tuple[bool, float, str]:
    try:
        return False, float(name), name
    except ValueError:
        return True, 0.0, name
