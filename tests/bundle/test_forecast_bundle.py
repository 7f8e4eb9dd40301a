"""A bundle that forecasts: what it answers, its intervals, and that it comes back from disk as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from learnloop.bundle.bundle import Bundle
from learnloop.bundle.forecast import ForecastBundle
from learnloop.bundle.forecast_about import ForecastAbout
from learnloop.bundle.forecast_panel import panel_of, panel_state
from learnloop.contracts import WindowSpec
from learnloop.data.panel import Panel, read_panel
from learnloop.errors import DataError, RecipeError, RunError
from learnloop.models.classical.table import METHODS
from learnloop.models.forecasting.table import FORECAST_MODELS
from learnloop.runs.pack import pack, unpack
from learnloop.scores.conformal import Conformal
from learnloop.scores.forecasts import seasonal_scale
from learnloop.tasks.forecast_ahead import forecast_ahead
from learnloop.transforms.panel_features import PanelFeatures
from learnloop.transforms.panel_stationary import PanelChains

LEVELS = (0.8, 0.9)


def values(count: int, seed: int = 0, level: float = 100.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    steps = np.arange(count)
    return level + steps + 20 * np.sin(2 * np.pi * steps / 12) + rng.normal(0, 3, count)


def shops(count: int = 60) -> Panel:
    dates = pd.date_range("2019-01-01", periods=count, freq="MS")
    parts = [
        pd.DataFrame({"month": dates, "shop": name, "sales": values(count, place), "visits": values(count, 9 + place)})
        for place, name in enumerate(("north", "south"))
    ]
    frame = pd.concat(parts, ignore_index=True)
    return read_panel(frame, time="month", group="shop", target=("sales", "visits"))


@pytest.fixture(scope="module")
def panel() -> Panel:
    dates = pd.date_range("2019-01-01", periods=60, freq="MS")
    return read_panel(pd.DataFrame({"month": dates, "sales": values(60)}))


def bundle_of(panel: Panel, weights: dict[str, float], calibration: Conformal | None = None) -> ForecastBundle:
    about = ForecastAbout(
        weights, 6, LEVELS, panel.frequency, panel.season, facts={"seed": 3, "metrics": {"mase": 0.5}}
    )
    return ForecastBundle(about, panel, calibration=calibration)


def network_of(panel: Panel, how: str = "none") -> ForecastBundle:
    """An untrained network: what it answers is no forecast, but every part of the way is there."""
    features = PanelFeatures()
    features.fit(panel)
    quantiles = (0.05, 0.1, 0.5, 0.9, 0.95)
    spec = WindowSpec(24, 6, len(panel.variables), panel.targets, len(features.names), panel.season, quantiles)
    torch.manual_seed(0)
    net = FORECAST_MODELS["dlinear"]().build(spec)
    chains = None if how == "none" else PanelChains.fit(panel, how, panel.lengths)
    model = {"name": "dlinear", "config": {}}
    about = ForecastAbout({"dlinear": 1.0}, 6, LEVELS, panel.frequency, panel.season, model=model, spec=spec)
    return ForecastBundle(about, panel, net, features, chains=chains)


# --- what it answers


def test_a_step_is_a_row_with_its_time_and_interval(panel: Panel) -> None:
    rows = bundle_of(panel, {"ar": 1.0}).predict()
    assert [row["time"] for row in rows] == [f"2024-0{month}-01" for month in range(1, 7)]
    assert all(list(row) == ["time", "forecast", "lower", "upper"] for row in rows)
    own = METHODS["ar"].forecast(panel.series(), 6, panel.season, LEVELS)
    np.testing.assert_array_equal([row["forecast"] for row in rows], own.mean)
    np.testing.assert_array_equal([row["lower"] for row in rows], own.lower[0.9])
    np.testing.assert_array_equal([row["upper"] for row in rows], own.upper[0.9])


def test_several_series_and_targets_are_named() -> None:
    many = shops()
    rows = bundle_of(many, {"seasonal_naive": 1.0}).predict(horizon=2)
    named = [(row["series"], row["variable"], row["time"]) for row in rows]
    assert named[:3] == [("north", "sales", "2024-01-01"), ("north", "sales", "2024-02-01"),
                         ("north", "visits", "2024-01-01")]  # fmt: skip
    assert len(rows) == 8
    expected = [many.values[place][48 + step, target] for place in (0, 1) for target in (0, 1) for step in (0, 1)]
    np.testing.assert_array_equal([row["forecast"] for row in rows], expected)


def test_hours_in_utc_are_marked_and_steps_are_numbers() -> None:
    hours = pd.date_range("2024-03-01", periods=60, freq="h", tz="Europe/Berlin")
    zoned = read_panel(pd.DataFrame({"time": hours, "load": values(60)}))
    assert bundle_of(zoned, {"naive": 1.0}).predict(horizon=1)[0]["time"] == "2024-03-03T11:00:00Z"
    counted = read_panel(values(60))
    assert bundle_of(counted, {"naive": 1.0}).predict(horizon=1)[0]["time"] == "60"


def test_an_ensemble_is_the_weighted_mean(panel: Panel) -> None:
    both = bundle_of(panel, {"ar": 0.25, "seasonal_naive": 0.75}).forecasts()
    one, other = (METHODS[name].forecast(panel.series(), 6, 12, LEVELS) for name in ("ar", "seasonal_naive"))
    np.testing.assert_allclose(both.mean[0], 0.25 * one.mean + 0.75 * other.mean)
    np.testing.assert_allclose(both.upper[0.8][0], 0.25 * one.upper[0.8] + 0.75 * other.upper[0.8])


def test_newer_rows_move_the_origin(panel: Panel) -> None:
    bundle = bundle_of(panel, {"seasonal_naive": 1.0})
    dates = pd.date_range("2024-01-01", periods=3, freq="MS")
    newer = bundle.newer(pd.DataFrame({"month": dates, "sales": [1.0, 2.0, 3.0]}))
    rows = bundle.predict(newer.panel, 12)
    assert rows[0]["time"] == "2024-04-01" and [row["forecast"] for row in rows[-3:]] == [1.0, 2.0, 3.0]
    assert bundle.predict()[0]["time"] == "2024-01-01"


@pytest.mark.parametrize("horizon", [0, 61])
def test_a_horizon_out_of_range_is_refused(panel: Panel, horizon: int) -> None:
    with pytest.raises(RecipeError) as caught:
        bundle_of(panel, {"naive": 1.0}).answer(horizon=horizon)
    assert "--horizon: must be at least 1 step and at most as long as the history" in str(caught.value)
    assert f"found:     {horizon}; the longest series has 60 steps" in str(caught.value)


def test_a_level_that_was_not_asked_for_when_fitting_is_refused(panel: Panel) -> None:
    with pytest.raises(RecipeError) as caught:
        bundle_of(panel, {"naive": 1.0}).predict(levels=(90,))
    text = str(caught.value)
    assert "--level: must be a level that the run has intervals of" in text
    assert "found:     90" in text and "a level in percent" in text and "available: 0.8, 0.9" in text


# --- intervals


def conformal(steps: int, kind: Any = "series") -> Conformal:
    return Conformal(kind, {level: np.linspace(1, 2, steps) * level for level in LEVELS}, 40)


def test_calibrated_intervals_are_as_wide_as_past_errors_say(panel: Panel) -> None:
    found = bundle_of(panel, {"ar": 1.0}, conformal(6)).forecasts()
    half = np.linspace(1, 2, 6) * 0.9 * seasonal_scale(panel.series(), 12)
    np.testing.assert_allclose(found.upper[0.9][0] - found.mean[0], half)
    np.testing.assert_allclose(found.mean[0] - found.lower[0.9][0], half)


def test_own_intervals_are_stretched(panel: Panel) -> None:
    found = bundle_of(panel, {"ar": 1.0}, conformal(6, "interval")).forecasts()
    own = METHODS["ar"].forecast(panel.series(), 6, 12, LEVELS)
    half = np.linspace(1, 2, 6) * 0.8 * (own.upper[0.8] - own.lower[0.8]) / 2
    np.testing.assert_allclose(found.upper[0.8][0] - found.mean[0], half)


def test_steps_behind_those_calibrated_are_said_and_no_narrower(panel: Panel) -> None:
    bundle = bundle_of(panel, {"ar": 1.0}, conformal(6))
    near, far = bundle.answer(horizon=6), bundle.answer(horizon=15)
    assert near.notes == ()
    assert far.notes == (
        "The intervals are calibrated for 6 steps ahead. Those of the 9 steps behind that are not: they widen as the "
        "methods' own do, and may be far from what they promise.",
    )
    half = (far.forecasts.upper[0.9] - far.forecasts.lower[0.9])[0] / 2
    np.testing.assert_array_equal(far.forecasts.mean[:, :6], near.forecasts.mean)
    np.testing.assert_allclose(half[:6], np.linspace(1, 2, 6) * 0.9 * seasonal_scale(panel.series(), 12))
    own = METHODS["ar"].forecast(panel.series(), 15, 12, LEVELS)
    width = (own.upper[0.9] - own.lower[0.9]) / 2
    np.testing.assert_allclose(half[6:], np.maximum(width[6:] * half[5] / width[5], half[5]))
    assert (half[6:] >= half[5]).all() and half[-1] > half[5]


def test_intervals_that_were_never_calibrated_are_said(panel: Panel) -> None:
    notes = bundle_of(panel, {"ar": 1.0}).answer().notes
    assert notes == ("The intervals are those of the methods themselves: past windows were too few to calibrate them.",)


# --- a network


def test_a_network_answers_in_the_order_of_the_series() -> None:
    many = shops()
    whole = network_of(many).forecasts()
    assert whole.mean.shape == (4, 6)
    south = network_of(many).forecasts(many.subset(["south"]))
    np.testing.assert_allclose(south.mean, whole.mean[2:], rtol=1e-5)
    assert (whole.lower[0.9] < whole.lower[0.8]).all() and (whole.lower[0.8] < whole.mean).all()


def test_a_network_is_fed_its_own_forecasts_behind_its_horizon_which_is_said(panel: Panel) -> None:
    bundle = network_of(panel)
    short, long = bundle.answer(horizon=6), bundle.answer(horizon=8)
    np.testing.assert_allclose(long.forecasts.mean[:, :6], short.forecasts.mean)
    assert long.notes[0].startswith("The network forecasts 6 steps; the later ones are made from its own forecasts")
    assert not any("made from its own" in note for note in short.notes)


def test_what_was_taken_out_of_the_values_is_put_back(panel: Panel, tmp_path: Path) -> None:
    bundle = network_of(panel, "log+seasonal_difference")
    bundle.save(tmp_path / "bundle")
    again = ForecastBundle.load(tmp_path / "bundle")
    np.testing.assert_allclose(again.forecasts().mean, bundle.forecasts().mean, rtol=1e-6)
    assert bundle.chains is not None and bundle.features is not None and bundle.net is not None
    seen = bundle.chains.apply(panel)
    z = forecast_ahead(bundle.net, spec_of(bundle), bundle.features, seen, 6).mean  # log y_t - log y_(t - 12)
    np.testing.assert_allclose(np.log(bundle.forecasts().mean / panel.series()[-12:-6]), z, atol=1e-9)


def spec_of(bundle: ForecastBundle) -> WindowSpec:
    assert bundle.about.spec is not None
    return bundle.about.spec


# --- on disk


@pytest.mark.parametrize("weights", [{"ar": 1.0}, {"drift": 0.4, "seasonal_naive": 0.6}])
def test_methods_come_back_without_any_network(panel: Panel, tmp_path: Path, weights: dict[str, float]) -> None:
    bundle = bundle_of(panel, weights, conformal(6, "interval"))
    bundle.save(tmp_path / "bundle")
    assert sorted(path.name for path in (tmp_path / "bundle").iterdir()) == [
        "README.md", "bundle.json", "probe.json", "series.safetensors", "transforms.safetensors",
    ]  # fmt: skip
    again = ForecastBundle.load(tmp_path / "bundle")
    assert again.predict(horizon=9) == bundle.predict(horizon=9)
    assert again.about == bundle.about and again.answer(horizon=9).notes == bundle.answer(horizon=9).notes


def test_a_network_comes_back_with_its_features(tmp_path: Path) -> None:
    bundle = network_of(shops())
    bundle.save(tmp_path / "bundle")
    state = torch.get_rng_state()
    again = ForecastBundle.load(tmp_path / "bundle")
    assert torch.equal(torch.get_rng_state(), state)
    assert again.predict(horizon=8) == bundle.predict(horizon=8)


def test_a_panel_comes_back_whole(tmp_path: Path) -> None:
    frame = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=40), "y": values(40), "plan": np.arange(40.0)})
    frame = pd.concat([frame.assign(shop="a", kind="big"), frame.iloc[5:30].assign(shop="b", kind="small")])
    frame.loc[frame.index == 12, "y"] = np.nan
    frame.loc[frame.index >= 28, "y"] = np.nan
    panel = read_panel(frame, time="day", group="shop", target="y", known=("plan",), static=("kind",))
    path = tmp_path / "panel.safetensors"
    path.write_bytes(pack(panel_state(panel)))
    again = panel_of(unpack(str(path)))
    for name in ("times", "values", "filled"):
        for one, other in zip(getattr(panel, name), getattr(again, name), strict=True):
            np.testing.assert_array_equal(one, other)
            assert one.dtype == other.dtype
    assert len(again.known["plan"][0]) == 40 and len(again.values[0]) == 28 and again.filled[0].any()
    np.testing.assert_array_equal(again.known["plan"][1], panel.known["plan"][1])
    assert again.static["kind"].tolist() == ["big", "small"]
    plain = ("ids", "variables", "targets", "frequency", "season", "seasons", "zone")
    assert [getattr(again, name) for name in plain] == [getattr(panel, name) for name in plain]


def test_the_folder_of_the_data_is_not_kept(panel: Panel, tmp_path: Path) -> None:
    bundle_of(replace(panel, name="/home/me/sales.csv"), {"naive": 1.0}).save(tmp_path / "bundle")
    assert "Forecasts of sales in sales.csv" in (tmp_path / "bundle" / "README.md").read_text()
    assert not [path for path in (tmp_path / "bundle").iterdir() if b"/home/me" in path.read_bytes()]


def test_the_card_says_what_answers_how_good_it_is_and_where_it_ends(panel: Panel, tmp_path: Path) -> None:
    bundle_of(panel, {"ar": 0.25, "seasonal_naive": 0.75}).save(tmp_path / "bundle")
    text = (tmp_path / "bundle" / "README.md").read_text()
    for part in ("| Seasonal naive | 75 % |", "| mase | 0.5 |", "known up to 2023-12-01", "Seed 3.",
                 "up to 6 steps ahead", "promise to hold 80 %, 90 % of the true values",
                 "holds the series themselves"):  # fmt: skip
        assert part in text, part


def test_other_weights_fail_the_exam(panel: Panel, tmp_path: Path) -> None:
    network_of(panel).save(tmp_path / "bundle")
    path = tmp_path / "bundle" / "model.safetensors"
    save_file({name: tensor * 1.5 for name, tensor in load_file(path).items()}, path)
    with pytest.raises(RunError) as caught:
        ForecastBundle.load(tmp_path / "bundle")
    assert "must give the answers of its own probe.json" in str(caught.value)
    assert "forecasts of dlinear differ: by up to" in str(caught.value)
    assert "model.safetensors or transforms.safetensors are not the ones that belong here" in str(caught.value)


def test_a_method_that_answers_otherwise_fails_the_exam(panel: Panel, tmp_path: Path) -> None:
    bundle_of(panel, {"ar": 1.0}).save(tmp_path / "bundle")
    path = tmp_path / "bundle" / "probe.json"
    exam = json.loads(path.read_text())
    exam["answers"]["ar"][0][2] += 2.0  # a tenth of the spread
    path.write_text(json.dumps(exam))
    with pytest.raises(RunError, match="another version of the library that computes it"):
        ForecastBundle.load(tmp_path / "bundle")


@pytest.mark.parametrize("name", ["series.safetensors", "transforms.safetensors", "model.safetensors", "probe.json"])
def test_a_damaged_file_is_named(panel: Panel, tmp_path: Path, name: str) -> None:
    network_of(panel).save(tmp_path / "bundle")
    (tmp_path / "bundle" / name).write_bytes(b"{}")
    with pytest.raises(RunError, match="must be an intact bundle"):
        ForecastBundle.load(tmp_path / "bundle")
    (tmp_path / "bundle" / name).unlink()
    with pytest.raises(RunError, match="must be an intact bundle"):
        ForecastBundle.load(tmp_path / "bundle")


def test_what_is_no_bundle_or_another_kind_is_told(panel: Panel, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there is no bundle.json"):
        ForecastBundle.load(tmp_path)
    bundle_of(panel, {"naive": 1.0}).save(tmp_path / "bundle")
    path = tmp_path / "bundle" / "bundle.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps({**about, "format": 99}))
    with pytest.raises(RunError, match="must be of bundle format 1 or older"):
        ForecastBundle.load(tmp_path / "bundle")
    path.write_text(json.dumps({**about, "kind": "language", "task": "language"}))
    with pytest.raises(RunError) as caught:
        ForecastBundle.load(tmp_path / "bundle")
    assert "must be a bundle that forecasts series" in str(caught.value)
    assert "a model for the task language" in str(caught.value)


def test_a_bundle_of_rows_sends_to_this_one(panel: Panel, tmp_path: Path) -> None:
    bundle_of(panel, {"naive": 1.0}).save(tmp_path / "run" / "bundle")
    with pytest.raises(RunError) as caught:
        Bundle.load(tmp_path / "run" / "bundle")
    assert "must be a bundle that answers rows" in str(caught.value)
    assert "found:     one that forecasts series" in str(caught.value)
    assert f"learnloop predict {tmp_path}/run --horizon 14" in str(caught.value)


def test_plans_that_end_before_the_forecast_are_asked_for() -> None:
    dates = pd.date_range("2019-01-01", periods=60, freq="MS")
    frame = pd.DataFrame({"month": dates, "sales": values(60), "price": np.arange(60.0)})
    panel = read_panel(frame, target="sales", known=("price",))
    bundle = network_of(panel)
    with pytest.raises(DataError) as caught:
        bundle.predict()
    assert "--horizon 6: needs price for all 6 steps ahead" in str(caught.value)
    assert "found:     0 of them" in str(caught.value) and "predict RUN PLANS.csv" in str(caught.value)
    bundle = replaced(bundle, {"known": ["price"]})
    ahead = pd.DataFrame({"month": pd.date_range("2024-01-01", periods=8, freq="MS"), "sales": np.nan, "price": 3.0})
    planned = bundle.newer(ahead).panel
    assert len(bundle.predict(planned, 8)) == 8
    with pytest.raises(DataError, match="needs price for all 9 steps ahead\n  found:     8 of them\n"):
        bundle.predict(planned, 9)


def replaced(bundle: ForecastBundle, series: dict[str, Any]) -> ForecastBundle:
    return ForecastBundle(replace(bundle.about, series=series), bundle.panel, bundle.net, bundle.features)
