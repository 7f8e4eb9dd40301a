"""Every transform keeps the contract; and the suite notices each way in which a toy transform breaks it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from learnloop.testing.transforms import check_transform
from learnloop.transforms.table import TRANSFORMS

GENERATOR = np.random.default_rng(3)
NUMBERS = np.where(GENERATOR.random(200) < 0.1, np.nan, GENERATOR.normal(40, 9, 200))
TIMES = ["2024-02-29 13:45:10.5", "1969-12-31", None, "2031-01-01 23:59"]
VALUES = {
    "standard": [NUMBERS, np.full(20, 3.5), GENERATOR.normal(size=(50, 3))],
    "quantile": [NUMBERS, np.repeat([0.0, 0.0, 1.0, 7.0], 10)],
    "robust": [NUMBERS, np.full(20, 3.5)],
    "none": [NUMBERS],
    "impute": [NUMBERS],
    "categories": [
        pd.Series(["a", "b", None, "c", "a"] * 5),
        pd.Series(["x", "y", None] * 4, dtype="category"),
    ],
    "boolean": [pd.Series([True, False, None, True] * 3, dtype=object)],
    "calendar": [
        pd.Series(pd.to_datetime(TIMES * 3, format="ISO8601")),
        pd.Series(pd.to_datetime(["2024-02-29", "1969-12-31", None, "2031-01-01"] * 3)),
    ],
}


def test_every_transform_has_values_to_be_checked_with() -> None:
    assert VALUES.keys() == TRANSFORMS.keys()


@pytest.mark.parametrize(("name", "values"), [(name, v) for name, rows in VALUES.items() for v in rows])
def test_contract(name: str, values: object) -> None:
    check_transform(TRANSFORMS[name](), values)


class Toy:
    """Centre by the mean: keeps the contract."""

    def __init__(self) -> None:
        self.mean = np.zeros(1)

    def fit(self, values):
        self.mean = np.array([np.mean(np.sort(values))])

    def apply(self, values):
        return values - self.mean

    def invert(self, values):
        return values + self.mean

    def state_dict(self):
        return {"mean": self.mean.copy()}

    def load_state_dict(self, state):
        self.mean = np.array(state["mean"])


class FitScribbles(Toy):
    def fit(self, values):
        super().fit(values)
        values[0] = 0.0


class ApplyScribbles(Toy):
    def apply(self, values):
        result = super().apply(values)
        values[0] += 1.0
        return result


class ApplyLearns(Toy):
    def apply(self, values):
        self.fit(values)
        return super().apply(values)


class ApplyCounts(Toy):
    calls = 0

    def apply(self, values):
        self.calls += 1
        return super().apply(values) + self.calls

    def invert(self, values):
        return super().invert(values) - self.calls


class DropsRows(Toy):
    def apply(self, values):
        return super().apply(values)[1:]


class SeesNeighbours(Toy):
    def apply(self, values):
        return values - np.mean(values)


class FirstRow(Toy):
    def fit(self, values):
        self.mean = np.array([values[0]])


class Remembers(Toy):
    def fit(self, values):
        old = self.mean
        super().fit(values)
        self.mean = 0.5 * (self.mean + old)


class ForgetsState(Toy):
    def load_state_dict(self, state):
        pass


class RoundsState(Toy):
    def state_dict(self):
        return {"mean": self.mean.astype(np.float32)}


class TupleState(Toy):
    def state_dict(self):
        return {"mean": (float(self.mean[0]),)}


class ObjectState(Toy):
    def state_dict(self):
        return {"mean": self.mean.astype(object)}


class TiedState(Toy):
    def state_dict(self):
        return {"mean": self.mean}


class LosesSign(Toy):
    def invert(self, values):
        return np.abs(values) + self.mean


BROKEN = {
    FitScribbles: "fit changes its input",
    ApplyScribbles: "apply changes its input",
    ApplyLearns: "apply of a row depends on the rows beside it",
    ApplyCounts: "apply gives another result the second time",
    DropsRows: "apply returns 39 rows for 40",
    SeesNeighbours: "apply of a row depends on the rows beside it",
    FirstRow: "fit depends on the order of the rows",
    Remembers: "a second fit remembers the first",
    ForgetsState: "a transform restored from its state applies differently",
    RoundsState: "a transform restored from its state applies differently",
    TupleState: "state['mean'] is a tuple: neither a JSON value nor an array",
    ObjectState: "state['mean'] is an array of objects",
    TiedState: "writing into the state changes the transform",
    LosesSign: "invert(apply(v)) is not v",
}


def toy_values() -> np.ndarray:
    return np.random.default_rng(1).normal(10, 3, 40)


def test_the_unbroken_toy_passes() -> None:
    check_transform(Toy(), toy_values())


@pytest.mark.parametrize("toy", BROKEN, ids=lambda toy: toy.__name__)
def test_a_broken_toy_is_noticed(toy: type[Toy]) -> None:
    with pytest.raises(AssertionError) as caught:
        check_transform(toy(), toy_values())
    assert f"{toy.__name__} breaks the contract of a transform:" in str(caught.value)
    assert BROKEN[toy] in str(caught.value)


def test_a_state_that_apply_changes_is_noticed() -> None:
    class Grows(Toy):
        seen = 0

        def apply(self, values):
            self.seen += 1
            return super().apply(values)

        def state_dict(self):
            return {**super().state_dict(), "seen": self.seen}

    with pytest.raises(AssertionError, match="apply changes the state"):
        check_transform(Grows(), toy_values())


def test_missing_methods_are_named() -> None:
    class Half:
        def fit(self, values):
            pass

        def apply(self, values):
            return values

    with pytest.raises(AssertionError, match="Half lacks invert, state_dict, load_state_dict"):
        check_transform(Half(), toy_values())  # type: ignore[arg-type]


def test_not_invertible_on_purpose() -> None:
    check_transform(LosesSign(), toy_values(), invertible=False)
