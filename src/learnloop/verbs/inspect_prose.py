"""What is in one long text, before a network learns to continue it."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from learnloop.data.prose import Prose
from learnloop.report.text import number

SHOWN = 12
HELD_OUT = 0.1
"""The share of the text that `fit` holds out, at its end."""


@dataclass(frozen=True)
class ProseInspection:
    """profile: the facts as JSON values. path: no page is written for a text."""

    profile: dict[str, Any]
    prose: Prose
    path: Path | None = None

    def text(self, width: int = 100) -> str:
        """Plain text for the terminal."""
        facts = self.profile
        new = facts["new_at_the_end"]
        lines = [
            f"{facts['name']}: one text of {number(facts['characters'])} characters, {facts['distinct']} different "
            f"ones, in {number(facts['lines'])} lines, {number(facts['words'])} words",
            "",
            f"- Most frequent characters: {_listed(facts['frequent_characters'])}.",
            f"- Most frequent words: {_listed(facts['frequent_words'])}.",
            f"- {facts['entropy_bits']:.2f} bits a character, each by itself: what a network has to be far below.",
            f"- Lines that stand twice or more: {facts['repeated_lines']:.0%} of those that are not empty.",
            f"- Characters that come in the last {HELD_OUT:.0%} alone, which is held out: "
            + (", ".join(map(_named, new)) if new else "none")
            + ".",
            *(f"- Unusual characters: {_listed(facts['unusual'])}." for _ in range(bool(facts["unusual"]))),
            *(f"note: {note}" for note in self.prose.notes),
            "",
            f"learnloop fit {facts['name']} --minutes 3",
        ]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()


def inspect_prose(prose: Prose) -> ProseInspection:
    """Characters, words, repeats, and what the held-out end has that the rest has not."""
    counts = Counter(prose.text)
    words = Counter(word.lower() for word in prose.text.split())
    lines = [line for line in prose.text.split("\n") if line.strip()]
    shares = np.array(list(counts.values())) / len(prose.text)
    cut = int(len(prose.text) * (1 - HELD_OUT))
    unusual = {
        c: n for c, n in counts.items() if unicodedata.category(c) in ("Cc", "Cf", "Co", "Cn") and c not in "\n\t"
    }
    profile = {
        "name": prose.name,
        "kind": "text",
        "characters": len(prose.text),
        "distinct": len(counts),
        "lines": prose.text.count("\n") + (not prose.text.endswith("\n")),
        "words": sum(words.values()),
        "frequent_characters": [[c, n] for c, n in counts.most_common(SHOWN)],
        "frequent_words": [[word, n] for word, n in words.most_common(SHOWN)],
        "entropy_bits": float(-(shares * np.log2(shares)).sum()),
        "repeated_lines": 1 - len(set(lines)) / max(len(lines), 1),
        "new_at_the_end": sorted(set(prose.text[cut:]) - set(prose.text[:cut])),
        "unusual": [[c, n] for c, n in sorted(unusual.items())][:SHOWN],
        "notes": list(prose.notes),
    }
    return ProseInspection(profile, prose)


def _listed(pairs: list[list[Any]]) -> str:
    return ", ".join(f"{_named(text)} {number(count)}" for text, count in pairs)


def _named(text: str) -> str:
    """What cannot be seen by its name."""
    names = {" ": "blank", "\n": "line end", "\t": "tab"}
    return names.get(text) or (text if text.isprintable() else f"U+{ord(text[0]):04X}")
