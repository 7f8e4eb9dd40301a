"""What is measured of a network that makes data, and what it stands beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from learnloop.contracts import LENGTH, X_CAT, Batch, InputSpec, X
from learnloop.scores.bootstrap import interval, resampled_means
from learnloop.seeds import numpy_stream
from learnloop.verbs.generative_data import GenerativePrepared

MOST_SCORED = 20_000
"""Rows of a part that are encoded and scored, its first ones."""
MOST_FITTED = 20_000
"""Training rows that PCA and IsolationForest are fitted to."""
Terms = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Measured:
    """metrics    name -> value, of `rows` rows or pictures that were held out, or of so many samples
    intervals  name -> (low, high), bootstrap 95 %, where a figure is a mean over rows
    baselines  rows of report.json's "baselines"
    found      keys of report.json's "generative"
    verdict    what the figures say, in sentences
    threshold  of the anomaly score
    means      of the codes of each class [classes, k]
    samples    what was made, as the bundle gives it, so that nothing is made twice
    """

    metrics: dict[str, float]
    rows: int
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    baselines: list[dict[str, Any]] = field(default_factory=list)
    found: dict[str, Any] = field(default_factory=dict)
    verdict: str = ""
    threshold: float | None = None
    means: np.ndarray | None = None
    samples: Any = None


def first(batch: Batch, rows: int) -> Batch:
    """The first rows of a part."""
    return {key: values[:rows] for key, values in batch.items()}


def some_rows(prepared: GenerativePrepared, part: str, most: int) -> np.ndarray:
    """int64: at most `most` rows of a part, drawn by the seed, in order."""
    count = len(prepared.tensors[part][X])
    if count <= most:
        return np.arange(count)
    return np.sort(numpy_stream(prepared.recipe.seed, "rows", part).permutation(count)[:most])


def taken(batch: Batch, rows: np.ndarray) -> Batch:
    """Rows of a part, by place."""
    places = torch.from_numpy(rows)
    return {key: values[places] for key, values in batch.items()}


def means_of(terms: Terms, seed: int) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """(mean, bootstrap 95 % interval) of figures that are means over rows [n]."""
    names = list(terms)
    stack = np.stack([np.asarray(terms[name], np.float64) for name in names], axis=1)  # [n, k]
    drawn = resampled_means(stack, numpy_stream(seed, "scores", "bootstrap"))
    found = {name: interval(drawn[:, place]) for place, name in enumerate(names)}
    return (
        {name: float(value) for name, value in zip(names, stack.mean(axis=0), strict=True)},
        {name: pair for name, pair in found.items() if pair is not None},
    )


def baseline(name: str, title: str, metrics: Mapping[str, float], seconds: float, note: str = "") -> dict[str, Any]:
    """A row of report.json's baselines."""
    return {
        "name": name,
        "title": title,
        "metrics": dict(metrics),
        "intervals": {},
        "seconds": round(seconds, 3),
        "note": note,
        "parts": {},
    }


def flat(batch: Batch, spec: InputSpec) -> np.ndarray:
    """float32 [n, d]: what PCA and IsolationForest see of a part. Pixels in 0..1; numbers, then categories one-hot;
    all steps of a series, as many as the longest training row has."""
    columns = [numbers_of(batch[X].numpy(), spec)]
    for place, size in enumerate(spec.cardinalities):
        columns.append(np.eye(size, dtype=np.float32)[batch[X_CAT].numpy()[:, place]])
    return np.concatenate(columns, axis=1)


def numbers_of(x: np.ndarray, spec: InputSpec) -> np.ndarray:
    """float32 [n, numbers]: pixels in 0..1, the numbers of a table, the steps of a series one behind the other."""
    if spec.kind == "image":
        return (x.reshape(len(x), -1) / 255.0).astype(np.float32)
    if spec.kind == "series":
        missing = max(spec.length - x.shape[1], 0)
        x = np.pad(x[:, : spec.length], ((0, 0), (0, missing), (0, 0)))
    return x.reshape(len(x), -1).astype(np.float32)


def there_of(batch: Batch, spec: InputSpec) -> np.ndarray:
    """float32 [n, numbers]: 1 where a number is there, 0 behind the end of a series."""
    rows = len(batch[X])
    if spec.kind != "series":
        return np.ones((rows, batch[X][0].numel() if rows else 0), np.float32)
    steps = np.arange(spec.length)[None, :] < batch[LENGTH].numpy()[:, None]  # [n, time]
    return np.repeat(steps, spec.numbers, axis=1).astype(np.float32)
