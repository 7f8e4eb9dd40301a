"""Tables of named columns: JSON and JSONL lists of objects, Parquet, and pandas frames. (`delimited.py` reads CSV.)"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from learnloop.data import encoding as enc
from learnloop.data.native import native
from learnloop.data.raw import Raw
from learnloop.errors import DataError, MissingExtraError


def read_json(path: Path) -> Raw:
    """A JSON list of objects, or one object a line (.jsonl)."""
    try:
        text = enc.read_bytes(path).decode("utf-8-sig")
        if path.name.lower().removesuffix(".gz").endswith(".jsonl"):
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
        else:
            rows = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}, line {error.lineno}", "must be JSON", found=f"{error.msg} at column {error.colno}"
        ) from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path}, line {line}", "must be text in UTF-8", found=f"the byte 0x{error.object[error.start]:02x}"
        ) from None
    except RecursionError:
        raise DataError(str(path), "must be a list of objects", found="brackets nested too deep") from None
    return from_rows([rows] if isinstance(rows, dict) else rows, str(path))


def from_rows(rows: Any, name: str) -> Raw:
    """A list of dicts, one a row. A key that a row lacks is missing there."""
    if not isinstance(rows, list | tuple) or not rows or not all(isinstance(row, dict) for row in rows):
        kinds = sorted({type(row).__name__ for row in rows}) if isinstance(rows, list | tuple) else type(rows)
        raise DataError(
            name,
            "must be a list of objects, one for each row",
            found=f"a list of {kinds}" if isinstance(rows, list) and rows else "nothing",
            do='[{"age": 31, "city": "Oslo"}, {"age": 45, "city": "Bergen"}]',
        )
    return from_frame(pd.DataFrame(list(rows)), name)


def read_parquet(path: Path) -> Raw:
    """A Parquet file. Raises MissingExtraError without pyarrow."""
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise MissingExtraError.of("pyarrow", "parquet", f"reading {path}") from None
    try:
        frame = parquet.read_table(path).to_pandas()
    except Exception as error:  # pyarrow has a dozen kinds, of which some are no ValueError
        raise DataError(
            str(path),
            "must be a whole Parquet file",
            found=(str(error).splitlines() or [type(error).__name__])[0],
            cause="the download or copy was cut short, or this is another kind of file",
            do="fetch or write the file again",
        ) from None
    return from_frame(frame, str(path))


def from_frame(frame: pd.DataFrame, name: str) -> Raw:
    """A pandas frame; a named index becomes a column, an unnamed one is dropped. The caller's frame
    stays as it is.
    """
    if any(label is not None for label in frame.index.names):
        frame = frame.reset_index()
    frame = frame.set_axis([str(column) for column in frame.columns], axis=1).reset_index(drop=True)
    double = sorted({name for name in frame.columns if list(frame.columns).count(name) > 1})
    if double:
        raise DataError(
            name,
            "each column must have a name of its own",
            found="several columns are called " + ", ".join(repr(column) for column in double),
            do="df = df.loc[:, ~df.columns.duplicated()]",
        )
    if not len(frame) or not len(frame.columns):
        raise DataError(
            name,
            "must have at least one row and one column",
            found=f"{len(frame)} rows x {len(frame.columns)}",
        )
    notes = []
    for column in frame.columns:
        if isinstance(frame[column].dtype, np.dtype) and frame[column].dtype.kind in "fciuV":
            values = frame[column].to_numpy()
            known = native(values, f"{name}, column {column}")
            frame = frame if known is values else frame.assign(**{column: known})
        if pd.api.types.is_timedelta64_dtype(frame[column].dtype):
            frame = frame.assign(**{column: frame[column].dt.total_seconds()})
            notes.append(f"Column {column}: lengths of time were read as seconds.")
    return Raw(name=name, frame=frame, notes=tuple(notes))
