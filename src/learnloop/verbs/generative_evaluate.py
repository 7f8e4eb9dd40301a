"""How well a network that makes data does beside rows that it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from learnloop.bundle.generative import Coded, GenerativeBundle
from learnloop.bundle.pictures import PICTURE, picture_schema
from learnloop.contracts import Batch, X, Y
from learnloop.data.conform import conform
from learnloop.data.dataset import Dataset
from learnloop.data.image_pairs import PicturePairs, made_from, read_pairs
from learnloop.errors import DataError, SchemaError
from learnloop.recipe.text import from_yaml
from learnloop.scores.bootstrap import interval, resampled_means
from learnloop.scores.codes import anomaly_auc
from learnloop.scores.evaluation import Evaluation
from learnloop.seeds import numpy_stream
from learnloop.transforms.categories import codes_of
from learnloop.verbs.judge import Measure, make_judge

_SAMPLES = 2000
_SECONDS = 60.0
"""A classifier that is trained to judge takes at most so long."""


def evaluate_made(bundle: GenerativeBundle, data: object, folder: Path, report: Mapping[str, Any]) -> Evaluation:
    """What the run in `folder` is worth beside `data`.

    Of an autoencoder: the reconstruction error of the rows, the parts of a bound where it has one, and `roc_auc` where
    the run knows normal classes and the data its classes. Of what makes samples: as many samples as there are rows, at
    most 2,000, beside them, told by the run's own judge. Of what makes pictures from pictures: the error beside the
    wanted ones of pairs, or of the way there and back of two heaps.
    Raises DataError for data without pairs where some are needed.
    """
    seed, task = int(report["asked"]["seed"]), str(report["asked"]["task"])
    if "mapper" in bundle.kinds:
        return of_terms(task, mapped_errors(bundle, _pairs(bundle, data, folder)), seed)
    rows, codes = _rows(bundle, data)
    if "coder" in bundle.kinds:
        return coded_evaluation(task, bundle.encode(rows), _strange(bundle, codes, folder), seed)
    return _sampled(bundle, rows, codes, folder, task, seed)


def coded_evaluation(task: str, coded: Coded, strange: np.ndarray | None, seed: int) -> Evaluation:
    """Means of the terms with intervals; where `strange` [n] says which rows are no normal ones those of the normal
    rows, and the area under the ROC curve of the score."""
    kept = slice(None) if strange is None or strange.all() else ~strange
    terms = {name: np.asarray(values)[kept] for name, values in coded.terms.items() if name != "loss"}
    score = terms.pop("score", None)
    if score is not None:
        terms.setdefault("mse", score)  # the score is the error, unless both are there
    if "kl" not in terms:
        terms.pop("reconstruction", None)  # the error once more, or another measure of it
    found = of_terms(task, terms, seed)
    if strange is not None and 0 < strange.sum() < len(strange):
        found.metrics["roc_auc"] = anomaly_auc(coded.score[~strange], coded.score[strange])
        found.notes.append("All figures but the area under the ROC curve are those of normal rows.")
    return found


def of_terms(task: str, terms: Mapping[str, np.ndarray], seed: int) -> Evaluation:
    """Means over rows, each with its 95 % bootstrap interval. terms: name -> [n]."""
    values = np.stack([np.asarray(each, np.float64) for each in terms.values()], axis=1)  # [n, terms]
    if not len(values):
        raise DataError("the data", "must have at least one row", found="0 rows")
    drawn = resampled_means(values, numpy_stream(seed, "scores", "bootstrap"))
    metrics = {name: float(values[:, place].mean()) for place, name in enumerate(terms)}
    between = {name: interval(drawn[:, place]) for place, name in enumerate(terms)}
    return Evaluation(task, len(values), metrics, {name: pair for name, pair in between.items() if pair is not None})


def mapped_errors(bundle: GenerativeBundle, pairs: PicturePairs) -> dict[str, np.ndarray]:
    """By picture: `mae` and `psnr` of pairs, white being 1; of two heaps `cycle_error`, the mean absolute error of the
    way there and back."""
    source = torch.from_numpy(np.ascontiguousarray(pairs.source.transpose(0, 3, 1, 2)))
    if not pairs.paired:
        there = torch.from_numpy(bundle.translated(source))
        return {"cycle_error": _off(bundle.translated(there, back=True), source.numpy())}
    wanted = pairs.wanted.transpose(0, 3, 1, 2)
    made = bundle.translated(source)
    squared = ((made.astype(np.float64) - wanted) / 255).reshape(len(made), -1) ** 2
    return {"mae": _off(made, wanted), "psnr": -10 * np.log10(np.maximum(squared.mean(1), 1e-10))}


def _off(made: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Mean absolute error of each picture, white being 1."""
    return np.abs(made.astype(np.float64) - wanted).reshape(len(made), -1).mean(1) / 255


def _pairs(bundle: GenerativeBundle, data: object, folder: Path) -> PicturePairs:
    """The pairs of the data, or those that the run's recipe computes from its pictures."""
    pairs = read_pairs(data)
    if pairs is not None:
        return pairs
    making = from_yaml(folder / "recipe.yaml").get("generate.make", "none")
    if making in ("none", "colour") or bundle.about.wanted is None:
        raise DataError(
            str(data)[:80],
            "must hold pairs of pictures, or two heaps of them",
            found="pictures by themselves, or no pictures",
            do=("files of the same name in folders a/ and b/", ".npz with the pictures x and y"),
        )
    rows = conform(data, picture_schema(bundle.about.wanted))
    source, wanted = made_from(np.asarray(rows.arrays[PICTURE]).reshape(len(rows), *_sides(bundle)), making)
    return PicturePairs(rows.name, source, wanted, paired=True)


def _sides(bundle: GenerativeBundle) -> tuple[int, int, int]:
    assert bundle.about.wanted is not None
    channels, height, width = bundle.about.wanted.shape
    return height, width, channels


def _rows(bundle: GenerativeBundle, data: object) -> tuple[Dataset, np.ndarray | None]:
    """The rows, and the codes of their classes where they have any."""
    if bundle.about.classes and bundle.about.schema.targets:
        try:
            rows = conform(data, bundle.about.schema, need_target=True)
        except SchemaError:
            return conform(data, bundle.about.schema), None  # rows without classes can be measured too
        name = bundle.about.schema.targets[0].name
        return rows, codes_of(rows.column(name), bundle.about.classes)[0] - 1
    return conform(data, bundle.about.schema), None


def _strange(bundle: GenerativeBundle, codes: np.ndarray | None, folder: Path) -> np.ndarray | None:
    """Which rows are of no class that the run took for normal; None where it took all, or no class is known."""
    normal = from_yaml(folder / "recipe.yaml").get("generate.normal")
    if codes is None or not normal:
        return None
    return ~np.isin(codes, [bundle.about.classes.index(str(name)) for name in normal])


def _sampled(
    bundle: GenerativeBundle, rows: Dataset, codes: np.ndarray | None, folder: Path, task: str, seed: int
) -> Evaluation:
    arrays = bundle.encoder.apply(rows)
    real: Batch = {X: torch.from_numpy(np.ascontiguousarray(arrays[X]))}
    if codes is not None and (codes >= 0).all():
        real[Y] = torch.from_numpy(codes)
    asked = from_yaml(folder / "recipe.yaml").get("generate.judge")
    if asked is None and (folder / "judge").is_dir():
        asked = str(folder / "judge")
    classes = bundle.about.classes if Y in real else ()
    judge = make_judge(
        real, real, bundle.about.spec, classes, folder=folder, seconds=_SECONDS, seed=seed, asked=asked, say=_silent
    )
    count = min(len(rows), _SAMPLES)
    made = bundle.generate(count, seed)
    assert isinstance(made, np.ndarray)
    found = Measure(judge, real[X]).of(torch.from_numpy(made), bundle.labels(count, seed))
    notes = ["Figures of samples depend on how many there are."]
    if judge.name == "frechet_pixels":
        notes.append("The principal components are those of the pictures given, not of the training part.")
    return Evaluation(task, count, dict(found), {}, notes=notes)


def _silent(text: str) -> None:
    """What is said while a judge is made is of no interest here."""
