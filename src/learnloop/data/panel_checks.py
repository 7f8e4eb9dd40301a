"""Whether a panel is long enough for what is asked of it. The texts are for the person who asked."""

from __future__ import annotations

from learnloop.data.panel import Panel
from learnloop.errors import DataError


def require_history(
    panel: Panel, horizon: int, *, windows: int = 1, lookback: int = 1, where: str = "--horizon"
) -> None:
    """Every series must hold `windows` test windows of `horizon` steps behind `lookback` values to forecast them from.

    n_i >= horizon * windows + lookback for every series i. Raises DataError with the longest horizon that is possible,
    and the series that is too short.
    """
    if horizon < 1:
        raise DataError(where, "must be at least 1 step", found=str(horizon), do=f"{where} {panel.horizon or 1}")
    lengths = panel.lengths
    place = int(lengths.argmin())
    most = (int(lengths[place]) - lookback) // windows
    if horizon <= most:
        return
    short = int((lengths < horizon * windows + lookback).sum())
    one = f"series {panel.ids[place]}" if panel.ids[place] else "the series"
    many = f"; {short:,} of {len(panel):,} series are too short" if len(panel) > 1 else ""
    tests = f"{windows} test windows of {horizon}" if windows > 1 else f"a horizon of {horizon}"
    ways = [f"{where} {most}"] if most >= 1 else []
    raise DataError(
        f"{where} {horizon}",
        f"must leave history to forecast from: {tests} and {lookback} steps before need {horizon * windows + lookback}",
        found=f"{one} has {lengths[place]:,} steps{many}",
        cause="the horizon is in steps of the data, not in days" if panel.frequency != "D" else "too little data",
        do=[*ways, "hand in a longer history"],
    )


def require_season(panel: Panel, season: int, where: str = "--set series.season") -> None:
    """Every series must hold two whole seasons. Raises DataError with how many are too short."""
    lengths = panel.lengths
    short = int((lengths < 2 * season).sum())
    if not short:
        return
    raise DataError(
        f"{where}={season}",
        f"needs at least two whole seasons: {2 * season} steps",
        found=f"{short:,} of {len(panel):,} series are shorter; the shortest has {int(lengths.min()):,} steps",
        do=f"{where}=1   # no season",
    )
