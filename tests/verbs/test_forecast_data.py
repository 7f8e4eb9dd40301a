"""What a run on series is prepared from: columns, parts, what the network sees; and what is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import learnloop as ll
from learnloop.data.panel import read_panel
from learnloop.errors import DataError, ManyErrors, RecipeError, UserError
from learnloop.recipe.build import build
from learnloop.verbs.fit import job_of
from learnloop.verbs.forecast_data import prepare_forecast
from learnloop.verbs.forecast_parts import find_ends
from learnloop.verbs.forecast_seen import stationary_of
from tests.verbs.made_series import LIGHT, draft, fit, months, sales, shops


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return sales(tmp_path)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    return shops(tmp_path)


# --- what is read


def test_columns_by_name_groups_and_several_targets(many: Path, tmp_path: Path) -> None:
    prepared = prepare_forecast(
        draft(many, **{"data.time": "month", "data.group": "shop", "data.target": ("sales", "visits")})
    )
    assert len(prepared.panel) == 12 and prepared.panel.targets == 2 and prepared.horizon == 12
    one = prepare_forecast(draft(many, **{"data.target": ("sales",), "model.name": "dlinear"}))
    assert one.panel.variables == ("sales", "visits") and one.panel.targets == 1
    assert one.spec is not None and (one.spec.variables, one.spec.targets) == (2, 1)


def test_frames_arrays_and_panels_are_series_too(table: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(table, parse_dates=["month"]).set_index("month")
    values = frame["sales"].to_numpy()
    found = [
        fit(source, tmp_path / name, "seasonal_naive", horizon=6, set={"series.season": 12})
        for name, source in (("frame", frame), ("series", frame["sales"]), ("array", values))
    ]
    panel = read_panel(table, season=12)
    found.append(ll.fit(panel, model="seasonal_naive", horizon=6, out=tmp_path / "panel", progress="off",
                        set={"report.html": False, "forecast.methods": LIGHT}))  # fmt: skip
    figures = [run.metrics["test"]["mae"] for run in found]
    assert len(set(figures)) == 1
    assert (
        found[0].forecaster.predict()[0]["time"] == "2020-01-01" and found[2].forecaster.predict()[0]["time"] == "120"
    )


def test_official_parts_are_kept(shared_data: Path) -> None:
    prepared = prepare_forecast(build(flags={"data.path": "m3_other"}))
    panel = prepared.panel
    assert prepared.horizon == 8 and prepared.ends.official
    assert (prepared.test == panel.lengths).all() and (prepared.validation == panel.lengths - 8).all()
    shorter = prepare_forecast(build(flags={"data.path": "m3_other", "forecast.horizon": "4"}))
    assert (shorter.ends.tests, shorter.ends.test_step) == (2, 4)
    longer = prepare_forecast(build(flags={"data.path": "m3_other", "forecast.horizon": "12"}))
    assert not longer.ends.official and (longer.validation == panel.lengths - 12).all()


def test_few_series_are_measured_on_more_windows_than_many() -> None:
    panels = {count: read_panel([months(120, seed=k) for k in range(count)], season=12) for count in (3, 12, 100)}
    found = {count: find_ends(one, 6, windows=None, tests=None, network=True) for count, one in panels.items()}
    assert {count: (one.windows, one.tests) for count, one in found.items()} == {3: (8, 3), 12: (2, 1), 100: (1, 1)}
    assert (found[100].train == 108).all() and (found[12].train == 102).all()


def test_a_protocol_with_a_validation_part_keeps_all_three() -> None:
    panel = read_panel(months(400), season=12)
    panel = replace(panel, parts={name: np.array([end]) for name, end in
                                  (("train", 200), ("validation", 280), ("test", 360))})  # fmt: skip
    found = find_ends(panel, 20, windows=None, tests=None, network=True)
    assert (found.train, found.validation, found.test, found.official) == (200, 280, 360, True)
    assert (found.windows, found.step, found.tests, found.test_step) == (4, 20, 4, 20)
    many = find_ends(panel, 5, windows=None, tests=None, network=True)
    assert (many.windows, many.step) == (8, 10), "the windows are not spread over the part"


@pytest.mark.parametrize(
    ("values", "job"),
    [
        ({"data.path": "airline_passengers"}, "forecast"),
        ({"data.path": "sales.csv", "forecast.horizon": 14}, "forecast"),
        ({"data.path": "sales.csv", "model.name": "nhits"}, "forecast"),
        ({"data.path": "sales.csv", "model.name": "theta"}, "forecast"),
        ({"data.path": "sales.csv", "task.name": "forecast", "model.name": "lstm"}, "forecast"),
        ({"data.path": "sales.csv", "model.name": "lstm"}, "rows"),
        ({"data.path": "sales.csv", "data.time": "month"}, "rows"),
        ({"data.path": "airline_passengers", "task.name": "regress"}, "rows"),
    ],
)
def test_what_is_a_run_on_series(values: dict[str, Any], job: str) -> None:
    assert job_of(build(flags=values, origin="argument")) == job


# --- made stationary for the network


def test_what_is_taken_out_is_said_and_put_back(table: Path, tmp_path: Path) -> None:
    prepared = prepare_forecast(draft(table, **{"model.name": "dlinear", "series.stationary": "auto"}))
    told = [note for note in prepared.notes if note.startswith("The network sees of the series: ")]
    assert len(told) == 1 and "seasonal difference of 12: the season is strong" in told[0]
    assert prepared.chains is not None and prepared.chains.lost[0] >= 12
    seen = prepared.for_network()
    assert len(seen.panel.values[0]) == 120 - prepared.chains.lost[0] and seen.panel.values[0].std() < 5
    assert (prepared.test - seen.test == prepared.chains.lost).all()
    plain = prepare_forecast(draft(table, **{"model.name": "dlinear", "series.stationary": "none"}))
    assert plain.chains is None and plain.for_network() is plain
    run = fit(table, tmp_path / "run", set={"series.stationary": "log+difference"}, steps=2)
    found = run.forecaster.forecasts().mean
    assert found.min() > 100 and found.max() < 250, "the forecasts are not in the units of the series"
    assert run.report["forecast"]["stationary"] == "log+difference"


# --- what is refused


def refused(path: Path, kind: type[UserError] = DataError, **values: Any) -> str:
    with pytest.raises(kind) as caught:
        prepare_forecast(draft(path, **values))
    return str(caught.value)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    return path


def test_a_horizon_longer_than_the_history(table: Path) -> None:
    text = refused(table, **{"forecast.horizon": 80})
    assert "must leave history to forecast from" in text and "the series has 120 steps" in text
    assert re.search(r"do: +--horizon 53", text)


def test_dates_that_cannot_be_read_with_their_rows(tmp_path: Path) -> None:
    rows = [f"2020-01-{day:02},{day}" for day in range(1, 21)]
    rows[6], rows[11] = "2020-13-45,7", "soon,12"
    text = refused(written(tmp_path, "date,y\n" + "\n".join(rows) + "\n"), **{"forecast.horizon": 3})
    assert "column date: must hold dates that can be read" in text
    assert "'2020-13-45' in row 7; 2 such, rows 7 and 12 (rows are counted from 1)" in text
    mixed = ["13/02/2020,1", "2020-02-14,2", *(f"{day}/02/2020,{day}" for day in range(15, 28))]
    text = refused(written(tmp_path, "date,y\n" + "\n".join(mixed) + "\n"), **{"data.time": "date"})
    assert "must hold dates in one form" in text
    assert "'13/02/2020' in rows 1, 3, 4 and 11 more; '2020-02-14' in row 2 (rows are counted from 1)" in text


def test_a_constant_series(tmp_path: Path) -> None:
    rows = "\n".join(f"2020-01-{day:02},5" for day in range(1, 29))
    text = refused(written(tmp_path, f"date,y\n{rows}\n"), **{"forecast.horizon": 3})
    assert "column y: must vary to be forecast" in text and "the same value 5 at all 28 steps" in text


def test_mixed_time_zones(tmp_path: Path) -> None:
    stamps = [f"2020-01-01T{hour:02}:00:00{'+02:00' if hour > 9 else 'Z'}" for hour in range(24)]
    rows = "\n".join(f"{stamp},{place}" for place, stamp in enumerate(stamps))
    text = refused(written(tmp_path, f"time,y\n{rows}\n"), **{"forecast.horizon": 3})
    assert "all times must be in one time zone, or all without" in text and "Z in row 1, +02:00 in row 11" in text


def test_too_few_points_for_the_season(table: Path) -> None:
    text = refused(table, **{"series.season": 100})
    assert "must fit at least twice into the series" in text and "a season of 100 steps, 120 values" in text


def test_a_logarithm_of_what_is_not_positive(table: Path) -> None:
    frame = pd.read_csv(table)
    frame.loc[3, "sales"] = -2
    frame.to_csv(table, index=False)
    text = refused(table, **{"series.stationary": "log+difference"})
    assert "--set series.stationary=log+difference: needs values above 0" in text
    assert "the first is -2 at step 4 (2010-04-01T00:00:00; steps are counted from 1)" in text
    assert "--set series.stationary=difference" in text


def test_percentages_of_zero_are_asked_about_not_replaced(table: Path) -> None:
    frame = pd.read_csv(table)
    frame.loc[3, "sales"] = 0
    frame.to_csv(table, index=False)
    text = refused(table, RecipeError, **{"forecast.metric": "mape"})
    assert "mape needs true values other than zero" in text and "1 of 120 values are zero" in text
    assert "--set forecast.metric=mase" in text and "--set forecast.metric=mae" in text


def test_all_mistakes_at_once(table: Path) -> None:
    with pytest.raises(ManyErrors) as caught:
        prepare_forecast(
            draft(
                table,
                **{
                    "forecast.horizon": 500,
                    "forecast.methods": ["arma", "drift"],
                    "series.stationary": "logg",
                    "data.weight": "sales",
                    "forecast.serve": "thetta",
                },
            )
        )
    texts = [str(error) for error in caught.value.errors]
    assert len(texts) == 5
    assert any("'arma'" in text and "Did you mean 'arima'?" in text for text in texts)
    assert any("Did you mean 'log'?" in text for text in texts)
    assert any("data.weight: is for data with rows" in text for text in texts)
    assert any("forecast.serve: must be a forecasting method" in text for text in texts)
    assert any("must leave history" in text for text in texts)


def test_settings_of_networks_where_none_is_trained(table: Path) -> None:
    text = refused(table, RecipeError, **{"model.name": "drift", "optimiser.lr": 0.1})
    assert "optimiser.lr: is for networks" in text and "--model drift, which trains none" in text
    text = refused(table, RecipeError, **{"model.name": "drift", "forecast.serve": "network"})
    assert "needs a network to serve" in text


def test_a_history_too_short_for_a_network(tmp_path: Path) -> None:
    values = [np.random.default_rng(0).normal(size=8)]
    with pytest.raises(DataError, match="needs at least 4 windows to learn from"):
        prepare_forecast(build(flags={"model.name": "dlinear", "forecast.horizon": 1}, objects={"data": values},
                               origin="argument"))  # fmt: skip
    prepared = prepare_forecast(
        build(flags={"forecast.horizon": 1, "forecast.methods": LIGHT}, objects={"data": values}, origin="argument")
    )
    assert prepared.spec is None and any(note.startswith("No network is trained: ") for note in prepared.notes)


def test_many_series_above_zero_are_seen_as_logarithms() -> None:
    def how(values: np.ndarray) -> str:
        return stationary_of(build(flags={"task.name": "forecast"}, origin="argument"), read_panel(values))[0]

    many = np.random.default_rng(0).uniform(1, 9, (12, 40))
    assert how(many) == "log"
    assert how(many - 1.5) == "none"
    assert how(many[:3]) == "auto"
    asked = build(flags={"series.stationary": "difference"}, origin="argument")
    assert stationary_of(asked, read_panel(many))[0] == "difference"
