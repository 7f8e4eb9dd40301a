"""The classes that samples are made of: as asked, or as often as in training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from learnloop.bundle.generative_about import GenerativeAbout
from learnloop.bundle.noise import classes_of
from learnloop.errors import DataError, did_you_mean, nearest


def labels_of(about: GenerativeAbout, count: int, seed: int, label: object | None = None) -> Tensor | None:
    """Class codes int64 [count]; None for a network that is told no classes.

    label  None: each drawn as often as in training, a function of (seed, its place); a class, as text or as the number
           that it is written as; or a list of `count` classes
    Raises DataError for a class that the network was not trained with, for any class where it is told none, and for a
    list of another length.
    """
    if not about.config.conditional:
        if label is None:
            return None
        raise DataError(
            f"--class {_first(label)}",
            "is for networks that are told a class",
            found=f"{about.model['name']}, trained without one",
            do=_retrain(about) if type(about.config).labelled else "leave it out",
        )
    if label is None:
        shares = about.shares or [1 / len(about.classes)] * len(about.classes)
        return classes_of(seed, range(count), shares)
    names = [str(name) for name in label] if isinstance(label, Sequence) and not isinstance(label, str) else None
    if names is not None and len(names) != count:
        raise DataError("--class", f"must be one class, or one for each of the {count} samples", found=f"{len(names)}")
    return torch.tensor([_code(about, name) for name in names or [str(label)] * count], dtype=torch.int64)


def _code(about: GenerativeAbout, name: str) -> int:
    if name in about.classes:
        return about.classes.index(name)
    raise DataError(
        f"--class {name}",
        "must be a class that the network was trained with",
        found=repr(name),
        cause=did_you_mean(name, about.classes),
        available=nearest(name, about.classes),
    )


def _first(label: object) -> object:
    return label[0] if isinstance(label, Sequence) and not isinstance(label, str) and label else label


def _retrain(about: GenerativeAbout) -> str:
    """The command for a network of this kind that is told classes."""
    data = about.facts.get("data", "DATA")
    field = next(name for name in type(about.config).model_fields if name.endswith("conditional"))
    return f"learnloop fit {data} --task {about.task} --model {about.model['name']} --set model.{field}=true"
