"""Tables: CSV and TSV (also .gz), JSON and JSONL lists of objects, Parquet, and pandas frames."""

from __future__ import annotations

import csv
import io
import json
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from learnloop.data import encoding as enc
from learnloop.data.native import native
from learnloop.data.padded import first_padded, may_hold_padded
from learnloop.data.ragged import Count, count_fields, count_slowly
from learnloop.data.raw import Raw
from learnloop.errors import DataError, MissingExtraError

SAMPLE_ROWS = 20_000
TEXT_SUFFIXES = (".csv", ".tsv", ".tab", ".txt", ".data")
MISSING_MARKS = ["", "NA", "N/A", "NaN", "nan", "-nan", "-NaN", "null", "NULL", "None", "<NA>", "#N/A", "n/a"]


@dataclass(frozen=True)
class Dialect:
    """How a delimited file is written."""

    encoding: str
    separator: str
    quoting: bool
    header: tuple[str, ...]
    records: int
    notes: tuple[str, ...]


def read_delimited(path: Path) -> Raw:
    """A CSV or TSV file. Raises DataError with the line number for ragged rows, bad bytes and open quotes."""
    dialect = find_dialect(path)
    frame = _parse(path, dialect)
    if not len(frame):
        raise enc.empty_file(path, f"column names only: {', '.join(dialect.header[:8])}")
    return Raw(name=str(path), frame=frame, notes=dialect.notes)


def find_dialect(path: Path) -> Dialect:
    """Encoding, separator, quoting and column names, with every row's width checked."""
    encoding, note = enc.detect_encoding(path)
    notes = [note] if note else []
    head = enc.read_bytes(path, 1 << 20)
    text = head.decode(encoding, "ignore")
    if not text.strip():
        raise enc.empty_file(path, "only blank lines")
    separator = enc.detect_separator(text, path)
    if separator not in (",", "\t"):
        notes.append(f"Fields are separated by a {enc.SEPARATOR_NAMES[separator]}.")
    count, quoting = _checked_count(path, separator, encoding)
    if not quoting:
        notes.append("Quote signs do not pair up in this file, so they were read as ordinary characters.")
    header = _header(text, separator, quoting)
    _check_header(path, header)
    return Dialect(encoding, separator, quoting, header, count.records, tuple(notes))


def _checked_count(path: Path, separator: str, encoding: str) -> tuple[Count, bool]:
    """(the count of records, whether quotes quote). Raises DataError when no reading gives rows of
    one width.
    """
    if encoding == "utf-16":
        count = count_slowly(path, separator, encoding)
        if count.uniform:
            return count, True
        raise _ragged(path, count, separator)
    quoted, plain = count_fields(path, separator)
    if quoted.uniform and (quoted.records == plain.records or not plain.uniform):
        return quoted, True
    if plain.uniform and (separator == "\t" or not quoted.uniform):
        exact = quoted if separator == "\t" else count_slowly(path, separator, encoding)
        return (exact, True) if exact.uniform and separator != "\t" else (plain, False)
    exact = quoted if quoted.uniform else count_slowly(path, separator, encoding)
    if exact.uniform and not (quoted.unclosed and exact.records < plain.records / 2):
        return exact, True
    raise _ragged(path, exact, separator, quoted.unclosed)


def _ragged(path: Path, count: Count, separator: str, unclosed: bool = False) -> DataError:
    name = enc.SEPARATOR_NAMES[separator]
    if count.bad is None:
        return DataError(
            str(path),
            "quote signs must pair up",
            found="a quote that opens and is never closed",
            do="close the quote, or double a quote sign that belongs to the text",
        )
    line, fields = count.bad
    more = f" ({count.bad_records} such rows)" if count.bad_records > 1 else ""
    cause = f"a {name} inside a value that is not quoted" if fields > count.fields else "a row cut short"
    if fields == count.fields + 1 and count.bad_records == count.records - 1:
        cause = f"every row ends with a {name} that the line of column names lacks"
    if unclosed:
        cause += ", or a quote that is never closed"
    return DataError(
        f"{path}, line {line}",
        f"must have as many fields as the first line: {count.fields}",
        found=f"{fields} fields{more}",
        cause=cause,
        do=f"sed -n {line}p {path}   # shows the row"
        if not str(path).endswith(".gz")
        else f"zcat {path} | sed -n {line}p   # shows the row",
    )


def _header(text: str, separator: str, quoting: bool) -> tuple[str, ...]:
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=separator,
        skipinitialspace=True,
        quoting=csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE,
    )
    csv.field_size_limit(1 << 24)
    row = next((row for row in reader if row), [])
    return tuple(name.strip() for name in row)


def _check_header(path: Path, header: tuple[str, ...]) -> None:
    names = [name for name in header if name]
    double = [name for name, times in Counter(names).items() if times > 1]
    if names and len(names) > 1 and all(_is_number(name) for name in names):
        counting = [str(number + start) for start in (0, 1) for number in range(len(names))]
        if names not in (counting[: len(names)], counting[len(names) :]):
            made_up = ",".join(f"x{place}" for place in range(len(header) - 1)) + ",y"
            raise DataError(
                str(path),
                "must begin with a line of column names",
                found=f"numbers only: {', '.join(header[:8])}",
                cause="the file has no line of column names",
                do=f"sed -i '1i {made_up}' {path}   # adds names",
            )
    if double:
        raise DataError(
            str(path),
            "each column must have a name of its own",
            found="several columns are called " + ", ".join(repr(name) for name in double),
            cause="two tables were joined without renaming",
            do="rename the columns in the first line",
            available=names,
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


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
                header=0,
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
