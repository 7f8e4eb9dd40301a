"""What `learnloop predict RUN INPUT...` takes: files, images, a catalog name, JSON, `name=value`, or `-`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from learnloop.errors import DataError

TABLES = (".csv", ".tsv", ".txt", ".data", ".json", ".jsonl", ".gz", ".parquet", ".npz", ".npy")
PAIR = re.compile(r"^([^=/\\{}\[\]]+)=(.*)$", re.DOTALL)


def rows_of(inputs: Sequence[str]) -> Any:
    """What the inputs stand for: a path or catalog name, a list of image paths, or a list of rows (dicts).

    Raises DataError for inputs of several kinds, JSON that is none, or a name given twice.
    """
    texts = list(inputs)
    if texts == ["-"]:
        return _from_json(sys.stdin.read(), "standard input")
    if all(Path(text).exists() for text in texts):
        tables = [text for text in texts if text.lower().endswith(TABLES) and not Path(text).is_dir()]
        if len(texts) > 1 and tables:
            raise DataError(
                tables[0],
                "several inputs must all be pictures or folders of pictures; of tables one at a time",
                found=f"{len(texts)} inputs",
                do=f"learnloop predict RUN {tables[0]}",
            )
        return texts[0] if len(texts) == 1 else texts
    if all(text.lstrip().startswith(("{", "[")) for text in texts):
        return [row for text in texts for row in _from_json(text, text)]
    if all(PAIR.match(text) for text in texts):
        return [_pairs(texts)]
    if len(texts) == 1:
        return texts[0]  # a catalog name, or a path that does not exist: the reader says so
    odd = next(text for text in texts if not Path(text).exists())
    raise DataError(
        odd,
        "inputs must all be files, all be JSON rows, or all be name=value pairs",
        found=f"{odd!r} beside {next(text for text in texts if text != odd)!r}",
        cause=f"there is no file {odd}" if not PAIR.match(odd) else "",
        do=["learnloop predict RUN a.png b.png", "learnloop predict RUN age=30 sex=female"],
    )


def _from_json(text: str, where: str) -> list[dict[str, Any]]:
    """An object, a list of objects, or one object a line."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2:
            raise _no_json(where, f"{error.msg} at character {error.pos + 1}") from None
        found = [_line(line, number) for number, line in enumerate(lines, 1)]
    rows = found if isinstance(found, list) else [found]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise _no_json(where, "no object {name: value}")
    return rows


def _line(line: str, number: int) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise _no_json(f"line {number}", f"{error.msg} at character {error.pos + 1}") from None


def _no_json(where: str, found: str) -> DataError:
    shown = where if len(where) <= 60 else where[:57] + "..."
    return DataError(
        shown,
        "must be JSON: an object, or a list of objects",
        found=found,
        do="""'{"age": 30, "sex": "female"}'""",
    )


def _pairs(texts: Sequence[str]) -> dict[str, Any]:
    """`age=30 sex=female` is one row. Values stay text; the schema reads them. Empty is missing."""
    row: dict[str, Any] = {}
    for text in texts:
        matched = PAIR.match(text)
        assert matched is not None
        name, value = matched.group(1).strip(), matched.group(2)
        if name in row:
            raise DataError(name, "must be given once", found=f"{row[name]!r} and {value!r}")
        row[name] = value if value != "" else None
    return row
