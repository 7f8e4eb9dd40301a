"""A panel as the state of a bundle: arrays one series behind another, and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from learnloop.contracts import State
from learnloop.data.panel import Panel, Series


def panel_state(panel: Panel) -> State:
    """Values, stamps, marks and covariates of all series, and the plain facts; what the data came from is left out."""
    times = panel.times[0]
    return {
        "name": Path(panel.name).name,
        "ids": list(panel.ids),
        "lengths": panel.lengths,
        "times": np.concatenate([_seconds(one) for one in panel.times]),
        "stamped": times.dtype.kind == "M",
        "values": np.concatenate(panel.values),  # [steps of all series, variables]
        "filled": np.concatenate(panel.filled) if panel.filled else None,
        "known": {name: _flat(series) for name, series in panel.known.items()},
        "static": {name: _plain(values) for name, values in panel.static.items()},
        "variables": list(panel.variables),
        "targets": panel.targets,
        "frequency": panel.frequency,
        "season": panel.season,
        "seasons": list(panel.seasons),
        "horizon": panel.horizon,
        "zone": panel.zone,
    }


def panel_of(state: State) -> Panel:
    """The panel again. Raises KeyError, TypeError or ValueError for a state that is none."""
    lengths = np.asarray(state["lengths"], dtype=np.int64)
    times = np.asarray(state["times"], dtype=np.int64)
    if state["stamped"]:
        times = times.astype("datetime64[s]")
    filled = state["filled"]
    return Panel(
        state["name"],
        tuple(state["ids"]),
        _cut(times, lengths),
        _cut(np.asarray(state["values"], dtype=np.float64), lengths),
        tuple(state["variables"]),
        int(state["targets"]),
        state["frequency"],
        int(state["season"]),
        tuple(int(season) for season in state["seasons"]),
        () if filled is None else _cut(np.asarray(filled, dtype=bool), lengths),
        {name: _cut(np.asarray(one["values"]), np.asarray(one["lengths"])) for name, one in state["known"].items()},
        {name: np.asarray(values) for name, values in state["static"].items()},
        horizon=int(state["horizon"]),
        zone=state["zone"],
    )


def _seconds(times: np.ndarray) -> np.ndarray:
    return times.astype("datetime64[s]").astype(np.int64) if times.dtype.kind == "M" else times.astype(np.int64)


def _flat(series: Series) -> State:
    return {"values": np.concatenate(series), "lengths": np.array([len(one) for one in series], dtype=np.int64)}


def _plain(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float64) if values.dtype.kind in "iufb" else values.astype(str)


def _cut(rows: np.ndarray, lengths: np.ndarray) -> Series:
    if int(lengths.sum()) != len(rows):
        raise ValueError(f"{len(rows)} steps where {int(lengths.sum())} should be")
    return tuple(np.split(rows, np.cumsum(lengths)[:-1]))
