"""`TOKENISERS`: texts <-> codes. A new tokeniser is one class and one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from learnloop.contracts import State
from learnloop.errors import RecipeError, nearest
from learnloop.transforms.bpe import BPETokens
from learnloop.transforms.characters import CharacterTokens
from learnloop.transforms.hf_tokens import HFTokens
from learnloop.transforms.words import WordTokens


class Tokens(Protocol):
    """Fitted on the training part. Codes are 0 ... size - 1; the first are PADDING, UNKNOWN, BEGIN and END."""

    name: str
    lower: bool
    least: int

    @property
    def size(self) -> int: ...

    def fit(self, texts: Sequence[str]) -> None: ...

    def encode(self, text: str) -> np.ndarray:
        """int32 [tokens], without BEGIN and END."""
        ...

    def encode_all(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """flat int32 [total] and offsets int64 [texts + 1]: text i is flat[offsets[i] : offsets[i + 1]]."""
        ...

    def decode(self, codes: Sequence[int] | np.ndarray) -> str:
        """The text; special codes are left out."""
        ...

    def pieces(self, text: str) -> list[tuple[int, int]]:
        """Where each token of `encode(text)` begins and ends in the text."""
        ...

    def state_dict(self) -> State: ...

    def load_state_dict(self, state: State) -> None: ...


TOKENISERS: dict[str, type[WordTokens] | type[CharacterTokens] | type[BPETokens] | type[HFTokens]] = {
    "words": WordTokens,
    "characters": CharacterTokens,
    "bpe": BPETokens,
    "hf": HFTokens,
}


def make_tokens(name: str, *, vocabulary: int, lower: bool, least: int) -> Tokens:
    """A tokeniser that is not fitted yet. vocabulary: most codes, the special ones included."""
    if name not in TOKENISERS:
        raise RecipeError("text.tokens", "must name a tokeniser", found=repr(name), available=nearest(name, TOKENISERS))
    return TOKENISERS[name](vocabulary, lower, least)


def load_tokens(state: State) -> Tokens:
    """The tokeniser whose `state_dict()` this is."""
    tokens = make_tokens(
        str(state["name"]),
        vocabulary=int(state["vocabulary"]),
        lower=bool(state["lower"]),
        least=int(state["least"]),
    )
    tokens.load_state_dict(state)
    return tokens
