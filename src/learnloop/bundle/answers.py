"""What a network answers in the user's own terms: as a table, and as records for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from learnloop.tasks.classify import PROBABILITIES
from learnloop.tasks.regress import VALUES
from learnloop.tasks.table import TargetKind
from learnloop.tasks.translate import TEXTS

OUTLIER_SCORE = "outlier_score"
"""float [rows]: how unlike the training pictures each is; above 1 more so than 99 % of held-out ones."""


def as_frame(outputs: Mapping[str, np.ndarray], target: TargetKind, names: Sequence[Any]) -> pd.DataFrame:
    """One row for each row of the outputs; `Bundle.predict` says which columns.

    names  of the classes, in the user's type, or of the targets
    """
    if TEXTS in outputs:
        return pd.DataFrame({"prediction": outputs[TEXTS]})
    if VALUES in outputs:
        values = outputs[VALUES]
        columns = ["prediction"] if len(names) == 1 else [f"prediction_{name}" for name in names]
        if values.ndim == 3:
            return pd.DataFrame({column: _steps(values[..., index]) for index, column in enumerate(columns)})
        return pd.DataFrame({column: values[:, index] for index, column in enumerate(columns)} | _strange(outputs))
    probabilities = outputs[PROBABILITIES]
    each = {f"probability_{name}": probabilities[:, index] for index, name in enumerate(names)}
    if target == "labels":
        marks = {str(name): (probabilities[:, i] >= 0.5).astype(int) for i, name in enumerate(names)}
        return pd.DataFrame({**marks, **_strange(outputs), **each})
    best = probabilities.argmax(1) if len(probabilities) else np.zeros(0, int)
    prediction = np.array(names)[best]
    most = probabilities.max(1, initial=0)
    return pd.DataFrame({"prediction": prediction, "probability": most, **_strange(outputs), **each})


def as_records(outputs: Mapping[str, np.ndarray], target: TargetKind, names: Sequence[Any]) -> list[dict[str, Any]]:
    """The same as dicts that JSON takes."""
    frame = as_frame(outputs, target, names)
    if TEXTS in outputs:
        return [{"prediction": str(text)} for text in outputs[TEXTS]]
    if target == "steps":
        return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
    if target == "numbers":
        return [
            {str(key): bool(value) if key == "outlier" else float(value) for key, value in row.items()}
            for row in frame.to_dict("records")
        ]
    probabilities, strange = outputs[PROBABILITIES], outputs.get(OUTLIER_SCORE)
    labels = [str(name) for name in names]
    records: list[dict[str, Any]] = []
    for index, row in enumerate(probabilities):
        each = {name: round(float(p), 6) for name, p in zip(labels, row)}
        if target == "labels":
            records.append({"prediction": [name for name in labels if each[name] >= 0.5], "probabilities": each})
        else:
            best = frame["prediction"].iloc[index]
            value = best.item() if isinstance(best, np.generic) else best
            records.append({"prediction": value, "probability": round(float(row.max()), 6), "probabilities": each})
        if strange is not None:
            records[-1] |= {"outlier": bool(strange[index] > 1), OUTLIER_SCORE: round(float(strange[index]), 6)}
    return records


def _steps(values: np.ndarray) -> list[list[float]]:
    """A list of numbers a row: float [rows, time], NaN behind the end."""
    return [[float(value) for value in row if not np.isnan(value)] for row in values]


def _strange(outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The columns about outliers, where there are any."""
    if OUTLIER_SCORE not in outputs:
        return {}
    return {"outlier": outputs[OUTLIER_SCORE] > 1, OUTLIER_SCORE: outputs[OUTLIER_SCORE]}
