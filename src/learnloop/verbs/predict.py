"""`predict`: answers for new rows."""

from __future__ import annotations

import os

import pandas as pd

from learnloop.verbs.run import Run


def predict(run: Run | str | os.PathLike[str], rows: object) -> pd.DataFrame:
    """One row of answers for each row given. See `Bundle.predict`."""
    return (run if isinstance(run, Run) else Run.open(run)).predict(rows)
