"""What weights from other pictures are worth: pretrained on CIFAR-10 here, moved to 64-pixel flowers.

    LEARNLOOP_DATA=DIR python benchmarks/transfer.py [--minutes 10] [--counts 20,50,240] [--seeds 0,1,2,3,4] [--quick]
                                                     [--weights RUN] [--model fastnet] [--side 32]

1. Pretraining: one run on cifar10.npz, `--minutes` long, whole command. Its bundle is the weights; nothing is shipped.
2. For each number of pictures a class and each seed, the pictures are drawn from the training part of flowers64.npz by
   the seed (the same ones for every contestant), and each contestant is fitted on them with its own defaults: 15 % of
   them choose the best weights. Accuracy is on the 300 pictures of the official validation part, which no run sees.
   Everybody sees them at `--side` pixels: 32, the size of the pictures that the weights were trained on.
3. Contestants: features, finetune, full (weights of step 1), and from scratch the same network and `cnn`, the default.

The margin is the mean over the seeds of (accuracy with weights - accuracy of the better one from scratch), with two
95 % intervals: of the mean over seeds (Student's t: other pictures and initial weights), and over test pictures
(bootstrap of the pictures, all seeds together). The goal holds where both lie above zero.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from shared import machine, say, table, write_results

import learnloop as ll

QUIET = {"report.html": False, "report.baselines": False, "watch.progress": "off"}
WITH_WEIGHTS = ("features", "finetune", "full")
FROM_SCRATCH = ("scratch", "scratch cnn")
DRAWS = 10_000
T95 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
"""97.5 % quantiles of Student's t by degrees of freedom."""


@dataclass(frozen=True)
class Flowers:
    """Training pictures to draw from, and test pictures: uint8 [rows, 64, 64, 3]."""

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    def draw(self, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """`count` pictures of each class."""
        rng = np.random.default_rng([seed, count])
        rows = np.concatenate([rng.permutation(np.flatnonzero(self.y == k))[:count] for k in np.unique(self.y)])
        return self.x[rows], self.y[rows]


def flowers(folder: Path) -> Flowers:
    with np.load(folder / "flowers64.npz") as file:
        names = file["class_names"]
        return Flowers(file["x_train"], names[file["y_train"]], file["x_val"], names[file["y_val"]])


def pretrain(folder: Path, out: Path, minutes: float, model: str) -> ll.Run:
    """One run on CIFAR-10."""
    data = folder / "cifar10.npz"
    return ll.fit(data, model=model, minutes=minutes, out=out, set=QUIET)


def settings_of(contestant: str, weights: Path, model: str) -> tuple[str | None, dict[str, Any]]:
    if contestant in WITH_WEIGHTS:
        return None, {"model.weights": str(weights), "transfer.mode": contestant}
    return ("cnn" if contestant == "scratch cnn" else model), {}


def fitted(
    contestant: str, data: tuple[np.ndarray, np.ndarray], pictures: Flowers, weights: Path, seed: int, side: int
) -> Any:
    """(right or wrong for each test picture, seconds)."""
    model, values = settings_of(contestant, weights, ll.Run.open(weights).report["asked"]["model"])
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        run = ll.fit(
            data,
            model=model,
            seed=seed,
            out=Path(scratch) / "run",
            set={**QUIET, "data.test": 0.0, "data.image_size": side, **values},
        )
        answers = run.predict(pictures.x_test)["prediction"].to_numpy()
    return answers == pictures.y_test, time.perf_counter() - began


def over_seeds(differences: Sequence[float]) -> tuple[float, float]:
    """95 % interval of the mean, after Student's t."""
    n = len(differences)
    if n < 2:
        return -math.inf, math.inf
    half = T95[min(n - 1, max(T95))] * float(np.std(differences, ddof=1)) / math.sqrt(n)
    return float(np.mean(differences)) - half, float(np.mean(differences)) + half


def over_pictures(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """95 % interval of the mean difference; one, other: bool [seeds, pictures]. Pictures are drawn again."""
    each = one.mean(0) - other.mean(0)  # [pictures]
    drawn = np.random.default_rng(0).integers(0, len(each), (DRAWS, len(each)))
    low, high = np.quantile(each[drawn].mean(1), [0.025, 0.975])
    return float(low), float(high)


def compare(right: dict[str, np.ndarray]) -> dict[str, Any]:
    """Margins of each way with weights over the better one from scratch."""
    rival = max(FROM_SCRATCH, key=lambda name: right[name].mean())
    found: dict[str, Any] = {"rival": rival}
    for name in WITH_WEIGHTS:
        differences = right[name].mean(1) - right[rival].mean(1)  # [seeds]
        seeds, pictures = over_seeds(list(differences)), over_pictures(right[name], right[rival])
        found[name] = {
            "margin": float(differences.mean()),
            "over_seeds": seeds,
            "over_pictures": pictures,
            "outside": min(seeds[0], pictures[0]) > 0,
        }
    return found


def measure(count: int, seeds: Sequence[int], pictures: Flowers, weights: Path, side: int) -> dict[str, Any]:
    right: dict[str, list[np.ndarray]] = {}
    seconds: dict[str, list[float]] = {}
    for seed in seeds:
        data = pictures.draw(count, seed)
        for contestant in (*WITH_WEIGHTS, *FROM_SCRATCH):
            found, took = fitted(contestant, data, pictures, weights, seed, side)
            right.setdefault(contestant, []).append(found)
            seconds.setdefault(contestant, []).append(took)
            say(f"{count} a class, seed {seed}, {contestant}: {100 * found.mean():.1f} % in {took:.0f} s")
    stacked = {name: np.stack(rows) for name, rows in right.items()}
    return {
        "count": count,
        "accuracy": {name: [float(v) for v in rows.mean(1)] for name, rows in stacked.items()},
        "seconds": {name: float(np.median(values)) for name, values in seconds.items()},
        "margins": compare(stacked),
    }


def rows_of(results: Sequence[dict[str, Any]]) -> list[list[str]]:
    rows = []
    for found in results:
        for name in (*WITH_WEIGHTS, *FROM_SCRATCH):
            margin = found["margins"].get(name)
            shown = "" if margin is None else f"{100 * margin['margin']:+.1f}"
            intervals = ["", ""]
            if margin is not None:
                intervals = [
                    f"{100 * a:+.1f} to {100 * b:+.1f}" for a, b in (margin["over_seeds"], margin["over_pictures"])
                ]
            accuracy = f"{100 * float(np.mean(found['accuracy'][name])):.1f}"
            rows.append([str(found["count"]), name, accuracy, shown, *intervals, f"{found['seconds'][name]:.0f}"])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="fastnet", help="the network that is pretrained and moved")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--counts", default="20,50,240")
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--weights", type=Path, help="run folder of the pretraining: made, or used where it is there")
    parser.add_argument("--side", type=int, default=32, help="pixels to which the flowers are resized, for everybody")
    parser.add_argument("--quick", action="store_true", help="90 s of pretraining, 20 pictures a class, two seeds")
    given = parser.parse_args()
    counts = [20] if given.quick else [int(count) for count in given.counts.split(",")]
    seeds = [0, 1] if given.quick else [int(seed) for seed in given.seeds.split(",")]
    folder = Path(os.environ["LEARNLOOP_DATA"])
    with tempfile.TemporaryDirectory() as scratch:
        weights = given.weights or Path(scratch) / "cifar10"
        if (weights / "report.json").exists():
            base = ll.Run.open(weights)
        else:
            base = pretrain(folder, weights, 1.5 if given.quick else given.minutes, given.model)
        accuracy = base.metrics["test"]["accuracy"]
        say(f"pretrained: {100 * accuracy:.1f} % on CIFAR-10's test part")
        results = [measure(count, seeds, flowers(folder), weights, given.side) for count in counts]
    header = ["a class", "way", "accuracy %", "margin", "95 % over seeds", "95 % over pictures", "seconds"]
    say(table(header, rows_of(results)))
    whole = {
        "machine": machine(),
        "pretrained": accuracy,
        "model": base.report["asked"]["model"],
        "side": given.side,
        "seeds": seeds,
        "results": results,
    }
    if given.quick:
        say(json.dumps(whole["results"]))
    else:
        say(str(write_results("transfer", whole, None)))


if __name__ == "__main__":
    main()
