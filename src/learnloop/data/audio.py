"""Audio: one array column float32 [rows, samples] in -1 .. 1, NaN behind the end of a recording, all at one rate."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from learnloop.data.native import native
from learnloop.data.raw import Raw
from learnloop.data.schema import Field
from learnloop.data.wav import Sound
from learnloop.errors import DataError

AUDIO = "audio"
"""The name of the field."""
SILENT = 1e-4
"""Full scale is 1: this is -80 dB, below the noise of a 16-bit recording."""
CLIPPED_LEVEL, CLIPPED_SHARE = 0.999, 1e-3
_KEYS = {"audio", "offsets", "sample_rate"}
_LARGE = 1 << 30


def rate_of(field: Field) -> int:
    """Samples a second of an audio field."""
    return int(field.format)


def lengths_of(audio: np.ndarray) -> np.ndarray:
    """int64 [rows]: samples of each recording; audio [rows, samples] with NaN behind the end."""
    return np.asarray((~np.isnan(audio)).sum(axis=1), dtype=np.int64)


def field_of(audio: np.ndarray, rate: int) -> Field:
    """The field of recordings [rows, samples]."""
    seconds = lengths_of(audio) / rate
    why = f"Recordings of {seconds.min():.2g} to {seconds.max():.2g} s at {rate} Hz."
    return Field(AUDIO, "audio", shape=(int(audio.shape[1]),), why=why, format=str(rate))


def recordings(
    sounds: Sequence[Sound], names: Sequence[str], where: str, rate: int | None = None
) -> tuple[np.ndarray, int, list[str]]:
    """(float32 [rows, samples], samples a second, notes).

    rate  to which all are brought; None takes the commonest among them
    Raises DataError when all are silent.
    """
    if rate is None:
        rate = Counter(sound.rate for sound in sounds).most_common(1)[0][0]
    notes = _resampled_note(sounds, names, rate) + _mono_note(sounds)
    samples = [resampled(sound.samples, sound.rate, rate) for sound in sounds]
    notes += quality(samples, names, where)
    longest = max(len(sound) for sound in samples)
    size = 4 * len(samples) * longest
    if size > _LARGE:
        notes.append(f"The recordings take {size / 2**30:.1f} GiB of memory ({len(samples)} x {longest / rate:.0f} s).")
    audio = np.full((len(samples), longest), np.nan, dtype=np.float32)
    for place, sound in enumerate(samples):
        audio[place, : len(sound)] = sound
    return audio, rate, notes


def resampled(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """Samples at `wanted` a second: a polyphase filter (scipy.signal.resample_poly) cuts what would alias."""
    if rate == wanted:
        return samples
    from scipy.signal import resample_poly

    common = math.gcd(rate, wanted)
    made: np.ndarray = resample_poly(samples, wanted // common, rate // common)
    return made.astype(np.float32)


def quality(samples: Sequence[np.ndarray], names: Sequence[str], where: str) -> list[str]:
    """Sentences about silent and clipped recordings. Raises DataError when every one is silent."""
    silent = [name for name, sound in zip(names, samples) if np.abs(sound).max(initial=0.0) < SILENT]
    if len(silent) == len(samples):
        raise DataError(
            where,
            "must hold sound",
            found=f"silence in {'the recording' if len(silent) == 1 else f'all {len(silent)} recordings'}",
            cause="a microphone that was off, or integers that were scaled down to nothing",
            do="record again, or hand over floats in -1 .. 1",
        )
    notes = [f"Silent: {_listed(silent)} (nothing louder than -80 dB)."] if silent else []
    clipped = [name for name, sound in zip(names, samples) if clipped_share(sound) > CLIPPED_SHARE]
    if clipped:
        share = f"{100 * CLIPPED_SHARE:.1f} %"
        notes.append(f"Clipped: {_listed(clipped)} (more than {share} of the samples lie flat at full scale).")
    return notes


def clipped_share(sound: np.ndarray) -> float:
    """Share of samples that lie at full scale beside another such sample."""
    high = np.abs(sound) >= CLIPPED_LEVEL
    flat = high[1:] & high[:-1]
    return float(flat.sum()) / max(1, len(sound))


def _resampled_note(sounds: Sequence[Sound], names: Sequence[str], rate: int) -> list[str]:
    other = [(name, sound.rate) for name, sound in zip(names, sounds) if sound.rate != rate]
    if not other:
        return []
    rates = ", ".join(f"{found} Hz" for found in sorted({found for _, found in other}))
    return [f"Resampled from {rates} to {rate} Hz: {_listed([name for name, _ in other])}."]


def _mono_note(sounds: Sequence[Sound]) -> list[str]:
    many = sum(sound.channels > 1 for sound in sounds)
    return [f"{many} recordings have several channels: their mean is taken."] if many else []


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{len(names)} recording{'s'[: len(names) > 1]}, {', '.join(names[:3])}{more}"


# --- arrays -----------------------------------------------------------------------------------------------------


def is_audio(arrays: Mapping[str, Any]) -> bool:
    """An archive of recordings: `audio` with `sample_rate`."""
    return {"audio", "sample_rate"} <= {str(key).lower() for key in arrays}


def from_arrays(arrays: Mapping[str, Any], name: str, rate: int | None = None) -> Raw:
    """`audio` int or float [rows, samples], or all joined [samples] with `offsets` [rows + 1]; `sample_rate`.

    Integers are divided by the largest of their type. Other arrays with one value a row become columns; a boolean
    one called `test` is the data's own split. rate: to which all are brought; None keeps theirs. Raises DataError.
    """
    given = {str(key).lower(): np.asarray(value) for key, value in arrays.items()}
    at = int(given["sample_rate"].reshape(-1)[0])
    if at < 1:
        raise DataError(f"{name}, sample_rate", "must be samples a second", found=str(at))
    sounds = [Sound(row, at) for row in _rows(given, name)]
    audio, rate, notes = recordings(sounds, [f"row {row}" for row in range(len(sounds))], name, rate)
    rest = {str(key): native(np.asarray(value), name) for key, value in arrays.items() if str(key).lower() not in _KEYS}
    columns = {key: value for key, value in rest.items() if value.ndim == 1 and len(value) == len(audio)}
    spare = [key for key in rest if key not in columns]
    part = None
    if "test" in columns and columns["test"].dtype == bool:
        part = np.where(columns.pop("test"), "test", "train")
    notes += [f"Arrays that were not used: {', '.join(spare)}."] if spare else []
    return Raw(
        name=name,
        frame=pd.DataFrame(columns, index=range(len(audio))),
        arrays={AUDIO: audio},
        fields={AUDIO: field_of(audio, rate)},
        part=part,
        notes=tuple(notes),
    )


def _rows(given: Mapping[str, np.ndarray], name: str) -> list[np.ndarray]:
    """float32 [time] of each recording."""
    sound = scaled(given["audio"], f"{name}, audio")
    if sound.ndim == 2 and len(sound):
        ends = lengths_of(sound)
        return [row[:end] for row, end in zip(sound, ends)]
    offsets = given.get("offsets")
    if sound.ndim != 1 or offsets is None:
        raise DataError(
            f"{name}, audio",
            "must be [rows, samples], or [samples] with `offsets` [rows + 1]",
            found=f"shape {list(sound.shape)}" + ("" if offsets is None else f", offsets {list(offsets.shape)}"),
        )
    steps = np.diff(offsets) if offsets.ndim == 1 and offsets.dtype.kind in "iu" else np.zeros(0)
    if not len(steps) or steps.min() < 1 or offsets[0] < 0 or offsets[-1] > len(sound):
        raise DataError(
            f"{name}, offsets",
            f"must be whole numbers that ascend from 0 to at most {len(sound)}, one more than there are rows",
            found=f"{offsets.dtype} {list(offsets.shape)}"
            + (f" from {offsets[0]} to {offsets[-1]}" if offsets.ndim == 1 and len(offsets) else ""),
        )
    return [sound[start:stop] for start, stop in pairwise(offsets)]


def scaled(array: np.ndarray, where: str) -> np.ndarray:
    """Samples as float32 in -1 .. 1; NaN may stand behind the end. Raises DataError for anything else."""
    if array.dtype.kind == "i":
        return array.astype(np.float32) / np.float32(-float(np.iinfo(array.dtype).min))
    if array.dtype == np.uint8:
        return (array.astype(np.float32) - 128.0) / 128.0
    if array.dtype.kind != "f":
        raise DataError(where, "must hold samples: integers, or floats in -1 .. 1", found=f"type {array.dtype}")
    values = array.astype(np.float32)
    most = float(np.nanmax(np.abs(values), initial=0.0))
    if not most <= 1.0001:
        raise DataError(
            where,
            "must hold samples in -1 .. 1 where they are floats",
            found=f"{most:g}",
            cause="16-bit integers that were turned into floats",
            do="audio = audio / 32768",
        )
    return values
