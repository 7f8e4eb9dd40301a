"""A run that learns to forecast: what it sees, what it evaluates, when it ends, and that it resumes bit for bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from learnloop.contracts import FUTURE, PAST, SCALE
from learnloop.data.panel import Panel, read_panel
from learnloop.models.forecasting.table import FORECAST_MODELS
from learnloop.recipe.build import build
from learnloop.runs.folder import RunFolder
from learnloop.train.events import Event
from learnloop.train.limits import TimeLimit
from learnloop.verbs import forecast_training
from learnloop.verbs.budget import Budget
from learnloop.verbs.forecast_data import ForecastPrepared, prepare_forecast
from learnloop.verbs.forecast_training import ForecastTraining, build_forecast_net, set_up_forecast

HORIZON, LENGTH = 4, 90


def series(count: int = 12, length: int = LENGTH) -> Panel:
    """Daily series with a weekly wave, of many heights and lengths."""
    rng = np.random.default_rng(0)
    frames = []
    for place in range(count):
        steps = np.arange(length - 2 * place)
        y = 10.0 ** (place % 4) * (5 + np.sin(2 * np.pi * steps / 7) + 0.1 * rng.normal(size=len(steps)))
        days = pd.date_range("2024-01-01", periods=len(steps), freq="D")
        frames.append(pd.DataFrame({"id": f"s{place}", "day": days, "y": y}))
    return read_panel(pd.concat(frames), time="day", group="id", target="y")


def prepared(panel: Panel, model: str = "dlinear", sets: tuple[str, ...] = (), **flags: Any) -> ForecastPrepared:
    plain = ("plan.name=plain", "watch.progress=off", "train.batch_size=8", "forecast.levels=[0.8]", *sets)
    return prepare_forecast(
        build(
            flags={"model.name": model, "forecast.horizon": HORIZON, "task.name": "forecast", **flags},
            sets=plain,
            objects={"data": panel},
            origin="argument",
        )
    )


def begun(made: ForecastPrepared, folder: Path, **more: Any) -> ForecastTraining:
    run = RunFolder.create(folder, "run", overwrite=False)
    return set_up_forecast(made, run, plan=None, budget=Budget(0.0, None, now=lambda: 0.0), **more)


def stop_at_three(event: Event) -> str | None:
    return "enough" if event.kind == "train" and event.step >= 3 else None


@pytest.mark.parametrize("model", FORECAST_MODELS)
def test_a_run_resumed_is_the_run_that_was_not_cut(model: str, tmp_path: Path) -> None:
    sets = ("train.average=0.9", "train.log_every=1", "train.evaluate_every=2", "forecast.lookback=8")
    made = prepared(series(4), model, sets, **{"train.steps": 6})
    whole = begun(made, tmp_path / "whole")
    whole.fit.run()
    cut = begun(made, tmp_path / "cut", watchers=[stop_at_three])
    assert cut.fit.run().step == 3
    resumed = set_up_forecast(made, RunFolder(tmp_path / "cut"), plan=None, budget=Budget(0.0, None))
    assert resumed.fit.resume() == () and resumed.fit.step == 3
    resumed.fit._stopped = ""  # a signal, which has no reason to stop of its own, is tried by the job's tests
    resumed.fit.run()
    for one, other in ((whole.task.weights(), resumed.task.weights()), (_best(whole), _best(resumed))):
        assert one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)
    assert whole.fit.best is not None and resumed.fit.best is not None
    assert whole.fit.best.value == resumed.fit.best.value
    untrained = build_forecast_net(made).state_dict()
    assert not all(torch.equal(untrained[key], value) for key, value in whole.task.weights().items())


def _best(training: ForecastTraining) -> dict[str, Any]:
    assert training.fit.best is not None and training.fit.best.weights is not None
    return training.fit.best.weights


def test_training_sees_no_value_of_the_later_parts(tmp_path: Path) -> None:
    """Values of the validation and test part are planted: a million times as large as any other."""
    panel = series()
    made = prepared(panel, sets=("series.stationary=none",), **{"train.steps": 5})
    planted = [rows.copy() for rows in panel.values]
    for rows, train, validation in zip(planted, made.train, made.validation, strict=True):
        rows[train:validation] *= 1e6
        rows[validation:] *= 1e12
    spoilt = replace(made, panel=replace(made.panel, values=tuple(planted)))
    clean, training = begun(made, tmp_path / "clean"), begun(spoilt, tmp_path / "spoilt")
    largest = max(rows[:end].max() for rows, end in zip(panel.values, made.train, strict=True))
    for _ in range(40):
        batch = next(training.fit.source)
        for key in (PAST, FUTURE, SCALE):
            assert float(batch[key].nan_to_num(0).max()) <= largest
    held_out = training.fit.validation
    assert held_out is not None
    values = [held_out._windows.batch(*part) for part in held_out._parts]  # type: ignore[attr-defined]
    truth = torch.cat([batch[FUTURE] for batch in values])
    assert float(truth.nan_to_num(0).max()) < 1e11 * largest, "nor does an evaluation see the test part"
    assert float(truth.nan_to_num(0).min()) > 1e5 and torch.isfinite(truth).all(), "it looks at the validation part"
    clean.fit.source.load_state_dict({"position": 40})
    for training_ in (clean, training):
        training_.fit.validation = None
        training_.fit.run()
    assert all(torch.equal(clean.task.weights()[key], value) for key, value in training.task.weights().items()), (
        "the later parts change nothing of what is learnt"
    )


def test_it_learns_and_keeps_the_best_weights(tmp_path: Path) -> None:
    made = prepared(series(), sets=("optimiser.lr=0.02",), **{"train.steps": 150})
    training = begun(made, tmp_path / "run")
    held_out = training.fit.validation
    assert held_out is not None
    before = held_out(training.task)
    training.fit.run()
    best = training.fit.best
    assert best is not None and best.value < 0.7 * before["loss"]
    training.task.load_weights(_best(training))
    assert held_out(training.task)["loss"] == best.value
    assert training.watched == 12 * (int(made.validation[0] - made.train[0]) - HORIZON + 1)


def test_windows_to_evaluate_are_thinned_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast_training, "MOST_WATCHED", 10)
    made = prepared(series(3, 200), sets=("forecast.windows=4",), **{"train.steps": 1})
    watched = begun(made, tmp_path / "run").watched
    every = 3 * (int(made.validation[0] - made.train[0]) - HORIZON + 1)
    assert every > 20 and 5 < watched <= 10


def test_the_mean_is_learnt_in_standard_deviations_and_all_else_in_errors_of_the_naive_method(tmp_path: Path) -> None:
    scales = {}
    for loss in ("mse", "mae"):
        made = prepared(series(2), sets=(f"forecast.loss={loss}", "series.stationary=none"), **{"train.steps": 1})
        training = begun(made, tmp_path / loss)
        assert training.task.loss_name == loss
        batch = next(training.fit.source)
        scales[loss] = float(batch[SCALE].max())
    y = [rows[:end, 0] for rows, end in zip(made.panel.values, made.train, strict=True)]
    assert scales["mse"] == pytest.approx(max(one.std() for one in y), rel=1e-6)
    assert scales["mae"] == pytest.approx(max(np.abs(one[7:] - one[:-7]).mean() for one in y), rel=1e-6)


def test_a_limit_in_minutes_keeps_time_for_what_follows(tmp_path: Path) -> None:
    made = prepared(series(4), **{"train.minutes": 2.0})
    left, said = {}, {}
    for name, after, passed in (("none", 0, 10), ("some", 40, 10), ("much", 500, 10), ("late", 0, 115)):
        run = RunFolder.create(tmp_path / name, "run", overwrite=False)
        budget = Budget(0.0, 2.0, now=lambda passed=passed: float(passed))  # type: ignore[misc]
        limit = set_up_forecast(made, run, plan=None, budget=budget, after=after).fit.limit
        assert isinstance(limit, TimeLimit)
        left[name], said[name] = limit.left, " ".join(budget.notes)
    assert 100 < left["none"] < 106 and left["none"] - left["some"] == pytest.approx(46, abs=1)
    assert left["much"] == pytest.approx(0.4 * 120, abs=1) and left["late"] == pytest.approx(0.1 * 120, abs=1)
    assert said["none"] == said["some"] == ""
    assert said["late"].startswith(
        "5.0 s of 120 s are left after the other methods: the network is trained for 12.0 s, and the whole command "
        "will take about 13"
    )
