"""Copies of large memory maps are memory maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from learnloop.data import mapped


def test_taking_rows_of_a_large_map_gives_a_map_with_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapped, "ABOVE_BYTES", 1000)
    monkeypatch.setattr(mapped, "_CHUNK_BYTES", 500)
    values = np.memmap(tmp_path / "images", dtype=np.uint8, mode="w+", shape=(50, 8, 8, 1))
    values[:] = np.random.default_rng(0).integers(0, 255, values.shape)
    rows = np.random.default_rng(1).permutation(50)[:40]
    taken = mapped.take(values, rows)
    assert isinstance(taken, np.memmap) and np.array_equal(taken, np.asarray(values)[rows])
    small = mapped.take(values, rows[:3])
    assert not isinstance(small, np.memmap) and np.array_equal(small, np.asarray(values)[rows[:3]])
    plain = mapped.take(np.asarray(values), rows)
    assert not isinstance(plain, np.memmap) and np.array_equal(plain, taken)
