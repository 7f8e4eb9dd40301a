"""What an autoencoder is worth: what its codes keep, beside PCA; groups and odd rows; the bound of a VAE."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from learnloop.bundle.generative import Coded, GenerativeBundle
from learnloop.contracts import X_CAT, Batch, X, Y
from learnloop.models.generative.variational import COLLAPSED, VariationalNet
from learnloop.scores.codes import anomaly_auc, flagged, threshold
from learnloop.scores.likelihood import importance_bound
from learnloop.scores.ranking import curves
from learnloop.seeds import torch_stream
from learnloop.verbs.generative_data import GenerativePrepared
from learnloop.verbs.generative_evaluate import coded_evaluation
from learnloop.verbs.generative_measured import (
    MOST_FITTED,
    MOST_SCORED,
    Measured,
    first,
    means_of,
    numbers_of,
    some_rows,
    taken,
    there_of,
)
from learnloop.verbs.generative_plane import find_clusters, plane_of
from learnloop.verbs.generative_rivals import Rivals, rivals_of, rows_of

_CURVE_POINTS = 120


def measure_codes(prepared: GenerativePrepared, bundle: GenerativeBundle) -> Measured:
    """Figures of the held-out part: reconstruction, clusters, anomalies and, of a variational network, the bound."""
    last, seed = prepared.last, prepared.recipe.seed
    held = first(prepared.tensors[last], MOST_SCORED)
    coded = bundle.encode(held)
    codes = prepared.codes(last)
    labels = None if codes is None else codes[: len(coded.codes)]
    normal = _normal(prepared, labels)
    rows = np.ones(len(coded.codes), bool) if normal is None else normal
    errors, spread = _errors(prepared, held, coded)
    evaluation = coded_evaluation(prepared.task, _of_rows(coded, rows), None, seed)
    metrics, intervals = evaluation.metrics, evaluation.intervals
    varied = float(spread[rows].sum())  # 0: of a table of categories alone
    if varied > 0:
        metrics["explained_variance"] = 1 - float(errors[rows].sum()) / varied
    rivals = rivals_of(prepared, bundle, held) if prepared.recipe.report.baselines else None
    found: dict[str, Any] = {"measures": metrics, "codes": plane_of(coded, rivals, labels, prepared)}
    beside: dict[str, dict[str, float]] = {"pca": {}, "isolation_forest": {}}
    if rivals is not None:
        if not prepared.spec.cardinalities:  # else the network's error is about categories too
            beside["pca"]["mse"] = float(rivals.numbers[rows].mean())
        if varied > 0:
            beside["pca"]["explained_variance"] = 1 - float(rivals.numbers[rows].sum()) / varied
    find_clusters(prepared, coded, rivals, labels, metrics, found, beside)
    limit = _limit(prepared, bundle)
    if normal is not None or limit is not None:
        found["anomalies"] = _anomalies(coded, rivals, normal, limit, metrics, beside)
    if isinstance(bundle.net, VariationalNet):
        _variational(prepared, bundle.net, taken(held, np.flatnonzero(rows)), metrics, intervals, found)
    if prepared.spec.kind == "table":
        found["columns"] = _columns(prepared, held, coded)
    compared = [] if rivals is None else rows_of(rivals, beside)
    return Measured(
        metrics, int(rows.sum()), intervals, compared, found, _verdict(prepared, bundle, metrics, beside, found), limit,
        _class_means(prepared, bundle),
    )  # fmt: skip


def _normal(prepared: GenerativePrepared, labels: np.ndarray | None) -> np.ndarray | None:
    """bool [n]: rows of the classes that were trained on; None where all were."""
    named = prepared.generate.normal
    if named is None or labels is None:
        return None
    return np.isin(labels, [prepared.classes.index(name) for name in named])


# --- reconstruction


def _errors(prepared: GenerativePrepared, held: Batch, coded: Coded) -> tuple[np.ndarray, np.ndarray]:
    """Mean squared error of the numbers of each row, and what it would be if the mean training row stood for it."""
    spec = prepared.spec
    train = taken(prepared.tensors["train"], some_rows(prepared, "train", MOST_FITTED))
    known = there_of(train, spec)
    centre = (numbers_of(train[X].numpy(), spec) * known).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    truth, there = numbers_of(held[X].numpy(), spec), there_of(held, spec)
    count = np.maximum(there.sum(axis=1), 1)
    errors = (np.square(truth - _made(prepared, coded)) * there).sum(axis=1) / count
    return errors, (np.square(truth - centre) * there).sum(axis=1) / count


def _made(prepared: GenerativePrepared, coded: Coded) -> np.ndarray:
    """float32 [n, numbers]: what was made of the numbers of each row. Categories stay out."""
    decoded, spec = np.asarray(coded.decoded), prepared.spec
    if spec.kind == "table":
        return decoded[:, : spec.numbers]
    return numbers_of(decoded, spec) if spec.kind == "series" else decoded.reshape(len(decoded), -1)


def _of_rows(coded: Coded, rows: np.ndarray) -> Coded:
    """What was encoded of some rows."""
    terms = {name: np.asarray(values)[rows] for name, values in coded.terms.items()}
    return Coded(coded.codes[rows], coded.decoded[rows], coded.score[rows], terms)


def _columns(prepared: GenerativePrepared, held: Batch, coded: Coded) -> list[dict[str, Any]]:
    """Of a table: what its codes keep of each column."""
    truth, made = held[X].numpy(), _made(prepared, coded)
    lost, whole = np.square(truth - made).mean(axis=0), truth.var(axis=0)
    found: list[dict[str, Any]] = [
        {"name": name, "mse": float(error), "explained": 1 - float(error / spread) if spread > 0 else None}
        for name, error, spread in zip(prepared.encoder.number_names, lost, whole, strict=True)
    ]
    if prepared.spec.cardinalities:
        edges = truth.shape[1] + np.cumsum((0, *prepared.spec.cardinalities))  # a column of `decoded` each code
        said = np.asarray(coded.decoded)
        codes = held[X_CAT].numpy()
        for place, name in enumerate(prepared.encoder.category_names):
            best = said[:, edges[place] : edges[place + 1]].argmax(axis=1)
            found.append({"name": name, "right": float((best == codes[:, place]).mean())})
    return found


# --- anomalies


def _limit(prepared: GenerativePrepared, bundle: GenerativeBundle) -> float | None:
    """The score that 95 % of the validation rows stay below."""
    if "validation" not in prepared.tensors:
        return None
    scores = bundle.encode(first(prepared.tensors["validation"], MOST_SCORED)).score
    return threshold(scores) if len(scores) else None


def _anomalies(
    coded: Coded,
    rivals: Rivals | None,
    normal: np.ndarray | None,
    limit: float | None,
    metrics: dict[str, float],
    beside: dict[str, dict[str, float]],
) -> dict[str, Any]:
    found: dict[str, Any] = {"threshold": limit}
    over = None if limit is None else flagged(coded.score, limit)
    if normal is None:
        if over is not None:
            found["flagged"] = float(over.mean())
        return found
    scores = {"network": ("The network", coded.score)}
    if rivals is not None:
        scores["pca"] = ("PCA", rivals.errors)
        if rivals.forest is not None:
            scores["isolation_forest"] = ("IsolationForest", rivals.forest)
    rows, shapes = [], {}
    for name, (title, score) in scores.items():
        area = anomaly_auc(score[normal], score[~normal])
        if not np.isfinite(area):
            continue
        rows.append({"name": name, "title": title, "roc_auc": area, "flagged": None, "false_alarms": None})
        shapes[title] = {**_curve(normal, score), "roc_auc": area}
        (metrics if name == "network" else beside[name])["roc_auc"] = area
    if rows and over is not None:
        rows[0] |= {"flagged": float(over[~normal].mean()), "false_alarms": float(over[normal].mean())}
    return {
        **found,
        "methods": rows,
        "curves": shapes,
        "rows": {"normal": int(normal.sum()), "odd": int((~normal).sum())},
    }


def _curve(normal: np.ndarray, score: np.ndarray) -> dict[str, list[float]]:
    """The ROC curve, thinned."""
    roc = curves(~normal, np.asarray(score, np.float64), _CURVE_POINTS)["roc"]
    return {name: [round(value, 5) for value in roc[name]] for name in ("fpr", "tpr")}


# --- the bound


def _variational(
    prepared: GenerativePrepared,
    net: VariationalNet,
    held: Batch,
    metrics: dict[str, float],
    intervals: dict[str, tuple[float, float]],
    found: dict[str, Any],
) -> None:
    """KL of each number of the code, and the importance-weighted bound where the pixels have a likelihood."""
    seed, shots = prepared.recipe.seed, prepared.generate.shots
    inputs = tuple(held[key] for key in prepared.spec.keys)
    with torch.inference_mode():
        kl = net.kl_by_dimension(*inputs)
    found["kl"] = [float(f"{value:.5g}") for value in kl.tolist()]
    found["collapsed"] = [place for place, value in enumerate(kl.tolist()) if value < COLLAPSED]
    told = {"binarise": net.binarise, "likelihood": "gaussian" if net.gaussian else "bernoulli", "k": shots}
    if not net.gaussian and net.binarise == "none":
        told["note"] = "Grey pixels have no Bernoulli likelihood: the bound is a cross-entropy, no ln p(x)."
        found["bound"] = told
        return
    bound = importance_bound(net, inputs, shots, torch_stream(seed, "bound"), label=held.get(Y)).numpy()
    mean, between = means_of({"log_likelihood": bound}, seed)
    metrics |= mean
    intervals |= between
    found["bound"] = {**told, "log_likelihood": mean["log_likelihood"], "rows": len(bound)}


def _class_means(prepared: GenerativePrepared, bundle: GenerativeBundle) -> np.ndarray | None:
    """Mean code of each class in the training part [classes, k]; NaN for a class without training rows."""
    labels = prepared.codes("train")
    if labels is None:
        return None
    rows = some_rows(prepared, "train", MOST_FITTED)
    codes = bundle.encode(taken(prepared.tensors["train"], rows)).codes
    means = np.full((len(prepared.classes), codes.shape[1]), np.nan)
    for code in np.unique(labels[rows]):
        means[code] = codes[labels[rows] == code].mean(axis=0)
    return means


# --- words


def _verdict(
    prepared: GenerativePrepared,
    bundle: GenerativeBundle,
    metrics: dict[str, float],
    beside: dict[str, dict[str, float]],
    found: dict[str, Any],
) -> str:
    size = int(bundle.net.code_size)  # type: ignore[arg-type]
    plain = not isinstance(bundle.net, VariationalNet)  # whose numbers are also to be drawn from
    said = _kept(size, metrics, beside["pca"].get("explained_variance"), found, plain)
    if "roc_auc" in metrics:
        named = ", ".join(prepared.generate.normal or ())
        areas = {"the network": metrics["roc_auc"]}
        areas |= {title: beside[name]["roc_auc"] for name, title in _TITLES.items() if "roc_auc" in beside[name]}
        best = max(areas, key=lambda name: areas[name])
        told = ", ".join(f"{name} {area:.3f}" for name, area in areas.items())
        said += f" Rows that are not {named} are told best by {best} (ROC-AUC: {told})."
    if "bound" in found and "log_likelihood" in metrics:
        bound = found["bound"]
        pixels = f"{bound['binarise']} binarisation, " if bound["binarise"] != "none" else ""
        said += f" ln p(x) is at least {metrics['log_likelihood']:.2f} nats ({pixels}k = {bound['k']})."
    if found.get("collapsed"):
        said += f" {len(found['collapsed'])} of {size} numbers of the code have collapsed: they say nothing."
    return said


def _kept(size: int, metrics: dict[str, float], rival: float | None, found: dict[str, Any], plain: bool) -> str:
    """What the codes keep of rows that were never trained on, beside PCA."""
    numbers = "One number a row keeps" if size == 1 else f"{size} numbers a row keep"
    kept = metrics.get("explained_variance")
    if kept is None:
        right = float(np.mean([column["right"] for column in found["columns"]]))
        return f"{numbers} {_percent(right)} of the categories of rows never trained on."
    said = f"{numbers} {_percent(kept)} of the variance of rows never trained on"
    if rival is None:
        return f"{said}."
    said += f", {'more' if kept > rival else 'less'} than PCA with as many ({_percent(rival)})"
    return said + (": take PCA, which is simpler, or train longer." if plain and kept <= rival else ".")


_TITLES = {"pca": "PCA", "isolation_forest": "IsolationForest"}


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
