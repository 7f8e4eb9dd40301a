"""Facts about a column of images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from learnloop.data.dataset import Dataset
from learnloop.data.schema import Field

_SAMPLE = 5000
_CHUNK = 256
_SHEET_CLASSES = 12
_SHEET_EACH = 8
_SHEET_PLAIN = 40


def image_facts(dataset: Dataset, field: Field, rng: np.random.Generator, sampled: list[str]) -> dict[str, Any]:
    """Size, mean and std of each channel in 0..1, blank images, and the rows to show on a sheet.

    sheet  [{"label": class or "", "rows": row numbers}]: for up to 12 classes up to 8 images each, else 40
           images
    """
    images = dataset.column(field.name)
    assert isinstance(images, np.ndarray)
    rows = np.arange(len(images))
    if len(rows) > _SAMPLE:
        rows = np.sort(rng.choice(len(rows), _SAMPLE, replace=False))
        sampled.append(f"Brightness of the images: on {_SAMPLE:,} of {len(images):,}, drawn at random.")
    channels = images.shape[3] if images.ndim == 4 else 1
    counts = np.zeros((channels, 256), dtype=np.int64)
    blank: list[int] = []
    for start in range(0, len(rows), _CHUNK):
        chosen = rows[start : start + _CHUNK]
        chunk = np.asarray(images[chosen]).reshape(len(chosen), -1, channels)
        flat = chunk.max(axis=1) == chunk.min(axis=1)  # [rows, channels]
        blank += [int(row) for row in chosen[flat.all(axis=1)]]
        for channel in range(channels):
            counts[channel] += np.bincount(chunk[:, :, channel].ravel(), minlength=256)
    level = np.arange(256) / 255
    share = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    mean = share @ level
    std = np.sqrt(np.maximum(share @ level**2 - mean**2, 0))
    return {
        "name": field.name,
        "count": len(images),
        "height": int(images.shape[1]),
        "width": int(images.shape[2]),
        "channels": int(channels),
        "mean": [round(float(value), 5) for value in mean],
        "std": [round(float(value), 5) for value in std],
        "levels": counts.sum(axis=0).reshape(32, 8).sum(axis=1).tolist(),
        "blank": len(blank),
        "blank_examples": blank[:5],
        "looked_at": len(rows),
        "sheet": _sheet(dataset, len(images), rng),
    }


def _sheet(dataset: Dataset, count: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    targets = [field for field in dataset.schema.targets if field.kind in ("category", "boolean")]
    if not targets:
        return [{"label": "", "rows": _draw(np.arange(count), _SHEET_PLAIN, rng)}]
    labels = pd.Series(dataset.column(targets[0].name))
    codes, classes = pd.factorize(labels, sort=True)
    return [
        {"label": str(label), "rows": _draw(np.flatnonzero(codes == code), _SHEET_EACH, rng)}
        for code, label in enumerate(classes[:_SHEET_CLASSES])
    ]


def _draw(rows: np.ndarray, most: int, rng: np.random.Generator) -> list[int]:
    chosen = rows if len(rows) <= most else rng.choice(rows, most, replace=False)
    return sorted(int(row) for row in chosen)
