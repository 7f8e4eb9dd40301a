"""What the contestants of one DCGAN step share: pictures, arguments, clock, and the one line that is printed.

28x28 pictures, batches of 64, Adam with rate 2e-4 and beta1 0.5, cross entropy. A step: the discriminator learns from a
batch of real pictures and as many made ones, then the generator from those. Networks: 100 -> 7x7x128 -> 14x14x64 ->
28x28x1 by transposed convolutions 4x4 with batch norm and ReLU; convolutions 4x4 of 64 and 128 maps, batch norm on the
second, leaky ReLU, dense to one score. Imports NumPy alone: it runs inside every rival's environment.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from itertools import pairwise

import numpy as np

NOISE, BATCH, LR, BETA1 = 100, 64, 2e-4, 0.5
WEIGHTS = [759_681, 138_689]
"""100*6272 + 256 + 128*64*16 + 128 + 64*16+1; 64*16+64 + 64*128*16 + 256 + 6272+1. Batch norm: gain and shift."""
WARM = 1
"""Passes that are not counted."""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=20, help="batches in a pass")
    parser.add_argument("--passes", type=int, default=4, help=f"the first {WARM} not counted")
    given = parser.parse_args()
    given.passes = max(given.passes, WARM + 1)
    return given


def pictures(steps: int) -> np.ndarray:
    """uint8 [rows, 28, 28]: blobs at random places."""
    stream = np.random.default_rng(0)
    rows = steps * BATCH
    centre = stream.uniform(8, 20, (rows, 2, 1, 1))
    y, x = np.mgrid[:28, :28]
    away = (y - centre[:, 0]) ** 2 + (x - centre[:, 1]) ** 2  # [rows, 28, 28]
    return (255 * np.exp(-away / 20)).astype(np.uint8)


class Marks:
    """Clock readings at the ends of passes."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def mark(self) -> None:
        self.times.append(time.perf_counter())


def report(
    marks: Marks, given: argparse.Namespace, version: str, weights: list[int], losses: list[float], line: str = ""
) -> None:
    """The line that gan.py reads. Refuses other networks than were asked for, and losses that are no numbers."""
    if weights != WEIGHTS:
        raise SystemExit(f"{weights} weights, expected {WEIGHTS}: not the same networks")
    if not np.isfinite(losses).all():
        raise SystemExit(f"losses are {losses}")
    seconds = [end - start for start, end in pairwise(marks.times[WARM - 1 :])]
    speeds = [given.steps * BATCH / each for each in seconds]
    print(
        json.dumps(
            {
                "images_s": round(statistics.median(speeds), 1),
                "passes": [round(speed, 1) for speed in speeds],
                "version": version,
                "losses": losses,
                "plan": line,
            }
        ),
        flush=True,
    )
