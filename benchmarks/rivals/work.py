"""The same work for every contestant: data, network, arguments, timing, and the one line that is printed.

Four cases:

    mlp       64 numbers -> 128 -> 64 -> 10 classes, ReLU; batch 32
    cnn       28x28x1; three blocks of conv 3x3 - ReLU - batch norm - max pool with 32, 64, 128 maps; dense 128,
              dropout 0.5, 10 classes; batch 128
    cnn3      the same network on 32x32x3
    resnet18  32x32x3; ResNet-18 (He et al. 2016, table 1) whose first layer is a 3x3 convolution without stride, with
              no pool behind it; 10 classes; batch 128

Adam, learning rate 1e-3, cross-entropy, a new order of the rows in every pass, data in memory. Every contestant trains
through its own documented loop for `passes` passes over `steps` batches. `Marks` notes the time at the end of every
pass; the figure is the median over all passes but the first `WARM`, divided by the steps of a pass. What a library does
around its steps (shuffling, callbacks, bookkeeping) is part of it; imports, set-up and the first passes are not.

This file imports nothing but NumPy at its top: it runs inside every rival's environment.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from itertools import pairwise
from typing import Any

import numpy as np

LR = 1e-3
CLASSES = 10
SHAPE: dict[str, tuple[int, ...]] = {
    "mlp": (64,), "cnn": (1, 28, 28), "cnn3": (3, 32, 32), "resnet18": (3, 32, 32)
}  # fmt: skip
BATCH = {"mlp": 32, "cnn": 128, "cnn3": 128, "resnet18": 128}
STEPS = {"mlp": 500, "cnn": 40, "cnn3": 20, "resnet18": 2}
PASSES = {"mlp": 8, "cnn": 5, "cnn3": 5, "resnet18": 4}
WARM = 1
"""Passes that are not counted: first steps allocate, compile and plan."""
PARAMETERS = {"mlp": 17226, "cnn": 241994, "cnn3": 357258, "resnet18": 11173962}
"""64*128+128 + 128*64+64 + 64*10+10; 320+64 + 18496+128 + 73856+256 + 1152*128+128 + 1290. Batch norm: weight, bias.
cnn3: 896 instead of 320, 2048*128 instead of 1152*128. resnet18: the published 11,689,512 with 1,728 instead of 9,408
in the first layer and 5,130 instead of 513,000 in the last."""


def arguments(parser: argparse.ArgumentParser | None = None) -> argparse.Namespace:
    """--case, --steps (in a pass), --passes; 0 means the case's own."""
    parser = parser or argparse.ArgumentParser()
    parser.add_argument("--case", choices=list(BATCH), required=True)
    parser.add_argument("--steps", type=int, default=0, help="batches in a pass")
    parser.add_argument("--passes", type=int, default=0, help=f"passes, the first {WARM} not counted")
    given = parser.parse_args()
    given.steps = given.steps or STEPS[given.case]
    given.passes = max(given.passes or PASSES[given.case], WARM + 1)
    given.batch = BATCH[given.case]
    return given


def data(case: str, steps: int, *, channels_last: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """(x float32, y int64): one pattern a class, and noise; steps * batch rows.

    x [rows, 64], or [rows, c, h, w] ([rows, h, w, c] for `channels_last`), about 0 on average, 1 wide.
    """
    stream = np.random.default_rng(0)
    rows = steps * BATCH[case]
    shape = SHAPE[case]
    if channels_last and len(shape) == 3:
        shape = (*shape[1:], shape[0])
    y = stream.integers(0, CLASSES, rows)
    patterns = stream.normal(size=(CLASSES, *shape))
    x = 0.5 * patterns[y] + stream.normal(0, 0.87, (rows, *shape))
    return x.astype(np.float32), y.astype(np.int64)


def torch_net(case: str) -> Any:
    """The network in plain torch (torch_nets.py), the same initial weights every time."""
    import torch
    import torch_nets

    torch.manual_seed(0)
    return torch_nets.build(case)


class Marks:
    """Clock readings at the ends of passes."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def mark(self) -> None:
        self.times.append(time.perf_counter())

    def milliseconds(self, steps: int) -> list[float]:
        """Of a step, one figure for each counted pass."""
        ends = self.times[WARM - 1 :]
        return [1000 * (end - start) / steps for start, end in pairwise(ends)]


def accuracy(net: Any, x: np.ndarray, y: np.ndarray, rows: int = 1000) -> float:
    """Share of the first training rows that a torch network gets right: shows that it was trained at all."""
    import torch

    net = net.eval().to("cpu")
    with torch.no_grad():
        guess = net(torch.from_numpy(x[:rows])).argmax(1).numpy()
    return float((guess == y[:rows]).mean())


def report(
    marks: Marks, given: argparse.Namespace, *, version: str, parameters: int, accuracy: float, **more: Any
) -> None:
    """The line that loop.py reads. Refuses other work than was asked for."""
    if parameters != PARAMETERS[given.case]:
        raise SystemExit(f"{parameters} parameters, expected {PARAMETERS[given.case]}: not the same network")
    if len(marks.times) != given.passes:
        raise SystemExit(f"{len(marks.times)} passes were seen, expected {given.passes}")
    passes = marks.milliseconds(given.steps)
    milliseconds = statistics.median(passes)
    line = {
        "ms": round(milliseconds, 5),
        "rows_s": round(1000 * given.batch / milliseconds, 1),
        "version": version,
        "passes_ms": [round(ms, 5) for ms in passes],
        "parameters": parameters,
        "accuracy": round(accuracy, 4),
    }
    print(json.dumps({**line, **more}), flush=True)
