"""Digits that begin with 0 (postcodes, phone numbers, item codes): names, which a number would cut short."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from learnloop.data.encoding import BLOCK, open_bytes

PADDED = re.compile(r"\s*0\d+\s*")
_NEWLINE, _QUOTE, _ZERO = 10, 34, 48


def first_padded(texts: Iterable[str]) -> str | None:
    """The first text that is digits after a 0, such as "01067"; None where there is none."""
    return next((text for text in texts if PADDED.fullmatch(text)), None)


def may_hold_padded(path: Path, separator: str, encoding: str) -> bool:
    """Whether a field of the delimited file begins with 0 and another digit, looked for on the bytes.

    True without a look for encodings that are not of bytes like ASCII. One that a block of the file cuts is not seen.
    """
    if encoding == "utf-16":
        return True
    with open_bytes(path) as file:
        while block := file.read(BLOCK):
            data = np.frombuffer(block, np.uint8)
            zeros = np.flatnonzero(data[1:-1] == _ZERO)
            zeros = zeros[(data[zeros + 2] - np.uint8(_ZERO)) < 10]  # unsigned: what is less than "0" is far above
            if np.isin(data[zeros], (ord(separator), _NEWLINE, _QUOTE)).any():
                return True
    return False
