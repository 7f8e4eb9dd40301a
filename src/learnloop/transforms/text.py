"""Raw values as codes and text, and as float64: the two readings that every transform starts from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from learnloop.errors import SchemaError

TRUE = ("true", "yes", "y", "t", "on", "1")
FALSE = ("false", "no", "n", "f", "off", "0")


def text_of(value: Any) -> str:
    """One value as category text: whole numbers without `.0`, everything else as `str` writes it."""
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (float, np.floating)):
        return str(int(value)) if float(value).is_integer() else repr(float(value))
    return str(value)


def factorise(values: Any) -> tuple[np.ndarray, list[str]]:
    """Codes int64 [n] into the distinct texts (-1 = missing), and those texts."""
    series = values if isinstance(values, pd.Series) else pd.Series(np.asarray(values))
    if isinstance(series.dtype, pd.CategoricalDtype):
        return series.cat.codes.to_numpy().astype(np.int64), [text_of(value) for value in series.cat.categories]
    codes, distinct = pd.factorize(series)
    return codes.astype(np.int64), [text_of(value) for value in distinct]


def spelling(text: str) -> str:
    """The spelling under which two texts count as one category: `1.0` is `1`, `TRUE` is `true`."""
    if text.lower() in ("true", "false"):
        return text.lower()
    whole = text.removesuffix(".0")
    return whole if whole.lstrip("-").isdigit() else text


def lookup(categories: Sequence[str], first: int) -> dict[str, int]:
    """Text -> code, counted from `first`; other spellings are added where they are not categories."""
    table = {text: first + position for position, text in enumerate(categories)}
    for position, text in enumerate(categories):
        table.setdefault(spelling(text), first + position)
    return table


def find(table: dict[str, int], text: str, default: int) -> int:
    """The code of `text`, by its exact spelling first."""
    return table.get(text, table.get(spelling(text), default))


def in_order(texts: Sequence[str], known: Sequence[str]) -> list[str]:
    """`texts` in the order of `known`; those that are not known after them, as numbers if all are numbers."""
    rank = lookup(known, 0)
    try:
        rest = {text: (float(text), text) for text in texts}
        return sorted(texts, key=lambda text: (find(rank, text, len(known)), rest[text]))
    except ValueError:
        return sorted(texts, key=lambda text: (find(rank, text, len(known)), text))


def truth_last(pair: Sequence[str]) -> list[str]:
    """Two texts with the affirmative one last, where one of them is; else as they are."""
    first, second = pair
    return [second, first] if first.lower() in TRUE and second.lower() not in TRUE else [first, second]


def as_float(values: Any, name: str) -> np.ndarray:
    """float64 [n], missing as NaN.

    Raises SchemaError where a value is not a number, or is infinite: the column `name`, the row and the
    value.
    """
    series = values if isinstance(values, pd.Series) else pd.Series(np.asarray(values))
    try:
        numbers = series.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        parsed = pd.to_numeric(series, errors="coerce")
        wrong = np.flatnonzero(parsed.isna().to_numpy() & ~series.isna().to_numpy())
        if len(wrong):
            raise SchemaError(
                f"column {name!r}",
                "must hold numbers, as in training",
                found=f"{series.iloc[wrong[0]]!r} in row {wrong[0] + 1}"
                + (f" and {len(wrong) - 1} more like it" if len(wrong) > 1 else ""),
                do="leave the cell empty if the value is not known: an empty cell is imputed",
            ) from None
        numbers = parsed.to_numpy(dtype=np.float64, na_value=np.nan)
    infinite = np.flatnonzero(np.isinf(numbers))
    if len(infinite):
        raise SchemaError(
            f"column {name!r}",
            "must hold finite numbers",
            found=f"{numbers[infinite[0]]} in row {infinite[0] + 1}"
            + (f" and in {len(infinite) - 1} more rows" if len(infinite) > 1 else ""),
            cause="a division by zero, or an overflow, when the file was made",
            do="replace the infinite values by numbers, or by empty cells (they are imputed)",
        )
    return numbers
