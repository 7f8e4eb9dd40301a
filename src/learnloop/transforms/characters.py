"""`CharacterTokens`: texts as codes of characters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from learnloop.contracts import SPECIAL, UNKNOWN, State
from learnloop.transforms.words import lowered

_CODE_POINTS = 0x110000


def code_points(text: str) -> np.ndarray:
    """uint32 [characters]; half of a surrogate pair counts as one, as Python counts it."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


class CharacterTokens:
    """Code of a character = SPECIAL + its rank by code point among those kept.

    vocabulary  most codes, the special ones included; the most frequent characters are kept
    lower       upper and lower case are one
    least       characters that come less often are UNKNOWN
    """

    name = "characters"

    def __init__(self, vocabulary: int, lower: bool, least: int) -> None:
        self.vocabulary, self.lower, self.least = vocabulary, lower, least
        self.characters = ""
        self._codes = np.full(1, UNKNOWN, np.int32)

    @property
    def size(self) -> int:
        return SPECIAL + len(self.characters)

    def fit(self, texts: Sequence[str]) -> None:
        counts = np.zeros(_CODE_POINTS, np.int64)
        for text in texts:
            points, times = np.unique(code_points(self._read(text)), return_counts=True)
            counts[points] += times
        met = np.flatnonzero(counts >= max(1, self.least))
        kept = met[np.argsort(-counts[met], kind="stable")][: max(0, self.vocabulary - SPECIAL)]
        self._set("".join(chr(point) for point in np.sort(kept)))

    def encode(self, text: str) -> np.ndarray:
        return self._look_up(code_points(self._read(text)))

    def encode_all(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        offsets = np.zeros(len(texts) + 1, np.int64)
        np.cumsum([len(text) for text in texts], out=offsets[1:])  # lower case keeps the length
        return self.encode("".join(texts)), offsets

    def decode(self, codes: Sequence[int] | np.ndarray) -> str:
        last = self.size
        return "".join(self.characters[code - SPECIAL] for code in np.asarray(codes).tolist() if SPECIAL <= code < last)

    def pieces(self, text: str) -> list[tuple[int, int]]:
        return [(place, place + 1) for place in range(len(text))]

    def state_dict(self) -> State:
        return {
            "name": self.name,
            "vocabulary": self.vocabulary,
            "lower": self.lower,
            "least": self.least,
            "characters": code_points(self.characters).astype(np.int64),
        }

    def load_state_dict(self, state: State) -> None:
        self.vocabulary, self.lower, self.least = int(state["vocabulary"]), bool(state["lower"]), int(state["least"])
        self._set("".join(chr(int(point)) for point in state["characters"]))

    def _read(self, text: str) -> str:
        return lowered(text) if self.lower else text

    def _look_up(self, points: np.ndarray) -> np.ndarray:
        # One entry past the last known character stands for all that come behind it.
        return self._codes[np.minimum(points, len(self._codes) - 1)]

    def _set(self, characters: str) -> None:
        self.characters = characters
        points = code_points(characters)
        self._codes = np.full(int(points.max(initial=0)) + 2, UNKNOWN, np.int32)
        self._codes[points] = SPECIAL + np.arange(len(points), dtype=np.int32)
