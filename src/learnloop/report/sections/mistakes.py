"""The rows that the network finds hardest, with their inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from learnloop.report.load import RunView
from learnloop.report.text import esc, number, section, table

MOST_WORST = 24
_LONGEST, _LONGEST_ALONE = 60, 280
"""Characters of a value that are shown: of several inputs, and of a text that is the only one."""
MOST_IMAGE_BYTES = 1_000_000
"""All images of the worst mistakes together: keeps the page under 2 MB."""


def worst(run: RunView) -> str:
    """The rows with the largest loss, with their inputs; of classes the mistakes first."""
    rows = sorted(run.report.get("worst", [])[:MOST_WORST], key=_is_right)
    if not rows:
        return ""
    part = "Test" if "test" in run.report["evaluation"] else "Validation"
    right = sum(map(_is_right, rows))
    wrong = len(rows) - right
    heading, text = "Worst mistakes", f"{part} rows with the largest loss"
    if right:
        heading = "Hardest rows"
        text += f": {wrong} mistake{'' if wrong == 1 else 's'} first, then {right} that came out right, but barely"
    likely = "Wrong labels are likely to be among them; so are odd inputs and missing values."
    explain = f'<p class="soft">{text}. {likely}</p>'
    cards, plain, spent = [], [], 0
    for row in rows:
        image = row.get("image")
        if image and str(image).startswith("data:image/") and spent + len(image) < MOST_IMAGE_BYTES:
            spent += len(image)
            cards.append(
                f'<div><img src="{esc(image)}" alt="{part.lower()} row {esc(row["row"])}">true '
                f"<strong>{esc(_answer(row['target']))}</strong>"
                f"<br>said <strong>{esc(_answer(row['prediction']))}</strong><br>{_sure(row)}</div>"
            )
        elif not image:
            plain.append(row)
    body = [
        [
            esc(row["row"]),
            esc(_answer(row["target"])),
            esc(_answer(row["prediction"])) + _sure(row),
            _chips(row.get("inputs") or {}),
        ]
        for row in plain
    ]
    grid = f'<div class="worst">{"".join(cards)}</div>' if cards else ""
    head = [f"{part} row", "True", "Said", "Inputs"]
    return section(heading, explain, grid, table(head, body) if body else "")


def _is_right(row: Mapping[str, Any]) -> bool:
    """Numbers are never right: they are near or far."""
    return isinstance(row["target"], str) and bool(row["target"] == row["prediction"])


def _answer(value: Any) -> str:
    if value is None:
        return "missing"
    if isinstance(value, (list, tuple)):
        return ", ".join(_answer(part) for part in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_answer(part)}" for key, part in value.items())
    return number(value) if isinstance(value, float) else str(value)


def _sure(row: Mapping[str, Any]) -> str:
    probability = row.get("probability")
    if probability is None:
        return ""
    right = ", right" if _is_right(row) else ""
    return f' <span class="soft">{100 * probability:.1f} % sure{right}</span>'


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length].rstrip()} …"


def _chips(inputs: Mapping[str, Any], most: int = 10) -> str:
    length = _LONGEST if len(inputs) > 1 else _LONGEST_ALONE
    spans = [f"<span><em>{esc(k)}</em> {esc(_cut(_answer(v), length))}</span>" for k, v in list(inputs.items())[:most]]
    more = len(inputs) - most
    return f'<div class="chips">{"".join(spans)}{f"<span>… {more} more</span>" if more > 0 else ""}</div>'
