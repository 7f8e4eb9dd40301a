"""Figures: one panel each, one style, and colours that follow the page's light or dark scheme.

Colours are Okabe and Ito's colour-blind safe set (Color Universal Design, 2008). A figure is drawn in the
light scheme's colours, so it can be saved as PNG; `svg` replaces each of them by its CSS variable of
style.css.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from learnloop.report.text import score, title

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, SOFT, LINE = "#1d2733", "#5b6876", "#d5dce4"
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b98100", "#3d9fd6")
VARIABLES = {INK: "--ink", SOFT: "--soft", LINE: "--line", **{c: f"--c{k + 1}" for k, c in enumerate(SERIES)}}
DASHES = ("-", "--", "-.", ":")
RC: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "learnloop",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "text.color": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "grid.color": LINE,
    "axes.grid": True,
    "axes.axisbelow": True,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "legend.fontsize": 9,
}


@contextmanager
def panel(heading: str, x: str, y: str, width: float = 5.2, height: float = 3.4) -> Iterator[tuple[Figure, Axes]]:
    """A figure of one axes, with the shared style in force while it is drawn; sizes in inches."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(RC):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots()
        axes.set_title(heading)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        yield figure, axes


def svg(figure: Figure, label: str) -> str:
    """Inline SVG that takes its colours from the page. label: what a screen reader says."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context(RC):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.S)
    text = re.sub(r'<g id="[^"]*"', "<g", text)  # several figures on one page must not share ids
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    safe = label.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return text.replace("<svg ", f'<svg role="img" aria-label="{safe}" ', 1)


def thin(values: Sequence[Any], most: int = 400) -> list[Any]:
    """At most `most` of the values, evenly spread, the last one kept."""
    if len(values) <= most:
        return list(values)
    step = (len(values) - 1) / (most - 1)
    return [values[round(position * step)] for position in range(most)]


def learning_curve(history: Sequence[Mapping[str, Any]], name: str, best_step: int | None = None) -> Figure | None:
    """One metric along training, training and validation; None when no row has it."""
    with panel(f"{title(name)} while training", "step", _axis(name)) as (figure, axes):
        drawn = 0
        for kind, colour, dash in (("train", SERIES[0], "-"), ("validation", SERIES[1], "-")):
            points = thin([(row["step"], row[name]) for row in history if row.get("kind") == kind and name in row])
            if points:
                marker = "o" if len(points) <= 30 else None
                axes.plot(*zip(*points), color=colour, linestyle=dash, marker=marker, markersize=3.5, label=kind)
                drawn += 1
        if not drawn:
            return None
        if best_step is not None:
            axes.axvline(best_step, color=SOFT, linewidth=1, linestyle=":", label=f"kept weights (step {best_step:,})")
        _percent(axes, name)
        _log_if_wide(axes, name, history)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.legend()
        return figure


def confusion_figure(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> Figure:
    """Rows: truth; columns: prediction; colour: share of the truth's rows; counts written for up to 15
    classes."""
    from matplotlib.collections import PatchCollection
    from matplotlib.colors import to_rgba
    from matplotlib.patches import Rectangle

    c = len(classes)
    height = 3.9 if c <= 4 else 4.8
    with panel("Confusion matrix", "predicted class", "true class", 5.2, height) as (figure, axes):
        names = [_short(name) for name in classes]
        most = max(max(row) for row in confusion)
        cells, colours = [], []
        for i, row in enumerate(confusion):
            rows = max(1, sum(row))
            for j, count in enumerate(row):
                if not count:
                    continue
                cells.append(Rectangle((j - 0.5, i - 0.5), 1, 1))
                colours.append(to_rgba(SERIES[0] if i == j else SERIES[1], 0.08 + 0.6 * count / rows))
                if c <= 15:
                    size = min(10, (100 if most < 1000 else 80) / max(8, c))
                    axes.text(j, i, f"{count:,}", ha="center", va="center", fontsize=size)
        axes.add_collection(PatchCollection(cells, facecolors=colours, linewidths=0))
        axes.set_xlim(-0.5, c - 0.5)
        axes.set_ylim(c - 0.5, -0.5)
        axes.set_aspect("equal")
        axes.grid(False)
        every = 1 if c <= 20 else -(-c // 20)
        long = max(len(name) for name in names) > 3
        axes.set_xticks(
            range(0, c, every), names[::every], rotation=40 if long else 0, ha="right" if long else "center"
        )
        axes.set_yticks(range(0, c, every), names[::every])
        axes.tick_params(length=0)
        return figure


def roc_figure(curve: Mapping[str, Sequence[float]], area: float, positive: str) -> Figure:
    heading = f"ROC curve (positive: {_short(positive)})"
    with panel(heading, "false positive rate", "true positive rate") as (figure, axes):
        axes.plot(curve["fpr"], curve["tpr"], color=SERIES[0], label=f"network, AUC {area:.3f}")
        axes.plot([0, 1], [0, 1], color=SOFT, linestyle=":", linewidth=1.2, label="chance, AUC 0.5")
        _unit(axes)
        axes.legend(loc="lower right")
        return figure


def pr_figure(curve: Mapping[str, Sequence[float]], precision: float, base: float, positive: str) -> Figure:
    heading = f"Precision and recall (positive: {_short(positive)})"
    with panel(heading, "recall", "precision") as (figure, axes):
        axes.plot(curve["recall"], curve["precision"], color=SERIES[0], label=f"network, AP {precision:.3f}")
        axes.axhline(base, color=SOFT, linestyle=":", linewidth=1.2, label=f"chance, AP {base:.3f}")
        _unit(axes)
        axes.legend(loc="lower left")
        return figure


def calibration_figure(curve: Mapping[str, Sequence[float]], binary: bool, error: float | None) -> Figure:
    """Said against observed; the size of a point shows how many rows it stands for."""
    said, seen = ("probability said", "share that was positive") if binary else ("confidence", "share that was right")
    with panel("Calibration", said, seen) as (figure, axes):
        axes.plot([0, 1], [0, 1], color=SOFT, linestyle=":", linewidth=1.2, label="perfect")
        label = "network" if error is None else f"network, calibration error {100 * error:.1f} points"
        axes.plot(curve["predicted"], curve["observed"], color=SERIES[0], linewidth=1.2, label=label)
        most = max(curve["rows"])
        sizes = [12 + 90 * rows / most for rows in curve["rows"]]
        axes.scatter(curve["predicted"], curve["observed"], s=sizes, color=SERIES[0], alpha=0.7, linewidths=0)
        _unit(axes)
        axes.legend(loc="best")
        return figure


def prediction_figure(sample: Mapping[str, Sequence[float]], target: str) -> Figure:
    name = _short(target, 28)
    with panel("Predicted against true", f"true {name}", f"predicted {name}") as (figure, axes):
        every = [*sample["truth"], *sample["prediction"]]
        low, high = min(every), max(every)
        axes.plot([low, high], [low, high], color=SOFT, linestyle=":", linewidth=1.2, label="perfect")
        label = f"test rows ({len(sample['truth']):,} shown)"
        axes.scatter(sample["truth"], sample["prediction"], s=11, color=SERIES[0], alpha=0.5, linewidths=0, label=label)
        _large(axes)
        axes.legend(loc="upper left")
        return figure


def residual_figure(histogram: Mapping[str, Any], bias: float, target: str) -> Figure:
    edges, counts = histogram["edges"], histogram["counts"]
    with panel("Errors", f"true − predicted {_short(target, 28)}", "test rows") as (figure, axes):
        widths = [b - a for a, b in pairwise(edges)]
        axes.bar(edges[:-1], counts, widths, align="edge", color=SERIES[0], alpha=0.6, linewidth=0)
        axes.axvline(0, color=SOFT, linewidth=1.2, linestyle=":", label="no error")
        axes.axvline(bias, color=SERIES[1], linewidth=1.5, label=f"mean error {bias:,.3g}")
        axes.margins(x=0.01)
        axes.xaxis.set_major_locator(_locator())
        axes.xaxis.set_major_formatter(_compact)
        axes.set_ylim(0, max(1, max(counts)) * 1.22)
        axes.legend(loc="upper left", ncols=2)
        return figure


def curves_figure(curves: Mapping[str, Sequence[tuple[float, float]]], name: str, x: str = "step") -> Figure:
    """One metric of several runs; colour and dash tell them apart, the legend stands below."""
    across = 2 if len(curves) in (2, 4) else 3
    rows = -(-len(curves) // across)
    with panel(f"{title(name)} on validation", x, _axis(name), 5.2, 3.4 + 0.2 * rows) as (figure, axes):
        for position, (label, points) in enumerate(curves.items()):
            style = DASHES[(position + position // len(SERIES)) % len(DASHES)]  # two blues never share a dash
            points = thin(points)
            marker = "o" if len(points) <= 30 else None
            axes.plot(
                *zip(*points),
                color=SERIES[position % len(SERIES)],
                linestyle=style,
                marker=marker,
                markersize=3.5,
                label=_short(label, 20),
            )
        _percent(axes, name)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        figure.legend(loc="outside lower center", ncols=across)
        return figure


def _axis(name: str) -> str:
    units = {"loss": "loss", "log_loss": "log loss (nats)"}
    return units.get(name, title(name).lower() if name not in ("rmse", "mae", "mse", "r2") else title(name))


def _short(name: str, most: int = 14) -> str:
    # matplotlib reads $...$ as mathematics
    name = " ".join(str(name).split()).replace("$", r"\$")
    return name if len(name) <= most else name[: most - 1] + "…"


def _unit(axes: Axes) -> None:
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)


def _percent(axes: Axes, name: str) -> None:
    if score(name, 0.5).endswith("%"):
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g} %")


def _log_if_wide(axes: Axes, name: str, history: Sequence[Mapping[str, Any]]) -> None:
    values = [row[name] for row in history if name in row]
    if "loss" in name and min(values) > 0 and max(values) > 30 * min(values):
        axes.set_yscale("log")
        axes.set_ylabel(f"{axes.get_ylabel()} (log scale)")


def _locator() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(6)


def _compact(value: float, _: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= 10 * size or (size > 1e3 and abs(value) >= size):
            return f"{value / size:g}{letter}"
    return f"{value:g}".replace("-", "−")


def _large(axes: Axes) -> None:
    axes.xaxis.set_major_locator(_locator())
    axes.xaxis.set_major_formatter(_compact)
    axes.yaxis.set_major_formatter(_compact)
