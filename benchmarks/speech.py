"""What the real command reaches on speech: strings of spoken digits written down, and single digits told apart.

    LEARNLOOP_DATA=DIR python benchmarks/speech.py [--only strings,digits] [--seeds 0,1,2] [--set KEY=VALUE]

strings: 310 strings of 3 to 5 digits, made of 300 recordings (takes 0 to 4 of six speakers and ten digits, each four
times) that are in no other part; learnt from strings of 480 other recordings (takes 5 to 12), the best weights chosen
by those of 120 more (takes 13 and 14). Word error rate: words to change, add or remove, a word of the true text.
digits: the 300 recordings one by one, learnt from the other 600.

Each case is one `learnloop fit ... --json`, once for each seed with an empty LEARNLOOP_HOME. Counted is the whole
command. The figure is the median over the seeds of the metric on the test part.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quality import Case, Goal, judge, number, one_run
from shared import machine, say, table, write_results, yes

CASES = {
    "strings": Case(
        "Spoken digit strings in 2 minutes",
        ("spoken_digit_strings", "--minutes", "2"),
        (Goal("wer", most=0.05), Goal("cer", most=0.03, aim=True)),
        120,
    ),
    "digits": Case(
        "Spoken digits, one by one", ("spoken_digits", "--minutes", "1"), (Goal("accuracy", least=0.95, aim=True),), 60
    ),
}


def measured(name: str, seeds: Sequence[int], more: Sequence[str]) -> tuple[dict[str, Any], list[list[object]], int]:
    """(what is kept, rows of the table, runs that failed) of one case."""
    case = CASES[name]
    runs = []
    for seed in seeds or case.seeds:
        say(f"{case.title}, seed {seed}")
        runs.append(one_run(case, seed, more))
        if "failed" in runs[-1]:
            say(runs[-1]["failed"])
    lines = judge(case, runs)
    rows = [
        [case.title, line["goal"], number(line["median"]), " ".join(number(value) for value in line["values"])]
        + [yes(line["met"])]
        for line in lines
    ]
    kept = {"title": case.title, "command": ["learnloop", "fit", *case.arguments(more)], "runs": runs, "goals": lines}
    return kept, rows, sum("failed" in one for one in runs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(CASES), help=", ".join(CASES))
    parser.add_argument("--seeds", default="", help="instead of each case's own, for example 0,1,2")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="passed on to learnloop fit")
    parser.add_argument("--out", type=Path, help="results file")
    arguments = parser.parse_args()
    names = arguments.only.split(",")
    strange = [name for name in names if name not in CASES]
    if strange:
        parser.error(f"--only: {', '.join(strange)} not among {', '.join(CASES)}")
    here, found, failed = machine(), {}, 0
    rows: list[list[object]] = []
    for name in names:
        seeds = [int(seed) for seed in arguments.seeds.split(",") if seed]
        found[name], more, lost = measured(name, seeds, arguments.set)
        rows += more
        failed += lost
    print(table(["case", "goal", "median", "each seed", "met"], rows))
    say(f"written to {write_results('speech', {'machine': here, 'cases': found}, arguments.out)}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
