"""Series, drafts and runs that the tests of forecasting share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import learnloop as ll
from learnloop.recipe.build import build
from learnloop.verbs.run import Run

LIGHT = ["seasonal_naive", "drift"]
"""Methods that need no library: importing it takes seconds."""
PLAIN = {"plan.name": "plain", "report.html": False, "forecast.methods": LIGHT, "train.batch_size": 8}


def months(count: int, *, season: float = 10.0, trend: float = 0.5, noise: float = 1.0, seed: int = 0) -> np.ndarray:
    rng, t = np.random.default_rng(seed), np.arange(count)
    return 100 + trend * t + season * np.sin(2 * np.pi * t / 12) + rng.normal(0, noise, count)


def sales(folder: Path) -> Path:
    """Ten years of one monthly series."""
    path = folder / "sales.csv"
    stamps = pd.date_range("2010-01-01", periods=120, freq="MS")
    pd.DataFrame({"month": stamps.strftime("%Y-%m-%d"), "sales": months(120).round(3)}).to_csv(path, index=False)
    return path


def shops(folder: Path) -> Path:
    """Twelve shops below each other, ten years each, with columns beside the target."""
    stamps = pd.date_range("2010-01-01", periods=120, freq="MS").strftime("%Y-%m-%d")
    frames = [
        pd.DataFrame({"shop": f"s{k:02}", "month": stamps, "sales": months(120, seed=k) * (k + 1), "visits": k + 1.0})
        for k in range(12)
    ]
    path = folder / "shops.csv"
    pd.concat(frames).to_csv(path, index=False)
    return path


def fit(data: object, out: Path, model: str = "dlinear", **more: Any) -> Run:
    settings = {**PLAIN, **more.pop("set", {})}
    if model in LIGHT:
        settings.pop("train.batch_size")
    elif "minutes" not in more:
        more.setdefault("steps", 6)
    return ll.fit(data, task="forecast", out=out, model=model, set=settings, progress="off", **more)


def weights(run: Run) -> bytes:
    return (run.path / "bundle" / "model.safetensors").read_bytes()


def draft(path: object, **values: Any) -> Any:
    flags = {"task.name": "forecast", "forecast.methods": LIGHT, **values}
    return build(flags={**flags, "data.path": str(path)}, origin="argument")
