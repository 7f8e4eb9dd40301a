"""`learnloop predict` and `evaluate` of a run that forecasts, as commands: outputs, notes, texts of mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import learnloop as ll
from learnloop.cli.main import run
from learnloop.errors import DataError, RunError

FAST = ("--set", "plan.name=plain", "--set", "report.baselines=false", "--set", "watch.progress=off")


def sales(count: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    steps = np.arange(count)
    noise = rng.normal(0, 3, 200)[:count]
    y = 100 + steps + 20 * np.sin(2 * np.pi * steps / 12) + noise
    return pd.DataFrame({"month": pd.date_range("2016-01-01", periods=count, freq="MS"), "sales": y.round(2)})


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a method on 84 months up to 2022-12, and rows that follow them."""
    folder = tmp_path_factory.mktemp("forecast")
    sales(84).to_csv(folder / "sales.csv", index=False)
    sales(96).iloc[82:].to_csv(folder / "newer.csv", index=False)
    two = sales(84).assign(shop="north"), sales(84).assign(shop="south", sales=sales(84)["sales"] * 2)
    pd.concat(two).to_csv(folder / "shops.csv", index=False)
    for name in ("sales", "shops"):
        arguments = [
            "fit", str(folder / f"{name}.csv"), "--task", "forecast", "--model", "seasonal_naive", "--out",
            str(folder / f"run_{name}"), "--set", "forecast.horizon=6", "--set", "forecast.methods=[drift]", "--set",
            "watch.progress=off",
        ]  # fmt: skip
        assert run(arguments) == 0
    return folder


def call(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> tuple[str, str]:
    capsys.readouterr()
    found = run([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert found == code, f"{out}\n{err}"
    return out, err


def last_json(out: str) -> Any:
    return json.loads(out.splitlines()[-1])


def test_json_is_one_object_a_step(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = call(capsys, "predict", files / "run_sales", "--horizon", 4, "--json")
    rows = last_json(out)
    assert [row["time"] for row in rows] == ["2023-01-01", "2023-02-01", "2023-03-01", "2023-04-01"]
    assert all(list(row) == ["time", "forecast", "lower", "upper"] for row in rows)
    assert [row["forecast"] for row in rows] == sales(84)["sales"][72:76].tolist()
    assert all(row["lower"] < row["forecast"] < row["upper"] for row in rows)
    assert "calibrated" not in err


def test_without_a_horizon_it_is_that_of_the_run(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(last_json(call(capsys, "predict", files / "run_sales", "--json")[0])) == 6


def test_a_table_says_the_level_and_another_may_be_asked_for(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = call(capsys, "predict", files / "run_sales", "--horizon", 2)
    lines = out.splitlines()
    assert lines[0].split("  ")[0] == "time" and "lower 90 %" in lines[0] and "upper 90 %" in lines[0]
    assert len(lines) == 3 and lines[1].startswith("2023-01-01")
    narrow = last_json(call(capsys, "predict", files / "run_sales", "--level", 0.8, "--json")[0])
    wide = last_json(call(capsys, "predict", files / "run_sales", "--level", 0.95, "--json")[0])
    assert all(one["lower"] > other["lower"] for one, other in zip(narrow, wide, strict=True))
    assert "lower 80 %" in call(capsys, "predict", files / "run_sales", "--level", 0.8)[0]


def test_several_series_are_named(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = last_json(call(capsys, "predict", files / "run_shops", "--horizon", 2, "--json")[0])
    assert [(row["series"], row["time"]) for row in rows] == [
        ("north", "2023-01-01"), ("north", "2023-02-01"), ("south", "2023-01-01"), ("south", "2023-02-01"),
    ]  # fmt: skip
    assert rows[2]["forecast"] == 2 * rows[0]["forecast"]


def test_a_longer_horizon_is_allowed_and_said(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = call(capsys, "predict", files / "run_sales", "--horizon", 9, "--json")
    assert len(last_json(out)) == 9
    assert "note: The intervals are calibrated for 6 steps ahead. Those of the 3 steps behind that are not" in err
    _, err = call(capsys, "predict", files / "run_sales", "--horizon", 85, code=2)
    assert "--horizon: must be at least 1 step and at most as long as the history" in err
    assert "found:     85; the longest series has 84 steps" in err


def test_newer_rows_move_the_origin(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = call(capsys, "predict", files / "run_sales", files / "newer.csv", "--horizon", 2, "--json")
    rows = last_json(out)
    assert [row["time"] for row in rows] == ["2024-01-01", "2024-02-01"]
    assert [row["forecast"] for row in rows] == sales(96)["sales"][84:86].tolist()
    assert "note" not in err


def test_missing_recent_values_are_filled_and_said(
    files: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = sales(92).iloc[86:]
    rows.loc[90:, "sales"] = np.nan
    rows.to_csv(tmp_path / "late.csv", index=False)
    out, err = call(capsys, "predict", files / "run_sales", tmp_path / "late.csv", "--json")
    assert last_json(out)[0]["time"] == "2023-07-01"
    assert "note: The last 2 steps have no value: the forecast begins at 2023-07-01" in err
    assert "2 of 90 steps (2.2%) had no value; filled along a straight line, as they are short (fill=auto)." in err


def test_csv_and_pictures(files: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out, _ = call(capsys, "predict", files / "run_shops", "--out", tmp_path / "f.csv")
    assert out == f"12 steps: {tmp_path / 'f.csv'}\n"
    frame = pd.read_csv(tmp_path / "f.csv")
    assert list(frame.columns) == ["series", "time", "forecast", "lower", "upper"] and len(frame) == 12
    assert frame.to_dict("records") == last_json(call(capsys, "predict", files / "run_shops", "--json")[0])
    call(capsys, "predict", files / "run_shops", "--out", tmp_path / "f.png")
    assert (tmp_path / "f.png").read_bytes()[:4] == b"\x89PNG"
    call(capsys, "predict", files / "run_sales", "--out", tmp_path / "f.svg")
    text = (tmp_path / "f.svg").read_text()
    assert "sales: 6 steps ahead" in text and "90 % interval" in text


def test_an_output_of_another_kind_is_refused(files: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    _, err = call(capsys, "predict", files / "run_sales", "--out", tmp_path / "f.xlsx", code=2)
    assert "must be a table or a picture" in err and "available: .csv, .png, .svg, .pdf" in err
    _, err = call(capsys, "predict", files / "run_sales", "--out", tmp_path / "no" / "f.csv", code=2)
    assert "must be a file that can be written" in err


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        (("--level", 90), ("--level: must be a level that the run has intervals of", "available: 0.8, 0.9, 0.95")),
        (("--rows", 3), ("--rows: is for runs on rows", "do:        --horizon N   # steps ahead")),
        (("--views", "mirror"), ("--views: is for runs on rows", "found:     a run that forecasts series")),
        (("--explain",), ("--explain: is for runs on rows",)),
        (("--horizon", 0), ("--horizon: must ",)),
        (("nothing.csv",), ("nothing.csv: must be a file, a folder or a name in the catalog",)),
        (("a=1",), ("must have the columns that the run's data has", "found:     no sales")),
    ],
)
def test_mistakes(
    files: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[object, ...], texts: tuple[str, ...]
) -> None:
    _, err = call(capsys, "predict", files / "run_sales", *arguments, code=2)
    for text in texts:
        assert text in err


def test_older_rows_and_other_series_are_refused(
    files: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _, err = call(capsys, "predict", files / "run_sales", files / "sales.csv", code=2)
    assert "must hold rows behind the end of the run's data, 2022-12-01" in err
    sales(90).iloc[84:].assign(shop="west").to_csv(tmp_path / "west.csv", index=False)
    _, err = call(capsys, "predict", files / "run_shops", tmp_path / "west.csv", code=2)
    assert "must say which of the 2 series each row belongs to" in err and "available: north, south" in err


def test_a_run_on_rows_still_needs_its_rows(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=60), "b": rng.normal(size=60)}).assign(y=lambda rows: rows.a - rows.b)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    quick = ("--steps", 3, *FAST)
    call(capsys, "fit", tmp_path / "rows.csv", "-t", "y", "-m", "linear", "--out", tmp_path / "r", *quick)
    _, err = call(capsys, "predict", tmp_path / "r", code=2)
    assert (
        "INPUT: must be given: rows to predict" in err and f"do:        learnloop predict {tmp_path / 'r'} DATA" in err
    )
    _, err = call(capsys, "predict", tmp_path / "r", tmp_path / "rows.csv", "--horizon", 3, code=2)
    assert "--horizon: is for runs that forecast series (task forecast)" in err
    assert "found:     a run of the task regress" in err
    with pytest.raises(RunError, match=r"must be a run that forecasts series \(task forecast\)"):
        _ = ll.load(tmp_path / "r").forecaster
    with pytest.raises(DataError, match="must be given: rows to predict"):
        ll.predict(tmp_path / "r")


def test_evaluate_is_that_of_the_held_out_windows(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = json.loads((files / "run_sales" / "report.json").read_text())["evaluation"]["test"]["metrics"]
    assert last_json(call(capsys, "evaluate", files / "run_sales", "--json")[0])["metrics"] == kept


def test_evaluate_measures_newer_rows(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = call(capsys, "evaluate", files / "run_sales", files / "newer.csv", "--json")
    found = last_json(out)["metrics"]
    y = sales(96)["sales"].to_numpy()
    errors = np.abs(y[84:] - y[72:84])  # two windows of 6 steps; each forecast is the value a year before
    assert found["mae"] == pytest.approx(errors.mean())
    scales = [np.abs(y[12:end] - y[: end - 12]).mean() for end in (84, 90)]
    assert found["mase"] == pytest.approx(np.mean([errors[:6].mean() / scales[0], errors[6:].mean() / scales[1]]))
    assert "note: Measured on 2 windows of 6 steps behind the run's data." in err
    out, _ = call(capsys, "evaluate", files / "run_sales", files / "newer.csv")
    assert out.startswith("2 forecasts\n") and "mase" in out


def test_evaluate_leaves_out_what_was_filled_in(
    files: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    sales(88).iloc[[84, 87]].to_csv(tmp_path / "some.csv", index=False)
    found = last_json(call(capsys, "evaluate", files / "run_sales", tmp_path / "some.csv", "--json")[0])["metrics"]
    y = sales(88)["sales"].to_numpy()
    assert found["mae"] == pytest.approx(np.abs(y[[84, 87]] - y[[72, 75]]).mean())


def test_other_commands_say_what_such_a_run_is_for(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, err = call(capsys, "generate", files / "run_sales", code=2)
    assert "found:     a run of the task forecast" in err and "predict" in err and "--horizon 14" in err
    _, err = call(capsys, "evaluate", files / "run_sales", "--views", "mirror", code=2)
    assert "must be a run on rows" in err and "found:     a run that forecasts series" in err


def test_runs_and_compare_know_such_runs(files: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out, _ = call(capsys, "runs", files)
    assert "forecast" in out and "seasonal_naive" in out and "mase" in out
    out, _ = call(capsys, "compare", files / "run_sales", files / "run_shops")
    assert "MASE" in out and "run_sales" in out
    call(capsys, "compare", files / "run_sales", files / "run_shops", "--out", tmp_path / "c.html")
    assert "Side by side" in (tmp_path / "c.html").read_text()


def test_python_gives_a_frame_with_its_notes(files: Path) -> None:
    frame = ll.predict(files / "run_sales", horizon=8)
    assert list(frame.columns) == ["time", "forecast", "lower", "upper"] and len(frame) == 8
    assert frame.attrs["notes"][0].startswith("The intervals are calibrated for 6 steps ahead.")
    newer = sales(90).iloc[84:]
    assert ll.predict(files / "run_sales", newer, horizon=1)["time"].tolist() == ["2023-07-01"]
    answer = ll.load(files / "run_sales").forecast(newer, 2, (0.8,))
    assert list(answer.forecasts.lower) == [0.8] and answer.forecasts.mean.shape == (1, 2)
