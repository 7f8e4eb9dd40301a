"""`Loose`: series as they were read, before anybody looked whether their stamps are even."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Loose:
    """One or many series as read.

    times, rows  of each series [n_i]: stamps (datetime64[s] or int64) in the order of the file, numbers of its rows
                 from 1
    values       float64 [n_i, variables] of each series, NaN where nothing was measured; the first `targets` are
                 forecast
    known        name -> float64 [n_i] of each series, also on rows behind the last target
    counted      True where the source has no times: `times` are 0, 1, 2, ...
    frequency, season, parts, horizon   where the source itself says so (the catalog)
    """

    name: str
    ids: tuple[str, ...]
    times: tuple[np.ndarray, ...]
    values: tuple[np.ndarray, ...]
    rows: tuple[np.ndarray, ...]
    variables: tuple[str, ...]
    targets: int = 1
    known: Mapping[str, tuple[np.ndarray, ...]] = field(default_factory=dict)
    static: Mapping[str, np.ndarray] = field(default_factory=dict)
    zone: str = ""
    counted: bool = False
    frequency: str | None = None
    season: int | None = None
    parts: Mapping[str, np.ndarray] = field(default_factory=dict)
    horizon: int = 0
    notes: tuple[str, ...] = ()
    origin: Mapping[str, Any] = field(default_factory=dict)


def counted(name: str, ids: tuple[str, ...], values: tuple[np.ndarray, ...], variables: tuple[str, ...]) -> Loose:
    """Series without times: steps 0, 1, 2, ... Leading and trailing NaN (padding) are cut. values [n_i, variables]."""
    kept = []
    for series in values:
        there = np.flatnonzero(~np.isnan(series).all(axis=1))
        kept.append(series[there[0] : there[-1] + 1] if len(there) else series[:0])
    steps = tuple(np.arange(len(series), dtype=np.int64) for series in kept)
    rows = tuple(step + 1 for step in steps)
    return Loose(name, ids, steps, tuple(kept), rows, variables, len(variables), counted=True)
