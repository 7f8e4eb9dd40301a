"""What all tokenisers of the library tokenizers share: our codes for its numbers. It is not imported here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from learnloop.contracts import SPECIAL
from learnloop.transforms.words import join

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_AT_ONCE = 2000
"""Texts handed to the library at once: it keeps the text of every token, some 100 bytes each."""


def codes_of(tokenizer: Tokenizer, text: str) -> np.ndarray:
    """int32 [tokens]: SPECIAL + the library's own number."""
    return np.array(tokenizer.encode(text).ids, np.int32) + np.int32(SPECIAL)


def all_codes_of(tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(codes of all texts one after the other, int32 [tokens]; where each begins, int64 [texts + 1])."""
    parts = []
    for start in range(0, len(texts), _AT_ONCE):
        for encoding in tokenizer.encode_batch_fast(list(texts[start : start + _AT_ONCE])):
            parts.append(np.array(encoding.ids, np.int32) + np.int32(SPECIAL))
    return join(parts)


def text_of(tokenizer: Tokenizer, codes: Sequence[int] | np.ndarray, size: int, *, skip_special: bool) -> str:
    """The text of codes; those below SPECIAL and from `size` on say nothing.

    skip_special  leave out what the library itself calls special, such as [CLS]
    """
    own = [code - SPECIAL for code in np.asarray(codes).tolist() if SPECIAL <= code < size]
    return str(tokenizer.decode(own, skip_special_tokens=skip_special))


def places_of(tokenizer: Tokenizer, text: str) -> list[tuple[int, int]]:
    """Where each token stands in the text: (its first character, the one behind its last)."""
    return [(int(start), int(stop)) for start, stop in tokenizer.encode(text).offsets]
