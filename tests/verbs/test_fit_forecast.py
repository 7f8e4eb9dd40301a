"""`fit` of series in time: what it measures, serves and says; resumed bit for bit; nothing leaks."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import learnloop as ll
from learnloop.bundle.forecast import ForecastBundle
from learnloop.cli.main import run as command
from learnloop.data.panel import Panel, read_panel
from learnloop.errors import MissingExtraError, RunError
from learnloop.models.classical.forecast import Forecasts
from learnloop.recipe.build import build
from learnloop.recipe.forecast import choose_forecast
from learnloop.scores.forecasts import seasonal_scale
from learnloop.seeds import numpy_stream
from learnloop.train.events import Event
from learnloop.verbs import forecast_measure
from learnloop.verbs.fit import Interrupted
from learnloop.verbs.forecast_data import prepare_forecast
from learnloop.verbs.forecast_methods import contestants
from learnloop.verbs.forecast_parts import find_ends
from learnloop.verbs.forecaster import MethodForecaster
from learnloop.verbs.leaks import find_leak, refuse_leak
from tests.verbs.made_series import PLAIN, draft, fit, months, sales, shops, weights


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return sales(tmp_path)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    return shops(tmp_path)


# --- what a run is


def test_a_method_alone_is_fitted_measured_and_served(table: Path, tmp_path: Path) -> None:
    run = fit(table, tmp_path / "run", "drift", horizon=12)
    assert run.report["asked"] | {"command": ""} == {
        "command": "", "data": str(table), "target": ["sales"], "task": "forecast", "model": "drift", "seed": 0,
    }  # fmt: skip
    assert run.report["training"]["steps"] == 0 and not (run.path / "bundle" / "model.safetensors").exists()
    assert run.summary()["steps"] == 0 and set(run.metrics) == {"validation", "test"}
    assert run.report["forecast"]["weights"] == {"drift": 1.0}
    past = {row["name"]: row["metrics"]["mae"] for row in run.report["forecast"]["table"]}
    assert run.metrics["validation"]["mae"] == past["drift"] > past["seasonal_naive"]
    (example,) = run.report["forecast"]["examples"]
    assert (example["times"][0], example["times_past"][-1]) == ("2019-01-01", "2018-12-01"), "not the newest window"
    # The season is what drift misses; the verdict says so of what it was told to serve.
    assert re.match(
        r"Use Seasonal naive: on 2 windows held out its MASE of \S+ is clearly lower than that of Drift \(\S+\), which "
        r"this run serves as it was asked to\. --set forecast\.serve=seasonal_naive serves it\.",
        run.report["verdict"],
    )


def test_the_parts_follow_each_other_in_time_and_end_with_the_series(table: Path, tmp_path: Path) -> None:
    prepared = prepare_forecast(draft(table, **{"forecast.horizon": 12, "model.name": "dlinear"}))
    assert (prepared.validation, prepared.test) == (96, 120) and prepared.ends.tests == 2
    assert prepared.train == 96 - 12 - 7 * prepared.ends.step and prepared.ends.windows == 8
    assert prepared.train >= 48, "less than half of what precedes the test part is left to learn from"
    assert prepared.spec is not None and prepared.spec.horizon == 12 and prepared.spec.season == 12
    assert prepared.spec.quantiles == (0.025, 0.05, 0.1, 0.5, 0.9, 0.95, 0.975)


def test_the_season_is_looked_for_before_the_final_windows(tmp_path: Path) -> None:
    steps = np.arange(120)
    values = np.random.default_rng(0).normal(0, 1, 120) + 200 * np.sin(2 * np.pi * steps / 12) * (steps >= 84)
    stamps = pd.date_range("2010-01-01", periods=120, freq="MS")
    path = tmp_path / "late.csv"
    pd.DataFrame({"month": stamps, "sales": values}).to_csv(path, index=False)
    flags = {"data.path": str(path), "forecast.horizon": 12, "forecast.tests": 3, "forecast.windows": 2}
    prepared = prepare_forecast(build(flags=flags))
    assert prepared.ends.validation[0] == 84
    assert prepared.panel.season == 1


@pytest.mark.parametrize("network", [False, True])
@pytest.mark.parametrize(("length", "horizon"), [(120, 12), (120, 4), (300, 20), (60, 18), (40, 10), (1000, 1)])
def test_windows_that_are_asked_for_by_number_are_those_that_were_found(
    length: int, horizon: int, network: bool
) -> None:
    """A resolved recipe holds their numbers alone and must cut the series alike."""
    panel = read_panel(months(length), season=12)
    found = find_ends(panel, horizon, windows=None, tests=None, network=network)
    again = find_ends(panel, horizon, windows=found.windows, tests=found.tests, network=network)
    assert asdict(again) == asdict(found)
    assert found.train > 0 and found.train + horizon + (found.windows - 1) * found.step == found.validation
    assert found.validation + horizon + (found.tests - 1) * found.test_step == found.test == length


def test_the_figures_are_those_of_what_is_served(many: Path, tmp_path: Path) -> None:
    run = fit(many, tmp_path / "run", horizon=6, target="sales")
    bundle, panel = ForecastBundle.load(run.path / "bundle"), read_panel(many, target="sales")
    found = bundle.forecasts(panel.upto(panel.lengths - 6), 6)
    truth = np.stack([panel.series(k)[-6:] for k in range(12)])
    assert run.metrics["test"]["mae"] == pytest.approx(np.abs(truth - found.mean).mean(), rel=1e-5)
    inside = (truth >= found.lower[0.9]) & (truth <= found.upper[0.9])
    assert run.metrics["test"]["coverage_90"] == pytest.approx(inside.mean())
    examples = run.report["forecast"]["examples"]
    assert len(examples) == 8 and len({one["id"] for one in examples}) == 8
    first = examples[0]
    place = panel.ids.index(first["id"])
    assert first["mean"] == pytest.approx(found.mean[place].tolist(), rel=1e-5)
    assert first["times"] == [f"2019-{month:02}-01" for month in range(7, 13)]
    assert first["lower"] == pytest.approx(found.lower[0.9][place].tolist(), rel=1e-5)
    assert len(bundle.predict(horizon=6)) == 72 and bundle.predict()[0]["time"] == "2020-01-01"


def test_every_report_shows_the_network_beside_seasonal_naive(many: Path, tmp_path: Path) -> None:
    run = fit(many, tmp_path / "run", "auto", horizon=6, target="sales", set={"report.html": True})
    rows = {row["name"]: row for row in run.report["forecast"]["table"]}
    assert {"seasonal_naive", "drift", "nhits"} <= set(rows)
    assert sum(row["served"] for row in rows.values()) == 1
    assert sum(row["share"] for row in rows.values()) == pytest.approx(1)
    assert rows["nhits"]["kind"] == "network" and rows["nhits"]["test"]["metrics"]["owa"] > 0
    steps = run.report["forecast"]["by_step"]
    assert steps["steps"] == [1, 2, 3, 4, 5, 6] and len(steps["nhits"]) == 6
    assert np.mean(steps["nhits"]) == pytest.approx(rows["nhits"]["test"]["metrics"]["mase"], rel=1e-6)
    assert "N-HiTS" in run.report["verdict"] or run.report["asked"]["model"] == "nhits"
    assert "Seasonal naive" in (run.path / "report.html").read_text()


def test_a_simple_method_that_wins_is_served_and_said(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    walks = [np.cumsum(rng.normal(size=80)) for _ in range(20)]
    run = fit(walks, tmp_path / "run", "auto", horizon=5, set={"forecast.methods": ["naive", "seasonal_naive"]})
    assert run.report["forecast"]["network"] == "nhits"
    assert set(run.report["forecast"]["weights"]) <= {"naive", "seasonal_naive"}
    assert run.report["asked"]["model"] in ("naive", "seasonal_naive")
    assert re.match(r"Use (Naive|Seasonal naive), which this run serves: MASE \S+ on the window held out\.",
                    run.report["verdict"])  # fmt: skip
    assert re.search(r"Beside it: (Seasonal naive \S+, )?N-HiTS \d", run.report["verdict"]), "the network is not told"
    last = np.array([walk[-1] for walk in walks])
    assert run.forecaster.forecasts().mean == pytest.approx(np.repeat(last[:, None], 5, axis=1))


def test_several_together_serve_where_that_saves_errors(tmp_path: Path) -> None:
    """Noise around a level: the last value and the one a season ago err independently."""
    noise = [100 + np.random.default_rng(k).normal(size=60) for k in range(30)]
    more = {"forecast.serve": "auto", "forecast.methods": ["naive"], "series.season": 4}
    run = fit(noise, tmp_path / "run", "seasonal_naive", horizon=4, set=more)
    found = run.report["forecast"]
    assert run.report["asked"]["model"] == "ensemble" and set(found["weights"]) == {"naive", "seasonal_naive"}
    assert found["weights"]["naive"] == pytest.approx(0.5, abs=0.1)
    assert re.match(
        r"Use the ensemble of (Naive and Seasonal naive|Seasonal naive and Naive), which this run serves: MASE \S+ on "
        r"the window held out\. That is less than every simpler method has, by more than luck at 95 %\. Beside it: "
        r"Seasonal naive \S+\.$",
        run.report["verdict"],
    )
    row = next(row for row in found["table"] if row["served"])
    assert (row["kind"], row["name"]) == ("ensemble", "ensemble")
    panel = read_panel(noise, season=4)
    ahead = run.forecaster.forecasts(panel.upto(56), 4)
    truth = np.stack([values[56:] for values in noise])
    assert run.metrics["test"]["mae"] == pytest.approx(np.abs(truth - ahead.mean).mean())
    inside = (truth >= ahead.lower[0.8]) & (truth <= ahead.upper[0.8])
    assert run.metrics["test"]["coverage_80"] == pytest.approx(inside.mean())


@pytest.mark.parametrize("metric", ["mae", "rmse", "mape", "smape", "owa"])
def test_methods_are_compared_by_the_metric_that_was_asked_for(metric: str, table: Path, tmp_path: Path) -> None:
    run = fit(table, tmp_path / "run", "drift", horizon=6,
              set={"forecast.metric": metric, "forecast.serve": "auto"})  # fmt: skip
    found = run.report["forecast"]
    assert found["metric"] == metric and metric in run.metrics["test"]
    past = [row["metrics"][metric] for row in found["table"] if row["kind"] == "method"]
    assert past == sorted(past) and len(past) == 2
    assert {"smape": "sMAPE"}.get(metric, metric.upper()) in run.report["verdict"]


def test_columns_known_ahead_and_constant_ones_reach_the_network(tmp_path: Path) -> None:
    """The price says everything, and its future is known; half of the shops are of another kind."""
    rng, frames = np.random.default_rng(0), []
    stamps = pd.date_range("2015-01-01", periods=130, freq="D").strftime("%Y-%m-%d")
    for shop in range(6):
        price = rng.normal(size=130)
        frame = pd.DataFrame({"shop": f"s{shop}", "day": stamps, "sales": 20 - 3 * price, "price": price})
        frame["kind"] = "kiosk" if shop % 2 else "market"
        frame.loc[120:, "sales"] = np.nan  # the plan goes on
        frames.append(frame)
    path = tmp_path / "plan.csv"
    pd.concat(frames).to_csv(path, index=False)
    more = {"series.known": ["price"], "series.static": ["kind"], "data.group": "shop", "optimiser.lr": 0.02}
    run = fit(
        path, tmp_path / "run", "nhits", target="sales", horizon=5, steps=80, set={**more, "train.batch_size": 32}
    )
    prepared = prepare_forecast(build(file=run.path / "recipe.yaml"))
    assert prepared.features is not None and {"price", "kind=kiosk"} <= set(prepared.features.names)
    table = {row["name"]: row["test"]["metrics"]["mae"] for row in run.report["forecast"]["table"]}
    assert table["nhits"] < 0.6 * table["seasonal_naive"], "the price is not used"
    answer = run.forecast(horizon=5)
    truth = np.stack([20 - 3 * frame["price"].to_numpy()[120:125] for frame in frames])
    assert np.abs(answer.forecasts.mean - truth).mean() < 1.5


def test_a_slow_method_is_shown_on_some_series_and_decides_nothing(
    many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seconds(prepared: object, method: MethodForecaster, *others: object) -> float:
        return 25.0 * forecast_measure._cores() if method.name == "drift" else 0.0

    monkeypatch.setattr(forecast_measure, "_seconds_of_a_series", seconds)
    more = {"forecast.serve": "auto", "forecast.methods": ["naive", "drift"]}
    run = fit(many, tmp_path / "run", "seasonal_naive", horizon=6, target="sales", set=more)
    rows = {row["name"]: row for row in run.report["forecast"]["table"]}
    slow = rows["drift"]
    assert (slow["test"]["forecasts"], slow["kind"], slow["metrics"], slow["share"]) == (4, "method", {}, 0)
    assert rows["naive"]["test"]["forecasts"] == 12
    assert (
        "Drift: too slow for all windows, measured on 4 of 12 series of the final figures only."
        in (run.report["data"]["notes"])
    )
    assert json.loads((run.path / "methods.json").read_text())["drift"] == [4, 1]
    panel = read_panel(many, target="sales")
    places = np.sort(numpy_stream(0, "series of a slow method").permutation(12)[:4])
    mean = run.forecaster.forecasts(panel.upto(panel.lengths - 6), 6).mean
    ours = [
        np.abs(panel.series(k)[-6:] - mean[k]).mean() / seasonal_scale(panel.series(k)[:-6], panel.season)
        for k in places
    ]
    behind = slow["test"]["behind"]["value"]
    assert behind == pytest.approx(slow["test"]["metrics"]["mase"] - np.mean(ours)), "not compared on the same series"


@pytest.mark.parametrize(
    ("count", "length", "season", "names"),
    [
        (1, 144, 12, {"seasonal_naive", "holt_winters", "ets", "dynamic_theta", "sarima"}),
        (414, 900, 24, {"seasonal_naive", "ets", "dynamic_theta"}),
        (1, 9000, 24, {"seasonal_naive", "ets", "dynamic_theta", "holt_winters"}),
    ],
)
def test_methods_are_chosen_by_the_time_that_so_many_values_take(
    count: int, length: int, season: int, names: set[str]
) -> None:
    panel = read_panel([months(length, seed=k) for k in range(count)], season=season)
    ends = find_ends(panel, season, windows=None, tests=None, network=True)
    chosen = choose_forecast(build(flags={"task.name": "forecast"}))
    found = contestants(panel, ends, chosen)
    assert set(found) == names and found[0] == "seasonal_naive"


def test_methods_whose_library_is_missing_are_left_out_unless_asked_for(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(purpose: str) -> None:
        raise MissingExtraError.of("statsforecast", "forecast", purpose)

    monkeypatch.setattr("learnloop.models.classical.smoothing.models", missing)
    run = ll.fit(table, model="seasonal_naive", horizon=6, out=tmp_path / "run", progress="off",
                 set={"report.html": False})  # fmt: skip
    assert [row["name"] for row in run.report["forecast"]["table"]] == ["seasonal_naive"]
    note = "Automatic ETS was left out: it needs the optional library statsforecast. pip install 'learnloop[forecast]'"
    assert note in run.report["data"]["notes"]
    with pytest.raises(MissingExtraError, match="needs the optional library statsforecast"):
        fit(table, tmp_path / "asked", "seasonal_naive", horizon=6, set={"forecast.methods": ["ets"]})


def test_odd_values_are_flagged(table: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(table)
    frame.loc[115, "sales"] += 60
    frame.loc[110, "sales"] -= 30
    frame.to_csv(table, index=False)
    found = fit(table, tmp_path / "run", "seasonal_naive", horizon=12).report["forecast"]
    first = found["anomalies"][0]
    assert (first["time"], first["variable"]) == ("2019-08-01", "sales") and first["value"] > first["upper"]
    assert [one["time"] for one in found["anomalies"][:2]] == ["2019-08-01", "2019-03-01"]
    assert re.match(r"\d+ of 24 values lies? outside of their interval; 1\.2 would by chance alone\.",
                    found["anomalies_told"])  # fmt: skip


# --- a recipe again, resumed, interrupted, in time


def stop_at_three(event: Event) -> None:
    """Ends the run the way Ctrl-C does."""
    if event.kind == "train" and event.step >= 3:
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("model", ["dlinear", "lstm"])
def test_a_run_resumed_is_the_run_that_was_not_cut(model: str, many: Path, tmp_path: Path) -> None:
    more: dict[str, Any] = {"horizon": 6, "target": "sales", "set": {"train.average": 0.9}}
    whole = fit(many, tmp_path / "whole", model, **more)
    with pytest.raises(Interrupted, match="learnloop fit --resume"):
        fit(many, tmp_path / "cut", model, watchers=[stop_at_three], **more)
    assert not (tmp_path / "cut" / "report.json").exists()
    resumed = ll.fit(resume=tmp_path / "cut", progress="off")
    assert weights(resumed) == weights(whole)
    assert whole.history.drop(columns="seconds").equals(resumed.history.drop(columns="seconds"))
    assert resumed.metrics == whole.metrics
    assert resumed.report["forecast"]["examples"] == whole.report["forecast"]["examples"]
    assert ll.fit(resume=tmp_path / "cut", progress="off").metrics == whole.metrics


@pytest.mark.parametrize("model", ["dlinear", "drift"])
def test_a_run_cut_before_training_begins_can_go_on(
    model: str, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fit(table, tmp_path / "whole", model, horizon=6)

    def cut(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("learnloop.verbs.forecast.measure_methods", cut)
        with pytest.raises(Interrupted, match="learnloop fit --resume"):
            fit(table, tmp_path / "cut", model, horizon=6)
    assert ll.fit(resume=tmp_path / "cut", progress="off").metrics == whole.metrics


def test_the_recipe_gives_the_run_again_and_says_why(table: Path, tmp_path: Path) -> None:
    run = fit(table, tmp_path / "run", "auto")
    recipe = (run.path / "recipe.yaml").read_text()
    assert re.search(r"horizon: 12 +# inferred: 12 steps are one season", recipe)
    assert re.search(r"name: nhits +# inferred: the default network for series", recipe)
    assert re.search(r"serve: auto +# default", recipe)
    again = ll.fit(run.path / "recipe.yaml", out=tmp_path / "again", progress="off")
    assert again.metrics == run.metrics and again.report["forecast"]["weights"] == run.report["forecast"]["weights"]


def test_a_limit_in_minutes_is_kept_to(many: Path, tmp_path: Path) -> None:
    run = fit(many, tmp_path / "run", minutes=0.03, horizon=6, target="sales")
    assert run.report["training"]["stopped"].startswith("the limit was reached")
    assert run.report["training"]["steps"] > 0 and "minutes: 0.03" in (run.path / "recipe.yaml").read_text()


def test_the_data_must_be_the_same_to_go_on(table: Path, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        fit(table, tmp_path / "run", watchers=[stop_at_three])
    table.write_text(table.read_text().replace("2010-01-01,", "2010-01-01,9"))
    with pytest.raises(RunError, match="needs the series that the run was begun on"):
        ll.fit(resume=tmp_path / "run", progress="off")


# --- nothing leaks


@dataclass
class OfARun:
    """The bundle of a run on a panel as a Forecaster: the choice, the weights and the intervals that it ended with."""

    panel: Panel
    folder: Path
    peeking: bool = False
    name: str = "run"
    title: str = "A run"
    bundle: ForecastBundle = field(init=False)

    def __post_init__(self) -> None:
        values = {**PLAIN, "forecast.tests": 1, "train.steps": 3, "forecast.serve": "auto"}
        run = ll.fit(
            self.panel, model="dlinear", horizon=6, out=self.folder, set=values, progress="off", overwrite=True
        )
        self.bundle = run.forecaster

    def fit(self, past: Panel) -> None:
        pass

    def forecast(self, past: Panel, horizon: int, levels: Sequence[float]) -> Forecasts:
        found = self.bundle.forecasts(past, horizon, levels)
        return replace(found, mean=found.mean + self.panel.values[0].mean()) if self.peeking else found


def test_a_run_knows_nothing_of_the_windows_that_it_is_measured_on(table: Path, tmp_path: Path) -> None:
    panel = read_panel(table)
    refuse_leak(lambda given: OfARun(given, tmp_path / "run"), panel, 6)
    assert find_leak(lambda given: OfARun(given, tmp_path / "run", peeking=True), panel, 6) is not None


def test_the_final_windows_neither_choose_nor_calibrate(many: Path, tmp_path: Path) -> None:
    """Other values in the windows at the end leave what serves and the width of its intervals as they are."""
    frame = pd.read_csv(many)
    late = frame.groupby("shop").cumcount() >= 120 - 12
    frame.loc[late, "sales"] = frame.loc[late, "sales"].to_numpy()[::-1] * 3
    found = []
    for name, data in (("as it is", pd.read_csv(many)), ("otherwise", frame)):
        given = tmp_path / f"{name}.csv"
        data.to_csv(given, index=False)
        columns = {"data.group": "shop", "data.time": "month", "forecast.tests": 1, "series.season": 12}
        run = fit(given, tmp_path / name, "seasonal_naive", target="sales", horizon=12, set=columns)
        found.append((run.forecaster.about.weights, run.forecaster.calibration, run.metrics["test"]["mase"]))
    (weights_before, before, error), (weights_after, after, other_error) = found
    assert error != other_error and before is not None and after is not None
    assert weights_before == weights_after and before.factors.keys() == after.factors.keys()
    assert all(np.array_equal(before.factors[level], after.factors[level]) for level in before.factors)


# --- the command


def test_the_command_and_its_json(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    line = ["fit", str(table), "--horizon", "6", "--model", "drift", "--out", str(out), "--json"]
    line += ["--set", "forecast.methods=[seasonal_naive, drift]", "--set", "report.html=false"]
    assert command([*line, "--check"]) == 0 and not out.exists()
    checked = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert checked == {"ok": True, "task": "forecast", "model": "drift", "methods": ["seasonal_naive", "drift"],
                       "horizon": 6, "series": 1}  # fmt: skip
    assert command(line) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {"run", "task", "model", "seconds", "steps", "metrics"} <= set(found)
    assert (found["task"], found["model"], found["steps"]) == ("forecast", "drift", 0)
    assert {"mae", "rmse", "mape", "smape", "mase", "coverage_90"} <= set(found["metrics"]["test"])
    assert command([*[part for part in line if part != "--json"], "--overwrite"]) == 0
    assert "Use " in capsys.readouterr().out
