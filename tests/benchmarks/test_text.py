"""benchmarks/text.py: how rows are dealt into folds, and how figures are judged."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def text(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("text")


def test_every_fold_has_its_share_of_every_class(text: ModuleType) -> None:
    labels = ["spam"] * 13 + ["ham"] * 87
    fold = text.folds_of(labels, 5, seed=0)
    assert np.bincount(fold).tolist() == [20] * 5
    spam = np.bincount(fold[:13], minlength=5)
    assert spam.min() >= 2 and spam.max() <= 3
    assert (fold == text.folds_of(labels, 5, seed=0)).all() and (fold != text.folds_of(labels, 5, seed=1)).any()


def test_folds_become_files_with_a_split_of_their_own(
    text: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "rows.csv"
    source.write_text("text,label\n" + "".join(f"a sentence number {row} of some,{row % 2}\n" for row in range(40)))
    case = text.Case("t", str(source), "accuracy", 0.5, 0.6, folds=4)
    commands = text.commands_of(case, 0, None, tmp_path)
    assert len(commands) == 4 and len(text.commands_of(case, 0, 2, tmp_path)) == 2
    frames = [text.pd.read_csv(command[0]) for command in commands]
    assert all(command[1:] == ["--target", "label"] for command in commands)
    held_out = [set(frame.text[frame.split == "test"]) for frame in frames]
    assert [len(part) for part in held_out] == [10] * 4 and len(set.union(*held_out)) == 40


def one(accuracy: float, rival: float, wall: float) -> dict[str, Any]:
    return {"test": {"accuracy": accuracy}, "baselines": {"nbsvm": {"accuracy": rival}}, "wall_s": wall}


def test_a_figure_is_the_median_over_seeds_of_the_mean_over_folds(text: ModuleType) -> None:
    case = text.Case("t", "s", "accuracy", 0.7, 0.8, seconds=10)
    seeds = [[one(0.6, 0.5, 9), one(0.8, 0.7, 9)], [one(0.9, 0.6, 20)], [one(0.5, 0.9, 9), {"failed": "exit code 2"}]]
    found = text.judge(case, seeds)
    assert found["values"] == pytest.approx([0.7, 0.9, 0.5]) and found["median"] == pytest.approx(0.7)
    assert found["met"] and not found["aim_met"] and found["in_time"]
    assert found["baselines"]["nbsvm"] == pytest.approx(0.6)
    assert text.judge(case, [[{"failed": "x"}]])["met"] is None
