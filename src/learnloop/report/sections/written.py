"""What a network that continues texts wrote: at the end, while it learnt, and how much of it is copied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from learnloop.report.load import RunView
from learnloop.report.text import esc, number, section, table

MOST_SHOWN = 400
"""Characters of a sample that was taken on the way."""


def written(run: RunView) -> str:
    """Samples of the finished network, with what they share with the training text, and those on the way."""
    samples = run.report.get("samples", [])
    if not samples:
        return ""
    return section("What it writes", *(_sample(row) for row in samples), _shared(samples), _on_the_way(run.samples))


def _sample(row: Mapping[str, Any]) -> str:
    text, copied = str(row["text"]), str(row["copied"]["text"])
    before, found, after = text.partition(copied) if copied else (text, "", "")
    marked = f"{esc(before)}<u>{esc(found)}</u>{esc(after)}" if found else esc(before)
    return f"<h3>Temperature {row['temperature']:g}</h3><pre>{marked}</pre>"


def _shared(samples: Sequence[Mapping[str, Any]]) -> str:
    rows = [[f"{row['temperature']:g}", number(row["copied"]["characters"]), number(row["usual"])] for row in samples]
    head = ["Temperature", "Longest string shared with the training text", "Held-out text of that length shares"]
    return (
        table(head, rows, numeric=(0, 1, 2))
        + '<p class="soft">In characters; underlined above. Two texts of one language always share some: a sample '
        "copies where it shares far more than a text that nobody copied.</p>"
    )


def _on_the_way(samples: Sequence[Mapping[str, Any]]) -> str:
    """The samples that were taken while training, one block a step."""
    blocks = []
    for step in dict.fromkeys(row["step"] for row in samples):
        rows = [row for row in samples if row["step"] == step]
        share = f"{100 * rows[0]['fraction']:.0f} %"
        texts = "".join(
            f'<p class="soft">Temperature {row["temperature"]:g}</p><pre>{esc(str(row["text"])[:MOST_SHOWN])}</pre>'
            for row in rows
        )
        blocks.append(f"<details><summary>Step {number(step)} ({share} of the run)</summary>{texts}</details>")
    return "<h3>While it learnt</h3>" + "".join(blocks) if blocks else ""
