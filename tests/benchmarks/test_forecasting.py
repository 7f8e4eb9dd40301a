"""benchmarks/stocks.py and the commands of benchmarks/forecast.py: their smallest modes, and how they judge."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def cases(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("forecast_cases")


@pytest.fixture
def forecast(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("forecast")


def test_stocks_walks_a_file_of_dates_and_closing_prices(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    stocks = importlib.import_module("stocks")
    prices = 20 * np.exp(np.cumsum(0.01 * np.random.default_rng(0).normal(size=600)))
    days = pd.bdate_range("2005-01-03", periods=600).strftime("%Y-%m-%d")
    pd.DataFrame({"Date": days, "Close": prices}).to_csv(tmp_path / "share.csv", index=False)
    out = tmp_path / "out.json"
    file = str(tmp_path / "share.csv")
    monkeypatch.setattr(
        sys, "argv", ["stocks.py", "--only", "stocks", "--file", file, "--quick", "--refits", "2", "--out", str(out)]
    )
    assert stocks.main() == 0
    case = json.loads(out.read_text())["cases"]["stocks"]
    titles = [question["title"] for question in case["questions"]]
    assert titles == [
        f"the {kind} of the next {days}" for kind in ("return", "volatility") for days in ("day", "5 days")
    ]
    assert case["questions"][0]["met"] and case["questions"][0]["table"][0]["title"] == "random walk (no change)"
    assert case["in_time"] and case["sentence"].startswith("Cannot be predicted here: the return of the next day")
    assert "| stocks | the return of the next day | network |" in capsys.readouterr().out


def test_goals_are_judged_by_their_bounds(cases: ModuleType) -> None:
    goal = cases.Goal("owa", most=0.55, aim=0.44)
    judged = [goal.judge({"owa": value}) for value in (0.4, 0.5, 0.6)] + [goal.judge({})]
    assert [(one["met"], one["aim_met"]) for one in judged] == [
        (True, True),
        (True, False),
        (False, False),
        (None, None),
    ]
    assert goal.told() == "owa at most 0.55, aim 0.44"
    cover = cases.Goal("coverage_90", least=0.85, most=0.95)
    assert [cover.judge({"coverage_90": value})["met"] for value in (0.8, 0.9, 0.99)] == [False, True, False]


def test_a_run_is_held_against_the_better_of_ets_and_theta(cases: ModuleType) -> None:
    report = {
        "baselines": [
            {"name": "ets", "metrics": {"mase": 0.86, "smape": 13.5}},
            {"name": "dynamic_theta", "metrics": {"mase": 0.85, "smape": 13.7}},
            {"name": "naive", "metrics": {"mase": 0.1, "smape": 1.0}},
        ]
    }
    found = cases.beside_simple(Path(), report, {"metrics": {"test": {"mase": 0.84, "smape": 13.6}}})
    assert found["mase above ETS and Theta"] == pytest.approx(-0.01)
    assert found["smape above ETS and Theta"] == pytest.approx(0.1)
    alone = cases.beside_simple(Path(), {"baselines": []}, {"metrics": {"test": {"mase": 0.84}}})
    assert "mase above ETS and Theta" not in alone


def test_made_series_follow_their_recipe(cases: ModuleType, tmp_path: Path) -> None:
    frame = cases.made_series(50, 120, seed=1)
    assert list(frame.columns) == ["series", "month", "sales"] and len(frame) == 50 * 120
    assert frame.series.nunique() == 50 and frame.month.iloc[119] == "2021-12-01" and (frame.sales > 0).all()
    pd.testing.assert_frame_equal(frame, cases.made_series(50, 120, seed=1))
    assert (frame.sales != cases.made_series(50, 120, seed=2).sales).any()
    logs = np.log(frame.sales.to_numpy().reshape(50, 120))
    year, half = (np.diff(logs[:, ::step], axis=1).std(axis=1) for step in (12, 6))
    assert np.median(year) < np.median(half)  # what is a year apart is more alike than what is half a year apart
    path = cases.write_made(tmp_path, 3, 24)
    assert len(pd.read_csv(path)) == 72


def test_a_command_is_run_measured_and_judged(
    cases: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[list[str]] = []

    def fake(command: list[str], env: dict[str, str], timeout: float) -> Any:
        seen.append(command)
        if "predict" in command:
            return SimpleNamespace(code=0, wall=50.0, cpu=40.0, peak=3e9, stderr="")
        out = Path(command[command.index("--out") + 1])
        out.mkdir()
        report = {"verdict": "Use it.", "baselines": [], "forecast": {"weights": {"nhits": 1.0}}}
        (out / "report.json").write_text(json.dumps(report))
        result = {"model": "nhits", "steps": 7, "metrics": {"test": {"owa": 0.5, "mase": 0.9}}}
        return SimpleNamespace(code=0, wall=500.0, cpu=900.0, peak=2e9, stderr="", last_json=lambda: result)

    monkeypatch.setattr(cases, "run", fake)
    found = cases.run_case(cases.CASES["m4-hourly-fit"], 3, ("--set", "train.batch_size=64"))
    begin = seen[0].index("fit")
    expected = ["fit", "m4_hourly", "--minutes", "9.5", "--set", "train.batch_size=64", "--seed", "3", "--out"]
    assert seen[0][begin : begin + 9] == expected and seen[0][-1] == "--json"
    assert [goal["met"] for goal in found["goals"]] == [True, True, True]
    assert found["goals"][0]["aim_met"] is False and found["figures"]["peak_gb"] == 2.0

    whole = cases.run_case(cases.FitCase("t", ("a",), (), cases.metrics_of, predict=True), 0)
    assert whole["figures"]["wall_s"] == 550 and whole["figures"]["peak_gb"] == 3.0  # both commands count
    assert seen[-1][-4] == "predict" and seen[-1][-3] == seen[-2][-2]  # of the run that was fitted

    def broken(command: list[str], env: dict[str, str], timeout: float) -> Any:
        return SimpleNamespace(code=2, stderr="no such data")

    monkeypatch.setattr(cases, "run", broken)
    assert cases.run_case(cases.CASES["airline-fit"], 0)["failed"] == "exit code 2: no such data"


def test_every_case_is_a_command_that_can_be_checked(cases: ModuleType) -> None:
    for name, case in cases.CASES.items():
        assert case.goals and case.arguments[0], name
        flags = [part for part in case.arguments if part.startswith("--")]
        assert set(flags) <= {"--horizon", "--set", "--model", "--minutes", "--time", "--target", "--group"}, name
        assert (case.make is not None) == ("{file}" in case.arguments), name


def test_forecast_refuses_cases_that_it_does_not_know(
    forecast: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["forecast.py", "--only", "m5"])
    with pytest.raises(SystemExit):
        forecast.main()
    assert "--only: m5 not among m4-hourly, m3-monthly, airline, etth1-dlinear-336" in capsys.readouterr().err


def test_forecast_tells_what_a_case_reached(forecast: ModuleType) -> None:
    good = {
        "seed": 0,
        "model": "nhits",
        "verdict": "Use it.",
        "figures": {"wall_s": 12.0},
        "goals": [{"goal": "owa at most 0.55", "value": 0.5, "met": True, "aim_met": None}],
    }
    lines = forecast.lines_of("m4-hourly-fit", [good, {"seed": 1, "failed": "exit code 1"}])
    assert lines == [
        "m4-hourly-fit, seed 0: nhits, 12.0 s. Use it.",
        "  owa at most 0.55: 0.5, met: yes, aim: -",
        "m4-hourly-fit, seed 1: exit code 1",
    ]
