"""Facts about a column of texts: how long they are, which words tell the classes apart, which texts come twice."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from learnloop.data.dataset import Dataset
from learnloop.data.schema import Field

_WORD = re.compile(r"\w+(?:['’]\w+)*")
_TEXTS_READ = 20_000
_WORDS_SHOWN, _CLASSES_SHOWN = 12, 8
_BINS = 24


def text_facts(dataset: Dataset, field: Field, rng: np.random.Generator, sampled: list[str]) -> dict[str, Any]:
    """Lengths in words, frequent and telling words by class, empty and repeated texts; words are read from a sample."""
    column = dataset.frame[field.name]
    rows = np.arange(len(column))
    if len(rows) > _TEXTS_READ:
        sampled.append(f"Words of {field.name}: of {_TEXTS_READ:,} of {len(rows):,} texts, drawn at random.")
        rows = np.sort(rng.choice(rows, _TEXTS_READ, replace=False))
    missing = column.isna().to_numpy()
    texts = ["" if gone else str(text) for gone, text in zip(missing, column.astype(object), strict=True)]
    words = [_WORD.findall(texts[row].lower()) for row in rows]
    return {
        "name": field.name,
        "count": len(texts),
        "empty": sum(not text.strip() for text in texts),
        "length": _lengths(np.array([len(found) for found in words], np.int64)),
        "words": _by_class(dataset, rows, words),
        **_repeated(dataset, texts),
    }


def _lengths(lengths: np.ndarray) -> dict[str, Any]:
    low, median, most, high = (int(value) for value in np.quantile(lengths, [0, 0.5, 0.99, 1], method="nearest"))
    counts, edges = np.histogram(lengths, bins=min(_BINS, max(1, most - low)), range=(low, max(most, low + 1)))
    histogram = {
        "edges": [float(edge) for edge in edges],
        "counts": [int(count) for count in counts],
        "below": 0,
        "above": int((lengths > edges[-1]).sum()),
    }
    return {"min": low, "median": median, "q99": most, "max": high, "histogram": histogram}


def _by_class(dataset: Dataset, rows: np.ndarray, words: list[list[str]]) -> list[dict[str, Any]]:
    """For each class the words with the largest p ln(p / q): p their share of the words of the class, q of the others.

    Without classes the most frequent words, as one group without a label.
    """
    targets = [field for field in dataset.schema.targets if field.kind in ("category", "boolean")]
    everything = Counter(word for found in words for word in found)
    if len(targets) != 1:
        return (
            [{"label": "", "words": [word for word, _ in everything.most_common(_WORDS_SHOWN)]}] if everything else []
        )
    labels = dataset.frame[targets[0].name].astype(object).to_numpy()[rows]
    groups: dict[str, Counter[str]] = {}
    for label, found in zip(labels, words, strict=True):
        if not pd.isna(label):
            groups.setdefault(str(label), Counter()).update(found)
    shown = sorted(groups, key=lambda label: -groups[label].total())[:_CLASSES_SHOWN]
    return [{"label": label, "words": _telling(groups[label], everything)} for label in sorted(shown)]


def _telling(inside: Counter[str], everything: Counter[str]) -> list[str]:
    own, rest = inside.total(), everything.total() - inside.total()

    def weight(word: str) -> float:
        share, other = inside[word] / max(own, 1), (everything[word] - inside[word] + 1) / (rest + 1)
        return share * float(np.log(share / other))

    best = sorted(inside, key=lambda word: (-weight(word), word))[:_WORDS_SHOWN]
    return [word for word in best if weight(word) > 0]


def _repeated(dataset: Dataset, texts: list[str]) -> dict[str, Any]:
    """Texts that come more than once but for spaces and capitals, with several labels, and in several parts."""
    plain = pd.Series([" ".join(text.lower().split()) for text in texts])
    twice = plain.duplicated(keep=False) & (plain != "")
    found: dict[str, Any] = {"repeated": int(twice.sum()), "conflicting": 0, "across": []}
    targets = dataset.schema.targets
    if len(targets) == 1 and targets[0].name in dataset.frame and twice.any():
        labels = dataset.frame[targets[0].name].astype(str).to_numpy()
        several = pd.Series(labels[twice]).groupby(plain[twice].to_numpy()).transform("nunique") > 1
        found["conflicting"] = int(several.sum())
    if dataset.part is not None:
        parts = [part for part in ("train", "validation", "test") if (dataset.part == part).any()]
        known = {part: set(plain[dataset.part == part]) - {""} for part in parts}
        for place, late in enumerate(parts):
            for early in parts[:place]:
                rows = int(plain[dataset.part == late].isin(known[early]).sum())
                if rows:
                    found["across"].append({"parts": [early, late], "rows": rows})
    return found


def text_lines(facts: dict[str, Any], width: int) -> list[str]:
    """The facts as lines of plain text."""
    length = facts["length"]
    lines = [
        f"Texts {facts['name']}: {facts['count']:,}, of {length['min']:,} .. {length['median']:,} .. "
        f"{length['max']:,} words; 99 % have at most {length['q99']:,}"
    ]
    lines += [f"  {sentence}" for sentence in sentences(facts)]
    for row in facts["words"]:
        title = f"  more often in {row['label']!r}: " if row["label"] else "  most frequent: "
        lines += textwrap.wrap(", ".join(row["words"]), width, initial_indent=title, subsequent_indent="    ")
    return lines


def sentences(facts: dict[str, Any]) -> list[str]:
    """What to look at before training on these texts."""
    found = []
    if facts["empty"]:
        found.append(f"{facts['empty']:,} texts are empty.")
    if facts["repeated"]:
        labels = f", {facts['conflicting']:,} of them with different labels" if facts["conflicting"] else ""
        found.append(f"{facts['repeated']:,} texts come more than once but for spaces and capitals{labels}.")
    for row in facts["across"]:
        early, late = row["parts"]
        found.append(f"{row['rows']:,} texts of the {late} part are in the {early} part too.")
    return found
