"""What a column is, guessed from its values. Every guess is one sentence in `Field.why`; the user's word
goes first.

The rules, in order (the first that holds wins):

constant   no value at all, or one value in every row                                             set aside
date       datetime values; texts of which all parse in one date form
boolean    bool values; integers 0 and 1; two texts such as yes/no, true/false
id         distinct values in every row that are: called id, *_id, *Id, uuid, index or nothing;
           or integers without a gap (1, 2, 3, ... in any order) from 10 rows on; or texts of one word; also
           integers with more than 20 distinct values that repeat but are called id
           set aside
category   texts with few distinct values: at most half as many as rows and at most 10,000; digits that begin with 0
           are texts;
           integers that look like codes: 3 to 20 distinct values, less than 5 % of the rows, without gaps
           wider than the range itself, each at least a fifth as frequent as an even share (in counts the
           large values are rarer)
text       texts that are (nearly) all different                            set aside beside other columns to
           learn from; alone, the input (freetext.py)
number     everything else

Integers keep being numbers in numeric arrays and in families of numbered columns (pixel0, pixel1, ...).
Categories and booleans are stored as pandas `category` of text; dates as datetime64; numbers as they are.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from learnloop.data.columns import (
    compact,
    find_date_format,
    is_textual,
    parse_dates,
    sort_texts,
    to_category,
    to_dates,
    to_number,
)
from learnloop.data.schema import Field, Kind
from learnloop.errors import DataError

MOST_CODES = 20
MOST_CATEGORIES = 10_000
FEWEST_TEXTS = 20
"""Targets that are nearly all different are texts to be written, not classes, from this many rows on."""
ID_NAME = re.compile(r"(^|[_\-. ])(id|uuid|guid|index|rowid)$|[a-z](Id|ID)$|^Unnamed: \d+$", re.IGNORECASE)
CODE_NAME = re.compile(r"(^|[_\-. ])(zip|plz|code|postal|(zip|post|postal)[_\-. ]?code)s?[_\-. ]?\d*$", re.IGNORECASE)
CAMEL_CODE = re.compile(r"[a-z](Zip|Plz|PLZ|Code|Postal)$")
CAMEL_ID = re.compile(r"[a-z](Id|ID)$")
PAIRS = ({"yes", "no"}, {"true", "false"}, {"y", "n"}, {"t", "f"}, {"on", "off"})


def guess(series: pd.Series, *, numbered: bool = False, is_target: bool = False) -> tuple[Kind, str]:
    """(kind, the sentence that says why) of one column after `columns.tidy`."""
    present = int(series.notna().sum())
    if present == 0:
        return "constant", "Every value is missing; set aside."
    if pd.api.types.is_datetime64_any_dtype(series):
        return "date", "The values are dates."
    if pd.api.types.is_bool_dtype(series):
        return "boolean", "The values are true or false."
    if is_textual(series):
        return _guess_text(compact(series), present, is_target)
    return _guess_number(series, present, numbered, is_target)


def _guess_text(series: pd.Series, present: int, is_target: bool) -> tuple[Kind, str]:
    texts = [str(value) for value in series.cat.categories]
    distinct, rows = len(texts), len(series)
    if {text.lower() for text in texts} in PAIRS and distinct == 2:
        return "boolean", f"Two values that mean yes and no: {', '.join(sort_texts(texts))}."
    if is_target:
        if present >= FEWEST_TEXTS and distinct > present / 2 and _words(texts) >= 2:
            return "text", f"Texts, {distinct} different ones in {present} rows."
        return "category", f"Text with {distinct} distinct values."
    if distinct == 1 and present == rows:
        return "constant", f"Every row has the same value, {texts[0]!r}; set aside."
    form, ambiguous = find_date_format(texts)
    if form and distinct > 1 and len(to_bad_dates(texts, form)) == 0:
        doubt = " Day and month could also be exchanged; give datetime values if so." if ambiguous else ""
        return "date", f"Every text is a date ({_form_name(form)}).{doubt}"
    words = float(np.mean([len(text.split()) for text in texts[:2000]]))
    length = float(np.mean([len(text) for text in texts[:2000]]))
    if distinct <= MOST_CATEGORIES and (distinct <= max(2, present / 2) or present < 10) and length <= 60:
        return "category", f"Text with {distinct} distinct values in {present} rows."
    if distinct == present and words < 2:
        return "id", "Every row has a text of its own, which cannot be learnt from; set aside."
    instead = f"set aside (to learn from it alone: --set data.columns.{series.name}=text)."
    if words >= 3 or length > 60:
        return "text", f"Free text ({words:.0f} words on average), not learnt from beside other columns; {instead}"
    return "text", f"Text with {distinct} distinct values in {present} rows, too many for categories; {instead}"


def _words(texts: list[str]) -> float:
    """Words of a text, on average."""
    return float(np.mean([len(text.split()) for text in texts[:2000]]))


def to_bad_dates(texts: list[str], form: str) -> list[str]:
    """The texts that are not dates of this form."""
    parsed = parse_dates(pd.Series(texts, dtype=object), form)
    return [text for text, bad in zip(texts, parsed.isna(), strict=True) if bad]


def _form_name(form: str) -> str:
    return "like 2024-01-31" if form == "ISO8601" else form


def _guess_number(series: pd.Series, present: int, numbered: bool, is_target: bool) -> tuple[Kind, str]:
    values = series.dropna().to_numpy(np.float64)
    rows = len(series)
    low, high = float(values.min()), float(values.max())
    if low == high and present == rows and not is_target:
        return "constant", f"Every row has the same value, {low:g}; set aside."
    whole = is_whole(values)
    if not whole or is_target:
        return "number", f"Whole numbers, {len(np.unique(values))} distinct." if whole else "Numbers."
    if low == 0 and high == 1:
        return "boolean", "Whole numbers that are 0 or 1."
    span = high - low + 1
    distinct = pd.unique(values) if span > 2**22 else np.flatnonzero(np.bincount((values - low).astype(int)))
    count = len(distinct)
    if count == rows and present == rows:
        name = str(series.name)
        if looks_like_id(name):
            return "id", f"The name {name!r} and a different whole number in every row; set aside."
        if rows >= 10 and span == rows and not numbered:
            return "id", "Whole numbers that count the rows; set aside."
    if looks_like_id(str(series.name)) and count > MOST_CODES:
        return (
            "id",
            f"The name {series.name!r} says that it names things; set aside (groups: --group {series.name}).",
        )
    if numbered:
        return "number", "Whole numbers in a family of numbered columns."
    written_whole = pd.api.types.is_integer_dtype(series) or present < rows
    if written_whole and 3 <= count <= MOST_CODES and count < 0.05 * present and span <= 2 * count:
        rarest = np.bincount((values - low).astype(int))
        if rarest[rarest > 0].min() >= 0.2 * present / count:
            return "category", f"Whole numbers with only {count} distinct values, each of them frequent."
    return "number", f"Whole numbers with {count} distinct values.{_if_codes(str(series.name), count)}"


def _if_codes(name: str, distinct: int) -> str:
    """How to make names of places or things that happen to be digits a category, where the column's name says so."""
    if not (CODE_NAME.search(name) or CAMEL_CODE.search(name)) or distinct > MOST_CATEGORIES:
        return ""
    return f" Its name speaks of codes, whose order means nothing (categories: --set data.columns.{name}=category)."


def is_whole(values: np.ndarray) -> bool:
    """Every value is finite and without a fraction."""
    return bool(np.isfinite(values).all() and (values == np.floor(values)).all())


def looks_like_id(name: str) -> bool:
    return bool(ID_NAME.search(name)) and (not name.lower().endswith("id") or _id_word(name))


def _id_word(name: str) -> bool:
    """ "user_id", "ID" and "PassengerId" but not "acid" or "grid"."""
    return bool(re.search(r"(^|[_\-. ])(uu|gu|row)?id$", name, re.IGNORECASE) or CAMEL_ID.search(name))


def numbered_families(names: list[str], least: int = 10) -> set[str]:
    """Columns that belong to a family of at least `least` with one stem and a running number: pixel0,
    pixel1, ...
    """
    stems: dict[str, list[str]] = {}
    for name in names:
        if found := re.fullmatch(r"(.*?)[_\- ]?\d+", name):
            stems.setdefault(found[1], []).append(name)
    return {name for family in stems.values() if len(family) >= least for name in family}


def make(series: pd.Series, kind: Kind, why: str, where: str) -> tuple[Field, pd.Series]:
    """(the field, its column converted to that kind). Raises DataError when the values are not of
    that kind.
    """
    name, missing = str(series.name), int(series.isna().sum())
    if kind in ("category", "boolean"):
        dtype = value_type(series)
        column = to_category(series)
        categories = tuple(str(value) for value in column.cat.categories)
        if kind == "boolean" and len(categories) > 2:
            raise DataError(
                f"{where}, column {name}",
                "must have two distinct values to be a boolean",
                found=f"{len(categories)}: {', '.join(categories[:8])}",
                do=f"--set data.columns.{name}=category",
            )
        if len(categories) > MOST_CATEGORIES:
            raise DataError(
                f"{where}, column {name}",
                f"must have at most {MOST_CATEGORIES} distinct values to be a category",
                found=f"{len(categories)} distinct values",
                cause="free text, a name or a quantity",
                do=f"--set data.columns.{name}={'text' if is_textual(series) else 'number'}",
            )
        return Field(name, kind, dtype=dtype, categories=categories, missing=missing, why=why), column
    if kind == "number":
        column = to_number(series, where)
        values = column.to_numpy(np.float64)
        whole = bool(np.isfinite(values).any()) and is_whole(values[~np.isnan(values)])
        written = pd.api.types.is_integer_dtype(column) or np.isnan(values).any()
        missing = int(np.isnan(values).sum())
        return Field(name, kind, dtype="int" if whole and written else "float", missing=missing, why=why), column
    if kind == "date":
        form = date_form(series)
        column = to_dates(series, form, where)
        return Field(name, kind, dtype="date", missing=int(column.isna().sum()), why=why, format=form), column
    return Field(name, kind, dtype=value_type(series), missing=missing, why=why), series


def date_form(series: pd.Series) -> str:
    """The form of dates written as text; "" for datetime values."""
    if pd.api.types.is_datetime64_any_dtype(series):
        return ""
    return find_date_format([str(value) for value in compact(series).cat.categories])[0]


def value_type(series: pd.Series) -> str:
    """How values of a column are written back: "bool", "int", "float" or "str"."""
    if pd.api.types.is_bool_dtype(series):
        return "bool"
    if pd.api.types.is_integer_dtype(series):
        return "int"
    if pd.api.types.is_float_dtype(series):
        values = series.dropna().to_numpy(np.float64)
        return "int" if len(values) < len(series) and is_whole(values) else "float"
    if pd.api.types.is_datetime64_any_dtype(series):
        return "date"
    return "str"


def row_number(name: str, values: np.ndarray) -> str:
    """A sentence about a target that seems to number the rows, which nothing in a row can tell; else "".

    At least ten whole numbers that rise (or fall) from row to row, with at most a third of the numbers left out.
    """
    values = values[~np.isnan(values)]
    if len(values) < 10 or not is_whole(values):
        return ""
    steps = np.diff(values)
    one_way = bool((steps > 0).all() or (steps < 0).all())
    if not one_way or abs(values[-1] - values[0]) + 1 > 1.5 * len(values):
        return ""
    first = ", ".join(f"{value:.0f}" for value in values[:3])
    return (
        f"Target {name} looks like a row number ({first}, ...): then it says where a row stands in the file, and "
        "there is nothing to learn (learn another column: --target COLUMN)."
    )
