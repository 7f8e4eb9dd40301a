"""Which bytes a text file is made of: encoding found from the bytes, separator from the first lines."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections import Counter
from pathlib import Path
from typing import IO

from learnloop.errors import DataError

BLOCK = 4 << 20
SEPARATORS = (",", "\t", ";", "|")
SEPARATOR_NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "vertical bar"}


def is_gzip(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


def open_bytes(path: Path) -> IO[bytes]:
    """The bytes of a file, unpacked when it is gzip (whatever its name says)."""
    return gzip.open(path, "rb") if is_gzip(path) else open(path, "rb")  # type: ignore[return-value]


def read_bytes(path: Path, most: int = -1) -> bytes:
    """At most `most` bytes of a file. Raises DataError for a damaged gzip file or an empty one."""
    try:
        with open_bytes(path) as file:
            data = file.read(most)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise damaged_gzip(path, error) from None
    if not data:
        raise empty_file(path, "an empty file (0 bytes)")
    return data


def damaged_gzip(path: Path, error: Exception) -> DataError:
    return DataError(
        str(path),
        "must be a whole gzip file",
        found=str(error) or type(error).__name__,
        cause="the download or copy was cut short",
        do=f"gzip -t {path}   # then fetch the file again",
    )


def empty_file(path: Path, found: str) -> DataError:
    return DataError(
        str(path),
        "must hold a line of column names and at least one row",
        found=found,
        cause="the export or download failed, or this is the wrong file",
    )


def detect_encoding(path: Path) -> tuple[str, str]:
    """(encoding, note): utf-8, utf-8-sig, utf-16, or cp1252 when no line outside ASCII is UTF-8.

    A file in which some lines are UTF-8 and others are not is damaged or glued together from two encodings:
    it is refused with the number of the first bad line, because any choice would silently garble the rest.
    """
    head = read_bytes(path, 4096)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16", "The file is encoded as UTF-16."
    encoding = "utf-8-sig" if head[:3] == b"\xef\xbb\xbf" else "utf-8"
    if b"\x00" in head:
        raise DataError(
            str(path),
            "must be a text file",
            found="zero bytes in it",
            cause="a spreadsheet, archive or other binary file under a text file's name",
            do="save it as CSV in UTF-8",
        )
    bad, good = _utf8_lines(path)
    if bad is None:
        return encoding, ""
    number, line = bad
    if good or encoding == "utf-8-sig":
        raise _undecodable(path, number, line, f"while {good} other lines are UTF-8")
    number_undefined = _undefined_in_cp1252(path)
    if number_undefined is not None:
        raise _undecodable(path, *number_undefined, "and it is not Windows-1252 either")
    return "cp1252", (
        f"The file is not UTF-8 (line {number}); it was read as Windows-1252 (latin-1). "
        "If letters look wrong, save it as UTF-8."
    )


def _utf8_lines(path: Path) -> tuple[tuple[int, bytes] | None, int]:
    """(number and bytes of the first line that is not UTF-8, how many lines outside ASCII are UTF-8)."""
    with open_bytes(path) as file:
        try:
            rest = b""
            while block := file.read(BLOCK):
                data = rest + block
                cut = data.rfind(b"\n") + 1
                data[:cut].decode("utf-8")
                rest = data[cut:]
            rest.decode("utf-8")
            return None, 0
        except UnicodeDecodeError:
            pass
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise damaged_gzip(path, error) from None
    first, good = None, 0
    with open_bytes(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
                good += not line.isascii()
            except UnicodeDecodeError:
                first = first or (number, line)
    return first, good


def _undefined_in_cp1252(path: Path) -> tuple[int, bytes] | None:
    with open_bytes(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode("cp1252")
            except UnicodeDecodeError:
                return number, line
    return None


def _undecodable(path: Path, number: int, line: bytes, why: str) -> DataError:
    bad = 0
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as error:
        bad = error.start
    near = line[max(0, bad - 12) : bad + 12]
    return DataError(
        f"{path}, line {number}",
        "must be text in one encoding, best UTF-8",
        found=f"byte 0x{line[bad]:02x} at position {bad + 1} ({near!r}), {why}",
        cause="two files in different encodings were joined, or the file is damaged",
        do=f"iconv -f WINDOWS-1252 -t UTF-8 {path.name} > utf8_{path.name}   # if all of it is Windows-1252",
    )


def detect_separator(text: str, path: Path) -> str:
    """The separator with which the first lines split into the same number of fields, most fields first."""
    if path.name.lower().removesuffix(".gz").endswith((".tsv", ".tab")):
        return "\t"
    lines = [line for line in text.splitlines()[:30] if line.strip()]
    best, best_score = ",", (0.0, 0)
    for separator in SEPARATORS:
        counts = [len(row) for row in csv.reader(lines, delimiter=separator) if row]
        if not counts or counts[0] < 2:
            continue
        share = Counter(counts)[counts[0]] / len(counts)
        score = (round(share, 1), counts[0])
        if score > best_score:
            best, best_score = separator, score
    return best
