"""The three judges of generated pictures: Inception-v3, a classifier of the data set, and the pixels themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from learnloop.bundle.bundle import Bundle
from learnloop.bundle.features import last_linear
from learnloop.contracts import InputSpec, X
from learnloop.errors import RunError
from learnloop.models.inception import FEATURES, load_inception, resized
from learnloop.tasks.classify import PROBABILITIES
from learnloop.verbs.judge_training import sha256_of

_ROWS, _LARGE_ROWS = 256, 32
"""Pictures that are seen at once; by Inception-v3, whose maps are large."""
_FEWEST_MAPS = 16
_COMPONENTS = 64
_WIDE, _MOST_ROWS, _ROWS_OF_WIDE = 2000, 10_000, 2000
"""Principal components of more than so many pixels are found from the products of fewer pictures."""


@dataclass(frozen=True)
class Seen:
    """What a judge makes of pictures: features float64 [n, d], probabilities float64 [n, classes] or None."""

    features: np.ndarray
    probabilities: np.ndarray | None


class InceptionJudge:
    """The judge of the literature: features and class probabilities of Inception-v3 on ImageNet.

    The figures are the published ones, FID and Inception Score, with the clean resizing of Parmar et al. 2022. It
    tells 1008 things of ImageNet, not the classes of this data set.
    """

    name: ClassVar[str] = "fid"
    score: ClassVar[str] = "inception_score"
    accuracy: float | None = None
    classes: tuple[str, ...] = ()

    def __init__(self, path: str) -> None:
        self._net = load_inception(path)
        file = Path(path).expanduser()
        self.facts: dict[str, Any] = {
            "kind": "inception",
            "path": str(file),
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            "features": FEATURES,
            "resizing": "bicubic with antialiasing to 299 x 299, in floating point",
        }

    def see(self, pictures: Tensor) -> Seen:
        features, probabilities = [], []
        with torch.inference_mode():
            for some in pictures.cpu().split(_LARGE_ROWS):
                found, logits = self._net(resized(some))
                features.append(found.double())
                probabilities.append(logits.double().softmax(1))
        return Seen(torch.cat(features).numpy(), torch.cat(probabilities).numpy())

    def features(self, pictures: Tensor) -> np.ndarray:
        return self.see(pictures).features

    def probabilities(self, pictures: Tensor) -> np.ndarray | None:
        return self.see(pictures).probabilities


class ClassifierJudge:
    """A learnloop classifier of the same kind of pictures: what it sees before it decides, and what it decides.

    Features are the inputs of its last linear layer; where those are maps laid side by side, the mean of each map, as
    the features of Inception-v3 are. Its figures are called otherwise than the published ones.

    classes  of the data set, in the order of the codes; none: in the order of the classifier
    """

    name: ClassVar[str] = "fid_classifier"
    score: ClassVar[str] = "classifier_score"

    def __init__(self, bundle: Bundle, path: Path, spec: InputSpec, classes: tuple[str, ...]) -> None:
        _need_shape(bundle.about.spec, spec, path)
        own = tuple(str(name) for name in bundle.target.classes)
        self.classes = classes or own
        self.accuracy: float | None = None
        self._order = _order(own, self.classes, path)
        self._bundle = bundle
        self.facts: dict[str, Any] = {
            "kind": "classifier",
            "path": str(path),
            "sha256": sha256_of(path),
            "model": bundle.about.model["name"],
            "features": self.see(torch.zeros(1, *spec.shape, dtype=torch.uint8)).features.shape[1],
        }

    def see(self, pictures: Tensor) -> Seen:
        features, probabilities = [], []
        with torch.inference_mode(), _pooled(self._bundle.net) as met:
            for some in pictures.cpu().split(_ROWS):
                met.clear()
                told = self._bundle.task.predict({X: some})[PROBABILITIES].double()
                features.append(met[-1].double() if met else told)
                probabilities.append(told[:, self._order])
        return Seen(torch.cat(features).numpy(), torch.cat(probabilities).numpy())

    def features(self, pictures: Tensor) -> np.ndarray:
        return self.see(pictures).features

    def probabilities(self, pictures: Tensor) -> np.ndarray | None:
        return self.see(pictures).probabilities

    def examine(self, pictures: Tensor, labels: Tensor) -> None:
        """Set `accuracy`, the share of held-out pictures that it classifies right. labels int64 [n]."""
        told = self.see(pictures).probabilities
        assert told is not None
        self.accuracy = float((told.argmax(1) == labels.cpu().numpy()).mean())
        self.facts |= {"accuracy": self.accuracy, "accuracy_rows": len(labels)}


class PixelJudge:
    """The leading principal components of the pixels, where there are neither weights nor labels.

    It sees brightness and coarse shapes: what is blurred may please it. train  uint8 [n, c, h, w]
    """

    name: ClassVar[str] = "frechet_pixels"
    score: ClassVar[str] = ""
    accuracy: float | None = None
    classes: tuple[str, ...] = ()

    def __init__(self, train: Tensor) -> None:
        wide = train[0].numel() > _WIDE
        step = -(-len(train) // (_ROWS_OF_WIDE if wide else _MOST_ROWS))
        rows = _flat(train[::step])  # [rows, pixels]
        self._mean = rows.mean(0)
        self._axes = _principal(rows - self._mean, _COMPONENTS)  # [pixels, k]
        self.facts: dict[str, Any] = {"kind": "pixels", "features": self._axes.shape[1], "pictures": len(rows)}

    def see(self, pictures: Tensor) -> Seen:
        parts = [(_flat(some) - self._mean) @ self._axes for some in pictures.split(_MOST_ROWS)]
        return Seen(torch.cat(parts).numpy(), None)

    def features(self, pictures: Tensor) -> np.ndarray:
        return self.see(pictures).features

    def probabilities(self, pictures: Tensor) -> np.ndarray | None:
        return None


def _flat(pictures: Tensor) -> Tensor:
    """float64 [n, pixels], 0..1."""
    return pictures.cpu().flatten(1).double() / 255


def _principal(centred: Tensor, most: int) -> Tensor:
    """The directions of largest variance [pixels, k], k <= most; those without any variance are left out."""
    rows, pixels = centred.shape
    if pixels <= rows:
        values, axes = torch.linalg.eigh(centred.T @ centred)  # ascending
    else:
        values, products = torch.linalg.eigh(centred @ centred.T)
        axes = centred.T @ products / values.clamp_min(1e-300).sqrt()  # [pixels, rows]
    kept = (values > values[-1] * 1e-10).nonzero().squeeze(1)[-most:]
    return axes[:, kept].flip(1).contiguous()


@contextmanager
def _pooled(net: nn.Module) -> Iterator[list[Tensor]]:
    """Within the block, every forward appends its features [n, d] to the list."""
    seen: list[Tensor] = []
    maps: list[Tensor] = []
    layer = last_linear(net)

    def keep(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        maps[:] = [inputs[0]] if inputs[0].ndim == 4 and inputs[0].shape[1] >= _FEWEST_MAPS else []

    def take(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        flat = inputs[0].flatten(1)  # [n, width]
        side_by_side = bool(maps) and maps[0][0].numel() == flat.shape[1]
        seen.append(F.adaptive_avg_pool2d(maps[0], 1).flatten(1) if side_by_side else flat)

    hooks = [module.register_forward_pre_hook(keep) for module in net.modules() if isinstance(module, nn.Flatten)]
    hooks += [] if layer is None else [layer.register_forward_pre_hook(take)]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _need_shape(own: InputSpec, spec: InputSpec, path: Path) -> None:
    if own.shape != spec.shape:
        raise RunError(
            str(path),
            f"must be a classifier of pictures of {_size(spec)}, as those that are made",
            found=f"one of pictures of {_size(own)}",
            do="--set generate.judge=null   # a classifier of this data set is trained",
        )


def _size(spec: InputSpec) -> str:
    channels, height, width = spec.shape
    return f"{height} x {width} pixels and {channels} channel{'' if channels == 1 else 's'}"


def _order(own: tuple[str, ...], wanted: tuple[str, ...], path: Path) -> list[int]:
    """Where the classes of the data set are among those of the classifier."""
    strange = [name for name in wanted if name not in own]
    if strange:
        raise RunError(
            str(path),
            "must tell the classes of this data",
            found=f"it knows nothing of {', '.join(map(repr, strange[:5]))}",
            do="--set generate.judge=null   # a classifier of this data set is trained",
            available=own,
        )
    return [own.index(name) for name in wanted]
