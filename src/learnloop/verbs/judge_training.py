"""A small classifier of the data set, trained once, that judges what is generated from it."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from learnloop.bundle.bundle import Bundle
from learnloop.contracts import Batch, X, Y
from learnloop.data.split import Split
from learnloop.errors import RunError
from learnloop.home import cache
from learnloop.recipe.build import build
from learnloop.runs.folder import RunFolder
from learnloop.train.limits import Limit, TimeLimit
from learnloop.verbs.budget import Budget
from learnloop.verbs.packing import bundle_of
from learnloop.verbs.prepare import Prepared, prepare
from learnloop.verbs.training import Training, set_up

FOLDER = "judge"
"""Of a run: the bundle of the classifier that judged it."""

_FORMAT = 1
_RECIPE: dict[str, Any] = {
    "task.name": "classify",
    "model.name": "cnn",
    "model.widths": [32, 128],
    "report.html": False,
    "report.baselines": False,
    "watch.progress": "off",
}
"""128 maps before the outputs, whose means are the features: a covariance of so many needs no more samples than are
cheap to make."""
_PASSES, _ROWS, _MOST_PASSES = 4, 60_000, 30
"""Over so many pictures; more over fewer. On MNIST 99.48 % of the test part are then classified right."""
_LEAST_SHARE = 0.3
"""Of the seconds, that training gets however long it takes to begin."""


def classifier(
    train: Batch,
    validation: Batch,
    classes: tuple[str, ...],
    *,
    folder: Path,
    seconds: float,
    say: Callable[[str], None],
) -> Path:
    """The bundle of a classifier of these pictures in `folder`/judge: the one that is there, one of an earlier run on
    the same data, or one trained now.

    train, validation  X uint8 [n, c, h, w], Y int64 [n] in the order of `classes`
    seconds            that all of it may take; where its whole recipe takes longer, it is trained for so long, and is
                       not kept for other runs

    Whoever trains is not disturbed: torch's generator and number of threads stay as they are. The seed is the same for
    every run, so that runs of several seeds are judged alike.
    """
    path = folder / FOLDER
    if (path / "bundle.json").is_file():
        return path
    kept = cache() / "judges" / _key(train, validation, classes)
    if (kept / "bundle.json").is_file():
        shutil.copytree(kept, path)
        return path
    began = time.monotonic()
    with _undisturbed(), tempfile.TemporaryDirectory() as scratch:
        prepared = _prepared(train, validation, classes)
        training = set_up(prepared, RunFolder(Path(scratch)), plan=None, budget=Budget(0.0, None))
        whole = training.fit.limit
        training.fit.limit = _limit(training, max(seconds - (time.monotonic() - began), _LEAST_SHARE * seconds))
        say(f"judge: training a classifier of {len(prepared.split.train):,} pictures, {training.fit.limit.describe()}")
        if training.fit.run().interrupted:
            raise KeyboardInterrupt
        best = training.fit.best
        if best is not None and best.weights is not None:
            training.task.load_weights(best.weights)
        bundle_of(prepared, training.net).save(path, prepared.dataset.take(prepared.split.train[:8]))
    if training.fit.limit is whole:
        shutil.copytree(path, kept, dirs_exist_ok=True)
    return path


def sha256_of(path: Path) -> str:
    """Of the weights of a bundle: which classifier it was."""
    return hashlib.sha256((path / "model.safetensors").read_bytes()).hexdigest()


def open_classifier(asked: str) -> tuple[Bundle, Path]:
    """The bundle at a path, or of a run. Raises RunError for one that does not tell classes of pictures."""
    path = Path(asked).expanduser()
    if not (path / "bundle.json").is_file():
        path = RunFolder.find(asked).bundle
    bundle = Bundle.load(path)
    if bundle.about.target != "class" or bundle.about.spec.kind != "image":
        raise RunError(
            asked,
            "must be a run or bundle that tells classes of pictures: it judges the samples",
            found=f"the task {bundle.about.task} on {bundle.about.spec.kind}s",
            do="--set generate.judge=null   # a classifier of this data set is trained",
        )
    return bundle, path


def _prepared(train: Batch, validation: Batch, classes: tuple[str, ...]) -> Prepared:
    data = {
        "x_train": _pictures(train),
        "y_train": train[Y].cpu().numpy(),
        "x_val": _pictures(validation),
        "y_val": validation[Y].cpu().numpy(),
        "class_names": np.array(classes, dtype=object),
    }
    first, second = len(train[Y]), len(validation[Y])
    passes = min(max(round(_PASSES * (_ROWS / first) ** 0.35), 3), _MOST_PASSES)
    draft = build(flags={**_RECIPE, "train.epochs": passes}, objects={"data": data}, origin="argument")
    rows = np.arange(first + second)
    return prepare(
        draft, known_split=Split(rows[:first], rows[first:], rows[:0], "the parts of the run that is judged")
    )


def _limit(training: Training, seconds: float) -> Limit:
    """As long as the recipe says, or `seconds` where that takes longer."""
    whole = training.fit.limit
    if training.step_seconds * whole.total(0) <= seconds:
        return whole
    return TimeLimit(seconds, pace=training.step_seconds)


def _pictures(batch: Batch) -> np.ndarray:
    """uint8 [n, h, w, c], as the reader takes them."""
    return batch[X].cpu().permute(0, 2, 3, 1).contiguous().numpy()


def _key(train: Batch, validation: Batch, classes: tuple[str, ...]) -> str:
    digest = hashlib.sha256(f"{_FORMAT} {_RECIPE} {classes}".encode())
    for batch in (train, validation):
        for key in (X, Y):
            tensor = batch[key].cpu().contiguous()
            digest.update(f"{key} {tuple(tensor.shape)} {tensor.dtype}".encode())
            digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()[:32]


@contextmanager
def _undisturbed() -> Iterator[None]:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_rng_state(state)
        if gpus:
            torch.cuda.set_rng_state_all(gpus)
