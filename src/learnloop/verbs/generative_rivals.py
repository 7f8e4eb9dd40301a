"""What codes stand beside: PCA with as many numbers, and IsolationForest for rows that do not fit in."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from learnloop.bundle.generative import GenerativeBundle
from learnloop.contracts import Batch
from learnloop.nn.reconstruction import FLAT
from learnloop.seeds import derive
from learnloop.verbs.generative_data import GenerativePrepared
from learnloop.verbs.generative_measured import MOST_FITTED, baseline, flat, some_rows, taken, there_of

_COVARIANCE_COLUMNS = 1024
_TREES = 100


@dataclass(frozen=True)
class Rivals:
    """What stands beside the codes, fitted to training rows.

    codes   of the held-out rows under PCA of as many numbers [n, k]
    errors  anomaly score of PCA [n]: its mean squared reconstruction error over all columns; of pictures the share of
            what is to be seen that is lost, as the score of the networks is
    numbers mean squared reconstruction error of the numbers alone [n]
    forest  anomaly score of IsolationForest [n]
    """

    codes: np.ndarray
    errors: np.ndarray
    numbers: np.ndarray
    forest: np.ndarray | None
    seconds: float
    forest_seconds: float


def rivals_of(prepared: GenerativePrepared, bundle: GenerativeBundle, held: Batch) -> Rivals:
    from sklearn.decomposition import PCA
    from sklearn.ensemble import IsolationForest

    seed = derive(prepared.recipe.seed, "rivals") % 2**32
    batch = taken(prepared.tensors["train"], some_rows(prepared, "train", MOST_FITTED))
    train, rows = flat(batch, prepared.spec), flat(held, prepared.spec)
    begin = time.perf_counter()
    size = min(int(bundle.net.code_size), *train.shape)  # type: ignore[arg-type]
    solver = "covariance_eigh" if train.shape[1] <= _COVARIANCE_COLUMNS else "randomized"
    pca = PCA(size, svd_solver=solver, random_state=seed).fit(train)
    codes = pca.transform(rows)
    squares = np.square(rows - pca.inverse_transform(codes))
    numbers = squares[:, : max(prepared.spec.numbers, 1)] if prepared.spec.kind == "table" else squares
    seconds = time.perf_counter() - begin
    forest, forest_seconds = None, 0.0
    if prepared.generate.normal is not None:
        begin = time.perf_counter()
        found = IsolationForest(n_estimators=_TREES, random_state=seed, n_jobs=1).fit(train)
        forest, forest_seconds = -found.score_samples(rows), time.perf_counter() - begin
    if prepared.spec.kind == "series":
        numbers = numbers * squares.shape[1] / np.maximum(there_of(held, prepared.spec).sum(axis=1), 1)[:, None]
    errors = squares.mean(axis=1)
    if prepared.spec.kind == "image":
        errors = errors / (rows.var(axis=1) + FLAT)
    return Rivals(codes, errors, numbers.mean(axis=1), forest, seconds, forest_seconds)


def rows_of(rivals: Rivals, beside: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    """Their rows of report.json's baselines. beside: name -> figures."""
    rows = [
        baseline(
            "pca",
            f"PCA with {rivals.codes.shape[1]} number{'' if rivals.codes.shape[1] == 1 else 's'}",
            beside["pca"],
            rivals.seconds,
        )
    ]
    if beside["isolation_forest"]:
        rows.append(baseline("isolation_forest", "IsolationForest", beside["isolation_forest"], rivals.forest_seconds))
    return rows
