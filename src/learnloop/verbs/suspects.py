"""Training rows that the trained network contradicts most: wrong labels are among them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from learnloop.bundle.bundle import Bundle
from learnloop.data.dataset import Dataset
from learnloop.seeds import numpy_stream
from learnloop.verbs.pictured import pictured
from learnloop.verbs.scoring import losses, predicted, truth

MOST = 12
_FEWEST, _ROWS, _CELLS = 64, 2000, 20_000_000
"""Rows that are predicted between two looks at the clock: few at first, and fewer of large pictures."""


def suspects(
    bundle: Bundle,
    dataset: Dataset,
    train: np.ndarray,
    seconds: float,
    *,
    seed: int = 0,
    now: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """The training rows with the highest loss, with their pictures, of as many rows as `seconds` allow.

    train: the rows of `dataset` that were trained on; they are looked at in a random order, 64 at least.
    A network comes to agree with most of the labels that it is shown; what it still contradicts at the end is odd, hard
    or labelled wrongly. Rows that disagree with a confident network are how Northcutt, Jiang and Chuang 2021
    (Confident Learning, JAIR 70) find label errors; they ask it of rows that were held out, which is sharper.
    """
    begin = now()
    order = train[numpy_stream(seed, "suspects").permutation(len(train))]
    most = max(_FEWEST, min(_ROWS, _CELLS // max(1, int(np.prod(bundle.about.spec.shape)))))
    ys, outputs, done, size = [], [], 0, _FEWEST
    while done < len(order) and size >= _FEWEST:
        data = dataset.take(order[done : done + size])
        ys.append(truth(bundle, data))
        outputs.append(predicted(bundle, data))
        done += len(data)
        passed = now() - begin
        size = min(2 * size, most, int((seconds - passed) * done / max(passed, 1e-9)))
    y, said = np.concatenate(ys), np.concatenate(outputs)
    loss = losses(bundle, y, said)
    highest = np.argsort(-loss, kind="stable")[:MOST]
    rows = pictured(bundle, dataset, order[highest], y[highest], said[highest])
    worst = [{**row, "loss": float(value)} for row, value in zip(rows, loss[highest])]
    return {"looked_at": done, "rows": len(train), "worst": worst}
