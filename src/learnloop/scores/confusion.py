"""Metrics that depend only on the confusion matrix. Every function takes a stack of matrices [..., c, c]."""

from __future__ import annotations

import numpy as np


def confusion_matrix(y: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """`C[i, j]` = rows of class i that were predicted as j; int64 [c, c]. y, predicted: integer [n]."""
    cells = y.astype(np.int64) * classes + predicted
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def divide(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    """`top / bottom`, 0 where bottom is 0 (scikit-learn's `zero_division=0`)."""
    return np.divide(top, bottom, out=np.zeros(np.broadcast_shapes(top.shape, bottom.shape)), where=bottom != 0)


def class_table(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """precision = TP / (TP + FP), recall = TP / (TP + FN), f1 = 2 TP / (2 TP + FP + FN); each [..., c]."""
    return _table(*margins(confusion))


def margins(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(right, support, predicted): the diagonal, the sums of rows and of columns, all that the metrics need;
    [..., c]."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    return right, confusion.sum(axis=-1), confusion.sum(axis=-2)


def _table(right: np.ndarray, support: np.ndarray, predicted: np.ndarray) -> dict[str, np.ndarray]:
    right, support, predicted = (values.astype(np.float64) for values in (right, support, predicted))
    return {
        "precision": divide(right, predicted),
        "recall": divide(right, support),
        "f1": divide(2 * right, support + predicted),
        "support": support,
        "predicted": predicted,
    }


def confusion_metrics(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Accuracy, balanced accuracy and the macro and weighted means over classes; each [...].

    Macro means run over the classes that occur in the truth or in the predictions, balanced accuracy over
    those that occur in the truth: scikit-learn's rule. precision, recall and f1 of class 1 are added when
    there are two classes.
    """
    return margin_metrics(*margins(confusion))


def margin_metrics(right: np.ndarray, support: np.ndarray, predicted: np.ndarray) -> dict[str, np.ndarray]:
    """The same from the margins alone, each [..., c]."""
    table = _table(right, support, predicted)
    rows = table["support"].sum(axis=-1)
    present = (table["support"] > 0) | (table["predicted"] > 0)
    occurring = table["support"] > 0
    metrics = {
        "accuracy": divide(right.sum(axis=-1), rows),
        "balanced_accuracy": divide((table["recall"] * occurring).sum(-1), occurring.sum(-1)),
        "f1_weighted": divide((table["f1"] * table["support"]).sum(-1), rows),
    }
    for name in ("precision", "recall", "f1"):
        metrics[f"{name}_macro"] = divide((table[name] * present).sum(-1), present.sum(-1))
        if right.shape[-1] == 2:
            metrics[name] = table[name][..., 1]
    return metrics


def confused_pairs(confusion: np.ndarray, classes: list[str], most: int = 20) -> list[dict[str, object]]:
    """The off-diagonal cells with the most rows: `{"truth", "prediction", "rows", "share"}`, share of the
    class."""
    off = confusion.copy()
    np.fill_diagonal(off, 0)
    support = confusion.sum(axis=1)
    order = np.argsort(-off, axis=None, kind="stable")[:most]
    pairs: list[dict[str, object]] = []
    for i, j in zip(*np.unravel_index(order, off.shape)):
        if off[i, j]:
            share = float(off[i, j] / support[i])
            pairs.append({"truth": classes[i], "prediction": classes[j], "rows": int(off[i, j]), "share": share})
    return pairs
