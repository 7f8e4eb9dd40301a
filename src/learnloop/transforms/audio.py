"""Audio: samples [rows, samples] with NaN behind the end -> log-mel features `x`, and the `length` of each row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from learnloop.config import Config
from learnloop.contracts import LENGTH, InputSpec, State, X
from learnloop.data.audio import lengths_of
from learnloop.errors import DataError, RecipeError, SchemaError
from learnloop.transforms.mel import filterbank, frames_of, log_mel

_ROWS = 64
"""Recordings that are transformed at once."""
_MOST_POINTS = 1 << 16


class AudioConfig(Config):
    """How sound becomes features: log-mel bands over time."""

    mels: int = Field(40, ge=4, le=256, description="bands of the mel scale")
    window_ms: float = Field(25.0, gt=0, le=1000, description="milliseconds that one frame hears")
    hop_ms: float = Field(10.0, gt=0, le=1000, description="milliseconds from one frame to the next")
    low_hz: float = Field(20.0, ge=0, description="lower end of the lowest band")
    high_hz: float | None = Field(None, gt=0, description="upper end of the highest band; null: half the sample rate")


class AudioEncoder:
    """x[n, t, b] = (log_mel[n, t, b] - mean[b]) / std[b] for t < length[n], else 0.

    mean, std  of each band over all frames of the training part
    length     ceil(samples / hop) frames
    config     as in the recipe's section `audio`; `fit` fills in what was left open

    The features of a recording do not depend on those beside it. Raises RecipeError for bands that do not fit the
    sample rate, DataError (fit) and SchemaError (apply) for recordings without a sample.
    """

    def __init__(self, name: str, rate: int = 0, config: AudioConfig | None = None) -> None:
        self.name = name
        self.rate = rate
        self.config = config or AudioConfig.model_validate({})
        self.notes: tuple[str, ...] = ()
        self.spec = InputSpec(kind="series")
        self.mean = np.zeros(0)
        self.std = np.ones(0)
        self._filters: Tensor | None = None

    @property
    def window(self) -> int:
        """Samples under one window."""
        return max(2, round(self.rate * self.config.window_ms / 1000))

    @property
    def hop(self) -> int:
        """Samples from one frame to the next."""
        return max(1, round(self.rate * self.config.hop_ms / 1000))

    def summary(self) -> str:
        """What the inputs are, for one line."""
        config = self.config
        return (
            f"recordings of up to {self.spec.length} frames of {config.mels} mel bands "
            f"(windows of {config.window_ms:g} ms every {config.hop_ms:g} ms, {self.rate} Hz)"
        )

    def fit(self, values: Any) -> None:
        values = self._checked(values, DataError)
        if not len(values):
            raise DataError(f"column {self.name!r}", "must have recordings in the training part", found="0 rows")
        high = self.config.high_hz or self.rate / 2
        self._refuse_bands(high)
        self.config = self.config.model_copy(update={"high_hz": high})
        self._filters = None
        count, total, squares, longest = 0, np.zeros(self.config.mels), np.zeros(self.config.mels), 0
        for _, features, lengths in self._transformed(values):
            inside = features[np.arange(features.shape[1])[None, :] < lengths[:, None]].astype(np.float64)
            count += len(inside)
            total += inside.sum(axis=0)
            squares += np.square(inside).sum(axis=0)
            longest = max(longest, int(lengths.max()))
        self.mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - np.square(self.mean), 0.0))
        self.std = np.where(deviation > 1e-6, deviation, 1.0)
        self.spec = InputSpec(kind="series", numbers=self.config.mels, length=longest)
        self.notes = ()

    def apply(self, values: Any) -> dict[str, np.ndarray]:
        values = self._checked(values, SchemaError)
        frames = frames_of(torch.from_numpy(lengths_of(values)), self.hop).numpy()
        x = np.zeros((len(values), int(frames.max(initial=0)), self.config.mels), dtype=np.float32)
        for rows, features, lengths in self._transformed(values):
            scaled = (features - self.mean) / self.std
            scaled[np.arange(scaled.shape[1])[None, :] >= lengths[:, None]] = 0.0
            x[rows, : scaled.shape[1]] = scaled
        self.notes = ()
        return {X: x, LENGTH: frames.astype(np.int64)}

    def _transformed(self, values: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """(rows, log-mel features [rows, frames, bands], frames of each), recordings of like length together."""
        samples = lengths_of(values)
        order = np.argsort(samples, kind="stable")
        for start in range(0, len(order), _ROWS):
            rows = order[start : start + _ROWS]
            longest = int(samples[rows].max())
            sound = torch.from_numpy(np.nan_to_num(values[rows, :longest], nan=0.0))
            features = log_mel(sound, self.filters, self.window, self.hop).numpy()
            yield rows, features, frames_of(torch.from_numpy(samples[rows]), self.hop).numpy()

    @property
    def filters(self) -> Tensor:
        """float32 [bins, bands], of the shortest transform (a power of two) in which every band hears something."""
        if self._filters is None:
            points = 1 << (self.window - 1).bit_length()
            high = self.config.high_hz or self.rate / 2
            weights = filterbank(self.config.mels, points // 2 + 1, self.rate, self.config.low_hz, high)
            while not weights.sum(axis=0).all() and points < _MOST_POINTS:
                points *= 2
                weights = filterbank(self.config.mels, points // 2 + 1, self.rate, self.config.low_hz, high)
            self._filters = torch.from_numpy(weights.astype(np.float32))
        return self._filters

    def _refuse_bands(self, high: float) -> None:
        low = self.config.low_hz
        if high > self.rate / 2 or low >= high:
            raise RecipeError(
                "audio.high_hz" if high > self.rate / 2 else "audio.low_hz",
                f"must lie within 0 and half the sample rate, {self.rate / 2:g} Hz, the lower below the higher",
                found=f"{low:g} to {high:g} Hz",
                do=f"--set audio.low_hz=20 audio.high_hz={self.rate / 2:g}",
            )

    def _checked(self, values: Any, error: type[DataError]) -> np.ndarray:
        values = np.asarray(values)
        if values.ndim != 2 or values.dtype != np.float32:
            raise error(
                f"column {self.name!r}",
                "must hold recordings as float32 [rows, samples]",
                found=f"{values.dtype} {list(values.shape)}",
            )
        samples = lengths_of(values)
        if len(samples) and not samples.min():
            row = int(samples.argmin())
            found = f"nothing in row {row} (counted from 0)"
            raise error(f"column {self.name!r}", "every recording must have samples", found=found)
        return values

    def state_dict(self) -> State:
        return {
            "name": self.name,
            "rate": self.rate,
            "config": self.config.model_dump(mode="json"),
            "mean": self.mean,
            "std": self.std,
            "spec": self.spec.to_json(),
        }

    def load_state_dict(self, state: State) -> None:
        self.name, self.rate = state["name"], int(state["rate"])
        self.config = AudioConfig.model_validate(state["config"])
        self.mean, self.std = np.asarray(state["mean"]), np.asarray(state["std"])
        self.spec = InputSpec.from_json(state["spec"])
        self._filters = None
