"""Columns that say nothing or the same, and rows that occur more than once."""

from __future__ import annotations

import hashlib
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from learnloop.data.dataset import PARTS, Dataset
from learnloop.data.profile_fields import numeric

_CORRELATED = 0.9999
_MOST_COLUMNS = 500
_MOST_BYTES = 4 << 30
_CHUNK_BYTES = 64 << 20


def twins(dataset: Dataset, names: list[str], sample: np.ndarray) -> list[dict[str, Any]]:
    """Pairs of the columns `names` (none constant) that say the same: `how` is

    identical   equal in every row (missing where the other is missing)
    renamed     each value of one stands for exactly one value of the other, in every row
    correlated  |Pearson r| > 0.9999 over the sampled rows
    """
    frame = dataset.frame
    names = [name for name in names if dataset.schema[name].role != "split"][:_MOST_COLUMNS]
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for a, b in _same_pattern(frame.iloc[sample], names):
        how = _alike(frame[a], frame[b])
        if how:
            found[a, b] = {"a": a, "b": b, "how": how, "r": None}
    for a, b, r in _correlated(frame, names, sample):
        found.setdefault((a, b), {"a": a, "b": b, "how": "correlated", "r": r})
    return list(found.values())


def _same_pattern(frame: pd.DataFrame, names: list[str]) -> list[tuple[str, str]]:
    """Pairs whose values repeat in the same rows, or, where they hardly repeat, are the same."""
    groups: dict[bytes, list[str]] = {}
    for name in names:
        codes, distinct = pd.factorize(frame[name])
        repeats = len(distinct) <= len(codes) / 2
        pattern = codes.astype(np.int64) if repeats else _hash_series(frame[name])
        groups.setdefault(hashlib.blake2b(pattern.tobytes()).digest(), []).append(name)
    return [pair for group in groups.values() for pair in combinations(group, 2)]


def _alike(a: pd.Series, b: pd.Series) -> str:
    """What holds over all rows: "identical", "renamed" or nothing."""
    codes_a, distinct_a = pd.factorize(a)
    codes_b, distinct_b = pd.factorize(b)
    if not np.array_equal(codes_a, codes_b):
        return ""
    same = [str(value) for value in distinct_a] == [str(value) for value in distinct_b]
    return "identical" if same else "renamed"


def _correlated(frame: pd.DataFrame, names: list[str], sample: np.ndarray) -> list[tuple[str, str, float]]:
    columns, kept = [], []
    for name in names:
        x = numeric(frame[name].iloc[sample]) if frame[name].dtype.kind in "fiub" else None
        if x is None or not np.isfinite(x).any():
            continue
        x = np.where(np.isfinite(x), x, np.nan)
        x = x - np.nanmean(x)
        x[np.isnan(x)] = 0.0
        with np.errstate(over="ignore"):
            length = float(np.sqrt(np.dot(x, x)))
        if length > 0 and np.isfinite(length):
            columns.append((x / length).astype(np.float32 if len(names) > 100 else np.float64))
            kept.append(name)
    if len(kept) < 2 or len(sample) < 3:
        return []
    matrix = np.stack(columns)
    r = matrix @ matrix.T
    pairs = np.argwhere(np.triu(np.abs(r) > _CORRELATED, 1))
    return [(kept[i], kept[j], round(float(r[i, j]), 6)) for i, j in pairs]


def repeated_rows(dataset: Dataset, sampled: list[str]) -> dict[str, Any]:
    """Rows that equal an earlier row in every input and target, and rows of one part that another part has
    too.

    count      rows that repeat an earlier one;  share  of all rows;  examples  pairs [earlier, later] of row
               numbers
    conflicts  rows whose inputs occur elsewhere with another target
    across     [{"parts": [a, b], "rows": rows of b that a has too, "share", "examples"}]
    """
    inputs = _hash(dataset, [field.name for field in dataset.schema.inputs], sampled)
    whole = inputs
    if inputs is not None and dataset.schema.targets:
        targets = _hash(dataset, [field.name for field in dataset.schema.targets], sampled)
        whole = None if targets is None else inputs * np.uint64(31) + targets
    if whole is None or inputs is None or not len(whole):
        return {"count": 0, "share": 0.0, "examples": [], "conflicts": 0, "across": []}
    codes, _ = pd.factorize(whole)  # numbered in order of first appearance
    new = ~pd.Series(whole).duplicated().to_numpy()
    first, later = np.flatnonzero(new), np.flatnonzero(~new)
    groups, distinct = pd.factorize(inputs)
    answers = np.bincount(groups[new], minlength=len(distinct))  # different rows that share their inputs
    conflicts = int((answers[groups] > 1).sum())
    return {
        "count": len(later),
        "share": len(later) / len(whole),
        "examples": [[int(first[codes[row]]), int(row)] for row in later[:5]],
        "conflicts": conflicts,
        "across": _across(dataset.part, whole),
    }


def _across(part: np.ndarray | None, whole: np.ndarray) -> list[dict[str, Any]]:
    if part is None:
        return []
    found = []
    for a, b in combinations([name for name in PARTS if (part == name).any()], 2):
        rows_a, rows_b = np.flatnonzero(part == a), np.flatnonzero(part == b)
        shared = rows_b[np.isin(whole[rows_b], whole[rows_a])]
        if len(shared):
            order = np.argsort(whole[rows_a], kind="stable")
            partner = rows_a[order[np.searchsorted(whole[rows_a][order], whole[shared[:5]])]]
            examples = [[int(i), int(j)] for i, j in zip(partner, shared[:5])]
            share = len(shared) / len(rows_b)
            found.append({"parts": [a, b], "rows": len(shared), "share": share, "examples": examples})
    return found


def _hash(dataset: Dataset, names: list[str], sampled: list[str]) -> np.ndarray | None:
    """One 64-bit hash a row over the columns `names`; None where there are none, or where they are too
    large.
    """
    if not names:
        return None
    total = np.zeros(len(dataset), dtype=np.uint64)
    for name in names:
        values = dataset.column(name)
        if isinstance(values, np.ndarray) and values.ndim > 1:
            if values.nbytes > _MOST_BYTES:
                sampled.append(f"Repeated rows were not looked for: {name!r} holds more than 4 GiB.")
                return None
            hashed = hash_arrays(values)
        else:
            series = pd.Series(values)
            hashed = pd.util.hash_array(pd.factorize(series)[0]) if _odd(series) else _hash_series(series)
        # A column's place matters: (1, 2) is not (2, 1).
        total = total * np.uint64(1_000_003) + hashed
    return total


def _odd(series: pd.Series) -> bool:
    """Object columns may hold what pandas cannot hash side by side (True and "a")."""
    return series.dtype == object


def _hash_series(series: pd.Series) -> np.ndarray:
    return pd.util.hash_pandas_object(series, index=False).to_numpy()


def hash_arrays(values: np.ndarray) -> np.ndarray:
    """uint64 [n]: the first 8 bytes of BLAKE2b of each row, a chunk of rows at a time."""
    step = max(1, _CHUNK_BYTES // max(1, int(np.prod(values.shape[1:])) * values.itemsize))
    digests = []
    for start in range(0, len(values), step):
        chunk = np.ascontiguousarray(values[start : start + step])
        digests += [hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in chunk]
    return np.frombuffer(b"".join(digests), dtype=np.uint64)
