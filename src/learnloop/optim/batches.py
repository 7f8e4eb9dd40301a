"""Some rows of a batch: for timing steps that take long as a whole."""

from __future__ import annotations

from learnloop.contracts import Batch


def rows_of(batch: Batch) -> int:
    """Rows of the first tensor that has any; 0 where none has."""
    return next((len(value) for value in batch.values() if value.ndim), 0)


def head(batch: Batch, rows: int) -> Batch:
    """The first rows of each tensor that has as many as the batch; the others as they are."""
    whole = rows_of(batch)
    return {key: value[:rows] if value.ndim and len(value) == whole else value for key, value in batch.items()}
