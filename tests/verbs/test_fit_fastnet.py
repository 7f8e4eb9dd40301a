"""A network with a layer that is computed from the data, from the first step to the bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

import learnloop as ll
from learnloop.bundle.bundle import Bundle

FAST = {"plan.name": "plain", "plan.threads": 1, "report.baselines": False, "model.widths": [8, 8]}


def photos() -> tuple[np.ndarray, np.ndarray]:
    """Colour pictures whose neighbouring pixels are alike; the class is the brighter half."""
    rng = np.random.default_rng(0)
    x = np.repeat(np.repeat(rng.integers(0, 200, (120, 4, 4, 3)), 4, 1), 4, 2)  # [rows, 16, 16, 3]
    y = rng.integers(0, 2, 120)
    x[y == 1, :8] += 55
    x[y == 0, 8:] += 55
    return x.astype(np.uint8), np.array(["below", "above"])[y]


def whitening(run: ll.Run) -> torch.Tensor:
    return Bundle.load(run.path / "bundle").net.state_dict()["whiten.weight"]


def test_the_whitening_layer_is_fitted_kept_and_the_same_for_the_same_data(tmp_path: Path) -> None:
    x, y = photos()
    runs = [
        ll.fit((x, y), model="fastnet", steps=steps, out=tmp_path / f"run{steps}", set=FAST, batch_size=32)
        for steps in (2, 6)
    ]
    first, second = (whitening(run) for run in runs)
    assert torch.equal(first, second)  # not learnt: four more steps leave it alone
    identity = torch.eye(12).view(12, 3, 2, 2)
    assert not torch.equal(first[:12], identity) and torch.equal(first[:12], -first[12:])
