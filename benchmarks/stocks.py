"""What can be predicted of prices, and does the same pipeline find what can be predicted elsewhere?

    LEARNLOOP_DATA=DIR python benchmarks/stocks.py [--only stocks,temperature,bicycles,transformer] [--seed 0]
                                                   [--file CSV [--price COLUMN]] [--out FILE]

stocks       stocks_daily: the four shares together; return and volatility of the next day and the next 5
temperature  daily_min_temperatures: 1 and 5 days ahead
bicycles     bike_sharing_hourly: 1 and 24 hours ahead
transformer  ETTh1, oil temperature: 1, 6 and 24 hours ahead

Each is a walk forward over the second half of its time, learnt anew 8 times (learnloop.verbs.walk_forward). Goals:
of returns nothing may be clearly better than no change (if something is, look for the leak first); of everything else
a learner must be clearly better than every simple rule. --file walks any CSV of dates and closing prices.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from shared import machine, say, table, write_results, yes

from learnloop.verbs.learners import Learner, Network, Ridge
from learnloop.verbs.study import Study, study_prices, study_series
from learnloop.verbs.walk_verdict import Verdict

SECONDS = 120
"""Of one case."""


def bicycles(folder: Path) -> pd.DataFrame:
    """Rented bicycles an hour, with who rented them and the weather of the hours that are over."""
    rows = pd.read_csv(folder / "tabular" / "bike_sharing_hourly.csv.gz")
    rows.index = pd.to_datetime(rows["dteday"]) + pd.to_timedelta(rows["hr"], unit="h")
    return rows[["cnt", "casual", "registered", "temp", "hum", "windspeed"]]


def cases(
    folder: Path, file: str | None, price: str | None, learners: Sequence[Learner] | None, refits: int, seed: int
) -> dict[str, Callable[[], Study]]:
    """name -> the study."""

    def series(source: Any, target: str, horizons: tuple[int, ...]) -> Study:
        return study_series(source, horizons, target=target, learners=learners, refits=refits, seed=seed)

    return {
        "stocks": lambda: study_prices(
            file or "stocks_daily", price=price, learners=learners, refits=refits, seed=seed
        ),
        "temperature": lambda: series("daily_min_temperatures", "Temp", (1, 5)),
        "bicycles": lambda: series(bicycles(folder), "cnt", (1, 24)),
        "transformer": lambda: series("etth1", "OT", (1, 6, 24)),
    }


def met(verdict: Verdict) -> bool:
    """Returns: nothing clearly better than no change. All else: a learner clearly better than every rule."""
    return not verdict.predictable if verdict.kind == "return" else bool(verdict.beats)


def lines_of(name: str, verdict: Verdict) -> list[list[object]]:
    """Rows of the table."""
    found: list[list[object]] = []
    for one in verdict.table:
        low, high = one.interval
        skill = "the bar" if one is verdict.bar else f"{100 * one.skill:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
        right = "-"
        if one.right is not None and one.right_interval is not None and verdict.kind != "volatility":
            right = f"{100 * one.right:.1f} % ({100 * one.right_interval[0]:.1f} to {100 * one.right_interval[1]:.1f})"
        found.append([name, verdict.title, one.title, f"{one.rmse:.4g}", f"{one.mae:.4g}", skill, right])
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="stocks,temperature,bicycles,transformer")
    parser.add_argument("--file", help="instead of stocks_daily: a CSV of dates and closing prices")
    parser.add_argument("--price", help="its column of closing prices, where several are numbers")
    parser.add_argument("--refits", type=int, default=8)
    parser.add_argument("--quick", action="store_true", help="a smaller network, to see that all works")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    learners: list[Learner] | None = [Ridge(), Network(steps=20, members=1)] if arguments.quick else None
    folder = Path(os.environ.get("LEARNLOOP_DATA", "."))
    known = cases(folder, arguments.file, arguments.price, learners, arguments.refits, arguments.seed)
    names = arguments.only.split(",")
    strange = [name for name in names if name not in known]
    if strange:
        parser.error(f"--only: {', '.join(strange)} not among {', '.join(known)}")
    found: dict[str, Any] = {}
    shown: list[list[object]] = []
    here = machine()
    for name in names:
        began, cpu = time.perf_counter(), time.process_time()
        study = known[name]()
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        found[name] = {
            "seconds": round(seconds, 1),
            "cpu_seconds": round(cpu, 1),
            "in_time": seconds <= SECONDS,
            "sentence": study.sentence,
            "notes": list(study.notes),
            "questions": [verdict.to_json() | {"met": met(verdict)} for verdict in study.verdicts],
        }
        say(f"{name}, {seconds:.0f} s: {study.sentence}")
        for verdict in study.verdicts:
            shown += lines_of(name, verdict)
            say(f"  {verdict.sentence} As it should be: {yes(met(verdict))}")
    head = ["case", "question", "answered by", "RMSE", "MAE", "saves of the squared error", "direction right"]
    print(table(head, shown))
    print("\n".join(f"{name}: {found[name]['sentence']}" for name in names))
    say(f"written: {write_results('stocks', {'machine': here, 'cases': found}, arguments.out)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
