"""CSV and TSV files, also .gz."""

from __future__ import annotations

import csv
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from learnloop.data import encoding as enc
from learnloop.data.dialect import Dialect, find_dialect
from learnloop.data.padded import first_padded, may_hold_padded
from learnloop.data.raw import Raw
from learnloop.errors import DataError

SAMPLE_ROWS = 20_000
TEXT_SUFFIXES = (".csv", ".tsv", ".tab", ".txt", ".data")
MISSING_MARKS = ["", "NA", "N/A", "NaN", "nan", "-nan", "-NaN", "null", "NULL", "None", "<NA>", "#N/A", "n/a"]


def read_delimited(path: Path) -> Raw:
    """A CSV or TSV file. Raises DataError with the line number for ragged rows, bad bytes and open quotes."""
    dialect = find_dialect(path)
    frame = _parse(path, dialect)
    if not len(frame):
        raise enc.empty_file(path, f"column names only: {', '.join(dialect.header[:8])}")
    return Raw(name=str(path), frame=frame, notes=dialect.notes)


def _named(header: tuple[str, ...]) -> list[str]:
    """Nameless columns (a saved row index) get pandas' usual name."""
    return [name or f"Unnamed: {place}" for place, name in enumerate(header)]


def _parse(path: Path, dialect: Dialect) -> pd.DataFrame:
    """pandas' C engine; texts with few distinct values are read as `category`, which never holds them
    twice.
    """
    names = _named(dialect.header)
    sample = _read_csv(path, dialect, names, rows=SAMPLE_ROWS)
    texts = [name for name in names if sample[name].dtype not in (np.float64, np.int64, bool)]
    repeated = [name for name in texts if sample[name].nunique() <= max(2, len(sample) / 2)]
    if len(sample) < SAMPLE_ROWS:
        sample = sample.astype({name: "category" for name in repeated if not _mixed(sample[name])})
        return _with_padded(path, dialect, sample)
    frame = _read_csv(path, dialect, names, dtype=dict.fromkeys(repeated, "category"))
    again = [name for name in names if _mixed(frame[name])]
    if again:  # numbers in one block of lines, text in another: read these columns as text from the start
        as_text = _read_csv(path, dialect, names, only=again, dtype=dict.fromkeys(again, str))
        frame = frame.assign(**{name: as_text[name] for name in again})
    return _with_padded(path, dialect, frame)


def _with_padded(path: Path, dialect: Dialect, frame: pd.DataFrame) -> pd.DataFrame:
    """Columns of digits that begin with 0 as text: pandas has read 01067 as 1067."""
    whole = [name for name in frame.columns if _is_whole(frame[name])]
    if not whole or not may_hold_padded(path, dialect.separator, dialect.encoding):
        return frame
    names = list(frame.columns)
    texts = _read_csv(path, dialect, names, only=whole, dtype=dict.fromkeys(whole, str)).astype("category")
    padded = [name for name in whole if first_padded(texts[name].cat.categories) is not None]
    return frame.assign(**{name: texts[name] for name in padded})


def _is_whole(series: pd.Series) -> bool:
    """Numbers without a fraction; beside missing values pandas has them as floats."""
    if series.dtype == np.int64:
        return True
    if series.dtype != np.float64:
        return False
    values = series.to_numpy()
    return bool((np.isnan(values) | (values == np.floor(values))).all())


def _mixed(series: pd.Series) -> bool:
    return series.dtype == object


def _read_csv(
    path: Path,
    dialect: Dialect,
    names: list[str],
    rows: int | None = None,
    only: list[str] | None = None,
    dtype: dict[str, Any] | None = None,
) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.DtypeWarning)
        try:
            return pd.read_csv(
                path,
                sep=dialect.separator,
                encoding=dialect.encoding,
                quoting=csv.QUOTE_MINIMAL if dialect.quoting else csv.QUOTE_NONE,
                compression="gzip" if enc.is_gzip(path) else None,
                header=0 if dialect.named else None,
                names=names,
                index_col=False,
                skipinitialspace=True,
                keep_default_na=False,
                na_values=MISSING_MARKS,
                nrows=rows,
                usecols=only,
                dtype=dtype,
                engine="c",
            )
        except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
            raise DataError(str(path), "must be a table with one row a line", found=str(error).strip()) from None
