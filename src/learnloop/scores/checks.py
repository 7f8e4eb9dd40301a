"""What truths and predictions must look like before they are scored. Nothing is repaired: wrong input is
refused."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from learnloop.errors import DataError, UserError, raise_all

SUM_TOLERANCE = 1e-3
"""Rows of float32 softmax outputs add up to 1 within 1e-6; bf16 ones within 1e-2 of a class, far less in the
sum."""


def check_classes(y: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]) -> None:
    """y integer [n] in 0..c-1, probabilities [n, c] finite in 0..1 with rows that add up to 1, n >= 1, c >=
    2."""
    errors: list[UserError] = []
    if probabilities.ndim != 2 or probabilities.shape[1] != len(classes):
        errors.append(
            DataError(
                "probabilities",
                f"must be [rows, {len(classes)}], one column for each class",
                found=f"shape {list(probabilities.shape)}",
            )
        )
    if len(classes) < 2:
        errors.append(DataError("classes", "must be at least two", found=f"{list(classes)}"))
    if y.ndim != 1 or not np.issubdtype(y.dtype, np.integer):
        errors.append(DataError("y", "must be integer class codes [rows]", found=f"{y.dtype} {list(y.shape)}"))
    elif len(y) and (y.min() < 0 or y.max() >= len(classes)):
        errors.append(
            DataError(
                "y",
                f"must be class codes in 0..{len(classes) - 1}",
                found=f"codes from {y.min()} to {y.max()}",
                cause="a class that the training part does not have",
            )
        )
    errors += _rows("probabilities", y, probabilities)
    if not errors:
        errors += _probable(probabilities, sums=True)
    raise_all(errors)


def check_labels(y: np.ndarray, probabilities: np.ndarray, names: Sequence[str]) -> None:
    """y [n, l] of 0 and 1, probabilities [n, l] finite in 0..1, n >= 1."""
    errors = _columns("probabilities", y, probabilities, names, "label") + _rows("probabilities", y, probabilities)
    if not errors and not np.isin(y, (0, 1)).all():
        errors.append(DataError("y", "must be 0 or 1 in every label", found=f"{np.unique(y)[:5].tolist()}"))
    if not errors:
        errors += _probable(probabilities, sums=False)
    raise_all(errors)


def check_numbers(y: np.ndarray, predictions: np.ndarray, names: Sequence[str]) -> None:
    """y and predictions finite [n, t], n >= 1."""
    errors = _columns("predictions", y, predictions, names, "target") + _rows("predictions", y, predictions)
    if not errors:
        errors += _finite("y", y) + _finite("predictions", predictions)
    raise_all(errors)


def _columns(where: str, y: np.ndarray, guess: np.ndarray, names: Sequence[str], what: str) -> list[UserError]:
    errors: list[UserError] = []
    for name, values in (("y", y), (where, guess)):
        if values.ndim != 2 or values.shape[1] != len(names):
            errors.append(
                DataError(
                    name,
                    f"must be [rows, {len(names)}], one column for each {what}",
                    found=f"shape {list(values.shape)}",
                )
            )
    return errors


def _rows(where: str, y: np.ndarray, guess: np.ndarray) -> list[UserError]:
    if len(y) != len(guess):
        return [DataError(where, "must have one row for each row of y", found=f"{len(guess)} rows, y has {len(y)}")]
    if len(y) == 0:
        return [DataError("y", "must have at least one row to be scored", found="0 rows")]
    return []


def _finite(where: str, values: np.ndarray) -> list[UserError]:
    bad = ~np.isfinite(values)
    if not bad.any():
        return []
    rows = np.flatnonzero(bad.any(axis=1))
    return [
        DataError(
            where,
            "must be finite numbers",
            found=f"NaN or infinity in {len(rows)} of {len(values)} rows, first in row {rows[0]}",
            cause="training diverged (learning rate too high), or an input is not finite",
        )
    ]


def _probable(probabilities: np.ndarray, *, sums: bool) -> list[UserError]:
    errors = _finite("probabilities", probabilities)
    if errors:
        return errors
    low, high = float(probabilities.min()), float(probabilities.max())
    if low < -1e-6 or high > 1 + 1e-6:
        return [
            DataError(
                "probabilities",
                "must lie between 0 and 1",
                found=f"values from {low:.4g} to {high:.4g}",
                cause="these are logits; apply softmax (or sigmoid) first",
            )
        ]
    if not sums:
        return []
    off = np.abs(probabilities.sum(axis=1) - 1)
    if off.max() <= SUM_TOLERANCE:
        return []
    row = int(off.argmax())
    return [
        DataError(
            "probabilities",
            "must add up to 1 in every row",
            found=f"row {row} adds up to {probabilities[row].sum():.6g}",
            cause="these are logits or one-against-rest scores; apply softmax first",
        )
    ]
