"""What `learnloop fit` reaches on series: commands, what they must reach, and how that is measured.

etth1-dlinear-336  DLinear as published: standardised, 336 steps of the past, 96 ahead, mean squared error over every
                   window of the 4 test months: 0.375 within 2 % (Zeng et al. 2023, table 2)
etth1-336, -512    the default network, so many steps of the past: at most 0.385, aim 0.36
m4-hourly-fit      the default, 9.5 minutes: OWA at most 0.55, aim 0.44 and MASE 0.80, the command within 10 minutes
m3-monthly-fit     the default: at least as good as automatic ETS and Theta of the same run by MASE and sMAPE;
                   intervals of 90 % cover 85 to 95 %
airline-fit        the default, the last 36 months: MAPE at most 5.1 %
monthly-10000      10,000 made monthly series of length 120 (`made_series`), fitted and forecast: 15 minutes, 6 GB
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from shared import Ran, learnloop, run

COVERS = (0.85, 0.95)
ETTH1_TRAIN, ETTH1_BEFORE, ETTH1_TEST = 8640, 11520, 14400
"""Hours: 12 months of 30 days to train, 4 to choose, 4 to test."""


@dataclass(frozen=True)
class Goal:
    """name: a key of the figures; least, most: bounds; aim: hoped for, judged in the direction of the bound."""

    name: str
    most: float | None = None
    least: float | None = None
    aim: float | None = None

    def judge(self, figures: dict[str, Any]) -> dict[str, Any]:
        """What was asked and whether it was met; None where the figure is not there."""
        value = figures.get(self.name)
        if value is None:
            return {"goal": self.told(), "value": None, "met": None, "aim_met": None}
        high = self.most is None or value <= self.most
        low = self.least is None or value >= self.least
        aimed = None if self.aim is None else value <= self.aim if self.most is not None else value >= self.aim
        return {"goal": self.told(), "value": value, "met": bool(high and low), "aim_met": aimed}

    def told(self) -> str:
        parts = [f"at least {self.least:g}"] if self.least is not None else []
        parts += [f"at most {self.most:g}"] if self.most is not None else []
        parts += [f"aim {self.aim:g}"] if self.aim is not None else []
        return f"{self.name} {', '.join(parts)}"


@dataclass(frozen=True)
class FitCase:
    """arguments: of `learnloop fit`, {file} is filled with what `make` wrote; figures: from run folder and report.
    predict: `learnloop predict` writes the forecasts of all series afterwards, which counts."""

    title: str
    arguments: tuple[str, ...]
    goals: tuple[Goal, ...]
    figures: Callable[[Path, dict[str, Any], dict[str, Any]], dict[str, Any]]
    make: Callable[[Path], Path] | None = None
    predict: bool = False


def metrics_of(folder: Path, report: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    """The test metrics of what is served."""
    return dict(result["metrics"]["test"])


def beside_simple(folder: Path, report: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    """The same, and how far above the better of automatic ETS and Theta each error is (0: as good)."""
    found = metrics_of(folder, report, result)
    rivals = {one["name"]: one["metrics"] for one in report["baselines"]}
    for metric in ("mase", "smape"):
        best = [rivals[name][metric] for name in ("ets", "theta", "dynamic_theta") if metric in rivals.get(name, {})]
        if best and metric in found:
            found[f"{metric} above ETS and Theta"] = found[metric] - min(best)
    return found


def standardised_mse(folder: Path, report: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    """`mean ((y - f) / s)^2` over every window of the test months and all 7 columns, s the deviation of each column in
    the training months: what the papers tell. The point forecast is that of the network alone, its middle quantile."""
    import torch

    from learnloop.bundle.forecast import ForecastBundle
    from learnloop.data.panel import read_panel
    from learnloop.data.windows import PanelWindows, every_origin
    from learnloop.optim.plan import PLAIN
    from learnloop.tasks.forecast import QUANTILES, ForecastTask, middle_of

    bundle = ForecastBundle.load(folder / "bundle")
    spec, net = bundle.about.spec, bundle.net
    if spec is None or net is None or bundle.features is None:
        raise ValueError("the bundle must hold a network")
    panel = read_panel("etth1").upto(ETTH1_TEST)
    if bundle.chains is not None:  # a shift and a factor: the error over the deviation stays the same
        assert bundle.about.series["stationary"] == "standardise"
        panel = bundle.chains.apply(panel)
    scale = torch.as_tensor(panel.values[0][:ETTH1_TRAIN].std(axis=0), dtype=torch.float64)  # [columns]
    features = bundle.features.apply(panel, spec.horizon)
    windows = PanelWindows(panel, spec.lookback, spec.horizon, features=features)
    first, stop = np.array([ETTH1_BEFORE]), np.array([ETTH1_TEST - spec.horizon + 1])
    series, origins = every_origin(first, stop)
    task, squares, sizes = ForecastTask(net, spec, plan=PLAIN), 0.0, 0.0
    with torch.inference_mode():
        for some, at in zip(series.split(64), origins.split(64), strict=True):
            batch = windows.batch(some, at)
            middle = task.predict(batch)[QUANTILES][..., middle_of(spec.quantiles)]  # [batch, horizon, columns]
            error = (middle.double() - batch["future"].double()) / scale
            squares += float(error.square().mean((1, 2)).sum())
            sizes += float(error.abs().mean((1, 2)).sum())
    return {"mse": squares / len(series), "mae": sizes / len(series), "windows": len(series)}


def made_series(count: int, months: int, seed: int = 0) -> pd.DataFrame:
    """Long table `series, month, sales` of monthly series that look like those of a shop.

    y_t = level exp(growth t / 12) (1 + strength s_(t mod 12)) exp(u_t), u_t = 0.6 u_(t-1) + noise e_t; level is
    log-normal(5, 1.5), growth normal(0.03, 0.08) a year, strength uniform(0, 0.5), s a mixture of the first three waves
    of a year with mean square 1, noise uniform(0.02, 0.2).
    """
    rng = np.random.default_rng(seed)
    t = np.arange(months)
    level = rng.lognormal(5, 1.5, (count, 1))
    growth, strength = rng.normal(0.03, 0.08, (count, 1)), rng.uniform(0, 0.5, (count, 1))
    noise = rng.uniform(0.02, 0.2, (count, 1)) * rng.normal(size=(count, months))
    turns = 2 * np.pi * np.outer([1, 2, 3], t) / 12  # [3, months]
    waves = np.concatenate([np.sin(turns), np.cos(turns)])  # [6, months]
    mix = rng.normal(size=(count, 6))
    season = mix @ waves / np.sqrt((mix**2).sum(axis=1, keepdims=True) / 2)  # [count, months], mean square 1
    u = np.zeros((count, months))
    for step in range(1, months):
        u[:, step] = 0.6 * u[:, step - 1] + noise[:, step]
    values = level * np.exp(growth * t / 12) * np.maximum(1 + strength * season, 0.05) * np.exp(u)
    names = np.array([f"s{number:05d}" for number in range(count)])
    stamps = pd.date_range("2012-01-01", periods=months, freq="MS").strftime("%Y-%m-%d").to_numpy()
    return pd.DataFrame(
        {"series": np.repeat(names, months), "month": np.tile(stamps, count), "sales": values.ravel().round(3)}
    )


def write_made(folder: Path, count: int = 10_000, months: int = 120) -> Path:
    path = folder / "monthly.csv"
    made_series(count, months).to_csv(path, index=False)
    return path


_ETTH1 = ("etth1", "--horizon", "96", "--set", "forecast.loss=mse", "--set", "forecast.serve=network")
_BESIDE = ("--set", "forecast.methods=[seasonal_naive]")
_WITHIN = Goal("wall_s", most=600)
_COVER = Goal("coverage_90", least=COVERS[0], most=COVERS[1])

CASES: dict[str, FitCase] = {
    "etth1-dlinear-336": FitCase(
        "ETTh1, DLinear, 336",
        (
            *_ETTH1, *_BESIDE, "--set", "forecast.lookback=336", "--model", "dlinear", "--set", "model.scale=none",
            "--set", "series.stationary=standardise",
        ),
        (Goal("mse", least=0.98 * 0.375, most=1.02 * 0.375),),
        standardised_mse,
    ),
    "etth1-336": FitCase(
        "ETTh1, the default network, 336",
        (*_ETTH1, *_BESIDE, "--set", "forecast.lookback=336"),
        (Goal("mse", most=0.385, aim=0.36),),
        standardised_mse,
    ),
    "etth1-512": FitCase(
        "ETTh1, the default network, 512",
        (*_ETTH1, *_BESIDE, "--set", "forecast.lookback=512"),
        (Goal("mse", most=0.385, aim=0.36),),
        standardised_mse,
    ),
    "m4-hourly-fit": FitCase(
        "M4 hourly, the default",
        ("m4_hourly", "--minutes", "9.5"),
        (Goal("owa", most=0.55, aim=0.44), Goal("mase", most=1.193, aim=0.80), _WITHIN),
        metrics_of,
    ),
    "m3-monthly-fit": FitCase(
        "M3 monthly, the default",
        ("m3_monthly", "--minutes", "9.5"),
        (Goal("mase above ETS and Theta", most=0.0), Goal("smape above ETS and Theta", most=0.0), _COVER),
        beside_simple,
    ),
    "airline-fit": FitCase(
        "Airline passengers, the last 36 months",
        ("airline_passengers", "--horizon", "36", "--set", "forecast.tests=1"),
        (Goal("mape", most=5.1, aim=4.4),),
        metrics_of,
    ),
    "monthly-10000": FitCase(
        "10,000 monthly series of 120",
        ("{file}", "--time", "month", "--target", "sales", "--group", "series", "--horizon", "12", "--minutes", "14"),
        (Goal("wall_s", most=900), Goal("peak_gb", most=6.0)),
        metrics_of,
        write_made,
        predict=True,
    ),
}  # fmt: skip


def run_case(case: FitCase, seed: int, more: tuple[str, ...] = (), timeout: float = 3600) -> dict[str, Any]:
    """One `learnloop fit` in a process of its own with an empty home: its figures, the goals, what it took."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        file = case.make(Path(folder)) if case.make is not None else None
        arguments = [part.format(file=file) for part in case.arguments]
        command = [*learnloop(), "fit", *arguments, *more, "--seed", str(seed), "--out", str(out), "--json"]
        after = [*learnloop(), "predict", str(out), "--out", str(Path(folder) / "forecasts.csv")]
        ran = []
        for one in (command, after) if case.predict else (command,):
            ran.append(run(one, env={"LEARNLOOP_HOME": str(Path(folder) / "home")}, timeout=timeout))
            if ran[-1].code:
                told = f"exit code {ran[-1].code}: {ran[-1].stderr[-1500:]}"
                return {"seed": seed, "failed": told, "command": one[1:]}
        result = ran[0].last_json()
        report = json.loads((out / "report.json").read_text(encoding="utf-8"))
        return judged(case, seed, ran, case.figures(out, report, result), report, result)


def judged(
    case: FitCase,
    seed: int,
    ran: Sequence[Ran],
    figures: dict[str, Any],
    report: dict[str, Any],
    result: dict[str, Any],
) -> dict[str, Any]:
    """What is written down of a run: its commands together, and the largest of their memories."""
    wall, peak = sum(one.wall for one in ran), max(one.peak for one in ran)
    figures = {**figures, "wall_s": round(wall, 1), "peak_gb": round(peak / 1e9, 3)}
    return {
        "seed": seed,
        "model": result["model"],
        "figures": figures,
        "goals": [goal.judge(figures) for goal in case.goals],
        "verdict": report["verdict"],
        "weights": report.get("forecast", {}).get("weights", {}),
        "baselines": {one["name"]: one["metrics"] for one in report["baselines"]},
        "steps": result["steps"],
        "cpu_s": round(sum(one.cpu for one in ran), 1),
    }
