"""The edit distance of many pairs at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_CELLS = 4_000_000
"""Pairs of one batch times their longest second sequence."""


def edit_distances(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> np.ndarray:
    """The fewest insertions, deletions and exchanges that turn first[i] into second[i]: int64 [pairs].

    D(i, j) = min(D(i-1, j) + 1, D(i, j-1) + 1, D(i-1, j-1) + [a_i != b_j]), D(i, 0) = i, D(0, j) = j.
    first, second: integers [length] each, codes of characters or words; Levenshtein 1966.

    One row of the table is computed for all pairs at once. Along a row the second term makes j depend on j - 1; with
    E(j) = D(j) - j it is a running minimum: E(j) = min over k <= j of E'(k), E' without that term.
    """
    sizes_a = np.array([len(part) for part in first], np.int64)
    sizes_b = np.array([len(part) for part in second], np.int64)
    found = np.zeros(len(first), np.int64)
    order = np.argsort(np.maximum(sizes_a, sizes_b), kind="stable")  # pairs of like size share a rectangle
    start = 0
    while start < len(order):
        longest = np.maximum.accumulate(np.maximum(sizes_a, sizes_b)[order[start:]]) + 1
        cells = longest * np.arange(1, len(longest) + 1)
        stop = start + max(1, int(np.searchsorted(cells, _CELLS)))
        rows = order[start:stop]
        found[rows] = _distances([first[row] for row in rows], [second[row] for row in rows])
        start = stop
    return found


def _distances(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> np.ndarray:
    a, sizes_a = _rectangle(first, -1)
    b, sizes_b = _rectangle(second, -2)
    steps = np.arange(b.shape[1] + 1, dtype=np.int32)
    row = np.tile(steps, (len(a), 1))  # D(0, .)
    found = np.where(sizes_a == 0, sizes_b, 0)
    for i in range(a.shape[1]):
        fresh = np.empty_like(row)
        fresh[:, 0] = i + 1
        np.minimum(row[:, 1:] + 1, row[:, :-1] + (a[:, i : i + 1] != b), out=fresh[:, 1:])
        row = np.minimum.accumulate(fresh - steps, axis=1) + steps
        ends = np.flatnonzero(sizes_a == i + 1)
        found[ends] = row[ends, sizes_b[ends]]
    return found


def _rectangle(parts: Sequence[np.ndarray], fill: int) -> tuple[np.ndarray, np.ndarray]:
    """int32 [parts, longest] with `fill` behind the ends, and the lengths."""
    sizes = np.array([len(part) for part in parts], np.int64)
    whole = np.full((len(parts), int(sizes.max(initial=0))), fill, np.int32)
    if whole.size:
        whole[np.arange(whole.shape[1]) < sizes[:, None]] = np.concatenate(parts)
    return whole, sizes
