"""Are forecasts as good as the published ones, and do intervals cover what they promise? Methods, and whole commands.

    LEARNLOOP_DATA=DIR python benchmarks/forecast.py [--only m4-hourly,m3-monthly,airline] [--methods theta,ets]
                                                     [--every 1] [--start 0] [--jobs 1] [--out FILE]
    LEARNLOOP_DATA=DIR python benchmarks/forecast.py --only m4-hourly-fit,etth1-512 [--seeds 0,1,2] [--set KEY=VALUE]

m4-hourly   414 series, horizon 48. The scoring is checked first: Naive2 must give sMAPE 18.383 and MASE 2.395, seasonal
            naive 13.912 and 1.193 (Makridakis et al., The M4 Competition, 2020, and the competition's tables).
m3-monthly  1428 series, horizon 18. Published sMAPE: Naive2 16.91, Theta 13.85 (Makridakis and Hibon, The
            M3-Competition, IJF 16, 2000). Intervals of 90 % as the method gives them, and conformal ones calibrated on
            the 18 months before, must cover 85 to 95 %.
airline     the last 36 months from the first 108 by `auto`, which sees those alone: MAPE at most 5.1 %.

Names of `forecast_cases.py` (etth1-dlinear-336, etth1-336, etth1-512, m4-hourly-fit, m3-monthly-fit, airline-fit,
monthly-10000) run `learnloop fit`; what they must reach stands there.

--every K takes every K-th series, from --start on: K runs make the whole. Figures of a part are
estimates and are not held against the published ones.
Python's start, imports and the fits are in the seconds.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from forecast_cases import CASES, run_case
from shared import machine, say, table, write_results, yes

from learnloop.data.panel import Panel, read_panel
from learnloop.scores.conformal import calibrate, coverage
from learnloop.scores.forecast_evaluation import evaluate_forecasts
from learnloop.scores.forecasts import Scored
from learnloop.verbs.auto_forecast import Auto
from learnloop.verbs.backtest import backtest
from learnloop.verbs.forecaster import MethodForecaster

LEVEL = 0.9
COVERS = (0.85, 0.95)
MAPE = 5.1
PUBLISHED = {
    "m4-hourly": {"naive2": {"smape": 18.383, "mase": 2.395}, "seasonal_naive": {"smape": 13.912, "mase": 1.193}},
    "m3-monthly": {"naive2": {"smape": 16.91}, "theta": {"smape": 13.85}},
}
DEFAULT = {
    "m4-hourly": ["naive2", "seasonal_naive", "dynamic_theta"],
    "m3-monthly": ["naive2", "seasonal_naive", "theta", "dynamic_theta", "ets", "ces"],
}


def panel_of(name: str, series: Sequence[np.ndarray], season: int, every: slice) -> Panel:
    """A panel of counted steps: these sets come without dates, or with dates that are not needed here."""
    kept = list(series)[every]
    return Panel(
        name,
        tuple(str(place) for place in range(len(kept))),
        tuple(np.arange(len(one)) for one in kept),
        tuple(one[:, None] for one in kept),
        ("value",),
        season=season,
    )


def m4_hourly(folder: Path, every: slice) -> Panel:
    parts = [pd.read_csv(folder / f"m4_hourly_{part}.csv.gz", index_col=0) for part in ("train", "test")]
    rows = zip(*(part.to_numpy(float) for part in parts), strict=True)
    return panel_of("m4-hourly", [np.concatenate([past[~np.isnan(past)], then]) for past, then in rows], 24, every)


def m3_monthly(folder: Path, every: slice) -> Panel:
    rows = pd.read_csv(folder / "m3.csv.gz", keep_default_na=False)
    texts = rows.loc[rows["freq"] == "monthly", "values"]
    return panel_of("m3-monthly", [np.array(text.split(), float) for text in texts], 12, every)


def compare(panel: Panel, horizon: int, methods: Sequence[str], jobs: int, every: int) -> list[dict[str, Any]]:
    """Each method on the last window; its intervals, and conformal ones from the window before it."""
    levels, found = (LEVEL,), []
    naive2: Scored | None = None
    for name in dict.fromkeys(["naive2", *methods]):
        began = time.perf_counter()
        test = backtest(panel, MethodForecaster.of(name, jobs), horizon, windows=2, levels=levels)
        seconds = time.perf_counter() - began
        last = int(test.window.max())
        now, before = test.windows([last]), test.windows(range(last))
        naive2 = now if naive2 is None else naive2
        evaluation = evaluate_forecasts(now, naive2)
        line: dict[str, Any] = {"method": name, "series": len(now.y), "seconds_of_two_windows": round(seconds, 1)}
        line |= {key: round(evaluation.metrics[key], 4) for key in ("smape", "mase", "owa", "coverage_90", "msis_90")}
        line["owa_interval"] = [round(bound, 4) for bound in evaluation.intervals.get("owa", (np.nan, np.nan))]
        for kind in ("series", "interval"):
            conformal = calibrate(before, levels, kind).recalibrated(now)
            line[f"conformal_{kind}"] = round(coverage(conformal)[LEVEL], 4)
            line[f"conformal_{kind}_msis"] = round(evaluate_forecasts(conformal).metrics["msis_90"], 4)
        published = PUBLISHED[panel.name].get(name, {}) if every == 1 else {}
        line["published"] = published
        line["reproduced"] = all(_near(line[key], value) for key, value in published.items()) if published else None
        line["notes"] = list(test.notes)
        say(f"{panel.name} {line}")
        found.append(line)
    return found


def _near(value: float, published: float) -> bool:
    """Within 1 %: the published methods were other programs."""
    return abs(value - published) <= 0.01 * published


def airline(folder: Path, jobs: int) -> dict[str, Any]:
    """`auto` on the first 108 months, scored on the 36 that follow; the contestants alone beside it."""
    panel = read_panel(folder / "airline_passengers.csv")
    past, y = panel.upto(108), panel.series()[108:]
    began, auto = time.perf_counter(), Auto(36, levels=(LEVEL,), jobs=jobs)
    auto.fit(past)
    found = auto.forecast(past, 36, (LEVEL,))
    assert auto.contest is not None
    mape = float(100 * (np.abs(y - found.mean[0]) / y).mean())
    alone = {
        str(name): round(
            float(100 * (np.abs(y - MethodForecaster.of(str(name)).forecast(past, 36).mean[0]) / y).mean()), 2
        )
        for name in auto.contestants
    }
    inside = (y >= found.lower[LEVEL][0]) & (y <= found.upper[LEVEL][0])
    return {
        "mape": round(mape, 2),
        "met": mape <= MAPE,
        "coverage_90": round(float(inside.mean()), 3),
        "weights": auto.weights,
        "said": auto.contest.sentence,
        "past_mase": {one.name: round(one.evaluation.metrics["mase"], 3) for one in auto.contest.table},
        "mape_alone": alone,
        "seconds": round(time.perf_counter() - began, 1),
    }


def lines_of(name: str, runs: Sequence[dict[str, Any]]) -> list[str]:
    """What a case reached, one line a goal of each run, and the verdict that the command printed."""
    lines = []
    for one in runs:
        if "failed" in one:
            lines.append(f"{name}, seed {one['seed']}: {one['failed']}")
            continue
        lines.append(f"{name}, seed {one['seed']}: {one['model']}, {one['figures']['wall_s']} s. {one['verdict']}")
        lines += [f"  {goal['goal']}: {_figure(goal['value'])}, met: {yes(goal['met'])}, aim: {yes(goal['aim_met'])}"
                  for goal in one["goals"]]  # fmt: skip
    return lines


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="m4-hourly,m3-monthly,airline")
    parser.add_argument("--methods", help="comma-separated names of METHODS; else those of the set")
    parser.add_argument("--every", type=int, default=1, help="every K-th series alone")
    parser.add_argument("--start", type=int, default=0, help="the first of them")
    parser.add_argument("--jobs", type=int, default=1, help="cores, 0 for all")
    parser.add_argument("--seeds", default="0", help="of the cases that run learnloop fit")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="passed on to learnloop fit")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    strange = [name for name in arguments.only.split(",") if name not in (*DEFAULT, "airline", *CASES)]
    if strange:
        parser.error(f"--only: {', '.join(strange)} not among {', '.join((*DEFAULT, 'airline', *CASES))}")
    folder = Path(os.environ["LEARNLOOP_DATA"]) / "timeseries"
    found: dict[str, Any] = {"machine": machine(), "every": arguments.every}
    part = slice(arguments.start, None, arguments.every)
    readers = {"m4-hourly": (m4_hourly, 48), "m3-monthly": (m3_monthly, 18)}
    more = tuple(part for setting in arguments.set for part in ("--set", setting))
    failed = 0
    for name in arguments.only.split(","):
        if name in CASES:
            found[name] = [run_case(CASES[name], int(seed), more) for seed in arguments.seeds.split(",")]
            failed += sum("failed" in one for one in found[name])
            print("\n".join(lines_of(name, found[name])))
            continue
        if name == "airline":
            found[name] = airline(folder, arguments.jobs)
            line = found[name]
            print(f"airline: MAPE {line['mape']} % (at most {MAPE}: {yes(line['met'])}). {line['said']}")
            continue
        read, horizon = readers[name]
        methods = arguments.methods.split(",") if arguments.methods else DEFAULT[name]
        found[name] = compare(read(folder, part), horizon, methods, arguments.jobs, arguments.every)
        head = ["method", "series", "smape", "mase", "owa", "coverage_90", "conformal_series", "conformal_interval"]
        print(f"\n{name}\n" + table(head, [[line[key] for key in head] for line in found[name]]))
    print(write_results("forecast", found, arguments.out))
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
