"""How a delimited file is written: encoding, separator, quotes, column names; the width of every row is checked."""

from __future__ import annotations

import csv
import io
import itertools
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from learnloop.data import encoding as enc
from learnloop.data.ragged import Count, count_fields, count_slowly
from learnloop.errors import DataError

_ROWS_LOOKED_AT, _SENTENCE, _AGAIN = 200, 4, 3


@dataclass(frozen=True)
class Dialect:
    """How a delimited file is written. named: whether its first line is the columns' names."""

    encoding: str
    separator: str
    quoting: bool
    header: tuple[str, ...]
    records: int
    notes: tuple[str, ...]
    named: bool = True


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
    rows = _first_rows(text, separator, quoting)
    header = tuple(name.strip() for name in rows[0]) if rows else ()
    made_up = names_of_texts(rows)
    if made_up:
        notes.append(
            f"The first line is a row like the others, not the columns' names; they were called {', '.join(made_up)}."
        )
        return Dialect(encoding, separator, quoting, made_up, count.records, tuple(notes), named=False)
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


def _first_rows(text: str, separator: str, quoting: bool) -> list[list[str]]:
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=separator,
        skipinitialspace=True,
        quoting=csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE,
    )
    csv.field_size_limit(1 << 24)
    return list(itertools.islice((row for row in reader if row), _ROWS_LOOKED_AT))


def names_of_texts(rows: list[list[str]]) -> tuple[str, ...]:
    """Names for the columns of texts and their labels that were written without any; () where the first row is names.

    A row of names has no cell of a whole sentence beside a cell that comes again and again in its own column.
    """
    first, rest = (rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]) if rows else ([], [])
    texts = [place for place, cell in enumerate(first) if len(cell.split()) >= _SENTENCE]
    labels = [place for place, cell in enumerate(first) if sum(row[place] == cell for row in rest) >= _AGAIN]
    labels = [place for place in labels if place not in texts]
    if not texts or not labels:
        return ()
    names = [f"column{place + 1}" for place in range(len(first))]
    for places, name in ((texts, "text"), (labels, "label")):
        for number, place in enumerate(places):
            names[place] = name if len(places) == 1 else f"{name}{number + 1}"
    return tuple(names)


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
