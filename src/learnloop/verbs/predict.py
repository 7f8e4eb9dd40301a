"""`predict`: answers for new rows, or the next steps of series."""

from __future__ import annotations

import os

import pandas as pd

from learnloop.verbs.run import Run


def predict(run: Run | str | os.PathLike[str], rows: object | None = None, horizon: int | None = None) -> pd.DataFrame:
    """One row of answers for each row given, or for each step ahead of a run that forecasts series. See
    `Run.predict`."""
    return (run if isinstance(run, Run) else Run.open(run)).predict(rows, horizon)
