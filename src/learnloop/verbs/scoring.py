"""Measure a bundle on rows with known answers: the one place where predictions meet truth."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from learnloop.bundle.bundle import Bundle
from learnloop.data.dataset import Dataset
from learnloop.nn.views import Views
from learnloop.scores.evaluation import Evaluation, evaluate_classes, evaluate_labels, evaluate_numbers
from learnloop.tasks.classify import PROBABILITIES
from learnloop.tasks.regress import VALUES

WORST = 12


def truth(bundle: Bundle, data: Dataset) -> np.ndarray:
    """The answers as scores take them: codes [n], 0/1 [n, labels], or values [n, targets] in the user's units."""
    return bundle.target.raw(data) if bundle.about.target == "numbers" else bundle.target.apply(data)


def predicted(bundle: Bundle, data: Dataset, views: Views = "none") -> np.ndarray:
    """Probabilities [n, classes] or values [n, targets]."""
    return bundle.outputs(data, views)[VALUES if bundle.about.target == "numbers" else PROBABILITIES]


def score(bundle: Bundle, y: np.ndarray, outputs: np.ndarray, seed: int = 0) -> Evaluation:
    """Metrics with intervals of the bundle's `outputs`."""
    names = bundle.target_names if bundle.about.target == "numbers" else [str(name) for name in bundle.classes]
    return score_arrays(bundle.about.target, y, outputs, names, seed)


def score_arrays(kind: str, y: np.ndarray, outputs: np.ndarray, names: Sequence[str], seed: int = 0) -> Evaluation:
    """Metrics with intervals by the kind of target: class, labels or numbers."""
    evaluate = {"class": evaluate_classes, "labels": evaluate_labels, "numbers": evaluate_numbers}[kind]
    return evaluate(y, outputs, names, seed)


def worst_rows(bundle: Bundle, data: Dataset, y: np.ndarray, outputs: np.ndarray) -> list[dict[str, Any]]:
    """The rows with the highest loss, with their inputs: wrong labels and hard cases show up here.

    Of classes and labels the mistakes come first, then rows that are right but barely.
    """
    loss = losses(bundle, y, outputs)
    order = np.lexsort((-loss, _right(bundle, y, outputs)))[:WORST]
    images = [field.name for field in data.schema.inputs if field.kind == "image"]
    picked = data.take(order)
    rows = []
    for place, index in enumerate(order):
        values = {
            field.name: _plain(picked.frame[field.name].iloc[place])
            for field in data.schema.inputs
            if field.name in picked.frame.columns
        }
        image = png(picked.arrays[images[0]][place]) if images else None
        rows.append(
            {
                "row": int(index),
                "inputs": values or None,
                "image": image,
                **answer(bundle, y[index], outputs[index]),
                "loss": float(loss[index]),
            }
        )
    return rows


def png(pixels: np.ndarray) -> str:
    """uint8 [height, width, channels] as a data URL."""
    from PIL import Image

    array = pixels[..., 0] if pixels.shape[-1] == 1 else pixels[..., :3]
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(array)).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def losses(bundle: Bundle, y: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Loss of each row [n]: -log p(truth), summed over labels; squared error in units of the target's deviation."""
    tiny = np.finfo(np.float32).tiny
    if bundle.about.target == "class":
        return -np.log(np.maximum(outputs[np.arange(len(y)), y], tiny))
    if bundle.about.target == "labels":
        right = np.where(y > 0.5, outputs, 1 - outputs)
        return -np.log(np.maximum(right, tiny)).sum(1)
    return np.square((outputs - y) / bundle.target.std).sum(1)


def _right(bundle: Bundle, y: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Whether each row's answer is the true one [n]; never so for numbers, which are near or far."""
    if bundle.about.target == "class":
        right: np.ndarray = outputs.argmax(1) == y
        return right
    if bundle.about.target == "labels":
        return np.all((outputs >= 0.5) == (y > 0.5), axis=1)
    return np.zeros(len(y), bool)


def answer(bundle: Bundle, y: np.ndarray, output: np.ndarray) -> dict[str, Any]:
    """Target, prediction and probability (of classes) of one row, in the user's terms."""
    names = [str(name) for name in bundle.classes]
    if bundle.about.target == "class":
        best = int(output.argmax())
        return {"target": names[int(y)], "prediction": names[best], "probability": float(output[best])}
    if bundle.about.target == "labels":
        on = [name for name, value in zip(names, y) if value > 0.5]
        said = [name for name, value in zip(names, output) if value >= 0.5]
        return {"target": ", ".join(on), "prediction": ", ".join(said), "probability": None}
    if len(y) == 1:
        return {"target": float(y[0]), "prediction": float(output[0]), "probability": None}
    return {"target": [float(v) for v in y], "prediction": [float(v) for v in output], "probability": None}


def _plain(value: Any) -> Any:
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, np.generic):
        return value.item()
    return value.isoformat() if isinstance(value, pd.Timestamp) else value
