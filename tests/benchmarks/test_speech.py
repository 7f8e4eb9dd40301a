"""The speech benchmark judges by the figures of the test part, and says which runs failed."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def speech(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("speech")


def fake(rates: dict[int, float]) -> Callable[..., dict[str, Any]]:
    def one_run(case: Any, seed: int, more: object) -> dict[str, Any]:
        if seed not in rates:
            return {"seed": seed, "failed": "exit code 1"}
        return {"seed": seed, "test": {"wer": rates[seed], "cer": 0.01}, "baselines": {}, "wall_s": 100.0}

    return one_run


@pytest.mark.parametrize(("rates", "met"), [({0: 0.2, 1: 0.04, 2: 0.03}, True), ({0: 0.02, 1: 0.06, 2: 0.07}, False)])
def test_the_median_word_error_rate_decides(
    speech: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rates: dict[int, float], met: bool
) -> None:
    monkeypatch.setattr(speech, "one_run", fake(rates))
    monkeypatch.setattr(sys, "argv", ["speech.py", "--only", "strings", "--out", str(tmp_path / "out.json")])
    assert speech.main() == 0
    goals = json.loads((tmp_path / "out.json").read_text())["cases"]["strings"]["goals"]
    assert [goal["met"] for goal in goals] == [met, True, True]
    assert goals[0]["goal"] == "wer at most 0.05" and goals[0]["values"] == list(rates.values())


def test_a_run_that_fails_is_counted_and_strange_cases_are_refused(
    speech: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(speech, "one_run", fake({0: 0.02}))
    arguments = ["speech.py", "--only", "strings", "--seeds", "0,5", "--out", str(tmp_path / "out.json")]
    monkeypatch.setattr(sys, "argv", arguments)
    assert speech.main() == 1
    monkeypatch.setattr(sys, "argv", ["speech.py", "--only", "songs"])
    with pytest.raises(SystemExit):
        speech.main()
