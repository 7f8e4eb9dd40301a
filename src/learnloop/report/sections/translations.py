"""Texts from texts: examples beside the truth, where the network looked, and how good it is by length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from learnloop.report.figures import SERIES, SOFT, panel
from learnloop.report.load import RunView
from learnloop.report.sections.measured import figures
from learnloop.report.text import esc, score, score_range, section, table, title
from learnloop.scores.names import METRICS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def translations(run: RunView) -> str:
    """Every metric, BLEU by length, examples and their attention; nothing for runs that write no texts."""
    evaluation = run.evaluation()
    if not evaluation or run.task not in ("translate", "transcribe"):
        return ""
    rows = run.report.get("translations", [])
    looked = [row["attention"] for row in rows if row.get("attention")]
    lengths = evaluation["curves"].get("by_length", [])
    drawn = [(length_figure(lengths), "BLEU by the length of the true text")] if len(lengths) > 1 else []
    said = "" if len(lengths) < 2 else f'<p class="soft">{esc(_by_length(lengths, bool(looked)))}</p>'
    pictures = [(attention_figure(each), "Attention of one example") for each in looked]
    explain = (
        '<p class="soft">A line is a token that it wrote, a column one that it read: the darker, the more '
        "it looked there while it wrote.</p>"
        if looked
        else ""
    )
    return section(
        "Texts it wrote", figures(drawn), said, _metrics(evaluation), _examples(rows), explain, figures(pictures)
    )


def length_figure(lengths: Sequence[Mapping[str, Any]]) -> Figure:
    """BLEU of texts of like length, with 95 % intervals."""
    labels = [_label(row) for row in lengths]
    with panel("BLEU by length", "words of the true text", "BLEU") as (figure, axes):
        values = [row["bleu"] for row in lengths]
        places = range(len(values))
        axes.bar(places, values, color=SERIES[0], width=0.7)
        for place, row in enumerate(lengths):
            if row.get("interval"):
                axes.plot([place, place], row["interval"], color=SOFT, linewidth=1.4)
        axes.set_xticks(list(places), [f"{label}\n{row['rows']:,} rows" for label, row in zip(labels, lengths)])
        axes.grid(axis="x", visible=False)
        axes.set_ylim(bottom=0)
        return figure


def attention_figure(attention: Mapping[str, Any]) -> Figure:
    """Heat map: tokens that were written, from the top down, over tokens that were read."""
    read, said = attention["source"], attention["target"]
    width, height = 1.4 + 0.28 * len(read), 1.4 + 0.24 * len(said)
    with panel("Where it looked", "read", "written", width=max(3.2, width), height=max(2.4, height)) as (figure, axes):
        axes.imshow(attention["weights"], cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axes.set_xticks(range(len(read)), [_shown(token) for token in read], rotation=90)
        axes.set_yticks(range(len(said)), [_shown(token) for token in said])
        axes.grid(visible=False)
        return figure


def _shown(token: str) -> str:
    """A token as a label: a space is visible, dollars do not begin a formula."""
    return token.strip().replace("$", r"\$") or "␣"


def _label(row: Mapping[str, Any]) -> str:
    return f"{row['low']}+" if row["high"] is None else f"{row['low']}–{row['high']}"


def _by_length(lengths: Sequence[Mapping[str, Any]], attends: bool) -> str:
    """What the lengths say; attends: whether the network looks back at its source."""
    short, long = lengths[0], lengths[-1]
    said = f"Texts of {_label(short)} words have BLEU {short['bleu']:.1f}, of {_label(long)} words {long['bleu']:.1f}."
    if attends:
        return said
    return f"{said} An encoder that hands over one vector of fixed size loses long texts first; attention is the cure."


def _examples(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    body = [[esc(row["source"]), esc(row["target"]), _answer(row)] for row in rows]
    return table(["Source", "True", "Written"], body)


def _answer(row: Mapping[str, Any]) -> str:
    said = esc(row["prediction"])
    return f'{said} <span class="soft">✓</span>' if row["prediction"] == row["target"] else said


def _metrics(evaluation: Mapping[str, Any]) -> str:
    rows = [
        [
            esc(title(name)),
            esc(score(name, value)),
            esc(score_range(name, evaluation["intervals"].get(name))),
            esc(METRICS[name].meaning),
        ]
        for name, value in evaluation["metrics"].items()
    ]
    return table(["Metric", "Value", "95 % interval", "Meaning"], rows, numeric=(1, 2))
