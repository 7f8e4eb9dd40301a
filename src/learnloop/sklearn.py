"""`LoopClassifier` and `LoopRegressor`: scikit-learn estimators, for cross_val_score, GridSearchCV and pipelines.

    from learnloop.sklearn import LoopClassifier
    cross_val_score(LoopClassifier(), X, y, cv=5)

A DataFrame keeps its categories, texts and dates (learnloop's own inference); an array is numbers. NaN is imputed.
"""

from __future__ import annotations

import copy
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_is_fitted, column_or_1d, validate_data

from learnloop.bundle.bundle import Bundle
from learnloop.data.conform import conform
from learnloop.errors import UserError
from learnloop.recipe.build import build
from learnloop.tasks.classify import PROBABILITIES
from learnloop.tasks.regress import VALUES
from learnloop.verbs.fit import fit_draft

_TARGET = "__target__"
_QUIET = {"watch.progress": "off", "report.baselines": False, "report.html": False, "data.test": 0.0}


class _Loop(BaseEstimator):
    """What both share: parameters, fitting in a folder that is thrown away, prediction in float64.

    model         a name (`learnloop models`), an import path, or an nn.Module; "auto" takes the default for tables
    epochs, minutes, batch_size, lr  as for `ll.fit`; None: what suits the model
    validation    share of the rows that chooses the best weights; they are not trained on
    settings      any other value of the recipe by dotted key: {"train.patience": 5}
    random_state  int, RandomState or None
    """

    def __init__(
        self,
        model: Any = "auto",
        *,
        epochs: float | None = None,
        minutes: float | None = None,
        batch_size: int | None = None,
        lr: float | None = None,
        validation: float = 0.15,
        settings: Mapping[str, Any] | None = None,
        random_state: Any = None,
    ) -> None:
        self.model = model
        self.epochs = epochs
        self.minutes = minutes
        self.batch_size = batch_size
        self.lr = lr
        self.validation = validation
        self.settings = settings
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _frame(self, X: Any, *, reset: bool) -> pd.DataFrame:
        """X as named columns; an array's are x0, x1, ... Raises ValueError and TypeError as scikit-learn words them."""
        if isinstance(X, pd.DataFrame) and any(not pd.api.types.is_numeric_dtype(dtype) for dtype in X.dtypes):
            validate_data(self, X, reset=reset, skip_check_array=True)
            frame = X.reset_index(drop=True)
            frame.columns = [str(name) for name in frame.columns]
            return frame
        values = validate_data(
            self, X, reset=reset, dtype="numeric", ensure_all_finite="allow-nan", ensure_min_samples=1
        )
        return pd.DataFrame(np.asarray(values, np.float64), columns=[f"x{i}" for i in range(values.shape[1])])

    def _train(self, frame: pd.DataFrame, y: np.ndarray, task: str, kind: str) -> Bundle:
        """Fit on frame and y [n] or [n, targets]; returns the bundle with its network in float64."""
        if len(frame) < 2:
            raise ValueError(f"{type(self).__name__} needs more than one sample, found n_samples = {len(frame)}")
        answers = y.reshape(len(y), -1)
        targets = [f"{_TARGET}{i}" for i in range(answers.shape[1])]
        table = pd.concat([frame, pd.DataFrame(answers, columns=targets)], axis=1)
        kinds = {name: "number" for name in frame.columns if pd.api.types.is_numeric_dtype(frame[name].dtype)}
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        values: dict[str, Any] = {
            **_QUIET,
            "data.target": targets,
            "data.columns": {**kinds, **dict.fromkeys(targets, kind)},
            "data.validation": self.validation,
            "task.name": task,
            "train.epochs": self.epochs,
            "train.minutes": self.minutes,
            "train.batch_size": self.batch_size,
            "optimiser.lr": self.lr,
            "seed": int(seed),
            **(self.settings or {}),
        }
        objects: dict[str, Any] = {"data": table}
        if isinstance(self.model, str):
            values["model.name"] = self.model
        else:
            objects["model"] = copy.deepcopy(self.model)
        state = torch.get_rng_state()  # an estimator leaves the caller's random stream alone
        try:
            with tempfile.TemporaryDirectory() as folder:
                values["out"] = os.fspath(Path(folder) / "run")
                given = {key: value for key, value in values.items() if value is not None}
                draft = build(flags=given, objects=objects, origin="argument")
                run = fit_draft(draft, say=lambda text: None)
                bundle = run.bundle if "model" not in objects else Bundle.load(run.folder.bundle, objects["model"])
        except UserError as error:
            raise ValueError(str(error)) from error
        finally:
            torch.set_rng_state(state)
        # float64: a row's answer is then the same whatever rows stand beside it, to the last digit that is asked for.
        return Bundle(bundle.about, bundle.encoder, bundle.target, bundle.net.double())

    def _outputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "bundle_")
        frame = self._frame(X, reset=False)
        found = self.bundle_.outputs(conform(frame, self.bundle_.about.schema))
        return found[VALUES if self.bundle_.about.target == "numbers" else PROBABILITIES].astype(np.float64)


class LoopClassifier(ClassifierMixin, _Loop):
    """A network that tells classes apart. After `fit`: `classes_`, `bundle_` (a `learnloop.Bundle`)."""

    def fit(self, X: Any, y: Any) -> LoopClassifier:
        """X [n, features] array or DataFrame, y [n] labels of any type."""
        frame = self._frame(X, reset=True)
        y = column_or_1d(y, warn=True)
        if len(y) != len(frame):
            raise ValueError(f"X and y must have the same number of rows, found {len(frame)} and {len(y)}")
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"{type(self).__name__} needs at least two classes, found one class: {self.classes_[0]!r}")
        self.bundle_ = self._train(frame, np.char.add("c", np.char.zfill(codes.astype(str), 6)), "classify", "category")
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities [n, classes], in the order of `classes_`."""
        found = self._outputs(X)
        return found / found.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row [n]."""
        found = self._outputs(X)
        return self.classes_[found.argmax(axis=1)]


class LoopRegressor(RegressorMixin, _Loop):
    """A network that estimates numbers. After `fit`: `bundle_` (a `learnloop.Bundle`)."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags

    def fit(self, X: Any, y: Any) -> LoopRegressor:
        """X [n, features] array or DataFrame, y [n] or [n, targets] numbers."""
        frame = self._frame(X, reset=True)
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        if len(y) != len(frame):
            raise ValueError(f"X and y must have the same number of rows, found {len(frame)} and {len(y)}")
        self._flat = y.ndim == 1
        self.bundle_ = self._train(frame, y, "regress", "number")
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Values [n], or [n, targets] if y had two dimensions."""
        found = self._outputs(X)
        return found[:, 0] if self._flat else found
