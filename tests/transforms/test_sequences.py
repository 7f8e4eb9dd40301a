"""Series, recordings and targets at every step: what they become, that rows do not touch each other, and state."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from learnloop.data.dataset import Dataset
from learnloop.data.schema import Field, Schema
from learnloop.errors import DataError, RecipeError, SchemaError
from learnloop.runs.pack import pack, unpack
from learnloop.transforms.audio import AudioConfig, AudioEncoder
from learnloop.transforms.inputs import InputEncoder
from learnloop.transforms.mel import FLOOR, filterbank, hertz, log_mel, mel
from learnloop.transforms.series import SeriesEncoder, filled
from learnloop.transforms.steps import StepsTarget

RANDOM = np.random.default_rng(0)


def ragged(rows: int = 20, time: int = 9, features: int = 2) -> np.ndarray:
    values = RANDOM.normal(3, 2, (rows, time, features)).astype(np.float32)
    for row in range(rows):
        values[row, 1 + row % time :] = np.nan
    return values


def tones(rows: int = 6, rate: int = 8000) -> np.ndarray:
    """Recordings of different lengths, NaN behind the end."""
    sounds = np.full((rows, rate // 5), np.nan, np.float32)
    for row in range(rows):
        end = 900 + 137 * row
        sounds[row, :end] = 0.3 * np.sin(2 * np.pi * (300 + 200 * row) * np.arange(end) / rate)
    return sounds


# --- series -----------------------------------------------------------------------------------------------------


def test_series_are_standardised_over_steps_that_are_there_and_zero_behind() -> None:
    values = ragged()
    encoder = SeriesEncoder("series")
    encoder.fit(values)
    arrays = encoder.apply(values)
    known = ~np.isnan(values).any(2)
    assert encoder.spec.kind == "series" and (encoder.spec.numbers, encoder.spec.length) == (2, 9)
    np.testing.assert_array_equal(arrays["length"], known.sum(1))
    assert arrays["x"].dtype == np.float32 and not arrays["x"][~known].any()
    np.testing.assert_allclose(arrays["x"][known].mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(arrays["x"][known].std(0), 1, atol=1e-5)


def test_gaps_inside_are_filled_with_the_value_before_and_said() -> None:
    values = np.array([[[1.0], [np.nan], [3.0], [np.nan]], [[np.nan], [5.0], [np.nan], [7.0]]], np.float32)
    np.testing.assert_array_equal(filled(values)[..., 0], [[1, 1, 3, 3], [np.nan, 5, 5, 7]])
    encoder = SeriesEncoder("s")
    encoder.fit(values)
    arrays = encoder.apply(values)
    assert arrays["length"].tolist() == [3, 4]
    scaled = (np.array([[1, 1, 3, 4], [4, 5, 5, 7]]) - encoder.mean) / encoder.std  # the mean, 4, before the first
    scaled[0, 3] = 0
    np.testing.assert_allclose(arrays["x"][..., 0], scaled, atol=1e-6)
    assert encoder.notes == ("3 values were missing inside the series 's': the last one before stands in.",)


def test_other_lengths_are_taken_and_other_features_refused() -> None:
    encoder = SeriesEncoder("s")
    encoder.fit(ragged())
    assert encoder.apply(ragged(3, 30))["x"].shape == (3, 30, 2)
    with pytest.raises(SchemaError, match="must have 2 numbers at each step, as in training\n  found:     3"):
        encoder.apply(np.zeros((3, 9, 3), np.float32))
    with pytest.raises(SchemaError, match="every series must have at least one step\n  found:     nothing in row 1"):
        encoder.apply(np.array([[[1.0, 2.0]], [[np.nan, np.nan]]], np.float32))
    with pytest.raises(DataError, match="must have a value of every feature in the training part"):
        SeriesEncoder("s").fit(np.where(np.arange(2) > 0, np.nan, ragged()[:, :1]).astype(np.float32))


def test_a_feature_that_never_changes_keeps_its_scale_and_is_noted() -> None:
    values = ragged()
    values[..., 1] = np.where(np.isnan(values[..., 1]), np.nan, 7.0)
    encoder = SeriesEncoder("s")
    encoder.fit(values)
    assert encoder.std[1] == 1.0 and "Feature 1 of the series (counted from 0) never changes." in encoder.notes
    assert not encoder.apply(values)["x"][..., 1].any()


# --- recordings -------------------------------------------------------------------------------------------------


def test_mel_is_linear_below_and_logarithmic_above() -> None:
    assert float(mel(1000.0)) == pytest.approx(999.99, abs=0.01)  # the scale is anchored at 1000 Hz, O'Shaughnessy
    np.testing.assert_allclose(hertz(mel(np.array([20.0, 440.0, 4000.0]))), [20, 440, 4000])


def test_filters_are_triangles_that_add_up_to_one_between_the_first_and_last_peak() -> None:
    weights = filterbank(10, 513, 8000, 0.0, 4000.0)
    peaks = hertz(np.linspace(mel(0.0), mel(4000.0), 12))[1:-1]
    frequencies = np.linspace(0, 4000, 513)
    between = (frequencies > peaks[0]) & (frequencies < peaks[-1])
    np.testing.assert_allclose(weights[between].sum(1), 1.0)
    assert weights.min() == 0.0 and np.abs(frequencies[weights.argmax(0)] - peaks).max() < 8000 / 1024


def test_log_mel_is_the_log_of_the_filtered_power_of_a_fourier_transform() -> None:
    sound = tones(1)[0, :900]
    weights = filterbank(12, 129, 8000, 20.0, 4000.0)
    found = log_mel(torch.from_numpy(sound)[None], torch.from_numpy(weights).float(), 200, 80)[0].numpy()
    assert found.shape == (math.ceil(900 / 80), 12)
    wide = np.pad(sound, (128, 208))
    window = np.pad(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(200) / 200), 28)
    for frame in range(len(found)):
        power = np.abs(np.fft.rfft(wide[80 * frame : 80 * frame + 256] * window)) ** 2
        np.testing.assert_allclose(found[frame], np.log(np.maximum(power @ weights, FLOOR)), rtol=2e-3, atol=2e-3)


def test_features_of_a_recording_do_not_depend_on_those_beside_it() -> None:
    sounds = tones()
    encoder = AudioEncoder("audio", 8000)
    encoder.fit(sounds)
    together = encoder.apply(sounds)
    np.testing.assert_array_equal(together["length"], [math.ceil((900 + 137 * row) / 80) for row in range(6)])
    for row in range(6):
        alone = encoder.apply(sounds[row : row + 1, : 900 + 137 * row])
        end = int(together["length"][row])
        np.testing.assert_allclose(alone["x"][0], together["x"][row, :end], atol=2e-5)
        assert not together["x"][row, end:].any()


def test_features_are_standardised_on_the_training_part_and_a_tone_lights_its_band() -> None:
    encoder = AudioEncoder("audio", 8000, AudioConfig(mels=20))
    encoder.fit(tones())
    arrays = encoder.apply(tones())
    inside = np.concatenate([row[:end] for row, end in zip(arrays["x"], arrays["length"])])
    np.testing.assert_allclose(inside.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(inside.std(0), 1, atol=1e-4)
    features = arrays["x"] * encoder.std + encoder.mean
    centres = hertz(np.linspace(mel(20.0), mel(4000.0), 22))[1:-1]
    for row in range(6):
        band = features[row, 3].argmax()
        assert band == np.abs(centres - (300 + 200 * row)).argmin()


def test_bands_that_hear_nothing_get_a_longer_transform() -> None:
    encoder = AudioEncoder("audio", 8000, AudioConfig(mels=128))
    encoder.fit(tones())
    assert len(encoder.filters) > 129 and bool((encoder.filters.sum(0) > 0).all())


def test_bands_above_half_the_rate_are_refused() -> None:
    with pytest.raises(RecipeError, match="audio.high_hz: must lie within 0 and half the sample rate, 4000 Hz"):
        AudioEncoder("audio", 8000, AudioConfig(high_hz=6000)).fit(tones())


# --- targets at every step ---------------------------------------------------------------------------------------


def steps_data(values: np.ndarray) -> Dataset:
    schema = Schema((Field("y", "series", role="target", shape=values.shape[1:]),))
    return Dataset("d", schema, pd.DataFrame(index=range(len(values))), {"y": values})


def test_targets_at_every_step_are_standardised_and_come_back() -> None:
    values = ragged(features=1)
    target = StepsTarget()
    target.fit(steps_data(values))
    y = target.apply(steps_data(values))
    assert y.dtype == np.float32 and target.outputs == 1 and target.names == ["y"]
    np.testing.assert_array_equal(np.isnan(y), np.isnan(values))
    np.testing.assert_allclose([np.nanmean(y), np.nanstd(y)], [0, 1], atol=1e-5)
    np.testing.assert_allclose(target.invert(y), values, atol=1e-5)
    with pytest.raises(SchemaError, match=r"must be \[rows, time, 1\]"):
        target.apply(steps_data(ragged(features=2)))


# --- state --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "values", "format_"), [("series", ragged(), "array"), ("audio", tones(), "8000")])
def test_state_brings_everything_back(kind: Any, values: np.ndarray, format_: str) -> None:
    field = Field("s", kind, shape=values.shape[1:], format=format_)
    data = Dataset("d", Schema((field,)), pd.DataFrame(index=range(len(values))), {"s": values})
    encoder = InputEncoder(settings={"audio": AudioConfig(mels=12, hop_ms=20)})
    encoder.fit(data)
    again = InputEncoder.from_state(unpack_state(pack(encoder.state_dict())))
    assert again.spec == encoder.spec
    for key, array in encoder.apply(data).items():
        np.testing.assert_array_equal(again.apply(data)[key], array)


def unpack_state(packed: bytes) -> Any:
    import tempfile

    with tempfile.NamedTemporaryFile(suffix=".safetensors") as file:
        file.write(packed)
        file.flush()
        return unpack(file.name)
