"""The page of a run that forecasts: who serves and beside whom, examples, intervals; no word of an absent network."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from learnloop.report.card import run_html
from learnloop.report.compare import comparison
from learnloop.report.load import RunView, load_run
from learnloop.report.page import report_html, write_report
from learnloop.report.sections.forecasts import ahead, examples, methods, odd, treated
from tests.report.test_page import Closed


def figures(mase: float, coverage: float) -> dict[str, Any]:
    return {
        "metrics": {"mase": mase, "mae": 10 * mase, "smape": 7 * mase, "coverage_90": coverage},
        "intervals": {"mase": [mase - 0.2, mase + 0.2]},
    }


def row(name: str, title: str, mase: float, *, served: bool = False, share: float = 0.0) -> dict[str, Any]:
    test = {**figures(mase, 0.9), "forecasts": 3}
    if not served:
        test["behind"] = {"value": mase - 0.5, "low": mase - 0.6, "high": mase - 0.4}
    past = {"metrics": {"mase": mase / 2}, "intervals": {}, "seconds": 1.25, "notes": []}
    return {**past, "name": name, "title": title, "kind": "method", "served": served, "share": share, "test": test}


REPORT: dict[str, Any] = {
    "format": 1,
    "created": "2026-11-20T10:00:00",
    "version": "0.1.0",
    "asked": {"command": "learnloop fit sales.csv", "data": "sales <b>.csv", "target": ["sales"], "task": "forecast",
              "model": "theta", "seed": 0},
    "data": {"rows": {"train": 50, "validation": 12, "test": 9}, "split": "by time", "schema": [], "notes": []},
    "training": {"seconds": 0.0, "total_seconds": 4.5, "steps": 0, "passes": 0.0, "stopped": "no network was trained",
                 "best_step": 0, "parameters": 0, "plan": "", "monitor": "auto"},
    "evaluation": {"test": {"task": "forecast", "rows": 3, **figures(0.5, 0.88), "notes": ["Few windows."]}},
    "baselines": [{"name": "ets", "title": "Automatic ETS", **figures(0.7, 0.9), "seconds": 1.0, "note": ""}],
    "verdict": "Use Theta.",
    "worst": [],
    "findings": [],
    "forecast": {
        "horizon": 3, "frequency": "MS", "season": 12, "series": 1, "levels": [0.8, 0.9], "metric": "mase",
        "served": "theta", "title": "Theta", "network": "",
        "table": [row("theta", "Theta", 0.5, served=True, share=1.0), row("ets", "Automatic ETS", 0.7),
                  row("seasonal_naive", "Seasonal naive <i>", 1.1)],
        "weights": {"theta": 1.0}, "sentence": "Past windows say so.", "windows": {"validation": 8, "test": 3},
        "examples": [{"id": "", "variable": "sales", "times_past": ["2023-10-01", "2023-11-01"], "past": [4.0, 5.0],
                      "times": ["2023-12-01", "2024-01-01", "2024-02-01"], "truth": [6.0, None, 7.0],
                      "mean": [5.5, 6.0, 6.5], "level": 0.9, "lower": [5.0, 5.1, 5.2], "upper": [6.0, 7.0, 8.0]}],
        "by_step": {"metric": "mase", "steps": [1, 2, 3], "theta": [0.3, 0.4, 0.8], "ets": [0.5, 0.7, None],
                    "seasonal_naive": [1.0, 1.0, 1.0]},
        "anomalies": [{"id": "", "variable": "sales", "time": "2023-12-01", "value": 9.0, "lower": 5.0, "upper": 6.0,
                       "distance": 6.0}],
        "anomalies_told": "1 of 9 values lies outside.",
        "calibration": {"kind": "interval", "rows": 8, "coverage": {"0.8": 0.7, "0.9": 0.88}, "notes": ["Few past."]},
        "stationary": "none", "stationary_told": [],
    },
}  # fmt: skip


def view(**changes: Any) -> RunView:
    report = copy.deepcopy(REPORT)
    report["forecast"] |= changes.pop("forecast", {})
    steps = changes.get("training", {}).get("steps", 0)
    history = [{"step": step, "kind": "train", "loss": 1.0 / step} for step in range(1, steps + 1, 10)]
    return RunView("run", {**report, **changes}, history)


def test_the_page_is_whole_and_self_contained(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps(REPORT))
    text = write_report(tmp_path).read_text()
    page = Closed(text)
    assert not page.open and not page.wrong and not page.fetched
    assert "sales &lt;b&gt;.csv" in text and "Seasonal naive &lt;i&gt;" in text and "<i>" not in text.replace("<i ", "")
    assert page.seen.count("svg") == 2 and len(text) < 300_000


def test_no_word_of_a_network_where_none_was_trained() -> None:
    text = report_html(view(), "run")
    assert "no network was trained" in text
    for word in ("learning curve", "How it learnt", "How the network learnt", "parameters", "What was found",
                 "Network (", "never trained on"):  # fmt: skip
        assert word not in text, word


def test_a_network_beside_the_one_that_serves_is_named() -> None:
    training = {**REPORT["training"], "steps": 150, "parameters": 4000, "seconds": 2.0}
    text = report_html(view(training=training, forecast={"network": "nhits"}), "run")
    assert "beside it the network nhits" in text and "4,000 parameters" in text and "How the network learnt" in text
    assert "What was found" in text  # its checks were made


def test_methods_stand_side_by_side_with_the_served_one_marked() -> None:
    text = methods(view())
    rows = re.findall(r"<tr>(.*?)</tr>", text)[1:]
    assert len(rows) == 3
    assert [("served" in one) for one in rows] == [True, False, False]
    assert "<strong>Theta</strong>" in rows[0] and "0.5000" in rows[0] and "0.2500" in rows[0]
    assert "<strong>+0.2</strong>" in rows[1] and "+0.1 – +0.3" in rows[1]  # bold: its interval leaves out zero
    assert "the 3 windows at the end" in text and "the 8 windows before them" in text


def test_a_difference_that_may_be_luck_is_not_bold() -> None:
    table = copy.deepcopy(REPORT["forecast"]["table"])
    table[1]["test"]["behind"] = {"value": 0.2, "low": -0.1, "high": 0.5}
    table[2]["test"]["behind"] = {"value": 0.6, "low": None, "high": None}
    text = methods(view(forecast={"table": table}))
    assert "<strong>+0.2</strong>" not in text and "+0.2<br>" in text and "−0.1 – +0.5" in text
    assert "<strong>+0.6</strong>" not in text and "+0.6" in text


def test_shares_of_an_ensemble_are_told() -> None:
    table = copy.deepcopy(REPORT["forecast"]["table"])
    for place, share in enumerate((0.7, 0.3)):
        table[place] |= {"share": share, "served": False}
    table.append(row("ensemble", "The ensemble of Theta and Automatic ETS", 0.45, served=True))
    text = methods(view(forecast={"table": table, "served": "ensemble", "weights": {"theta": 0.7, "ets": 0.3}}))
    assert "70 % of the ensemble · 1.2 s" in text and "30 % of the ensemble" in text
    assert text.count(">served<") == 1


def test_examples_and_intervals_are_drawn_and_explained() -> None:
    text = examples(view())
    assert text.count("<svg") == 1 and 'aria-label="sales: forecast and truth from 2023-12-01 to 2024-02-01"' in text
    assert "The shaded band is the interval of 90 %." in text and "forecast best" not in text
    many = [REPORT["forecast"]["examples"][0] | {"id": name, "level": None, "lower": None, "upper": None}
            for name in ("a", "b")]  # fmt: skip
    text = examples(view(forecast={"examples": many, "series": 9}))
    assert text.count("<svg") == 2 and "shaded" not in text and "From the one that was forecast best" in text


def test_numbered_steps_and_hours_are_drawn_too() -> None:
    one = REPORT["forecast"]["examples"][0]
    counted = one | {"times_past": ["9", "10"], "times": ["11", "12", "13"]}
    hours = one | {"times_past": ["2024-01-01T00:00:00Z", "2024-01-01T01:00:00Z"],
                   "times": [f"2024-01-01T0{hour}:00:00Z" for hour in (2, 3, 4)]}  # fmt: skip
    text = examples(view(forecast={"examples": [counted, hours]}))
    assert text.count("<svg") == 2 and ">12<" in text and ">2024-Jan-01<" in text


def test_promised_and_found_coverage_stand_beside_each_other() -> None:
    text = ahead(view())
    cells = re.findall(r"<td[^>]*>(.*?)</td>", text)
    assert cells == ["80 %", "70.0 %", "too narrow here", "90 %", "88.0 %", "as promised, within 5 points"]
    assert "stretched to hold what they promise of 8 past forecasts" in text and "Few past." in text
    assert "Error by the step ahead" in text
    none = {"kind": "none", "rows": 0, "coverage": {"0.9": 0.99}, "notes": []}
    text = ahead(view(forecast={"calibration": none}))
    assert "Past windows were too few to calibrate them" in text and "too wide here" in text


def test_odd_values_and_what_was_taken_out_are_told() -> None:
    text = odd(view())
    assert "1 of 9 values lies outside." in text and "5 – 6" in text and "<th>Series" not in text
    assert treated(view()) == ""
    assert "log + difference" in treated(view(forecast={"stationary_told": ["The network sees: log + difference."]}))


def test_one_step_ahead_has_no_curve_of_steps() -> None:
    text = ahead(view(forecast={"by_step": {"metric": "mase", "steps": [1], "theta": [0.3]}}))
    assert "<svg" not in text and "Promised" in text


def test_commands_to_go_on_with() -> None:
    text = report_html(view(), "my run")
    assert "learnloop predict &#x27;my run&#x27; --horizon 3" in text
    assert "learnloop evaluate &#x27;my run&#x27; NEWER.csv" in text
    assert "NEW_DATA" not in text


def test_other_runs_have_none_of_it(run_folders: dict[str, Path]) -> None:
    other = load_run(run_folders["diabetes"])
    assert [section(other) for section in (methods, examples, ahead, odd, treated)] == [""] * 5


def test_the_card_says_that_no_network_was_trained() -> None:
    text = run_html(REPORT)
    assert "no network was trained" in text and "3 test forecasts" in text and "parameters" not in text


def test_runs_of_different_horizons_do_not_compare() -> None:
    longer = view(forecast={"horizon": 6})
    assert comparison([view(), view()])["notes"] == []
    assert comparison([view(), longer])["notes"] == [
        "These runs forecast different numbers of steps: 3, 6. Their figures do not compare."
    ]


@pytest.mark.parametrize(("network", "parameters"), [("nhits", 0), ("theta", 4000)])
def test_parameters_are_those_of_what_answers(network: str, parameters: int) -> None:
    one = view(training={**REPORT["training"], "parameters": 4000}, forecast={"network": network})
    assert [found["parameters"] for found in comparison([one])["runs"]] == [parameters]
    assert comparison([one])["runs"][0]["seconds"] == 4.5
