"""Several forecasts as one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from learnloop.models.classical.forecast import Forecasts


def blended(found: Mapping[str, Forecasts], weights: Mapping[str, float]) -> Forecasts:
    """The weighted mean of forecasts, and of the bounds of their intervals (quantiles averaged: Vincent 1912)."""
    names = list(weights)
    levels = set.intersection(*(set(found[name].lower) for name in names))
    mean = sum(weights[name] * found[name].mean for name in names)
    lower = {level: sum(weights[name] * found[name].lower[level] for name in names) for level in sorted(levels)}
    upper = {level: sum(weights[name] * found[name].upper[level] for name in names) for level in sorted(levels)}
    notes = [found[name].notes or ("",) * len(found[name]) for name in names]
    each = tuple(" ".join(dict.fromkeys(note for note in row if note)) for row in zip(*notes, strict=True))
    return Forecasts(np.asarray(mean), lower, upper, each)  # type: ignore[arg-type]
