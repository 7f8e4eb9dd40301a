"""Codes in the plane beside the principal components of the rows, and the groups that they fall into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from learnloop.bundle.generative import Coded
from learnloop.scores.codes import adjusted_rand, clusters, purity
from learnloop.verbs.generative_data import GenerativePrepared
from learnloop.verbs.generative_rivals import Rivals

MOST_POINTS = 1000
"""Codes that are drawn in the plane."""
_SILHOUETTE_ROWS, _MOST_GROUPS = 2000, 10


def plane_of(
    coded: Coded, rivals: Rivals | None, labels: np.ndarray | None, prepared: GenerativePrepared
) -> dict[str, Any]:
    """Codes in the plane: as they are where they have two numbers, else their two first principal components."""
    rows = slice(0, MOST_POINTS)
    flat_codes = coded.codes.shape[1] <= 2
    plane = _two(coded.codes[rows]) if flat_codes else _two(_principal(coded.codes)[rows])
    names = [None] * MOST_POINTS if labels is None else [prepared.classes[code] for code in labels[rows]]
    found: dict[str, Any] = {"points": _points(plane, names)}
    found["axes"] = ["number 1", "number 2"] if flat_codes else ["component 1", "component 2"]
    if rivals is not None:
        found["pca"] = _points(_two(rivals.codes[rows]), names)
    return found


def _two(codes: np.ndarray) -> np.ndarray:
    return codes[:, :2] if codes.shape[1] >= 2 else np.pad(codes, ((0, 0), (0, 2 - codes.shape[1])))


def _principal(codes: np.ndarray) -> np.ndarray:
    """[n, k] -> [n, 2]."""
    centred = codes.astype(np.float64) - codes.mean(axis=0)
    return np.asarray(centred @ np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :2])


def _points(plane: np.ndarray, names: Sequence[str | None]) -> list[list[Any]]:
    return [[float(f"{x:.5g}"), float(f"{y:.5g}"), name] for (x, y), name in zip(plane, names)]


def find_clusters(
    prepared: GenerativePrepared,
    coded: Coded,
    rivals: Rivals | None,
    labels: np.ndarray | None,
    metrics: dict[str, float],
    found: dict[str, Any],
    beside: dict[str, dict[str, float]],
) -> None:
    """k-means of the codes, against the classes where they are known."""
    seed = prepared.recipe.seed
    count = prepared.generate.clusters or (len(prepared.classes) if labels is not None else None)
    if count is None:
        count = _best_count(coded.codes, seed)
    if count is None or count > _different(coded.codes):
        return
    groups = clusters(coded.codes, count, seed)
    told: dict[str, Any] = {"count": count, "smallest": int(np.bincount(groups, minlength=count).min())}
    if labels is not None:
        metrics["adjusted_rand"], metrics["purity"] = adjusted_rand(groups, labels), purity(groups, labels)
        told |= {"adjusted_rand": metrics["adjusted_rand"], "purity": metrics["purity"]}
        if rivals is not None:
            other = clusters(rivals.codes, count, seed)
            beside["pca"] |= {"adjusted_rand": adjusted_rand(other, labels), "purity": purity(other, labels)}
    found["codes"]["clusters"] = told


def _best_count(codes: np.ndarray, seed: int) -> int | None:
    """The number of groups whose rows lie best among their own (silhouette, Rousseeuw 1987), from 2 to 10."""
    from sklearn.metrics import silhouette_score

    some = codes[:_SILHOUETTE_ROWS]
    most = min(_MOST_GROUPS, len(some) - 1, _different(some))
    counts = range(2, most + 1)
    fits: dict[int, float] = {}
    for count in counts:
        groups = clusters(some, count, seed)
        if len(np.unique(groups)) > 1:
            fits[count] = float(silhouette_score(some, groups))
    return max(fits, key=lambda count: fits[count]) if fits else None


def _different(codes: np.ndarray) -> int:
    """How many rows of codes differ: no more groups can be made of them."""
    return len(np.unique(codes.astype(np.float32), axis=0))
