"""One column at a time: missing markers, numbers written as text, text of numbers, dates. Works on distinct
values.

Every function looks at the distinct values of a column once and maps the rows through them, so that two
million rows of a few hundred texts cost a few hundred conversions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from learnloop.data.padded import first_padded
from learnloop.errors import DataError, raise_all

ALWAYS_MISSING = ("", "?", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "<NA>", "#N/A", "n/a")
NUMBER_MISSING = ("-", "--", ".")  # missing only in a column that otherwise holds numbers
DATE_FORMATS = (
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%d-%m-%Y",
    "%d-%b-%Y",
    "%d %b %Y",
    "%b %d, %Y",
    "%d %B %Y",
    "%B %d, %Y",
)
MIRROR = {a: a.replace("%d/%m", "%m/%d") if "%d/%m" in a else a.replace("%m/%d", "%d/%m") for a in DATE_FORMATS}


def is_textual(series: pd.Series) -> bool:
    return isinstance(series.dtype, pd.CategoricalDtype | pd.StringDtype) or series.dtype == object


def compact(series: pd.Series) -> pd.Series:
    """Any textual column as `category` with text categories in plain order: codes of 1 to 4 bytes
    instead of text.
    """
    if isinstance(series.dtype, pd.CategoricalDtype) and all(isinstance(value, str) for value in series.cat.categories):
        return series
    if isinstance(series.dtype, pd.StringDtype):
        codes, uniques = pd.factorize(series, use_na_sentinel=True)
        return _categorical(codes, [str(value) for value in uniques], series)
    values = series.astype(object)
    missing = values.isna().to_numpy()
    text = values.map(to_text, na_action="ignore")
    found, distinct = pd.factorize(text.to_numpy(object), use_na_sentinel=True)
    return _categorical(np.where(missing, -1, found), [str(value) for value in distinct], series)


def to_text(value: Any) -> str:
    """The text of one value: 3 and 3.0 are both "3", so that integers survive a detour through floats."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float | np.floating) and np.isfinite(value) and float(value).is_integer():
        return str(int(value))
    return str(value)


def sort_texts(texts: list[str]) -> list[str]:
    """Numerically when every text is a number, else in plain order."""
    try:
        return sorted(texts, key=float)
    except ValueError:
        return sorted(texts)


def to_category(series: pd.Series) -> pd.Series:
    """The column as `category`: text categories that occur, sorted (numerically when numeric);
    missing stays missing.
    """
    if is_textual(series):
        column = compact(series)
        codes, texts = column.cat.codes.to_numpy(), [str(value) for value in column.cat.categories]
    else:
        codes, uniques = pd.factorize(series.to_numpy(), use_na_sentinel=True)
        texts = [to_text(value) for value in uniques]
    used = np.bincount(codes[codes >= 0], minlength=len(texts)) > 0
    kept = sort_texts([text for text, seen in zip(texts, used, strict=True) if seen])
    place = {text: position for position, text in enumerate(kept)}
    table = np.array([place.get(text, -1) for text in texts] + [-1], dtype=np.int64)
    return _categorical(table[codes], kept, series)


def _categorical(codes: np.ndarray, categories: list[str], like: pd.Series) -> pd.Series:
    values = pd.Categorical.from_codes(codes.astype(np.int32), categories=pd.Index(categories, dtype="str"))
    return pd.Series(values, index=like.index, name=like.name)


def tidy(frame: pd.DataFrame, kinds: Mapping[str, str], where: str) -> tuple[pd.DataFrame, list[str]]:
    """Text columns become `category`; missing markers become missing; numbers written as text become numbers.

    kinds: what the user said about a column; "category", "text" and "id" leave its texts alone.
    Digits that begin with 0, such as 01067, are text and stay it. Returns (frame, notes). Raises DataError for a
    column of numbers with a few values that are not.
    """
    columns, notes, errors = {}, [], []
    for name in frame.columns:
        series = frame[name]
        if is_textual(series) and pd.api.types.infer_dtype(series, skipna=True) not in ("datetime", "date"):
            try:
                series, note = _tidy_texts(compact(series), kinds.get(str(name), ""), where)
                notes += note
            except DataError as error:
                errors.append(error)
        columns[str(name)] = series
    raise_all(errors)
    tidied = pd.DataFrame(columns, index=frame.index, copy=False) if columns else frame
    return tidied.reset_index(drop=True), notes


def _tidy_texts(series: pd.Series, kind: str, where: str) -> tuple[pd.Series, list[str]]:
    notes = []
    texts = [str(value) for value in series.cat.categories]
    codes = series.cat.codes.to_numpy().astype(np.int32)
    marks = [text.strip() in ALWAYS_MISSING for text in texts]
    asked = [position for position, text in enumerate(texts) if text.strip() == "?"]
    if asked:
        count = int(np.isin(codes, asked).sum())
        notes.append(f"Column {series.name}: '?' was counted as missing ({count} values).")
    if any(marks):
        codes, texts = _without(codes, texts, marks)
    padded = first_padded(texts) if kind == "" else None
    if padded is not None:
        notes.append(
            f"Column {series.name}: {padded!r} begins with 0, so these are names and not numbers (numbers after all: "
            f"--set data.columns.{series.name}=number)."
        )
    elif kind not in ("category", "text", "id", "date", "boolean"):
        numbers, dashes = _numbers(texts)
        if numbers is not None:
            if dashes.any():
                count = int(dashes[codes[codes >= 0]].sum())
                names = ", ".join(sorted({texts[place] for place in np.flatnonzero(dashes)}))
                notes.append(f"Column {series.name}: '{names}' was counted as missing ({count} values).")
            values = np.append(numbers, np.nan)[codes]
            return _as_numbers(values, series), notes
        if kind == "" or kind == "number":
            _refuse_almost_numbers(series, texts, codes, where, kind)
    return _categorical(codes, texts, series), notes


def _without(codes: np.ndarray, texts: list[str], marks: list[bool]) -> tuple[np.ndarray, list[str]]:
    table = np.full(len(texts) + 1, -1, np.int32)
    kept = [position for position, mark in enumerate(marks) if not mark]
    table[kept] = np.arange(len(kept))
    return table[codes], [texts[position] for position in kept]


def _numbers(texts: list[str]) -> tuple[np.ndarray | None, np.ndarray]:
    """(the numbers of the texts or None when they are not numbers, which texts are number-missing
    markers).
    """
    dashes = np.array([text.strip() in NUMBER_MISSING for text in texts], dtype=bool)
    if dashes.all():
        return None, dashes
    numbers = parse_numbers(texts)
    return (None if np.isnan(numbers[~dashes]).any() else numbers), dashes


def parse_numbers(texts: list[str]) -> np.ndarray:
    """float64 [n]: NaN where a text is not a number. "3,5" is a number when every comma is a decimal
    comma.
    """
    values = pd.Series(texts, dtype=object)
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64)
    bad = np.isnan(numbers)
    if bad.any() and values[bad].str.fullmatch(r"\s*[+-]?\d+,\d+\s*").any():
        return pd.to_numeric(values.str.replace(",", ".", n=1), errors="coerce").to_numpy(np.float64)
    return numbers


def _as_numbers(values: np.ndarray, like: pd.Series) -> pd.Series:
    whole = np.isfinite(values).all() and (values == np.floor(values)).all() and (abs(values) < 2**53).all()
    return pd.Series(values.astype(np.int64) if whole else values, index=like.index, name=like.name)


def _refuse_almost_numbers(series: pd.Series, texts: list[str], codes: np.ndarray, where: str, kind: str) -> None:
    """A column of numbers with one typing mistake would otherwise turn into text and be set aside
    without a word.
    """
    numbers = parse_numbers(texts)
    bad = np.flatnonzero(np.isnan(numbers))
    good = len(texts) - len(bad)
    if not len(bad):
        return  # no text at all: every value is missing
    if kind != "number" and not (good >= 10 and len(bad) <= 5 and good >= 20 * len(bad)):
        return
    shown = []
    for place in bad[:5]:
        row = int(np.flatnonzero(codes == place)[0]) + 1
        shown.append(f"{texts[place]!r} in row {row}")
    more = f" and {len(bad) - 5} other texts" if len(bad) > 5 else ""
    raise DataError(
        f"{where}, column {series.name}",
        "must hold numbers",
        found=", ".join(shown) + more + " (rows are counted from 1)",
        cause="a typing mistake, a unit, or a mark for a missing value",
        do=(
            "leave the cell empty to mean missing",
            f"--set data.columns.{series.name}=category   # if these are names, not numbers",
        ),
    )


def to_number(series: pd.Series, where: str) -> pd.Series:
    """The column as numbers. Raises DataError naming the first texts that are not."""
    if is_textual(series):
        column, _ = _tidy_texts(compact(series), "number", where)
        if is_textual(column):  # only missing markers
            return pd.Series(np.full(len(series), np.nan), index=series.index, name=series.name)
        return column
    if pd.api.types.is_bool_dtype(series):
        return series.astype(np.int64) if not series.isna().any() else series.astype(np.float64)
    if isinstance(series.dtype, pd.api.extensions.ExtensionDtype):
        return series.astype(np.float64)
    if pd.api.types.is_datetime64_any_dtype(series):
        raise DataError(
            f"{where}, column {series.name}",
            "must hold numbers",
            found="dates",
            do=f"--set data.columns.{series.name}=date",
        )
    return series


def find_date_format(texts: list[str]) -> tuple[str, bool]:
    """(format, ambiguous): "ISO8601", a strptime format, or "" when the texts are not dates.

    Ambiguous means that day and month could also be exchanged in every text.
    """
    sample = [text for text in texts[:2000] if text not in ALWAYS_MISSING]
    if not sample or not all(any(mark in text for mark in "-/.: ") for text in sample):
        return "", False
    if not all(sum(letter.isdigit() for letter in text) >= 4 and len(text) <= 40 for text in sample):
        return "", False
    values = pd.Series(sample, dtype=object)
    for form in ("ISO8601", *DATE_FORMATS):
        if _parses(values, form):
            mirror = MIRROR.get(form, form)
            ambiguous = mirror != form and _parses(values, mirror)
            return form, ambiguous
    return "", False


def _parses(values: pd.Series, form: str) -> bool:
    return bool(parse_dates(values, form).notna().all())


def parse_dates(values: pd.Series, form: str) -> pd.Series:
    """datetime64 without zone (zones become UTC), NaT where a text is not a date of this form."""
    parsed = pd.to_datetime(values, format=form, errors="coerce", utc=True)
    return parsed.dt.tz_localize(None)


def to_dates(series: pd.Series, form: str, where: str) -> pd.Series:
    """The column as datetime64; values that are dates already need no form. `form` "" finds the form. Raises
    DataError naming the first text that is no date.
    """
    if pd.api.types.infer_dtype(series, skipna=True) in ("datetime", "date"):
        series = pd.to_datetime(series, utc=True)
    if pd.api.types.is_datetime64_any_dtype(series):
        return series.dt.tz_convert("UTC").dt.tz_localize(None) if series.dt.tz is not None else series
    column = compact(series)
    texts = [str(value) for value in column.cat.categories]
    marks = [text.strip() in ALWAYS_MISSING for text in texts]
    codes, texts = _without(column.cat.codes.to_numpy().astype(np.int32), texts, marks)
    form = form or find_date_format(texts)[0] or "ISO8601"
    dates = parse_dates(pd.Series(texts, dtype=object), form)
    if dates.isna().any():
        place = int(np.flatnonzero(dates.isna().to_numpy())[0])
        rows = np.flatnonzero(codes == place)
        raise DataError(
            f"{where}, column {series.name}",
            f"must hold dates ({'like 2024-01-31' if form == 'ISO8601' else form})",
            found=f"{texts[place]!r} in row {int(rows[0]) + 1} (rows are counted from 1)",
        )
    values = np.append(dates.to_numpy("datetime64[us]"), np.datetime64("NaT"))[codes]
    return pd.Series(values, index=series.index, name=series.name)
