"""Does the flag for pictures unlike the training data work? MNIST against Fashion-MNIST and the other way round.

    LEARNLOOP_DATA=DIR python benchmarks/outliers.py [--epochs 1] [--rows 2000] [--only mnist]

`learnloop fit DATA --epochs N`, then `outlier_score` of test pictures of the same data (never trained on, and not used
for the limit) and of test pictures of the other. AUROC: the chance that a strange picture scores higher than a
familiar one; it must be at least 0.95. Also: the share of each that is flagged, and what the score costs beside the
prediction.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from shared import learnloop, machine, run, say, table, write_results, yes

GOAL = 0.95
PAIRS = {"mnist": "fashion-mnist", "fashion-mnist": "mnist"}
_TEST = 60_000
"""The test pictures come after the training pictures."""
_TURNS = 5


def measure(bundle_path: Path, familiar: str, strange: str, rows: int) -> dict[str, Any]:
    """AUROC, shares flagged, and the cost of the score in share of the prediction's time."""
    import numpy as np
    from sklearn.metrics import roc_auc_score

    from learnloop.bundle.bundle import Bundle
    from learnloop.data.read import read

    bundle = Bundle.load(bundle_path)
    parts = [read(name).take(np.arange(_TEST, _TEST + rows)) for name in (familiar, strange)]
    scores = [bundle.answers(part)["outlier_score"] for part in parts]
    truth = np.repeat([0, 1], rows)
    seconds: dict[str, list[float]] = {"outputs": [], "answers": []}
    for _ in range(_TURNS):  # in turns: other processes slow both alike
        for name, call in (("outputs", bundle.outputs), ("answers", bundle.answers)):
            began = time.perf_counter()
            call(parts[0])
            seconds[name].append(time.perf_counter() - began)
    ratios = [after / before for after, before in zip(seconds["answers"], seconds["outputs"], strict=True)]
    return {
        "trained_on": familiar,
        "strange": strange,
        "auroc": round(float(roc_auc_score(truth, np.concatenate(scores))), 4),
        "flagged_familiar": float((scores[0] > 1).mean()),
        "flagged_strange": float((scores[1] > 1).mean()),
        "cost": round(statistics.median(ratios) - 1, 4),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", default="1")
    parser.add_argument("--steps", help="instead of --epochs")
    parser.add_argument("--rows", type=int, default=2000, help="test pictures of each kind")
    parser.add_argument("--only", choices=PAIRS, help="trained on this data alone")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="passed on to learnloop fit")
    parser.add_argument("--out", type=Path, help="results file")
    arguments = parser.parse_args()
    limit = ["--steps", arguments.steps] if arguments.steps else ["--epochs", arguments.epochs]
    sets = [part for value in ("report.baselines=false", *arguments.set) for part in ("--set", value)]
    here, found = machine(), []
    with tempfile.TemporaryDirectory() as temporary:
        for familiar in [arguments.only] if arguments.only else PAIRS:
            say(f"fit {familiar}")
            folder = Path(temporary) / familiar
            ran = run([*learnloop(), "fit", familiar, *limit, *sets, "--json", "--out", str(folder)])
            if ran.code:
                raise SystemExit(f"the fit ended with code {ran.code}\n{ran.stderr[-3000:]}")
            accuracy = ran.last_json()["metrics"]["test"]["accuracy"]
            line = measure(folder / "bundle", familiar, PAIRS[familiar], arguments.rows)
            found.append({**line, "accuracy": accuracy, "met": line["auroc"] >= GOAL})
    met = all(line["met"] for line in found)
    facts = {"limit": limit, "rows": arguments.rows, "machine": here, "met": met, "pairs": found}
    where = write_results("outliers", facts, arguments.out)
    head = ["trained on", "strange", "AUROC", "at least 0.95", "familiar flagged", "strange flagged"]
    head += ["cost", "accuracy"]
    rows = [
        [
            line["trained_on"], line["strange"], line["auroc"], yes(line["met"]), f"{line['flagged_familiar']:.1%}",
            f"{line['flagged_strange']:.1%}", f"{line['cost']:+.1%}", line["accuracy"],
        ]
        for line in found
    ]  # fmt: skip
    print(table(head, rows))
    say(f"written: {where}")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
