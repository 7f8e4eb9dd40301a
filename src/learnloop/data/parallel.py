"""Texts in several languages, a file each, line by line: train.en beside train.de."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from learnloop.data.encoding import read_bytes
from learnloop.data.imagestore import fingerprint
from learnloop.data.raw import Raw
from learnloop.data.roles import SPLIT_VALUES
from learnloop.data.textfile import decoded
from learnloop.errors import DataError, UserError, raise_all

LANGUAGE = re.compile(r"[a-z]{2}([-_][A-Za-z]{2,4})?|src|tgt|trg|source|target")
"""How a file's name ends: a code of two letters, perhaps with a region or script (pt_BR, zh-Hans), or a side."""
_OTHER = ("md", "py", "gz", "db", "js", "sh", "ps")
Corpus = dict[str, dict[str, Path]]
"""Stem -> language -> file."""


def corpus_of(files: Sequence[Path]) -> Corpus:
    """The files of a parallel corpus: those whose name is a stem and a language, with at least two languages a stem.

    Empty where there are none.
    """
    found: Corpus = {}
    for path in sorted(files):
        stem, dot, language = path.name.removesuffix(".gz").rpartition(".")
        if dot and stem and LANGUAGE.fullmatch(language) and language not in _OTHER:
            found.setdefault(stem, {})[language] = path
    return {stem: sides for stem, sides in found.items() if len(sides) > 1}


def corpus_in(folder: Path) -> Corpus:
    """The parallel corpus of a folder; empty where it holds none."""
    return corpus_of([path for path in folder.iterdir() if path.is_file() and path.name[0] != "."])


def corpus_beside(path: Path) -> Corpus:
    """The parallel texts that `path` is one side of: the files beside it that differ in their language alone."""
    corpus = corpus_in(path.parent)
    return {stem: sides for stem, sides in corpus.items() if path in sides.values()}


def read_parallel(name: str, corpus: Corpus) -> Raw:
    """One column a language, one row a line. Files called train, validation (val, dev) and test keep these parts.

    Raises DataError, all at once: a stem that lacks a language, files of one stem with another number of lines, files
    that are no text in one encoding.
    """
    languages = sorted({language for sides in corpus.values() for language in sides})
    errors: list[UserError] = []
    columns: dict[str, list[str]] = {language: [] for language in languages}
    stems: list[str] = []
    notes: list[str] = []
    for stem, sides in corpus.items():
        missing = [language for language in languages if language not in sides]
        if missing:
            errors.append(_lacks(stem, sides, missing))
            continue
        lines = {}
        for language, path in sides.items():
            try:
                text, encoding = decoded(read_bytes(path), path)
            except UserError as error:
                errors.append(error)
                continue
            lines[language] = text.split("\n")
            if lines[language][-1] == "":
                lines[language].pop()
            if encoding != "utf-8":
                notes.append(f"{path.name} is encoded as {encoding}.")
        counts = {language: len(found) for language, found in lines.items()}
        if len(set(counts.values())) > 1:
            errors.append(_unequal(sides, counts))
            continue
        for language, found in lines.items():
            columns[language] += [line.rstrip("\r") for line in found]
        stems += [stem] * next(iter(counts.values()), 0)
    raise_all(errors)
    parts = {stem: SPLIT_VALUES.get(stem.lower()) for stem in corpus}
    known = "train" in parts.values() and all(parts.values())
    paths = [path for sides in corpus.values() for path in sides.values()]
    return Raw(
        name,
        pd.DataFrame({language: pd.Series(texts, dtype=object) for language, texts in columns.items()}),
        part=np.array([str(parts[stem]) for stem in stems]) if known else None,
        kinds={language: ("text", f"Lines of the files in {language}.") for language in languages},
        notes=tuple(dict.fromkeys(notes)),
        origin={"sha256": fingerprint(paths, paths[0].parent)},
    )


def _lacks(stem: str, sides: dict[str, Path], missing: list[str]) -> DataError:
    return DataError(
        str(next(iter(sides.values())).parent),
        "must hold every text in every language",
        found=f"{', '.join(path.name for path in sides.values())}, but no {stem}.{missing[0]}",
        do=f"add {stem}.{missing[0]}, or move {stem}.* to another folder",
    )


def _unequal(sides: dict[str, Path], counts: dict[str, int]) -> DataError:
    folder = next(iter(sides.values())).parent
    return DataError(
        str(folder),
        "must hold as many lines in one language as in the other: line n of one is line n of the other",
        found=" and ".join(f"{counts[language]:,} lines in {sides[language].name}" for language in counts),
        cause="a file that was cut short, or an empty line that was dropped on one side",
        do=f"wc -l {' '.join(str(sides[language]) for language in counts)}",
    )
