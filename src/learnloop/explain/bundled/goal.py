"""What a trained network's outputs mean, what they are measured by, and what the true answer is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, cast

import numpy as np

from learnloop.bundle.bundle import Bundle
from learnloop.data.dataset import Dataset
from learnloop.errors import UserError, did_you_mean, nearest
from learnloop.explain.describe import Goal
from learnloop.explain.walk import Array, number
from learnloop.recipe.draft import Draft


def unit_names(bundle: Bundle) -> tuple[str, ...]:
    """A name for each output: the classes (the second of two for a single output), labels or targets."""
    names = tuple(str(name) for name in getattr(bundle.target, "classes", bundle.target.names))
    return names[1:] if bundle.about.target == "class" and bundle.about.outputs == 1 else names


def goal_of(bundle: Bundle, draft: Draft | None, row: Dataset | None, asked: str | None) -> Goal:
    """row: with the target's columns, or None. asked: the target as it was typed, instead of the row's.

    Raises UserError for a target that the network does not know.
    """
    link, loss, notes = _measure(bundle, draft)
    kind = cast(Literal["class", "labels", "numbers"], bundle.about.target)  # models of texts and series are refused
    exact, target = "", None
    if asked is not None:
        target = _typed(bundle, asked)
    elif row is not None:
        target = _of_row(bundle, row)
    opposite = str(bundle.target.classes[0]) if kind == "class" and bundle.about.outputs == 1 else ""
    if target is not None:
        exact = _exact(bundle, target)
        target = _for_outputs(bundle, target)
    if kind != "numbers":
        return Goal(kind, link, loss, target, opposite, exact=exact, notes=notes)
    mean, std = (np.asarray(part, np.float64) for part in (bundle.target.mean, bundle.target.std))
    return Goal(kind, link, loss, target, mean=mean, std=std, exact=exact, notes=notes)


# --- link and loss ----------------------------------------------------------------------------------------------


def _measure(bundle: Bundle, draft: Draft | None) -> tuple[str, str, tuple[str, ...]]:
    """(link, loss, notes): the loss that it was trained by, as far as it is a loss of one row."""
    kind, outputs = bundle.about.target, bundle.about.outputs
    if bundle.about.model["name"] == "perceptron":
        return ("step", "perceptron", ()) if outputs == 1 else ("argmax", "perceptron_classes", ())
    trained = None if draft is None else draft.get("task.loss")
    if kind == "numbers":
        return "identity", *_number_loss(trained, draft)
    notes = _left_out(draft)
    if kind == "class" and outputs > 1:
        return "softmax", "cross_entropy", (*_instead(trained, "cross_entropy"), *notes)
    if kind == "class" and trained == "hinge":
        return "sigmoid", "hinge", notes
    return "sigmoid", "binary_cross_entropy", (*_instead(trained, "binary_cross_entropy"), *notes)


def _number_loss(trained: str | None, draft: Draft | None) -> tuple[str, tuple[str, ...]]:
    standard = "Both are standardised, as in training."
    delta = 1.0 if draft is None else float(draft.get("task.delta", 1.0))
    if trained in ("mae", "mse") or (trained == "huber" and delta == 1):
        return trained, (standard,)
    if trained == "huber":
        return "huber", (standard, f"(It was trained with delta = {number(delta)}.)")
    return "mse", (standard, *_instead(trained, "mse"))


def _instead(trained: str | None, loss: str) -> tuple[str, ...]:
    """What to say where the loss shown is not, or may not be, the one of training."""
    if trained is None:
        return ("(The bundle does not keep by which loss it was trained: this is the usual one.)",)
    if trained == "kl":
        return ("(It was trained by the Kullback-Leibler divergence, which for one true class is the same.)",)
    return () if trained == loss else (f"(It was trained by another loss, {trained}.)",)


def _left_out(draft: Draft | None) -> tuple[str, ...]:
    """What training did to its loss, and one row's own loss, as evaluation counts it, does not have."""
    if draft is None:
        return ()
    notes = []
    if draft.get("task.label_smoothing"):
        notes.append(f"(Training smoothed the labels by {number(draft.get('task.label_smoothing'))}; not so here.)")
    if draft.get("task.class_weights", "none") != "none":
        notes.append("(Training weighed the classes; one row by itself has weight 1 here.)")
    return tuple(notes)


# --- the target -------------------------------------------------------------------------------------------------
# Until `_for_outputs`: the position of the class [1], 0/1 for each label, or numbers in their own units.


def _of_row(bundle: Bundle, row: Dataset) -> Array:
    found = bundle.target.raw(row) if bundle.about.target == "numbers" else bundle.target.apply(row)
    return np.asarray(found[0], np.float64).reshape(-1)


def _for_outputs(bundle: Bundle, target: Array) -> Array:
    """As the loss takes it, [outputs]: one-hot, 0/1, or standardised."""
    if bundle.about.target == "class" and bundle.about.outputs > 1:
        found: Array = np.eye(bundle.about.outputs)[int(target[0])]
        return found
    return (target - bundle.target.mean) / bundle.target.std if bundle.about.target == "numbers" else target


def _exact(bundle: Bundle, target: Array) -> str:
    """The target in the user's words."""
    if bundle.about.target == "class":
        return str(bundle.target.classes[int(target[0])])
    if bundle.about.target == "labels":
        return ", ".join(name for name, y in zip(bundle.target.names, target, strict=True) if y) or "none of them"
    values = [number(value) for value in target]
    if len(values) == 1:
        return values[0]
    return ", ".join(f"{name} = {value}" for name, value in zip(bundle.target.names, values, strict=True))


def _typed(bundle: Bundle, text: str) -> Array:
    """--target: a class; labels by name, separated by commas; numbers, separated by commas."""
    where = f"--target {text}"
    if bundle.about.target == "class":
        return _typed_class(where, text.strip(), [str(name) for name in bundle.target.classes])
    words = [word.strip() for word in text.split(",") if word.strip()]
    if bundle.about.target == "labels":
        return _typed_labels(where, words, list(bundle.target.names))
    return _typed_numbers(where, words, list(bundle.target.names))


def _typed_class(where: str, name: str, classes: Sequence[str]) -> Array:
    if name not in classes:
        raise UserError(
            where,
            "must be a class that the network was trained on",
            found=repr(name),
            cause=did_you_mean(name, classes),
            available=nearest(name, classes),
        )
    return np.array([classes.index(name)], np.float64)


def _typed_labels(where: str, words: Sequence[str], names: Sequence[str]) -> Array:
    holding = [] if words in (["none"], ["none of them"]) else words
    unknown = [word for word in holding if word not in names]
    if unknown:
        raise UserError(
            where,
            "must be the labels that hold, separated by commas, or none",
            found=", ".join(map(repr, unknown)),
            cause=did_you_mean(unknown[0], names),
            available=[*nearest(unknown[0], names), "none"],
        )
    return np.array([float(name in holding) for name in names])


def _typed_numbers(where: str, words: Sequence[str], names: Sequence[str]) -> Array:
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    if len(values) != len(names) or not all(math.isfinite(value) for value in values):
        raise UserError(
            where,
            f"must be {'a number' if len(names) == 1 else f'{len(names)} numbers, separated by commas'}",
            found=", ".join(words) or "nothing",
            do=f"--target {','.join('1.5' for _ in names)}   # {', '.join(names)}",
        )
    return np.array(values)
