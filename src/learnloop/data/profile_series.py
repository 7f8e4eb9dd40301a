"""Facts about columns of series and of recordings."""

from __future__ import annotations

from typing import Any

import numpy as np

from learnloop.data.audio import CLIPPED_SHARE, SILENT, clipped_share, rate_of
from learnloop.data.audio import lengths_of as samples_of
from learnloop.data.dataset import Dataset
from learnloop.data.schema import Field
from learnloop.data.series import lengths_of

MOST_FEATURES = 20


def series_facts(dataset: Dataset, field: Field) -> dict[str, Any]:
    """name, kind, count, shortest, median and longest (steps, or seconds of audio); and by kind:

    series  missing (values inside), features [{"name", "mean", "std", "min", "max"}] of at most 20
    audio   rate, total (seconds), silent and clipped (recordings)
    """
    values = np.asarray(dataset.column(field.name))
    if field.kind == "audio":
        rate = rate_of(field)
        ends = samples_of(values)
        sounds = [row[:end] for row, end in zip(values, ends)]
        return {
            **_lengths(field, ends / rate),
            "rate": rate,
            "total": float(ends.sum() / rate),
            "silent": sum(float(np.abs(sound).max(initial=0.0)) < SILENT for sound in sounds),
            "clipped": sum(clipped_share(sound) > CLIPPED_SHARE for sound in sounds),
        }
    ends = lengths_of(values)
    inside = np.arange(values.shape[1])[None, :] < ends[:, None]
    names = field.columns[-values.shape[2] :] if len(field.columns) >= values.shape[2] else ()
    flat = values[inside]  # [steps, features]
    return {
        **_lengths(field, ends),
        "missing": int(np.isnan(flat).sum()),
        "features": [
            {
                "name": names[place] if names else str(place),
                "mean": float(np.nanmean(column)),
                "std": float(np.nanstd(column)),
                "min": float(np.nanmin(column)),
                "max": float(np.nanmax(column)),
            }
            for place, column in enumerate(flat.T[:MOST_FEATURES])
            if not np.isnan(column).all()
        ],
    }


def series_text(facts: dict[str, Any]) -> list[str]:
    """The facts as lines for a terminal."""
    kind, name, count = facts["kind"], facts["name"], facts["count"]
    if kind == "audio":
        lengths = f"{facts['shortest']:.2g} to {facts['longest']:.3g} s (median {facts['median']:.2g} s)"
        minutes = facts["total"] / 60
        lines = ["", f"Recordings {name!r}: {count:,} of {lengths} at {facts['rate']} Hz, {minutes:.1f} minutes in all"]
        odd = [f"{facts[what]} {what}" for what in ("silent", "clipped") if facts[what]]
        return lines + ([f"  {', '.join(odd)}"] if odd else [])
    same = facts["shortest"] == facts["longest"]
    steps = f"{facts['longest']:.0f}" if same else f"{facts['shortest']:.0f} to {facts['longest']:.0f}"
    middle = "" if same else f" (median {facts['median']:.0f})"
    lines = ["", f"Series {name!r}: {count:,} of {steps} steps{middle}, {facts['missing']:,} values missing inside"]
    for row in facts["features"]:
        label = row["name"] or "value"
        spread = f"{row['min']:.4g} .. {row['max']:.4g}"
        lines.append(f"  {label:<16} {row['mean']:.4g} ± {row['std']:.4g}   {spread}")
    return lines


def _lengths(field: Field, lengths: np.ndarray) -> dict[str, Any]:
    return {
        "name": field.name,
        "kind": field.kind,
        "count": len(lengths),
        "shortest": float(lengths.min()),
        "median": float(np.median(lengths)),
        "longest": float(lengths.max()),
    }
