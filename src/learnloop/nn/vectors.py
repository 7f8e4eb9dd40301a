"""Word vectors that were trained elsewhere: GloVe's text, word2vec's text and binary files, plain or gzipped."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import torch
from torch import Tensor

from learnloop.contracts import SPECIAL
from learnloop.errors import DataError, ModelError, RecipeError

WHERE = "model.vectors"
_LONGEST = 1000
"""Bytes of a word, at most: more of them without a space are not a word of such a file."""


def vector_width(path: str) -> int:
    """How many numbers a vector of the file has. Raises RecipeError for no file, DataError for another kind of file."""
    with _opened(path) as file:
        return _shape(file, path)[1]


@torch.no_grad()
def take_vectors(weight: Tensor, path: str, words: Sequence[str]) -> str:
    """weight[code] <- the file's vector of words[code - SPECIAL]; a sentence about how many were found.

    weight  [codes, width]. Rows of words that the file lacks are drawn anew, as wide as the vectors that were found:
            N(0, their variance); those of special codes likewise, of padding 0
    A word is found by its own spelling, else by its lower case.
    Raises RecipeError where the tokens are no words, ModelError for another width, DataError for a damaged file.
    """
    if not words:
        raise RecipeError(
            WHERE, "needs words as tokens", found="characters or byte pairs", do="--set text.tokens=words"
        )
    name, width = Path(path).name, vector_width(path)
    if width != weight.shape[1]:
        raise ModelError(
            "model.embedding",
            f"must be the width of the vectors of {name}",
            found=f"{weight.shape[1]}, and {width} numbers for a word in the file",
            do=f"--set model.embedding={width}",
        )
    codes = {word: SPECIAL + place for place, word in enumerate(words)}
    exact: set[int] = set()
    found: dict[int, np.ndarray] = {}
    for word, vector in _vectors(path, codes):
        code = codes.get(word, codes.get(word.lower(), 0))
        if code in exact or (code in found and word not in codes):
            continue
        found[code] = vector
        if word in codes:
            exact.add(code)
    if not found:
        raise DataError(
            WHERE,
            f"{name} must have vectors of words of these texts",
            found=f"none of {len(words):,} words, such as {', '.join(map(repr, words[:5]))}",
            cause="vectors of another language",
        )
    known = torch.from_numpy(np.stack(list(found.values())))  # [found, width]
    weight.normal_(0.0, float(known.std(correction=0)))
    weight[0] = 0.0
    weight[torch.tensor(list(found))] = known.to(weight)
    missing = [word for word in words if codes[word] not in found]
    are = "is" if len(missing) == 1 else "are"
    named = f"; {len(missing):,} {are} not among them, such as {', '.join(missing[:5])}" if missing else ""
    return f"Vectors of {len(found):,} of {len(words):,} words were found in {name}{named}."


def _opened(path: str) -> BinaryIO:
    place = Path(path).expanduser()
    if not place.is_file():
        raise RecipeError(
            WHERE,
            "must name a file of word vectors: GloVe's text, word2vec's text or binary",
            found=f"no file {path}",
            do=f"--set {WHERE}=glove.6B.100d.txt",
        )
    with place.open("rb") as plain:
        zipped = plain.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(place, "rb")) if zipped else place.open("rb")


def _shape(file: BinaryIO, path: str) -> tuple[int | None, int, bool]:
    """(words, width, whether it is binary); words is None without a header. The file then stands at its first word."""
    first = file.readline(1 << 20)
    parts = first.split()
    if len(parts) == 2 and all(part.isdigit() for part in parts):
        words, width = int(parts[0]), int(parts[1])
        start = file.tell()
        second = file.readline(1 << 20)
        file.seek(start)
        binary = _numbers(second.rstrip().rsplit(b" ", width)[1:], width) is None
        if width < 1:
            raise _damaged(path, "line 1", "a width of at least 1", f"{width}")
        return words, width, binary
    width = len(parts) - 1
    if width < 1 or _numbers(parts[1:], width) is None:
        raise _damaged(path, "line 1", "a word and its numbers, or how many words and numbers there are", _shown(first))
    file.seek(0)
    return None, width, False


def _vectors(path: str, wanted: Mapping[str, int]) -> Iterator[tuple[str, np.ndarray]]:
    with _opened(path) as file:
        words, width, binary = _shape(file, path)
        yield from (
            _binary(file, path, words or 0, width, wanted) if binary else _lines(file, path, words, width, wanted)
        )


def _lines(
    file: BinaryIO, path: str, words: int | None, width: int, wanted: Mapping[str, int]
) -> Iterator[tuple[str, np.ndarray]]:
    header = words is not None
    number = 0
    for number, line in enumerate(file, start=1):
        parts = line.rstrip().rsplit(b" ", width)
        word = parts[0].decode("utf-8", "replace")
        if len(parts) != width + 1:
            raise _damaged(path, f"line {number + header}", f"a word and {width} numbers", _shown(line))
        if word not in wanted and word.lower() not in wanted:
            continue
        vector = _numbers(parts[1:], width)
        if vector is None:
            raise _damaged(path, f"line {number + header}", f"a word and {width} numbers", _shown(line))
        yield word, vector
    if words is not None and number < words:
        must = f"the next of {words:,} words, as line 1 says"
        raise _damaged(path, f"line {number + 2}", must, f"the end of the file, after {number:,}")


def _binary(
    file: BinaryIO, path: str, words: int, width: int, wanted: Mapping[str, int]
) -> Iterator[tuple[str, np.ndarray]]:
    for number in range(1, words + 1):
        letters = bytearray()
        while (letter := file.read(1)) not in (b" ", b"") and len(letters) <= _LONGEST:
            letters += letter
        numbers = file.read(4 * width)
        if len(numbers) < 4 * width or len(letters) > _LONGEST:
            what = "the end of the file" if len(numbers) < 4 * width else f"{_LONGEST} bytes without a space"
            raise _damaged(path, f"word {number:,} of {words:,}", f"a word and {width} numbers of 4 bytes", what)
        word = letters.decode("utf-8", "replace").lstrip("\n")
        vector = np.frombuffer(numbers, "<f4").astype(np.float32)
        if word in wanted or word.lower() in wanted:
            if not np.isfinite(vector).all():
                raise _damaged(path, f"word {number:,} of {words:,}", "finite numbers", repr(word))
            yield word, vector


def _numbers(parts: Sequence[bytes], width: int) -> np.ndarray | None:
    """float32 [width], or None where these are not so many finite numbers."""
    try:
        values = np.array([float(part) for part in parts], np.float32)
    except ValueError:
        return None
    return values if len(values) == width and bool(np.isfinite(values).all()) else None


def _shown(line: bytes) -> str:
    text = line[:60].decode("utf-8", "replace").rstrip()
    return repr(text + ("..." if len(line) > 60 else ""))


def _damaged(path: str, where: str, must: str, found: str) -> DataError:
    return DataError(
        WHERE,
        f"{where} of {Path(path).name} must hold {must}",
        found=found,
        cause="the file was not downloaded as a whole, or holds no word vectors",
    )
