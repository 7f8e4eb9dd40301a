"""Pairs of texts: which columns are texts because of what is to be done with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from learnloop.data.columns import is_textual, to_text
from learnloop.data.raw import Raw
from learnloop.data.schema import Kind

WRITES = ("translate", "transcribe")
"""Tasks whose answer is a text."""
PARTS_OF_DATA = ("split", "part", "partition", "subset", "set")


def paired(
    raw: Raw, task: str | None, targets: Collection[str], columns: Mapping[str, Kind], aside: Collection[str]
) -> tuple[Raw, dict[str, Kind]]:
    """Of a task that writes texts: its target, and the only other column, are texts, whatever they look like.

    Dates that are to be written in another form are no dates here, and names no ids. What the user said of a column
    stays; numbers stay numbers as a target (`set_task` refuses them) and are spelt as a source.
    aside  columns that have another part
    """
    if task not in WRITES:
        return raw, dict(columns)
    texts: dict[str, Kind] = {name: "text" for name in targets if name in raw.frame and is_textual(raw.frame[name])}
    others = [str(name) for name in raw.frame.columns if name not in targets and name not in aside]
    others = [name for name in others if name not in raw.aside and name.lower() not in PARTS_OF_DATA]
    if task == "translate" and len(others) == 1 and others[0] not in columns:
        texts[others[0]] = "text"
        if not is_textual(raw.frame[others[0]]):
            spelt = raw.frame[others[0]].map(to_text, na_action="ignore").astype(object)
            raw = replace(raw, frame=raw.frame.assign(**{others[0]: spelt}))
    return raw, {**texts, **columns}
