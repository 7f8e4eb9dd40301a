"""`WordTokens`: texts as codes of words and punctuation, the most frequent words of the training part by name."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Sequence

import numpy as np

from learnloop.contracts import SPECIAL, UNKNOWN, State

_MARKS = "\u0300-\u036f\u0900-\u0963\u0966-\u0dff\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
"""Signs that belong to the letter before them and that `\\w` leaves out: accents, vowels of Indic and Thai scripts."""
WORD = re.compile(
    r"</?[a-zA-Z][^<>]{0,60}>"  # a tag such as <br /> is one token, not five
    r"|\d+(?:[.,:]\d+)+"  # 3.5, 1,000, 20:15
    rf"|[\w{_MARKS}]+(?:['’][\w{_MARKS}]+)*"  # isn't stays whole: what it denies is in the word
    r"|\.{2,3}"
    r"|[^\w\s]"
)
"""What a token is. Punctuation counts: "!" and "..." say something about an opinion."""


def lowered(text: str) -> str:
    """`text` in lower case and of the same length, so that places in one are places in the other."""
    low = text.lower()
    if len(low) == len(text):
        return low
    return "".join(small if len(small := letter.lower()) == 1 else letter for letter in text)


def join(parts: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Texts of different lengths as one: flat int32 [total] and offsets int64 [texts + 1]."""
    offsets = np.zeros(len(parts) + 1, np.int64)
    np.cumsum([len(part) for part in parts], out=offsets[1:])
    flat = np.concatenate(parts) if parts else np.zeros(0, np.int32)
    return flat.astype(np.int32, copy=False), offsets


class WordTokens:
    """Code of a word = SPECIAL + its rank by frequency in the training part (ties in the order of the alphabet).

    vocabulary  most codes, the special ones included
    lower       upper and lower case are one
    least       words that come less often are UNKNOWN
    """

    name = "words"

    def __init__(self, vocabulary: int, lower: bool, least: int) -> None:
        self.vocabulary, self.lower, self.least = vocabulary, lower, least
        self.words: tuple[str, ...] = ()
        self._codes: dict[str, int] = {}

    @property
    def size(self) -> int:
        return SPECIAL + len(self.words)

    def fit(self, texts: Sequence[str]) -> None:
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(self.split(text))
        kept = sorted((-count, word) for word, count in counts.items() if count >= self.least)
        self._set(tuple(word for _, word in kept[: max(0, self.vocabulary - SPECIAL)]))

    def split(self, text: str) -> list[str]:
        """The words and punctuation of a text, in order."""
        return WORD.findall(lowered(text) if self.lower else text)

    def encode(self, text: str) -> np.ndarray:
        get = self._codes.get
        return np.array([get(word, UNKNOWN) for word in self.split(text)], np.int32)

    def encode_all(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        get = self._codes.get
        flat, offsets = array("i"), np.zeros(len(texts) + 1, np.int64)
        for row, text in enumerate(texts, start=1):
            flat.extend([get(word, UNKNOWN) for word in self.split(text)])
            offsets[row] = len(flat)
        return np.array(flat, np.int32), offsets

    def decode(self, codes: Sequence[int] | np.ndarray) -> str:
        last = self.size
        return " ".join(self.words[code - SPECIAL] for code in np.asarray(codes).tolist() if SPECIAL <= code < last)

    def pieces(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in WORD.finditer(lowered(text) if self.lower else text)]

    def state_dict(self) -> State:
        return {
            "name": self.name,
            "vocabulary": self.vocabulary,
            "lower": self.lower,
            "least": self.least,
            "words": list(self.words),
        }

    def load_state_dict(self, state: State) -> None:
        self.vocabulary, self.lower, self.least = int(state["vocabulary"]), bool(state["lower"]), int(state["least"])
        self._set(tuple(state["words"]))

    def _set(self, words: tuple[str, ...]) -> None:
        self.words = words
        self._codes = {word: SPECIAL + rank for rank, word in enumerate(words)}
