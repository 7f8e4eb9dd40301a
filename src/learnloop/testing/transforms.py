"""`check_transform`: what every transform of the contract must do, for ours and for third parties'."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from learnloop.contracts import State, Transform
from learnloop.seeds import numpy_stream


def check_transform(transform: Transform, values: Any, *, invertible: bool = True) -> None:
    """Raise AssertionError with every broken promise of `transform`, an instance that was not fitted yet.

    values      raw values [n, ...] (array or Series), n >= 4, such as training would hand over
    invertible  False for transforms that lose information on purpose

    Promises: it has the five methods; `fit` and `apply` leave their input alone; `apply` keeps the number of
    rows, is the same each time, leaves the state alone, and treats each row by itself; `fit` does not depend
    on the order of the rows and forgets an earlier fit; the state consists of JSON values and arrays, is not
    tied to the transform, and restores it bit for bit; `invert(apply(v)) == v` to rounding.
    """
    if not isinstance(transform, Transform):
        needed = ("fit", "apply", "invert", "state_dict", "load_state_dict")
        lacking = [name for name in needed if not callable(getattr(transform, name, None))]
        raise AssertionError(f"{type(transform).__name__} lacks {', '.join(lacking)}")
    if len(values) < 4:
        raise ValueError("check_transform needs at least 4 values")
    broken = []
    for check in _CHECKS:
        try:
            check(transform, values)
        except AssertionError as error:
            broken.append(str(error))
    if invertible:
        try:
            _inverts(transform, values)
        except AssertionError as error:
            broken.append(str(error))
    if broken:
        listed = "\n".join(f"  - {text}" for text in broken)
        raise AssertionError(f"{type(transform).__name__} breaks the contract of a transform:\n{listed}")


def _fitted(transform: Transform, values: Any) -> Transform:
    fresh = copy.deepcopy(transform)
    fresh.fit(copy.deepcopy(values))
    return fresh


def _leaves_input_alone(transform: Transform, values: Any) -> None:
    given = copy.deepcopy(values)
    fresh = copy.deepcopy(transform)
    fresh.fit(given)
    _demand(_same(given, values), "fit changes its input")
    fresh.apply(given)
    _demand(_same(given, values), "apply changes its input")


def _applies_purely(transform: Transform, values: Any) -> None:
    fitted = _fitted(transform, values)
    before = copy.deepcopy(fitted.state_dict())
    first = copy.deepcopy(fitted.apply(values))
    _demand(len(first) == len(values), f"apply returns {len(first)} rows for {len(values)}")
    _demand(_same(first, fitted.apply(values)), "apply gives another result the second time")
    _demand(_same_state(before, fitted.state_dict()), "apply changes the state")


def _rows_by_themselves(transform: Transform, values: Any) -> None:
    fitted = _fitted(transform, values)
    whole = np.asarray(fitted.apply(values))
    half = len(values) // 2
    parts = [np.asarray(fitted.apply(_rows(values, rows))) for rows in (slice(0, half), slice(half, None))]
    joined = np.concatenate(parts) if all(part.ndim == whole.ndim for part in parts) else parts[0]
    _demand(_close(joined, whole), "apply of a row depends on the rows beside it")


def _forgets_row_order(transform: Transform, values: Any) -> None:
    order = numpy_stream(0, "check_transform").permutation(len(values))
    plain = np.asarray(_fitted(transform, values).apply(values))
    shuffled = np.asarray(_fitted(transform, _rows(values, order)).apply(values))
    _demand(_close(plain, shuffled), "fit depends on the order of the rows")


def _forgets_earlier_fit(transform: Transform, values: Any) -> None:
    once = _fitted(transform, values)
    twice = _fitted(transform, _rows(values, slice(0, len(values) // 2)))
    twice.fit(copy.deepcopy(values))
    _demand(_same_state(once.state_dict(), twice.state_dict()), "a second fit remembers the first")


def _state_restores(transform: Transform, values: Any) -> None:
    fitted = _fitted(transform, values)
    state = fitted.state_dict()
    problem = _not_plain(state, "state")
    _demand(not problem, problem)
    restored = copy.deepcopy(transform)
    restored.load_state_dict(_through_json(state))
    expected = copy.deepcopy(fitted.apply(values))
    _demand(_same(restored.apply(values), expected), "a transform restored from its state applies differently")
    _demand(_same_state(restored.state_dict(), state), "the state changes on its way through load_state_dict")
    _scribble(state)
    _demand(_same(fitted.apply(values), expected), "writing into the state changes the transform")


def _inverts(transform: Transform, values: Any) -> None:
    fitted = _fitted(transform, values)
    back = fitted.invert(fitted.apply(values))
    _demand(len(back) == len(values) and _close(_plain(back), _plain(values)), "invert(apply(v)) is not v")


_CHECKS: tuple[Callable[[Transform, Any], None], ...] = (
    _leaves_input_alone,
    _applies_purely,
    _rows_by_themselves,
    _forgets_row_order,
    _forgets_earlier_fit,
    _state_restores,
)


def _demand(held: bool, otherwise: str) -> None:
    if not held:
        raise AssertionError(otherwise)


def _rows(values: Any, rows: Any) -> Any:
    return values.iloc[rows] if isinstance(values, pd.Series | pd.DataFrame) else values[rows]


def _plain(values: Any) -> np.ndarray:
    """Numbers and dates as they are; everything else as objects with None for missing."""
    array = np.asarray(values)
    if array.dtype.kind in "fiuM":
        return array
    objects = array.astype(object)
    objects[pd.isna(objects)] = None
    return objects


def _same(a: Any, b: Any) -> bool:
    """Equal bit for bit, NaN equal to NaN."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind in "fiubM":
        return bool(((a == b) | ((a != a) & (b != b))).all())
    return bool(pd.Series(_plain(a).ravel()).equals(pd.Series(_plain(b).ravel())))


def _close(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal to rounding for floats, exactly for everything else."""
    if a.shape != b.shape:
        return False
    if a.dtype.kind == "f" or b.dtype.kind == "f":
        x, y = a.astype(np.float64), b.astype(np.float64)
        largest = float(np.nanmax(np.abs(y), initial=0.0, where=np.isfinite(y)))
        return bool(np.allclose(x, y, rtol=1e-6, atol=1e-9 * largest, equal_nan=True))
    if a.dtype.kind == "M":
        return _same(a.astype("datetime64[ms]"), b.astype("datetime64[ms]"))
    return bool(pd.Series(_plain(a).ravel()).equals(pd.Series(_plain(b).ravel())))


def _same_state(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same_state(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_same_state(x, y) for x, y in zip(a, b))
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return _same(a, b)
    return type(a) is type(b) and (a == b or (a != a and b != b))


def _not_plain(state: Any, where: str) -> str:
    """A sentence about the first part of `state` that is neither a JSON value nor an array; "" if there is
    none.
    """
    if isinstance(state, dict):
        wrong = [key for key in state if not isinstance(key, str)]
        if wrong:
            return f"{where} has the key {wrong[0]!r}, which is not text"
        problems = (_not_plain(value, f"{where}[{key!r}]") for key, value in state.items())
        return next((problem for problem in problems if problem), "")
    if isinstance(state, list):
        problems = (_not_plain(value, f"{where}[{position}]") for position, value in enumerate(state))
        return next((problem for problem in problems if problem), "")
    if isinstance(state, np.ndarray):
        return f"{where} is an array of objects" if state.dtype == object else ""
    if state is None or type(state) in (bool, int, float, str):
        return ""
    return f"{where} is a {type(state).__name__}: neither a JSON value nor an array"


def _through_json(state: Any) -> Any:
    """A copy such as a file would give back: plain values through JSON, arrays as they are."""
    if isinstance(state, dict):
        return {key: _through_json(value) for key, value in state.items()}
    if isinstance(state, list):
        return [_through_json(value) for value in state]
    return state.copy() if isinstance(state, np.ndarray) else json.loads(json.dumps(state))


def _scribble(state: State | list[Any]) -> None:
    """Overwrite every array and empty every list of a state."""
    for value in state.values() if isinstance(state, dict) else state:
        if isinstance(value, np.ndarray) and value.flags.writeable:
            value.fill(7)
        elif isinstance(value, dict | list):
            _scribble(value)
            if isinstance(value, list):
                value.clear()
