"""How many fields each line of a delimited file has, counted on the bytes: ragged rows are found before
parsing.

pandas fills short rows with missing values and, with `index_col=False`, cuts long ones: both silently. So
the fields are counted first, in blocks (about 1 s for 300 MB), under both readings of the quote sign.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from learnloop.data.encoding import BLOCK, damaged_gzip, open_bytes

NEWLINE, RETURN, QUOTE = 10, 13, 34


@dataclass
class Count:
    """Records of one reading of the file; `bad` is (line, fields) of the first record of another width."""

    records: int = 0
    fields: int = 0
    bad: tuple[int, int] | None = None
    bad_records: int = 0
    unclosed: bool = False

    @property
    def uniform(self) -> bool:
        return self.bad is None and not self.unclosed


class _Counter:
    """Adds up one reading, block after block."""

    def __init__(self) -> None:
        self.count = Count()
        self._separators = 0  # of the record that the block boundary cuts
        self._length = 0
        self._return = False

    def add(self, ends: np.ndarray, separators: np.ndarray, data: np.ndarray, line_of: np.ndarray) -> None:
        """`ends` and `separators`: positions in `data` of the record ends and separators that count."""
        before = np.searchsorted(separators, ends)
        counts = np.diff(before, prepend=0)
        lengths = np.diff(ends, prepend=-1) - 1
        if len(ends):
            counts[0] += self._separators
            lengths[0] += self._length
            previous = data[np.maximum(ends - 1, 0)] == RETURN
            if ends[0] == 0:
                previous[0] = self._return
            blank = (lengths == 0) | ((lengths == 1) & previous)
            self._judge(counts[~blank] + 1, line_of[~blank])
            self._separators, self._length = 0, 0
            last = int(ends[-1])
        else:
            last = -1
        self._separators += int(len(separators) - (before[-1] if len(before) else 0))
        self._length += len(data) - 1 - last
        self._return = bool(len(data)) and bool(data[-1] == RETURN)

    def finish(self, line: int) -> None:
        if self._length > int(self._return):
            self._judge(np.array([self._separators + 1]), np.array([line]))

    def _judge(self, fields: np.ndarray, lines: np.ndarray) -> None:
        if not len(fields):
            return
        if not self.count.records:
            self.count.fields = int(fields[0])
        self.count.records += len(fields)
        wrong = np.flatnonzero(fields != self.count.fields)
        if len(wrong) and self.count.bad is None:
            self.count.bad = int(lines[wrong[0]]), int(fields[wrong[0]])
        self.count.bad_records += len(wrong)


def count_fields(path: Path, separator: str) -> tuple[Count, Count]:
    """(quotes protect separators and line ends, quotes are ordinary characters). For encodings that hold
    ASCII.

    Raises DataError for a damaged gzip file.
    """
    quoted, plain = _Counter(), _Counter()
    parity, line = 0, 1
    with open_bytes(path) as file:
        while True:
            try:
                block = file.read(BLOCK)
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                raise damaged_gzip(path, error) from None
            if not block:
                break
            data = np.frombuffer(block, np.uint8)
            ends = np.flatnonzero(data == NEWLINE)
            separators = np.flatnonzero(data == ord(separator))
            lines = line + np.arange(len(ends))
            plain.add(ends, separators, data, lines)
            quotes = data == QUOTE
            if parity or quotes.any():
                inside = (np.cumsum(quotes, dtype=np.uint8) + np.uint8(parity)) & 1
                parity = int(inside[-1])
                kept = inside[ends] == 0
                ends, lines = ends[kept], lines[kept]
                separators = separators[inside[separators] == 0]
            quoted.add(ends, separators, data, lines)
            line += int((data == NEWLINE).sum())
    quoted.finish(line)
    plain.finish(line)
    quoted.count.unclosed = bool(parity)
    return quoted.count, plain.count


def count_slowly(path: Path, separator: str, encoding: str) -> Count:
    """The same with Python's csv reader: exact for stray quotes and for UTF-16, but slower (2 MB/s
    per field).
    """
    count = Count()
    with open_bytes(path) as file, io.TextIOWrapper(file, encoding=encoding, newline="") as text:
        reader = csv.reader(text, delimiter=separator, skipinitialspace=True, strict=False)
        previous = 0
        for row in reader:
            start, previous = previous + 1, reader.line_num
            if not row:
                continue
            count.fields = count.fields if count.records else len(row)
            count.records += 1
            if len(row) != count.fields:
                count.bad = count.bad or (start, len(row))
                count.bad_records += 1
    return count
