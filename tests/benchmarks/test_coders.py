"""benchmarks/vae.py and benchmarks/anomalies.py: their smallest modes, and how they judge."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
QUICK = ["--data", "digits", "--steps", "20", "--set", "report.html=false", "--set", "model.widths=[16]"]


def load(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module(name)


def test_areas_are_averaged_over_the_digits_model_by_model(monkeypatch: pytest.MonkeyPatch) -> None:
    anomalies = load("anomalies", monkeypatch)
    lines = [
        {"model": model, "areas": {"network": area, "pca": area / 2}}
        for model, area in (("a", 0.9), ("a", 1.0), ("b", 0.5))
    ]
    assert anomalies.averages(lines) == {"a": {"network": 0.95, "pca": 0.475}, "b": {"network": 0.5, "pca": 0.25}}


def test_anomalies_of_one_digit_are_found_beside_two_other_methods(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    anomalies, out = load("anomalies", monkeypatch), tmp_path / "out.json"
    asked = ["anomalies.py", *QUICK, "--models", "deep_autoencoder", "--digits", "0", "--out", str(out)]
    monkeypatch.setattr("sys.argv", asked)
    code = anomalies.main()
    found = json.loads(out.read_text(encoding="utf-8"))
    areas = found["lines"][0]["areas"]
    assert list(areas) == ["network", "pca", "isolation_forest"] and min(areas.values()) > 0.5
    assert found["met"] is (areas["network"] >= 0.95) and code == (0 if found["met"] else 1)
    assert "| deep_autoencoder |" in capsys.readouterr().out


def test_the_bound_of_a_run_is_measured_with_each_number_of_draws(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vae, out = load("vae", monkeypatch), tmp_path / "out.json"
    monkeypatch.setattr("sys.argv", ["vae.py", *QUICK, "--shots", "1,30", "--out", str(out)])
    vae.main()
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["nats"]["30"] < found["nats"]["1"] < 60  # 64 pixels: 44 nats for coins
    assert found["met"] is (found["nats"]["30"] <= 88.5) and "| 30 |" in capsys.readouterr().out
