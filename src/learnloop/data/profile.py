"""`profile`: what is in the data, before anything is trained. Plain JSON; verbs/inspect.py prints and draws
it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from learnloop.data.dataset import PARTS, Dataset
from learnloop.data.profile_fields import field_facts, target_facts
from learnloop.data.profile_images import image_facts
from learnloop.data.profile_leaks import alone
from learnloop.data.profile_relations import repeated_rows, twins
from learnloop.data.profile_series import series_facts
from learnloop.data.profile_warnings import warnings
from learnloop.data.profile_words import text_facts

FORMAT = 1
_ROWS = 20_000
"""Rows that the search for leaks and correlations looks at."""


def profile(dataset: Dataset, *, seed: int = 0) -> dict[str, Any]:
    """Facts about `dataset` as JSON values. Changes nothing, fits nothing that is kept.

    format, name, rows, columns, parts {part: rows} or None, notes
    fields      one dict a column: name, kind, role, why, missing, missing_share, distinct, and by kind: min,
                median, mean, max, std, outliers, histogram (numbers, dates) or top (categories, booleans,
                text)
    targets     classes with counts and shares and their imbalance, or the distribution of a number
    constant    columns with one value;  twins  pairs of columns that say the same
    repeats     rows that occur more than once, as a whole and across the data's own parts
    alone       what each input column predicts of the target by itself; `leaks` those that predict it all
    series      one dict a column of series or recordings: lengths, and what they hold (data/profile_series.py)
    images      one dict an image column: size, channel means, blank and repeated images, rows for a sheet
    sampled     sentences: where only a part of the rows was looked at
    warnings    [{"name", "severity": "warning" | "note", "text"}], the worst first
    """
    rng = np.random.default_rng(seed)
    sampled: list[str] = []
    rows = len(dataset)
    sample = _sample(dataset, rng, sampled)
    fields = [field_facts(field, dataset.column(field.name)) for field in dataset.schema.fields]
    facts: dict[str, Any] = {
        "format": FORMAT,
        "name": dataset.name,
        "rows": rows,
        "columns": len(dataset.schema.fields),
        "parts": _parts(dataset),
        "notes": list(dataset.notes),
        "fields": fields,
        "targets": [target_facts(field, dataset.column(field.name)) for field in dataset.schema.targets],
        "constant": [field["name"] for field in fields if field["distinct"] in (0, 1)],
        "twins": twins(dataset, [field["name"] for field in fields if (field["distinct"] or 0) > 1], sample),
        "repeats": repeated_rows(dataset, sampled),
        "alone": alone(dataset, sample, rng),
        "images": [
            image_facts(dataset, field, rng, sampled) for field in dataset.schema.fields if field.kind == "image"
        ],
        "texts": [
            text_facts(dataset, field, rng, sampled)
            for field in (*dataset.schema.inputs, *dataset.schema.targets)
            if field.kind == "text" and field.name in dataset.frame
        ],
        "series": [
            series_facts(dataset, field) for field in dataset.schema.fields if field.kind in ("series", "audio")
        ],
        "sampled": sampled,
    }
    facts["leaks"] = [row for row in facts["alone"] if row["leaks"]]
    facts["warnings"] = warnings(facts)
    told = {row["text"] for row in facts["warnings"]}
    facts["notes"] = [note for note in facts["notes"] if note not in told]
    return facts


def _sample(dataset: Dataset, rng: np.random.Generator, sampled: list[str]) -> np.ndarray:
    """All rows in order, or a random sample of them, sorted."""
    rows = len(dataset)
    if rows <= _ROWS:
        return np.arange(rows)
    if any(field.kind != "image" for field in dataset.schema.inputs):
        what = "Correlations and what single columns predict"
        sampled.append(f"{what}: on {_ROWS:,} of {rows:,} rows, drawn at random.")
    return np.sort(rng.choice(rows, _ROWS, replace=False))


def _parts(dataset: Dataset) -> dict[str, int] | None:
    if dataset.part is None:
        return None
    return {part: int((dataset.part == part).sum()) for part in PARTS if (dataset.part == part).any()}
