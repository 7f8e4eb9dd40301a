"""scikit-learn's own checks, and the things that one does with an estimator."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, make_regression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from learnloop.sklearn import LoopClassifier, LoopRegressor

# A fixed Plan: timing steps in each of a hundred fits would be most of the test.
FAST: dict[str, Any] = {"plan.name": "plain", "plan.threads": 1}


@parametrize_with_checks(
    [
        LoopClassifier(model="linear", random_state=0, settings=FAST),
        LoopRegressor(model="linear", random_state=0, settings=FAST),
    ]
)
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def test_cross_validation_grid_search_and_pipelines() -> None:
    x, y = load_iris(return_X_y=True)
    model = LoopClassifier(model="mlp", epochs=30, random_state=0, settings=FAST)
    assert cross_val_score(model, x, y, cv=3).mean() > 0.85
    search = GridSearchCV(make_pipeline(StandardScaler(), model), {"loopclassifier__lr": [1e-6, 0.02]}, cv=2)
    search.fit(x, y)
    assert search.best_params_ == {"loopclassifier__lr": 0.02}


def test_a_data_frame_keeps_its_categories() -> None:
    rng = np.random.default_rng(0)
    colour = rng.choice(["red", "green", "blue"], 300)
    frame = pd.DataFrame({"colour": colour, "n": rng.normal(size=300)})
    y = np.where(colour == "red", 5.0, -5.0) + frame["n"].to_numpy()
    model = LoopRegressor(model="linear", epochs=200, random_state=0, settings=FAST).fit(frame, y)
    assert model.score(frame, y) > 0.95
    assert list(model.feature_names_in_) == ["colour", "n"]


def test_clone_pickle_and_string_classes() -> None:
    x, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = LoopClassifier(model="linear", epochs=60, random_state=0, settings=FAST).fit(x, names)
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict_proba(x), model.predict_proba(x))
    assert np.array_equal(clone(model).fit(x, names).predict_proba(x), model.predict_proba(x))
    assert set(model.predict(x)) <= set(names) and np.allclose(model.predict_proba(x).sum(1), 1)


def test_several_targets() -> None:
    x, y = make_regression(200, 4, n_targets=2, random_state=0)
    model = LoopRegressor(model="linear", epochs=150, random_state=0, settings=FAST).fit(x, y)
    assert model.predict(x).shape == (200, 2) and model.score(x, y) > 0.95


def test_mistakes_are_value_errors_with_our_text() -> None:
    x, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match="Did you mean 'mlp'"):
        LoopClassifier(model="mpl").fit(x, y)
    with pytest.raises(ValueError, match="needs at least two classes, found one class"):
        LoopClassifier().fit(x, np.zeros(len(x)))
