"""Measure a bundle on rows with known answers: the one place where predictions meet truth."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from learnloop.bundle.bundle import Bundle
from learnloop.data.dataset import Dataset
from learnloop.nn.views import Views
from learnloop.scores.evaluation import Evaluation, evaluate_classes, evaluate_labels, evaluate_numbers
from learnloop.scores.steps import evaluate_steps
from learnloop.scores.text_terms import chrf_of, chrf_terms
from learnloop.scores.texts import evaluate_texts, evaluate_transcripts
from learnloop.tasks.table import answer_key

WORST = 12
SHOWN_STEPS = 8
WRITTEN = ("text", "transcript")
"""Kinds of target whose answers are texts."""
EVALUATE: dict[str, Callable[[Any, Any, Sequence[str], int], Evaluation]] = {
    "class": evaluate_classes,
    "labels": evaluate_labels,
    "numbers": evaluate_numbers,
    "text": evaluate_texts,
    "transcript": evaluate_transcripts,
    "steps": evaluate_steps,
}


def truth(bundle: Bundle, data: Dataset) -> np.ndarray:
    """The answers as scores take them: codes [n], 0/1 [n, labels], values [n, targets] in the user's units, texts [n].

    Texts are in lower case where they are learnt so.
    """
    if bundle.about.target in WRITTEN:
        texts: np.ndarray = bundle.target.raw(data)
        return lowered(texts) if bundle.target.lower else texts
    raw = bundle.about.target in ("numbers", "steps")
    return bundle.target.raw(data) if raw else bundle.target.apply(data)


def predicted(bundle: Bundle, data: Dataset, views: Views = "none", *, plain: np.ndarray | None = None) -> np.ndarray:
    """Probabilities [n, classes], values [n, targets] or texts [n]. plain: see `Bundle.outputs`."""
    return bundle.outputs(data, views, plain=plain)[answer_key(bundle.about.target)]


def score(bundle: Bundle, y: np.ndarray, outputs: np.ndarray, seed: int = 0) -> Evaluation:
    """Metrics with intervals of the bundle's `outputs`."""
    names = [str(name) for name in bundle.classes]
    if bundle.about.target == "text":
        return evaluate_texts(y, outputs, names, seed, lower=bundle.target.lower)
    return score_arrays(bundle.about.target, y, outputs, names, seed)


def score_arrays(kind: str, y: np.ndarray, outputs: np.ndarray, names: Sequence[str], seed: int = 0) -> Evaluation:
    """Metrics with intervals by the kind of target."""
    return EVALUATE[kind](y, outputs, names, seed)


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
    """Loss of each row [n]: -log p(truth), summed over labels; squared error in units of the target's deviation; of
    texts 1 - chrF / 100.
    """
    if bundle.about.target in WRITTEN:
        return 1 - chrf_of(chrf_terms(list(y), list(outputs))) / 100
    tiny = np.finfo(np.float32).tiny
    if bundle.about.target == "class":
        return -np.log(np.maximum(outputs[np.arange(len(y)), y], tiny))
    if bundle.about.target == "labels":
        right = np.where(y > 0.5, outputs, 1 - outputs)
        return -np.log(np.maximum(right, tiny)).sum(1)
    if bundle.about.target == "steps":
        steps = min(y.shape[1], outputs.shape[1])
        errors = np.square((outputs[:, :steps] - y[:, :steps]) / bundle.target.std)
        return np.nan_to_num(np.nanmean(errors, axis=(1, 2)))
    return np.square((outputs - y) / bundle.target.std).sum(1)


def _right(bundle: Bundle, y: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Whether each row's answer is the true one [n]; never so for numbers, which are near or far."""
    if bundle.about.target == "class":
        right: np.ndarray = outputs.argmax(1) == y
        return right
    if bundle.about.target == "labels":
        return np.all((outputs >= 0.5) == (y > 0.5), axis=1)
    if bundle.about.target in WRITTEN:
        same: np.ndarray = y == outputs
        return same
    return np.zeros(len(y), bool)


def answer(bundle: Bundle, y: np.ndarray, output: np.ndarray) -> dict[str, Any]:
    """Target, prediction and probability (of classes) of one row, in the user's terms."""
    names = [str(name) for name in bundle.classes]
    if bundle.about.target in WRITTEN:
        return {"target": str(y), "prediction": str(output), "probability": None}
    if bundle.about.target == "class":
        best = int(output.argmax())
        return {"target": names[int(y)], "prediction": names[best], "probability": float(output[best])}
    if bundle.about.target == "labels":
        on = [name for name, value in zip(names, y) if value > 0.5]
        said = [name for name, value in zip(names, output) if value >= 0.5]
        return {"target": ", ".join(on), "prediction": ", ".join(said), "probability": None}
    if bundle.about.target == "steps":
        return {"target": _shown(y), "prediction": _shown(output), "probability": None}
    if len(y) == 1:
        return {"target": float(y[0]), "prediction": float(output[0]), "probability": None}
    return {"target": [float(v) for v in y], "prediction": [float(v) for v in output], "probability": None}


def _shown(values: np.ndarray) -> list[float]:
    """The first steps of one row [time, targets], of the first target."""
    return [round(float(value), 4) for value in values[:SHOWN_STEPS, 0] if not np.isnan(value)]


def lowered(texts: np.ndarray) -> np.ndarray:
    """object [n] -> object [n] in lower case."""
    return np.array([text.lower() for text in texts] + [None], object)[:-1]


def _plain(value: Any) -> Any:
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, np.generic):
        return value.item()
    return value.isoformat() if isinstance(value, pd.Timestamp) else value
