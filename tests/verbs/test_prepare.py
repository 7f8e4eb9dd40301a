"""What is said before training starts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from learnloop.recipe.build import build
from learnloop.verbs.prepare import describe, prepare

ROWS = 400


def said(frame: pd.DataFrame, **flags: Any) -> list[str]:
    draft = build(file=None, flags={"data.target": ("y",), **flags}, objects={"data": frame}, origin="argument")
    return describe(prepare(draft))


def table(**columns: Any) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"a": rng.normal(size=ROWS), "y": rng.integers(0, 2, ROWS), **columns})


def gaps(count: int) -> np.ndarray:
    values = np.random.default_rng(count).normal(size=ROWS)
    values[:: ROWS // count][:count] = np.nan
    return values


def test_missing_numbers_are_said_in_one_line() -> None:
    assert [line for line in said(table(age=gaps(80))) if line.startswith("missing")] == [
        "missing: age 80 of 400 rows: imputed by the median of the training part, with an indicator"
    ]
    many = table(**{f"c_{name}": gaps(count) for name, count in zip("pqrst", (20, 100, 40, 50, 10))})
    assert [line for line in said(many) if line.startswith("missing")] == [
        "missing: c_q 100, c_s 50, c_r 40 of 400 rows (and 2 more columns: learnloop inspect): imputed by the median "
        "of the training part, with an indicator each"
    ]


def test_dates_are_imputed_too_and_categories_are_not() -> None:
    days = pd.Series(pd.date_range("2020-01-01", periods=ROWS)).where(np.arange(ROWS) % 4 > 0)
    colours = pd.Series(np.resize(["red", "green", None], ROWS), dtype=object)
    assert [line for line in said(table(on=days, colour=colours)) if line.startswith("missing")] == [
        "missing: on 100 of 400 rows: imputed by the median of the training part, with an indicator"
    ]


def test_nothing_is_said_where_nothing_is_imputed() -> None:
    ignored = said(table(age=gaps(80)), **{"data.ignore": ("age",)})
    assert not [line for line in [*said(table()), *ignored] if line.startswith("missing")]
