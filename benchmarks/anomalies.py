"""Does an autoencoder that has seen one digit alone tell the other nine from it? MNIST, each digit in turn.

    LEARNLOOP_DATA=DIR python benchmarks/anomalies.py [--models deep_autoencoder,conv_autoencoder] [--steps 800]

`learnloop fit mnist --task autoencode --model M --set generate.normal=[D]` for D = 0 .. 9: trained on the training
pictures of D, measured on all 10,000 test pictures. Area under the ROC curve of the score, averaged over the digits: at
least 0.95 for the better of the autoencoders, aimed at 0.975; beside PCA (as many components as the code has numbers)
and IsolationForest on the same pictures.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from shared import learnloop, machine, run, say, table, write_results, yes

GOAL, AIM = 0.95, 0.975
MODELS = {
    "deep_autoencoder": ("model.code=8", "optimiser.lr=0.002"),
    "conv_autoencoder": ("model.code=8",),
    "denoising_autoencoder": ("model.code=16", "model.amount=0.4"),
}
"""Model -> what is set beside its defaults. A short code is what makes strange pictures hard to press into it."""
STEPS = 800


def measure(data: str, model: str, digit: str, steps: int, sets: list[str]) -> dict[str, Any]:
    """Areas under the ROC curve of the network and, beside it, of what it is compared with."""
    asked = [f"generate.normal=[{json.dumps(digit)}]", *MODELS.get(model, ()), *sets]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "run"
        command = [*learnloop(), "fit", data, "--task", "autoencode", "--model", model, "--steps", str(steps)]
        command += [part for value in asked for part in ("--set", value)]
        ran = run([*command, "--json", "--out", str(folder)])
        if ran.code:
            raise SystemExit(f"the fit ended with code {ran.code}\n{ran.stderr[-3000:]}")
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    methods = report["generative"]["anomalies"]["methods"]
    return {
        "model": model,
        "digit": digit,
        "areas": {method["name"]: round(method["roc_auc"], 4) for method in methods},
        "flagged": methods[0]["flagged"],
        "false_alarms": methods[0]["false_alarms"],
        "seconds": round(ran.wall, 1),
    }


def averages(lines: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Model -> method -> area, the mean over the digits."""
    found: dict[str, dict[str, float]] = {}
    for model in dict.fromkeys(line["model"] for line in lines):
        areas = [line["areas"] for line in lines if line["model"] == model]
        found[model] = {name: round(statistics.fmean(area[name] for area in areas), 4) for name in areas[0]}
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--models", default=",".join(MODELS), help="names, with commas")
    parser.add_argument("--digits", default="0,1,2,3,4,5,6,7,8,9", help="classes, with commas")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="passed on to learnloop fit")
    parser.add_argument("--out", type=Path, help="results file")
    arguments = parser.parse_args()
    here, lines = machine(), []
    for model in arguments.models.split(","):
        for digit in arguments.digits.split(","):
            line = measure(arguments.data, model, digit, arguments.steps, arguments.set)
            say(f"{model} {digit}: {line['areas']} in {line['seconds']} s")
            lines.append(line)
    means = averages(lines)
    best = max(means, key=lambda model: means[model]["network"])
    met = means[best]["network"] >= GOAL
    facts = {"steps": arguments.steps, "set": arguments.set, "models": MODELS, "machine": here}
    where = write_results(
        "anomalies", {**facts, "goal": GOAL, "aim": AIM, "met": met, "means": means, "lines": lines}, arguments.out
    )
    names = list(means[best])
    head = ["model", *names, f"at least {GOAL}", f"at least {AIM}"]
    rows = [
        [model, *(areas.get(name, "-") for name in names), yes(areas["network"] >= GOAL), yes(areas["network"] >= AIM)]
        for model, areas in means.items()
    ]
    print(table(head, rows))
    say(f"written: {where}")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
