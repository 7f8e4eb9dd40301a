"""Which words moved the answers of a text model: texts in colour, and the strongest words of each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from learnloop.report.load import RunView
from learnloop.report.text import esc, number, section, table

_LONGEST = 900
"""Characters of a text that are shown."""
_PALEST, _FULL = 0.06, 0.62
"""Opacity of the colour behind a word of no weight and of the largest one of its text."""


def words(run: RunView) -> str:
    """Texts with the words that spoke for the answer and against it."""
    found = run.words
    if not found or not found["rows"]:
        return ""
    how = (
        "Integrated gradients (Sundararajan et al. 2017): every word fades in at the same pace, and what the answer's "
        'score gains by each is added up. <mark class="for">Blue</mark> words spoke for the answer, '
        '<mark class="against">orange</mark> ones against it; each text is coloured by its own largest weight.'
    )
    right = [row for row in found["rows"] if row["target"] == row["prediction"] or not isinstance(row["target"], str)]
    wrong = [row for row in found["rows"] if row not in right]
    parts = [f'<p class="soft">{how}</p>']
    if right:
        heading = "Right, drawn by chance" if isinstance(right[0]["target"], str) else "Drawn by chance"
        parts += [f"<h3>{heading}</h3>", *map(_text, right)]
    if wrong:
        parts += ["<h3>The surest mistakes</h3>", *map(_text, wrong)]
    parts.append(_strongest(found["words"]))
    return section("Which words moved the answers", *parts)


def coloured(pieces: Sequence[Sequence[Any]]) -> str:
    """The text with a colour behind each piece."""
    most = max((abs(float(weight)) for _, weight in pieces), default=0.0)
    spans, shown = [], 0
    for text, weight in pieces:
        shown += len(text)
        if shown > _LONGEST:
            spans.append(" …")
            break
        spans.append(_span(str(text), float(weight), most))
    return "".join(spans)


def _span(text: str, weight: float, most: float) -> str:
    share = abs(weight) / most if most else 0.0
    opacity = _FULL * share
    if opacity < _PALEST or not text.strip():
        return esc(text)
    kind = "for" if weight > 0 else "against"
    return f'<mark class="{kind}" style="--a:{opacity:.2f}" title="{weight:+.3g}">{esc(text)}</mark>'


def _text(row: Mapping[str, Any]) -> str:
    target, prediction = (_answer(row[key]) for key in ("target", "prediction"))
    sure = f" ({100 * row['probability']:.1f} % sure)" if row.get("probability") is not None else ""
    true = "" if target == prediction else f", true <strong>{target}</strong>"
    return (
        f'<div class="words"><p class="soft">row {esc(row["row"])}: said <strong>{prediction}</strong>{sure}{true}</p>'
        f"<p>{coloured(row['pieces'])}</p></div>"
    )


def _answer(value: Any) -> str:
    return esc(value if isinstance(value, str) else number(float(value)))


def _strongest(found: Mapping[str, Sequence[Sequence[Any]]]) -> str:
    """One row a class."""
    if not any(found.values()):
        return ""
    rows = []
    for label, entries in found.items():
        most = max((abs(weight) for _, weight, _ in entries), default=0.0)
        chips = " ".join(
            f'{_span(str(word), float(weight), most)}<small class="soft"> {weight:+.2f} in {count}</small>'
            for word, weight, count in entries
        )
        rows.append([esc(label), f'<span class="strongest">{chips}</span>'])
    note = '<p class="soft">Mean weight over the texts that it was said of, and how many of them hold the word.</p>'
    return f"<h3>Strongest words</h3>{note}{table(['Said', 'Words'], rows)}"
