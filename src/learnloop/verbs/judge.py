"""Who says how good generated pictures are, and what is measured of them.

Three judges, the first that can be had: Inception-v3 where its weights are named, a classifier of these pictures, and
the pixels themselves. Their numbers go by different names: they are not comparable.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from learnloop.contracts import Batch, InputSpec, X, Y
from learnloop.errors import ModelError, RecipeError
from learnloop.scores.generative import (
    Moments,
    density_coverage,
    frechet_of,
    inception_score,
    moments,
    precision_recall,
    radii,
)
from learnloop.verbs.judge_training import classifier, open_classifier
from learnloop.verbs.judges import ClassifierJudge, InceptionJudge, PixelJudge, Seen

INCEPTION = "inception:"
"""Before the path of the published weights, in `generate.judge`."""
NEIGHBOURS, DENSE_NEIGHBOURS = 3, 5
"""k of precision and recall (Kynkaanniemi et al. 2019), and of density and coverage (Naeem et al. 2020)."""
_MOST_NEIGHBOURS = 5000
"""Real pictures whose neighbours are looked for."""


class Judge(Protocol):
    """What sees pictures.

    name      of the Frechet distance of its features: "fid", "fid_classifier" or "frechet_pixels"
    score     of the Inception Score of its probabilities: "inception_score", "classifier_score", or "" for none
    accuracy  share of held-out pictures that it classifies right, where that is known
    classes   of the data set that it tells, in the order of their codes; none for a judge that tells others
    facts     what it is, for the report: kind, features, and where its weights came from
    """

    @property
    def name(self) -> str: ...

    @property
    def score(self) -> str: ...

    @property
    def accuracy(self) -> float | None: ...

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def facts(self) -> dict[str, Any]: ...

    def see(self, pictures: Tensor) -> Seen:
        """Features and probabilities of uint8 [n, c, h, w], in one go."""
        ...

    def features(self, pictures: Tensor) -> np.ndarray:
        """uint8 [n, c, h, w] -> float64 [n, d]."""
        ...

    def probabilities(self, pictures: Tensor) -> np.ndarray | None:
        """uint8 [n, c, h, w] -> float64 [n, classes], None for a judge that tells no classes."""
        ...


def make_judge(
    train: Batch,
    validation: Batch,
    spec: InputSpec,
    classes: tuple[str, ...],
    *,
    folder: Path,
    seconds: float,
    seed: int,
    asked: str | None = None,
    say: Callable[[str], None] = print,
) -> Judge:
    """The judge of a run on pictures.

    train, validation  X uint8 [n, c, h, w]; Y int64 [n] where labels are known. Nothing of the test part
    classes            of the labels; none where there are none
    folder             of the run: a classifier that is trained here is saved in `folder`/judge
    seconds            that its training may take
    asked              "inception:PATH", the path of a run or bundle that classifies such pictures, or None: with labels
                       a classifier is trained (or taken from an earlier run on the same data), without the pixels judge
    seed               of the run. No judge depends on it: runs of several seeds are judged alike

    Torch's random state is left as it is. Raises RunError for what cannot be read or does not fit, ModelError for other
    inputs than pictures.
    """
    if spec.kind != "image":
        raise ModelError("generate.judge", "is for pictures", found=f"the inputs are a {spec.kind}", do="leave it out")
    if asked is not None and asked.startswith(INCEPTION):
        return InceptionJudge(asked.removeprefix(INCEPTION))
    if asked is not None:
        bundle, path = open_classifier(asked)
    elif _tells_classes(train, classes):
        path = classifier(train, validation, classes, folder=folder, seconds=seconds, say=say)
        bundle, path = open_classifier(str(path))
    else:
        return PixelJudge(train[X])
    judge = ClassifierJudge(bundle, path, spec, classes)
    if Y in validation and classes and len(validation[Y]):
        judge.examine(validation[X], validation[Y])
    return judge


class Measure:
    """Measures of generated pictures beside the same real ones, time and again.

    real    uint8 [n, c, h, w]: held-out pictures, or those of the training part where these are too few
    strict  refuse fewer pictures than the judge has features: the distance of two clouds whose covariances are singular
            is no FID. Not strict, the number only compares one state of a network with another, on as many pictures
    """

    def __init__(self, judge: Judge, real: Tensor, *, strict: bool = True) -> None:
        self.judge = judge
        self._strict = strict
        self._features = judge.see(real).features
        if strict:
            self._need(len(real), "real pictures")
        self._real: Moments = moments(self._features)
        step = -(-len(real) // _MOST_NEIGHBOURS)
        self._near = self._features[::step]
        self._radii = {k: radii(self._near, k) for k in (NEIGHBOURS, DENSE_NEIGHBOURS) if len(self._near) > k}

    @property
    def facts(self) -> dict[str, Any]:
        """What the figures depend on: the judge, and how many pictures it compared."""
        return {
            "name": self.judge.name,
            **self.judge.facts,
            "real": self._real.rows,
            "real_neighbours": len(self._near),
            "k_precision_recall": NEIGHBOURS,
            "k_density_coverage": DENSE_NEIGHBOURS,
        }

    def of(self, pictures: Tensor, asked: Tensor | None = None) -> dict[str, float]:
        """Figures of generated pictures uint8 [m, c, h, w]; `asked`: the class that each was asked for, int64 [m].

        The judge's distance first, by its name; generated_precision, generated_recall, density, coverage; and of a
        judge that tells the classes their least and largest share, the entropy of the shares in nats (ln of their
        number where all are alike), and `as_asked`, the share that is classified as asked.
        Raises RecipeError for fewer pictures than features, where the measure is strict.
        """
        if self._strict:
            self._need(len(pictures), "samples")
        seen = self.judge.see(pictures)
        found = {self.judge.name: frechet_of(self._real, moments(seen.features))}
        found |= self._neighbours(seen.features)
        if seen.probabilities is not None and self.judge.score:
            found[self.judge.score] = inception_score(seen.probabilities)[0]
        return found | self._classes(seen, asked)

    def histogram(self, pictures: Tensor) -> dict[str, float] | None:
        """Class -> share of the pictures; None for a judge that tells no classes of this data."""
        return _shares(self.judge, self.judge.see(pictures))

    def _neighbours(self, features: np.ndarray) -> dict[str, float]:
        if len(features) <= DENSE_NEIGHBOURS or len(self._near) <= DENSE_NEIGHBOURS:
            return {}
        precision, recall = precision_recall(self._near, features, NEIGHBOURS, self._radii[NEIGHBOURS])
        density, coverage = density_coverage(self._near, features, DENSE_NEIGHBOURS, self._radii[DENSE_NEIGHBOURS])
        return {
            "generated_precision": precision,
            "generated_recall": recall,
            "density": density,
            "coverage": coverage,
        }

    def _classes(self, seen: Seen, asked: Tensor | None) -> dict[str, float]:
        shares = _shares(self.judge, seen)
        if shares is None or seen.probabilities is None:
            return {}
        p = np.array(list(shares.values()))
        found = {
            "class_share_least": float(p.min()),
            "class_share_most": float(p.max()),
            "class_entropy": float(-(p[p > 0] * np.log(p[p > 0])).sum()),
        }
        if asked is not None:
            found["as_asked"] = float((seen.probabilities.argmax(1) == asked.cpu().numpy()).mean())
        return found

    def _need(self, rows: int, what: str) -> None:
        features = self._features.shape[1]
        if rows > features:
            return
        raise RecipeError(
            "generate.samples" if what == "samples" else f"the {what}",
            f"must be more than the {features} features of the judge ({self.judge.name}): of fewer the covariance is "
            "singular, and the distance far too large",
            found=f"{rows} {what}",
            do=[f"--set generate.samples={_round_up(features)}"] * (what == "samples")
            + ["--set generate.judge=null   # a judge with fewer features"] * (self.judge.name == "fid"),
        )


def _tells_classes(train: Batch, classes: tuple[str, ...]) -> bool:
    """Whether a classifier can be trained: two classes or more, and pictures of every one."""
    return Y in train and len(classes) > 1 and len(train[Y].unique()) == len(classes)


def _shares(judge: Judge, seen: Seen) -> dict[str, float] | None:
    if seen.probabilities is None or not judge.classes:
        return None
    counts = np.bincount(seen.probabilities.argmax(1), minlength=len(judge.classes))
    return {name: float(count / len(seen.probabilities)) for name, count in zip(judge.classes, counts)}


def _round_up(features: int) -> int:
    """Five times as many as features, in whole thousands: the distance is then hardly too large."""
    return max(1000, -(-5 * features // 1000) * 1000)
