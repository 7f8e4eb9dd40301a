"""`read_text`: a text file as one string."""

from __future__ import annotations

from pathlib import Path

from learnloop.data import encoding as enc
from learnloop.errors import DataError

_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_MARK = "\ufeff"


def read_text(path: Path) -> tuple[str, tuple[str, ...]]:
    """(the text of a file with lines ending in "\\n", sentences about how it was read). Raises DataError."""
    encoding, note = enc.detect_encoding(path)
    data = enc.read_bytes(path)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _bad_byte(path, encoding, data, error.start) from None
    notes = [note] if note else []
    if "\r" in text:
        text = _lines(text)
        notes.append("Line ends were written as \\r\\n or \\r; they are read as \\n.")
    return text, tuple(notes)


def decoded(data: bytes, path: Path) -> tuple[str, str]:
    """(the text of one of many small files, its encoding): UTF-8, UTF-16 by its mark, else Windows-1252.

    Raises DataError with the position of the first byte that is neither.
    """
    encoding = _ORDER_MARKS.get(data[:2], "utf-8")
    if encoding == "utf-8" and b"\x00" in data[:4096]:
        raise DataError(str(path), "must be a text file", found="zero bytes in it", cause="another kind of file")
    try:
        return _lines(data.decode(encoding).removeprefix(_MARK)), encoding
    except UnicodeDecodeError as error:
        bad = error.start
    try:
        if encoding == "utf-8":
            return _lines(data.decode("cp1252")), "Windows-1252"
    except UnicodeDecodeError:
        pass
    raise _bad_byte(path, encoding, data, bad)


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _bad_byte(path: Path, encoding: str, data: bytes, place: int) -> DataError:
    near = data[max(0, place - 12) : place + 12]
    return DataError(
        str(path),
        f"must be text in one encoding; it was taken for {encoding.upper()}",
        found=f"byte 0x{data[place]:02x} at position {place + 1} of the file ({near!r})",
        cause="the file is in another encoding, was cut short, or is damaged",
    )
