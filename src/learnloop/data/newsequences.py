"""New series and recordings for a trained model, in all the forms in which people hand them over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from learnloop.data import audio as sounds
from learnloop.data.audio import AUDIO, rate_of, recordings
from learnloop.data.audio_folders import SUFFIX, read_recordings, wav_files
from learnloop.data.opening import open_source
from learnloop.data.raw import Raw
from learnloop.data.schema import Field, Schema
from learnloop.data.series import SERIES, from_array, is_ragged
from learnloop.data.series_tables import families, long_new, wide_new
from learnloop.data.wav import Sound
from learnloop.errors import SchemaError


def open_sequences(source: Any, schema: Schema, need_target: bool) -> Raw | None:
    """The rows of `source` with their series or recordings as arrays; None for a model of something else.

    Raises DataError for what cannot be read.
    """
    field = next((item for item in schema.inputs if item.kind in ("series", "audio")), None)
    if field is None:
        return None
    if field.kind == "audio":
        return _audio(source, field, need_target)
    return _series(source, field, schema)


def sequence_of(raw: Raw, field: Field) -> np.ndarray:
    """The array of one field. Raises SchemaError for another number of features."""
    if field.name not in raw.arrays or raw.fields.get(field.name, field).kind != field.kind:
        found = "images" if raw.arrays else "plain values"
        raise SchemaError(f"{raw.name}, {field.name}", f"must hold {field.kind}", found=found)
    values = raw.arrays[field.name]
    if field.kind == "series" and values.shape[2] != field.shape[1]:
        wanted = field.shape[1]
        raise SchemaError(
            f"{raw.name}, {field.name}",
            f"must have {wanted} number{'s'[: wanted > 1]} at each step, as in training",
            found=f"{values.shape[2]}, in an array of shape {list(values.shape)}",
            cause="features were added or left out, or time and features are exchanged",
        )
    return values


# --- series -----------------------------------------------------------------------------------------------------


def _series(source: Any, field: Field, schema: Schema) -> Raw:
    arrays = _as_arrays(source, field, schema)
    if arrays is not None:
        return arrays
    if isinstance(source, pd.Series) or (isinstance(source, Mapping) and all(np.ndim(v) == 0 for v in source.values())):
        source = [dict(source)]  # one row
    raw = open_source(source, series=True)
    if SERIES in raw.fields:
        return _named(raw, field)
    if field.format == "long":
        return long_new(raw, field.columns)
    if field.format == "array":
        width = field.shape[1]
        raise SchemaError(
            raw.name,
            f"must hold series: an array [rows, time{', ' + str(width) if width > 1 else ''}]",
            found=f"a table of {len(raw.frame.columns)} columns",
            do="np.savez('new.npz', x=x)",
        )
    return _wide(raw, field, schema)


def _as_arrays(source: Any, field: Field, schema: Schema) -> Raw | None:
    """Arrays in memory: of one or many series, or a dict with the field's own name."""
    if isinstance(source, Mapping) and np.ndim(source.get(field.name, 0)) > 1:
        raw = from_array(np.asarray(source[field.name], dtype=np.float32), "the arrays")
        rest = {str(name): values for name, values in source.items() if name != field.name and np.ndim(values) == 1}
        steps = [f for f in schema.targets if f.kind == "series" and np.ndim(source.get(f.name, 0)) > 1]
        raw = _named(raw, field)
        return replace(
            raw,
            frame=pd.DataFrame(rest, index=range(len(raw))),
            arrays={**raw.arrays, **{f.name: np.asarray(source[f.name], dtype=np.float32) for f in steps}},
            fields={**raw.fields, **{f.name: f for f in steps}},
        )
    if is_ragged(source):
        return _named(open_source(source, series=True), field)
    if isinstance(source, list) and source and not isinstance(source[0], dict | str | Path):
        source = np.asarray(source, dtype=np.float32)
    if not isinstance(source, pd.DataFrame | pd.Series) and hasattr(source, "ndim"):
        return _named(from_array(_batch(np.asarray(source), field), "the array"), field)
    return None


def _batch(array: np.ndarray, field: Field) -> np.ndarray:
    """[time] and [time, features] are one series; of one feature [rows, time] are many."""
    one = array.ndim == 1 or (array.ndim == 2 and array.shape[1] == field.shape[1])
    return array.reshape(1, len(array), -1) if one else array


def _named(raw: Raw, field: Field) -> Raw:
    """Under the field's own name."""
    arrays = {field.name if name == SERIES else name: values for name, values in raw.arrays.items()}
    fields = {field.name if name == SERIES else name: known for name, known in raw.fields.items()}
    return replace(raw, arrays=arrays, fields=fields, plain=False)


def _wide(raw: Raw, field: Field, schema: Schema) -> Raw:
    arrays, fields = {field.name: wide_new(raw, field.columns)}, {field.name: field}
    for goal in schema.targets:
        if goal.kind == "series" and all(any(name.startswith(stem) for name in raw.names) for stem in goal.columns):
            arrays[goal.name] = wide_new(raw, goal.columns)
            fields[goal.name] = goal
    stems = {stem for field in fields.values() for stem in field.columns}
    used = [
        name for stem, family in families(list(raw.frame.columns)).items() if stem in stems for name in family.values()
    ]
    return replace(raw, frame=raw.frame.drop(columns=used), arrays=arrays, fields=fields, plain=False)


# --- recordings -------------------------------------------------------------------------------------------------


def _audio(source: Any, field: Field, need_target: bool) -> Raw:
    rate = rate_of(field)
    paths = None if need_target else _wav_paths(source)
    if paths is not None:
        name = str(source) if isinstance(source, str | Path) else "the recordings"
        return read_recordings(paths, name, rate)
    if isinstance(source, Mapping) and np.ndim(source.get(AUDIO, 0)) in (1, 2):
        known = {**source, AUDIO: np.asarray(source[AUDIO])}
        if known[AUDIO].ndim == 1 and "offsets" not in source:
            known[AUDIO] = known[AUDIO][None]
        if known[AUDIO].dtype.kind in "fO":
            known[AUDIO] = known[AUDIO].astype(np.float32)
        known.setdefault("sample_rate", rate)
        return sounds.from_arrays(known, "the arrays", rate)
    if hasattr(source, "ndim") and not isinstance(source, pd.DataFrame | pd.Series):
        array = np.asarray(source)
        array = array[None] if array.ndim == 1 else array
        return sounds.from_arrays({AUDIO: array, "sample_rate": rate}, "the array", rate)
    return _at_rate(open_source(source), rate)


def _wav_paths(source: Any) -> list[Path] | None:
    """The files of recordings and of folders of them; None for what else may be meant."""
    given = [source] if isinstance(source, str | Path) else source
    if not isinstance(given, list | tuple) or not given or not all(isinstance(item, str | Path) for item in given):
        return None
    paths = [Path(item).expanduser() for item in given]
    found: list[Path] = []
    for path in paths:
        if path.is_dir() and not (path / "metadata.csv").exists():
            found += wav_files(path)
        elif path.suffix.lower() == SUFFIX:
            found.append(path)
        else:
            return None
    return found or None


def _at_rate(raw: Raw, rate: int) -> Raw:
    """The recordings at `rate`, with a note where they had another."""
    if AUDIO not in raw.fields or rate_of(raw.fields[AUDIO]) == rate:
        return raw
    old = rate_of(raw.fields[AUDIO])
    rows, ends = raw.arrays[AUDIO], sounds.lengths_of(raw.arrays[AUDIO])
    names = [f"row {row}" for row in range(len(rows))]
    audio, _, notes = recordings([Sound(row[:end], old) for row, end in zip(rows, ends)], names, raw.name, rate)
    return replace(
        raw,
        arrays={**raw.arrays, AUDIO: audio},
        fields={**raw.fields, AUDIO: sounds.field_of(audio, rate)},
        notes=(*raw.notes, *notes),
    )
