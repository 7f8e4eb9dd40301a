"""Classes that are taken for each other, with pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

from learnloop.bundle.bundle import Bundle
from learnloop.data.dataset import Dataset
from learnloop.report.pictures import data_url, photo
from learnloop.verbs.pictured import images_of

PAIRS, PICTURES_A_WAY = 5, 4
_SIDE = 64


def confused_pairs(bundle: Bundle, data: Dataset, y: np.ndarray, outputs: np.ndarray) -> list[dict[str, Any]]:
    """The pairs of classes with the most mistakes between them, each way with its surest mistakes as pictures.

    y [rows] codes, outputs [rows, classes] probabilities.
    """
    names = [str(name) for name in bundle.classes]
    said = outputs.argmax(1)
    count = np.zeros((len(names), len(names)), np.int64)
    np.add.at(count, (y, said), 1)
    both = np.triu(count + count.T, 1)
    order = np.argsort(-both, axis=None, kind="stable")[:PAIRS]

    def way(truth: int, answer: int) -> dict[str, Any]:
        rows = np.flatnonzero((y == truth) & (said == answer))
        surest = rows[np.argsort(-outputs[rows, answer], kind="stable")][:PICTURES_A_WAY]
        pictures = [
            {"row": int(row), "probability": float(outputs[row, answer]), "image": data_url(photo(image, _SIDE))}
            for row, image in zip(surest, images_of(data, surest))
        ]
        facts = {"truth": names[truth], "prediction": names[answer], "rows": len(rows), "of": int(count[truth].sum())}
        return {**facts, "pictures": pictures}

    pairs = [divmod(int(place), len(names)) for place in order if both.flat[place]]
    return [{"rows": int(both[a, b]), "ways": [way(a, b), way(b, a)]} for a, b in pairs]
