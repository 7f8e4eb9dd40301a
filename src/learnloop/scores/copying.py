"""How much of a text stands in another word for word: the longest common substring, by hashing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_ODD = 0x9E3779B97F4A7C15
"""An odd multiplier has an inverse modulo 2^64, by which hashes of all places become comparable."""


@dataclass(frozen=True)
class Copied:
    """length: characters in common; text: they themselves; place: where they stand in the source (-1 for none)."""

    length: int
    text: str
    place: int


class Copies:
    """Looks for parts of a source text; the hashes of the source are computed once.

    h(i, L) = sum_{j < L} s_{i+j} B^j modulo 2^64 is the difference of two prefix sums, for every place at once; the
    longest L is found by bisection, since a common string has common parts of every smaller length. Equal hashes are
    held against the texts (polynomials modulo 2^64 collide for some strings), so that what is found is right.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        points = _points(source)
        self._powers = _powers(len(points))
        self._sums = _sums(points, self._powers)
        self._inverse = _powers(len(points), pow(_ODD, -1, 1 << 64))

    def longest(self, text: str) -> Copied:
        """The longest string that `text` and the source share. O((n + m) log m) in time."""
        points = _points(text)
        powers = _powers(len(points))
        mine = (_sums(points, powers), _powers(len(points), pow(_ODD, -1, 1 << 64)))
        low, high, best = 0, min(len(text), len(self._source)), Copied(0, "", -1)
        while low < high:
            middle = (low + high + 1) // 2
            found = self._common(text, mine, middle)
            if found is None:
                high = middle - 1
            else:
                low, best = middle, found
        return best

    def _common(self, text: str, mine: tuple[np.ndarray, np.ndarray], length: int) -> Copied | None:
        ours, theirs = _hashes(*mine, length), _hashes(self._sums, self._inverse, length)
        order = np.argsort(ours)
        place = np.minimum(np.searchsorted(ours, theirs, sorter=order), len(ours) - 1)
        both = np.unique(order[place[ours[order[place]] == theirs]])
        for start in both.tolist():
            part = text[start : start + length]
            at = self._source.find(part)
            if at >= 0:
                return Copied(length, part, at)
        return None


def _points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64) + np.uint64(1)


def _powers(count: int, base: int = _ODD) -> np.ndarray:
    """base^0 ... base^count modulo 2^64."""
    factors = np.full(count + 1, base, np.uint64)
    factors[0] = 1
    return np.cumprod(factors, dtype=np.uint64)


def _sums(points: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """0, s_0, s_0 + s_1 B, ... modulo 2^64, [n + 1]."""
    return np.concatenate([np.zeros(1, np.uint64), np.cumsum(points * powers[:-1], dtype=np.uint64)])


def _hashes(sums: np.ndarray, inverse: np.ndarray, length: int) -> np.ndarray:
    """Of every string of that length, [n - length + 1]."""
    return (sums[length:] - sums[: len(sums) - length]) * inverse[: len(sums) - length]
