"""`3 - 1 + 7`: what such an expression says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from learnloop.errors import DataError, did_you_mean, nearest

_SPACED = re.compile(r"\s+([+-])\s+")
_CLOSE = re.compile(r"([+-])")


@dataclass(frozen=True)
class Terms:
    """names: as they were typed, in order. signs: 1 or -1 each; the first one's is 1."""

    names: tuple[str, ...]
    signs: tuple[int, ...]


def terms_of(expression: str, classes: Sequence[str] | None) -> Terms:
    """The terms of `a - b + c`. classes: what a term may be; None: seeds, which are whole numbers from 0.

    Blanks around the signs are needed where a name holds a sign itself. Raises DataError for fewer than two terms, for
    an empty one, and for one that is no class (no seed).
    """
    text = expression.strip()
    pieces = _SPACED.split(text)
    if len(pieces) == 1:
        pieces = _CLOSE.split(text)
    names = [piece.strip() for piece in pieces[::2]]
    signs = [1, *(1 if sign == "+" else -1 for sign in pieces[1::2])]
    if len(names) < 2 or not all(names):
        raise DataError(
            f"--arithmetic {expression!r}",
            "must be terms joined by + and -",
            found="one term" if len(names) < 2 else "a sign without a term",
            do='--arithmetic "3 - 1 + 7"',
        )
    wrong = [name for name in names if (not name.isdigit() if classes is None else name not in classes)]
    if wrong and classes is None:
        raise DataError(
            f"--arithmetic {expression!r}",
            "must be of seeds: whole numbers, each of which stands for a sample",
            found=repr(wrong[0]),
            cause="the network keeps no mean of a class: it was trained without labels, or cannot encode",
            do='--arithmetic "3 - 1 + 7"',
        )
    if wrong and classes is not None:
        raise DataError(
            f"--arithmetic {expression!r}",
            "must be of classes that the network was trained on",
            found=repr(wrong[0]),
            cause=did_you_mean(wrong[0], classes),
            available=nearest(wrong[0], classes),
        )
    return Terms(tuple(names), tuple(signs))
