"""Rows of pictures as the report shows them."""

from __future__ import annotations

from typing import Any

import numpy as np

from learnloop.bundle.bundle import Bundle
from learnloop.data.dataset import Dataset
from learnloop.data.folders import FILE
from learnloop.report.pictures import data_url, photo
from learnloop.verbs.scoring import answer


def images_of(data: Dataset, rows: np.ndarray) -> np.ndarray:
    """The pictures of the rows, uint8 [rows, height, width, channels]."""
    name = next(field.name for field in data.schema.inputs if field.kind == "image")
    images = np.asarray(data.arrays[name][rows])
    return images if images.ndim == 4 else images[..., None]


def pictured(
    bundle: Bundle, data: Dataset, rows: np.ndarray, y: np.ndarray, outputs: np.ndarray
) -> list[dict[str, Any]]:
    """Each of the rows with its picture, file (where the data are files), target, prediction and probability.

    y, outputs: of these rows, in their order.
    """
    files = data.frame[FILE].iloc[rows].astype(str).tolist() if FILE in data.frame.columns else [None] * len(rows)
    return [
        {"row": int(row), "file": file, "image": data_url(photo(image)), **answer(bundle, truth, output)}
        for row, file, image, truth, output in zip(rows, files, images_of(data, rows), y, outputs)
    ]
