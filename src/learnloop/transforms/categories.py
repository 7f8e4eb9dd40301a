"""Categories and booleans as integer codes; code 0 is for what training has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from learnloop.contracts import State
from learnloop.transforms.text import FALSE, TRUE, factorise, find, in_order, lookup, truth_last


class Categories:
    """Text [n] -> code 1..k for the categories of the training part, 0 = never seen there or missing.

    known      an order of category texts; categories that are not in it follow, sorted
    min_count  rare handling: categories with fewer training rows than this get code 0 too, so that the
               network learns something for "other". 1, the default, keeps every category that training has:
               then code 0 is learnt only from missing values, and an unseen category is as good as a missing
               one.

    `invert` gives texts, and None for code 0.
    """

    def __init__(self, known: Sequence[str] = (), min_count: int = 1) -> None:
        self.known = tuple(known)
        self.min_count = min_count
        self.categories: tuple[str, ...] = ()

    @property
    def cardinality(self) -> int:
        """Number of codes, 0 included."""
        return len(self.categories) + 1

    def fit(self, values: Any) -> None:
        codes, texts = factorise(values)
        counts = np.bincount(codes[codes >= 0], minlength=len(texts))
        totals: dict[str, int] = {}
        for text, count in zip(texts, counts):
            totals[text] = totals.get(text, 0) + int(count)
        least = max(1, self.min_count)
        self.categories = tuple(in_order([text for text, n in totals.items() if n >= least], self.known))

    def apply(self, values: Any) -> np.ndarray:
        return self.codes(values)[0]

    def codes(self, values: Any) -> tuple[np.ndarray, int, dict[str, int]]:
        """Codes int64 [n], how many values were missing, and the count of each text that has no code."""
        return codes_of(values, self.categories)

    def invert(self, values: Any) -> np.ndarray:
        return np.array([None, *self.categories], dtype=object)[np.asarray(values, dtype=np.int64)]

    def state_dict(self) -> State:
        return {"known": list(self.known), "min_count": self.min_count, "categories": list(self.categories)}

    def load_state_dict(self, state: State) -> None:
        self.known = tuple(state["known"])
        self.min_count = int(state["min_count"])
        self.categories = tuple(state["categories"])


class Boolean:
    """False -> 1, True -> 2, missing or neither -> 0; x [n].

    pair  the texts of (false, true), for columns such as no/yes; without it `false/no/n/f/off/0` and
          `true/yes/y/t/on/1` in any case. Nothing is learnt from data.

    `invert` gives False, True and None.
    """

    def __init__(self, pair: Sequence[str] = ()) -> None:
        self.pair = tuple(truth_last(pair)) if pair else ()

    @property
    def cardinality(self) -> int:
        return 3

    @property
    def categories(self) -> tuple[str, ...]:
        """The texts of codes 1 and 2."""
        return self.pair or ("False", "True")

    def fit(self, values: Any) -> None:
        """Nothing to learn."""

    def apply(self, values: Any) -> np.ndarray:
        return self.codes(values)[0]

    def codes(self, values: Any) -> tuple[np.ndarray, int, dict[str, int]]:
        """Codes int64 [n], how many values were missing, and the count of each text that is neither."""
        words = {**dict.fromkeys(FALSE, 1), **dict.fromkeys(TRUE, 2)}
        if not self.pair or all(text.lower() in words for text in self.pair):
            return codes_of(values, (), words)
        return codes_of(values, self.pair)

    def invert(self, values: Any) -> np.ndarray:
        return np.array([None, False, True], dtype=object)[np.asarray(values, dtype=np.int64)]

    def state_dict(self) -> State:
        return {"pair": list(self.pair)}

    def load_state_dict(self, state: State) -> None:
        self.pair = tuple(state["pair"])


def codes_of(
    values: Any, categories: Sequence[str], words: dict[str, int] | None = None
) -> tuple[np.ndarray, int, dict[str, int]]:
    """Codes int64 [n] (1.. in the order of `categories`, 0 = none), the missing, the unknown with counts.

    words  instead of categories: lower-case text -> code.
    """
    codes, texts = factorise(values)
    table = words if words is not None else lookup(categories, 1)
    found = [find(table, text.lower() if words is not None else text, 0) for text in texts]
    result = np.array([*found, 0], dtype=np.int64)[codes]  # a missing value's -1 picks the last entry, 0
    missing = int((codes < 0).sum())
    unknown: dict[str, int] = {}
    if 0 in found:
        counts = np.bincount(codes[codes >= 0], minlength=len(texts))
        unknown = {text: int(n) for text, code, n in zip(texts, found, counts) if code == 0 and n}
    return result, missing, unknown
