"""Class weights: from what the recipe says and the training part's classes to numbers in the loss."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from learnloop.config import Config
from learnloop.errors import RecipeError, did_you_mean, nearest, raise_all
from learnloop.recipe.resolve import Resolved


def weighted(recipe: Resolved, y: np.ndarray, classes: Sequence[str], outputs: int) -> Config | None:
    """The loss with its class weights; the loss as it is where the recipe asks for none.

    balanced: c_j = n / (k n_j), as scikit-learn's compute_class_weight. A mapping: 1 for what it leaves out. With
    one output the weight of the second class against the first, c_1 / c_0; several labels: n_no / n_yes each.

    y        of the training part: int [n], positions in `classes`, or 0/1 [n, labels]
    outputs  of the network
    Raises RecipeError for names that are no classes.
    """
    asked, loss = recipe.task.class_weights, recipe.loss
    if asked == "none" or loss is None:
        return loss
    if y.ndim == 2:
        yes = np.clip(y.mean(axis=0), 1e-6, 1 - 1e-6)
        return loss.model_copy(update={"pos_weights": tuple(((1 - yes) / yes).tolist())})
    if asked == "balanced":
        counts = np.bincount(y, minlength=len(classes))
        values = [float(len(y) / (len(classes) * max(count, 1))) for count in counts]
    else:
        assert isinstance(asked, dict)
        raise_all([_unknown(name, classes) for name in asked if name not in classes])
        values = [float(asked.get(name, 1.0)) for name in classes]
    if outputs == 1:
        return loss.model_copy(update={"pos_weights": (values[1] / values[0],)})
    return loss.model_copy(update={"class_weights": tuple(values)})


def _unknown(name: str, classes: Sequence[str]) -> RecipeError:
    close = did_you_mean(name, classes)
    return RecipeError(
        f"task.class_weights.{name}",
        "must be one of the classes",
        found=repr(name),
        cause=f"a spelling mistake. {close}" if close else "",
        available=nearest(name, classes),
    )
