"""benchmarks/augment.py: what it times, in which order, and its smallest mode."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def augment(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("augment")


def test_contestants_take_turns_and_the_first_turn_is_not_counted(augment: ModuleType) -> None:
    order: list[str] = []

    def timed(name: str) -> float:
        order.append(name)
        return float(len(order))

    seconds = augment.take_turns({"none": lambda: timed("none"), "light": lambda: timed("light")}, 2)
    assert order == ["none", "light"] * 3
    assert seconds == {"none": [3.0, 5.0], "light": [4.0, 6.0]}


def test_what_is_added_is_the_median_over_the_turns(augment: ModuleType) -> None:
    plain = [1.0, 2.0, 4.0]
    seconds = {"none": plain, "light": [1.05, 2.2, 4.04], "standard": [1.1, 2.2, 4.4], "strong": [1.0, 2.4, 4.8]}
    what = dict.fromkeys(augment.PRESETS, "")
    mono = augment.lines("mono", seconds, what, 10)
    assert [line["added"] for line in mono] == [0.05, 0.1, 0.2]
    assert (mono[0]["added_least"], mono[0]["added_most"]) == (0.01, 0.1)
    assert mono[0]["ms_without"] == 200.0 and mono[0]["ms_with"] == 220.0
    assert mono[0]["met"] and not mono[2]["met"]
    assert [line["met"] for line in augment.lines("colour", seconds, what, 10)] == [None] * 3


def test_augment_times_learnloops_own_steps(tmp_path: Path) -> None:
    out = tmp_path / "augment.json"
    command = [sys.executable, str(BENCHMARKS / "augment.py"), "--cases", "mono", "--turns", "1", "--steps", "1"]
    ended = subprocess.run(
        [*command, "--set", "plan.name=plain", "--out", str(out)], capture_output=True, text=True, timeout=600
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(out.read_text())
    assert [line["augment"] for line in found["lines"]] == ["light", "standard", "strong"]
    assert "float32" in found["plans"]["mono"] and "(not measured)" in found["plans"]["mono"]
    # each preset is on in full: nothing is left out for what the labels say
    assert found["lines"][0]["what"] == "flip random, crop 2, fill reflect"
    assert "cutout 0.25" in found["lines"][2]["what"] and "policy_ops 2" in found["lines"][2]["what"]
    assert all(line["ms_with"] > 0 and line["ms_without"] > 0 for line in found["lines"])
