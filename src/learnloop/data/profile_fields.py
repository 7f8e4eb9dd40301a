"""Facts about one column by itself."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from learnloop.data.guess import row_number
from learnloop.data.schema import Field

_BINS = 24
_TOP = 8
_MOST_CLASSES = 200
OUTLIER_RULE = "more than 3 interquartile ranges below the first or above the third quartile"


def field_facts(field: Field, values: Any) -> dict[str, Any]:
    """The facts of one column; which ones depends on its kind."""
    facts: dict[str, Any] = {"name": field.name, "kind": field.kind, "role": field.role, "why": field.why}
    if field.kind == "image" or getattr(values, "ndim", 1) > 1:
        return {**facts, "missing": 0, "missing_share": 0.0, "distinct": None}
    series = pd.Series(values)
    missing = int(series.isna().sum())
    facts.update(missing=missing, missing_share=missing / max(1, len(series)), distinct=int(series.nunique()))
    numbers = numeric(series)
    if series.dtype.kind == "M" or isinstance(series.dtype, pd.DatetimeTZDtype):
        facts.update(_date(series))
    elif field.kind in ("number", "constant") and numbers is not None:
        facts.update(_number(numbers))
    else:
        facts["top"] = _top(series, _TOP)
        if field.kind in ("text", "id"):
            lengths = series.dropna().astype(str).str.len()
            facts["length"] = {"median": _plain(lengths.median()), "max": _plain(lengths.max())}
    return facts


def target_facts(field: Field, values: Any) -> dict[str, Any]:
    """Classes with counts, or the distribution of a number."""
    series = pd.Series(values)
    facts: dict[str, Any] = {"name": field.name, "kind": field.kind, "missing": int(series.isna().sum())}
    numbers = numeric(series)
    if field.kind == "number" and numbers is not None:
        return {**facts, "task": "regress", "row_number": row_number(field.name, numbers), **_number(numbers)}
    counts = _top(series, _MOST_CLASSES)
    facts.update(task="classify", classes=counts, distinct=int(series.nunique()))
    if counts:
        # Ratio of the largest class to the smallest one.
        smallest = int(series.value_counts().iloc[-1])
        facts.update(imbalance=counts[0]["count"] / max(1, smallest), smallest=smallest, majority=counts[0]["share"])
    return facts


def numeric(series: pd.Series) -> np.ndarray | None:
    """float64 with NaN for missing, or None where a value is not a number."""
    try:
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        return None


def _number(numbers: np.ndarray) -> dict[str, Any]:
    x = numbers[np.isfinite(numbers)]
    infinite = int(np.isinf(numbers).sum())
    with np.errstate(over="ignore"):  # near the largest float: None
        mean, std = (_plain(x.mean()), _plain(x.std())) if len(x) else (None, None)
    if not len(x):
        return {"infinite": infinite, "histogram": None, "outliers": None}
    low, q25, median, q75, high = (float(q) for q in np.quantile(x, [0, 0.25, 0.5, 0.75, 1]))
    fence_low, fence_high = q25 - 3 * (q75 - q25), q75 + 3 * (q75 - q25)
    far = (x < fence_low) | (x > fence_high) if q75 > q25 else np.zeros(len(x), dtype=bool)
    extreme = np.unique(x[far])
    return {
        "min": low,
        "q25": q25,
        "median": median,
        "q75": q75,
        "max": high,
        "mean": mean,
        "std": std,
        "infinite": infinite,
        "zeros": int((x == 0).sum()),
        "outliers": {
            "count": int(far.sum()),
            "share": float(far.mean()),
            "rule": OUTLIER_RULE,
            "below": int((x < fence_low).sum()) if q75 > q25 else 0,
            "above": int((x > fence_high).sum()) if q75 > q25 else 0,
            "examples": [*map(float, extreme[:2]), *map(float, extreme[2:][-2:])],
        },
        # Drawn between the fences: one far value would squeeze everything else into one bar.
        "histogram": _histogram(x, max(low, fence_low), min(high, fence_high))
        if q75 > q25
        else _histogram(x, low, high),
    }


def _histogram(x: np.ndarray, low: float, high: float) -> dict[str, Any]:
    """Counts in equal bins from `low` to `high`, and how many lie outside."""
    inside = x[(x >= low) & (x <= high)]
    whole = len(inside) and high - low < _BINS and bool((inside == np.floor(inside)).all())
    if whole:
        edges = np.arange(math.ceil(low), math.floor(high) + 2) - 0.5
    elif high > low and np.isfinite(high - low):
        edges = np.linspace(low, high, _BINS + 1)
    else:
        edges = np.array([low, high])
    if len(edges) == 2 and edges[0] == edges[1]:
        counts = np.array([len(inside)])
    else:
        counts = np.histogram(inside, edges)[0]
    return {
        "edges": [float(edge) for edge in edges],
        "counts": [int(count) for count in counts],
        "below": int((x < low).sum()),
        "above": int((x > high).sum()),
    }


def _date(series: pd.Series) -> dict[str, Any]:
    dates = series.dropna()
    if isinstance(dates.dtype, pd.DatetimeTZDtype):
        dates = dates.dt.tz_localize(None)
    if not len(dates):
        return {"histogram": None}
    days = dates.to_numpy().astype("datetime64[ms]").astype(np.int64) / 86_400_000
    histogram = _histogram(days, float(days.min()), float(days.max()))
    edges = np.array(histogram["edges"])
    histogram["edges"] = [_moment(edge, days.max() - days.min()) for edge in edges]
    middle = str(dates.sort_values().iloc[(len(dates) - 1) // 2])
    return {"min": str(dates.min()), "median": middle, "max": str(dates.max()), "histogram": histogram}


def _moment(day: float, span: float) -> str:
    """A day since 1970 as a date, with the time where the whole span is short."""
    return str(np.datetime64(round(day * 86_400_000), "ms"))[: 10 if span > 3 else 16].replace("T", " ")


def _top(series: pd.Series, most: int) -> list[dict[str, Any]]:
    counts = series.value_counts()
    present = max(1, int(counts.sum()))
    rows = [(_text(value), int(count)) for value, count in counts.items() if count]
    rows.sort(key=lambda row: (-row[1], row[0]))
    return [{"value": value, "count": count, "share": count / present} for value, count in rows[:most]]


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _plain(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
