"""Spoken digits, one by one and in strings, from the Free Spoken Digit Dataset."""

from __future__ import annotations

import re
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from learnloop.data.audio import AUDIO, field_of, from_arrays, lengths_of, recordings
from learnloop.data.catalog_loaders import Entry, missing
from learnloop.data.download import fetch, find, sha256_of
from learnloop.data.npz import read_arrays
from learnloop.data.raw import Raw
from learnloop.data.wav import Sound, parse_wav
from learnloop.errors import DataError
from learnloop.seeds import numpy_stream

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TAKES = {"train": range(5, 13), "validation": range(13, 15), "test": range(5)}
"""Takes 0 to 4 are the official test part; of the others the last two choose the best weights."""
TIMES = {"train": 16, "validation": 4, "test": 4}
"""How often each recording comes, every time in other company."""
SHORTEST, LONGEST = 3, 5
"""Digits in a string."""
_NAME = re.compile(r"(\d)_([a-z]+)_(\d+)\.wav")
_MOST_TAKES = 15
"""The first takes of the 50 that there are: those of this project's own packaging."""
_ARRAYS = ("audio", "offsets", "digit", "speaker", "take", "sample_rate", "speaker_names")


def digits(entry: Entry, download: bool) -> Raw:
    """The catalog's loader of single digits."""
    return read_digits(_found(entry, download))


def strings(entry: Entry, download: bool) -> Raw:
    """The catalog's loader of strings of digits."""
    return read_strings(_found(entry, download))


def _found(entry: Entry, download: bool) -> Path:
    path = find((*entry.local, *(file.name for file in entry.files)))
    if path is not None:
        return path
    if not download:
        raise missing(entry)
    return fetch(entry.files[0].url, entry.files[0].name, entry.files[0].sha256)


def read_digits(path: Path) -> Raw:
    """900 recordings of one digit each, with the target `digit`; the official test part is kept. Raises DataError."""
    arrays = _arrays(path)
    known = {name: arrays[name] for name in ("audio", "offsets", "sample_rate")}
    raw = from_arrays(known, str(path))
    frame = pd.DataFrame(
        {
            "digit": pd.Series([WORDS[digit] for digit in arrays["digit"]], dtype="str").astype("category"),
            "speaker": pd.Series(arrays["speaker_names"][arrays["speaker"]], dtype="str").astype("category"),
            "take": arrays["take"].astype(np.int64),
        }
    )
    part = np.where(np.isin(arrays["take"], TAKES["test"]), "test", "train")
    return replace(raw, frame=frame, part=part, origin=_origin(path))


def read_strings(path: Path) -> Raw:
    """Strings of 3 to 5 digits of one speaker, joined without a pause; the target `text` is what is said.

    No recording stands in two parts. Every recording of a part comes equally often: the recordings of a speaker are
    put in an order at random, TIMES times, and cut into strings. A function of the file alone. Raises DataError.
    """
    arrays = _arrays(path)
    single = from_arrays({name: arrays[name] for name in ("audio", "offsets", "sample_rate")}, str(path))
    rate = int(arrays["sample_rate"])
    clips = [row[:end] for row, end in zip(single.arrays[AUDIO], lengths_of(single.arrays[AUDIO]))]
    rows: list[tuple[str, str, str, list[int]]] = []
    for part, takes in TAKES.items():
        for number, speaker in enumerate(arrays["speaker_names"]):
            own = np.flatnonzero((arrays["speaker"] == number) & np.isin(arrays["take"], takes))
            for string in _cut(own, TIMES[part], part, number):
                text = " ".join(WORDS[arrays["digit"][clip]] for clip in string)
                rows.append((part, str(speaker), text, string))
    sounds = [Sound(np.concatenate([clips[clip] for clip in string]), rate) for *_, string in rows]
    audio, rate, _ = recordings(sounds, [text for _, _, text, _ in rows], str(path))
    frame = pd.DataFrame({"text": [text for _, _, text, _ in rows], "speaker": [speaker for _, speaker, _, _ in rows]})
    return Raw(
        name=str(path),
        frame=frame,
        arrays={AUDIO: audio},
        fields={AUDIO: field_of(audio, rate)},
        part=np.array([part for part, *_ in rows]),
        kinds={"text": ("text", "The digits that are said."), "speaker": ("category", "Who speaks.")},
        origin=_origin(path),
    )


def _cut(clips: np.ndarray, times: int, part: str, speaker: int) -> list[list[int]]:
    """Recordings in `times` random orders, cut into strings; what is left at the end of an order joins the last."""
    random = numpy_stream(0, "spoken digit strings", part, speaker)
    strings: list[list[int]] = []
    for _ in range(times):
        order = [int(clip) for clip in random.permutation(clips)]
        while order:
            take = int(random.integers(SHORTEST, LONGEST + 1))
            if len(order) - take < SHORTEST:
                take = len(order) if len(order) <= LONGEST else SHORTEST
            strings.append(order[:take])
            order = order[take:]
    return strings


def _origin(path: Path) -> dict[str, str]:
    return {"path": str(path), "sha256": sha256_of(path)}


def _arrays(path: Path) -> dict[str, np.ndarray]:
    arrays = read_arrays(path) if path.suffix == ".npz" else _unpacked(path)
    gone = [name for name in _ARRAYS if name not in arrays]
    if gone:
        raise DataError(str(path), f"must hold {', '.join(_ARRAYS)}", found=f"no {', '.join(gone)}")
    return arrays


def _unpacked(path: Path) -> dict[str, np.ndarray]:
    """The arrays of the official archive, which holds one .wav a recording: DIGIT_SPEAKER_TAKE.wav."""
    rows: list[tuple[int, str, int, np.ndarray]] = []
    with tarfile.open(path) as archive:
        for member in archive:
            named = _NAME.fullmatch(Path(member.name).name)
            file = archive.extractfile(member) if named and int(named[3]) < _MOST_TAKES else None
            if named and file is not None:
                sound = parse_wav(file.read(), member.name)
                rows.append((int(named[1]), named[2], int(named[3]), sound.samples))
    if not rows:
        raise DataError(str(path), "must hold files called DIGIT_SPEAKER_TAKE.wav", found="none")
    rows.sort(key=lambda row: row[:3])
    speakers = sorted({speaker for _, speaker, _, _ in rows})
    samples = [np.round(sound * 32768).clip(-32768, 32767).astype(np.int16) for *_, sound in rows]
    return {
        "audio": np.concatenate(samples),
        "offsets": np.cumsum([0, *(len(sound) for sound in samples)]),
        "digit": np.array([digit for digit, *_ in rows], np.uint8),
        "speaker": np.array([speakers.index(speaker) for _, speaker, *_ in rows], np.uint8),
        "take": np.array([take for _, _, take, _ in rows], np.uint8),
        "speaker_names": np.array(speakers),
        "sample_rate": np.array(8000),
    }
