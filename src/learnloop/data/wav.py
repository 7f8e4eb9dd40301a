"""One .wav file -> float32 samples: 8, 16, 24 and 32 bit PCM, 32 and 64 bit floats, any number of channels.

A RIFF file is a list of chunks, each four letters, a length (little endian, 32 bits) and that many bytes, padded to an
even number; `fmt ` says how the samples in `data` are written (Microsoft and IBM, "Multimedia Programming Interface
and Data Specifications 1.0", 1991, section 3; format 0xFFFE names the true format in its extension).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from learnloop.errors import DataError

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
_OTHERS = {2: "ADPCM", 6: "A-law", 7: "mu-law", 17: "IMA ADPCM", 85: "MP3"}
_WHOLE_FILE = (0, 0xFFFFFFFF)
"""What stands for the length of the samples in a stream that was written before its length was known."""


@dataclass(frozen=True)
class Sound:
    """samples float32 [time] in -1 .. 1, the mean of the channels; rate in samples a second."""

    samples: np.ndarray
    rate: int
    channels: int = 1


@dataclass(frozen=True)
class _Format:
    code: int
    channels: int
    rate: int
    bits: int


def read_wav(path: Path) -> Sound:
    """Raises DataError naming the file: no RIFF file, a compressed format, cut short, without samples."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(str(path), "must be a file that can be read", found=error.strerror or str(error)) from None
    return parse_wav(data, str(path))


def parse_wav(data: bytes, name: str) -> Sound:
    """The same of the bytes of a file; name: for messages."""
    form, body = _chunks(data, name)
    values = _decoded(body, form, name)
    frames = len(values) // form.channels
    if not frames:
        raise DataError(name, "must hold sound", found="no samples", do="leave the file out")
    sound = values[: frames * form.channels].reshape(frames, form.channels)  # [time, channels]
    return Sound(sound.mean(axis=1, dtype=np.float32), form.rate, form.channels)


def _chunks(data: bytes, name: str) -> tuple[_Format, bytes]:
    """How the samples are written, and their bytes."""
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise DataError(
            name,
            "must be a .wav file (RIFF, WAVE)",
            found=f"a file that begins with {data[:12]!r}" if data else "an empty file",
            cause="another format under this name",
            do=f"ffmpeg -i {name} fixed.wav",
        )
    form, place = None, 12
    while place + 8 <= len(data):
        kind, length = data[place : place + 4], struct.unpack_from("<I", data, place + 4)[0]
        start = place + 8
        if kind == b"fmt ":
            form = _format(data[start : start + length], name)
        if kind == b"data":
            return _known(form, name), _body(data, start, length, name)
        place = start + length + length % 2
    raise DataError(name, "must be a whole .wav file", found="no samples (no chunk 'data')", cause="it was cut short")


def _body(data: bytes, start: int, length: int, name: str) -> bytes:
    if length in _WHOLE_FILE:
        return data[start:]
    if start + length > len(data):
        raise DataError(
            name,
            f"must hold the {length} bytes of sound that it announces",
            found=f"{len(data) - start} bytes",
            cause="the copy or download was cut short",
        )
    return data[start : start + length]


def _known(form: _Format | None, name: str) -> _Format:
    if form is None:
        raise DataError(name, "must say how its samples are written", found="no chunk 'fmt '", cause="a damaged file")
    return form


def _format(chunk: bytes, name: str) -> _Format:
    if len(chunk) < 16:
        raise DataError(name, "must say how its samples are written", found="a chunk 'fmt ' that is cut short")
    code, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if code == EXTENSIBLE and len(chunk) >= 26:
        code = struct.unpack_from("<H", chunk, 24)[0]
    known = (code == PCM and bits in (8, 16, 24, 32)) or (code == FLOAT and bits in (32, 64))
    if not known or not channels or not rate:
        kind = {PCM: "PCM", FLOAT: "float", **_OTHERS}.get(code, f"format {code}")
        raise DataError(
            name,
            "must hold PCM of 8, 16, 24 or 32 bits, or floats of 32 or 64",
            found=f"{kind} of {bits} bits, {channels} channels, {rate} samples a second",
            do=f"ffmpeg -i {name} -c:a pcm_s16le fixed.wav",
        )
    return _Format(code, channels, rate, bits)


def _decoded(body: bytes, form: _Format, name: str) -> np.ndarray:
    """float32 samples in -1 .. 1, channels in turn."""
    size = form.bits // 8
    body = body[: len(body) // size * size]
    if form.code == FLOAT:
        values = np.frombuffer(body, f"<f{size}").astype(np.float32)
        if not np.isfinite(values).all():
            raise DataError(name, "must hold finite samples", found="NaN or infinity", cause="a fault of its writer")
        return values
    if form.bits == 8:  # the only size without a sign
        return (np.frombuffer(body, np.uint8).astype(np.float32) - 128.0) / 128.0
    if form.bits == 24:
        wide = np.zeros((len(body) // 3, 4), dtype=np.uint8)
        wide[:, 1:] = np.frombuffer(body, np.uint8).reshape(-1, 3)
        return wide.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)
    return np.frombuffer(body, f"<i{size}").astype(np.float32) / np.float32(2 ** (form.bits - 1))
