"""Recordings: .wav files of every kind, folders, transcripts and arrays; other rates, silence and clipping are said."""

from __future__ import annotations

import io
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from learnloop.data import spoken
from learnloop.data.audio import lengths_of, quality, resampled
from learnloop.data.conform import conform
from learnloop.data.read import read
from learnloop.data.wav import parse_wav, read_wav
from learnloop.errors import DataError, ManyErrors, RecipeError

RATE = 8000


def tone(hertz: float, seconds: float = 0.1, rate: int = RATE, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def write(path: Path, sound: np.ndarray, rate: int = RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(path, rate, np.round(sound * 32767).astype(np.int16))
    return path


def chunk(code: int, bits: int, body: bytes, channels: int = 1, more: bytes = b"") -> bytes:
    """A RIFF file by hand."""
    size = channels * bits // 8
    form = struct.pack("<HHIIHH", code, channels, RATE, RATE * size, size, bits) + more
    inside = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(inside)) + inside


# --- files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "bits", "values", "step"),
    [
        (1, 8, [128, 255, 0, 64], 1 / 128),
        (1, 16, [0, 32767, -32768, -16384], 1 / 32768),
        (1, 32, [0, 2**31 - 1, -(2**31), -(2**30)], 2**-31),
        (3, 32, [0.0, 1.0, -1.0, -0.5], 0.0),
        (3, 64, [0.0, 1.0, -1.0, -0.5], 0.0),
    ],
)
def test_every_size_of_sample_is_read(code: int, bits: int, values: list[float], step: float) -> None:
    kind = {(1, 8): "u1", (1, 16): "<i2", (1, 32): "<i4", (3, 32): "<f4", (3, 64): "<f8"}[code, bits]
    sound = parse_wav(chunk(code, bits, np.array(values, kind).tobytes()), "a.wav")
    np.testing.assert_allclose(sound.samples, [0, 1 - step, -1, -0.5], atol=1e-7)
    assert sound.rate == RATE


def test_24_bits_and_the_extensible_format_are_read() -> None:
    body = b"\x00\x00\x00" + b"\xff\xff\x7f" + b"\x00\x00\x80" + b"\x00\x00\xc0"
    plain = parse_wav(chunk(1, 24, body), "a.wav").samples
    np.testing.assert_allclose(plain, [0, 1 - 2**-23, -1, -0.5], atol=1e-7)
    more = struct.pack("<HHI", 22, 24, 0) + struct.pack("<H", 1) + bytes(14)
    np.testing.assert_array_equal(parse_wav(chunk(0xFFFE, 24, body, more=more), "a.wav").samples, plain)


def test_chunks_of_odd_length_before_the_sound_are_skipped() -> None:
    plain = chunk(1, 16, np.array([1000, -2000], "<i2").tobytes())
    place = plain.index(b"data")
    odd = plain[:place] + b"LIST" + struct.pack("<I", 3) + b"abc\0" + plain[place:]
    np.testing.assert_array_equal(parse_wav(odd, "a.wav").samples, parse_wav(plain, "a.wav").samples)


def test_scipy_writes_what_we_read_and_channels_are_averaged(tmp_path: Path) -> None:
    both = np.stack([tone(100), tone(300)], 1)
    wavfile.write(tmp_path / "a.wav", RATE, both)
    sound = read_wav(tmp_path / "a.wav")
    np.testing.assert_allclose(sound.samples, both.mean(1), atol=1e-7)
    assert (sound.channels, sound.rate) == (2, RATE)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "an empty file"),
        (b"ID3\x04rubbish and more", "must be a .wav file"),
        (chunk(1, 16, b"")[:40], "must be a whole .wav file"),
        (chunk(1, 16, bytes(100))[:-40], "must hold the 100 bytes of sound that it announces\n  found:     60 bytes"),
        (chunk(1, 16, b""), "must hold sound"),
        (chunk(7, 8, bytes(8)), "mu-law of 8 bits"),
        (chunk(3, 32, np.array([np.nan], "<f4").tobytes()), "must hold finite samples"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, data: bytes, text: str) -> None:
    (tmp_path / "a.wav").write_bytes(data)
    with pytest.raises(DataError) as caught:
        read_wav(tmp_path / "a.wav")
    assert text in str(caught.value) and "a.wav" in str(caught.value)


# --- folders ----------------------------------------------------------------------------------------------------


def classes(folder: Path, rows: int = 4) -> Path:
    for label, hertz in (("high", 1000), ("low", 200)):
        for row in range(rows):
            write(folder / label / f"{row}.wav", tone(hertz + row, 0.1 + 0.01 * row))
    return folder


def test_class_folders_become_labels(tmp_path: Path) -> None:
    data = read(str(classes(tmp_path / "tones")))
    field = data.schema["audio"]
    assert (field.kind, field.role, field.format, field.shape) == ("audio", "input", "8000", (1040,))
    assert data.schema["label"].categories == ("high", "low")
    np.testing.assert_array_equal(lengths_of(np.asarray(data.arrays["audio"])), [800, 880, 960, 1040] * 2)
    assert data.origin["sha256"]


def test_part_folders_are_kept_as_the_split(tmp_path: Path) -> None:
    classes(tmp_path / "train"), classes(tmp_path / "test", 1)
    data = read(str(tmp_path))
    assert data.part is not None and dict(zip(*np.unique(data.part, return_counts=True))) == {"test": 2, "train": 8}


def test_a_table_names_files_and_what_is_said(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write(tmp_path / "clips" / f"{name}.wav", tone(300))
    (tmp_path / "metadata.csv").write_text("file,text\nclips/a.wav,one two\nclips/b.wav,three\n")
    data = read(str(tmp_path), task="transcribe")
    assert (data.schema["text"].kind, data.schema["text"].role) == ("text", "target")
    assert data.frame["text"].tolist() == ["one two", "three"]
    assert "1 .wav files that metadata.csv does not name were left out." in data.notes


def test_a_table_that_names_files_which_are_not_there_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", tone(300))
    (tmp_path / "metadata.csv").write_text("file,text\na,one\nb,two\n")
    with pytest.raises(DataError) as caught:
        read(str(tmp_path))
    assert "a, b: 2 of 2 are not there" in str(caught.value)
    assert "names without .wav" in str(caught.value) and "available: a.wav" in str(caught.value)
    (tmp_path / "metadata.csv").write_text("sound,text\na.wav,one\n")
    with pytest.raises(DataError, match="must have a column that names the files: file"):
        read(str(tmp_path))


def test_loose_recordings_need_classes_and_all_damaged_files_are_named(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", tone(300))
    with pytest.raises(DataError, match="must hold one folder of recordings for each class"):
        read(str(tmp_path))
    folder = classes(tmp_path / "more")
    (folder / "low" / "0.wav").write_bytes(b"RIFF")
    (folder / "high" / "1.wav").write_bytes(b"junk")
    with pytest.raises(ManyErrors) as caught:
        read(str(folder))
    assert "low/0.wav" in str(caught.value) and "high/1.wav" in str(caught.value)


def test_other_rates_are_resampled_and_said(tmp_path: Path) -> None:
    folder = classes(tmp_path / "tones")
    write(folder / "low" / "0.wav", tone(200, 0.1, 16000), 16000)
    data = read(str(folder))
    assert any(note == "Resampled from 16000 Hz to 8000 Hz: 1 recording, low/0.wav." for note in data.notes)
    row = data.frame["file"].tolist().index("low/0.wav")
    sound = np.asarray(data.arrays["audio"])[row]
    np.testing.assert_allclose(sound[100:700], tone(200)[100:700], atol=5e-3)


def test_resampling_keeps_the_tone_and_drops_what_would_alias() -> None:
    down = resampled(tone(500, 0.5, 16000) + tone(7000, 0.5, 16000), 16000, 8000)
    assert len(down) == 4000
    np.testing.assert_allclose(down[500:3500], tone(500, 0.5)[500:3500], atol=5e-3)
    same = tone(300)
    assert resampled(same, 8000, 8000) is same


def test_silence_and_clipping_are_said_and_nothing_but_silence_is_refused() -> None:
    clipped = np.clip(3 * tone(100, 0.2), -1, 1)
    notes = quality([tone(300), np.zeros(100, np.float32), clipped], ["a", "b", "c"], "x")
    assert notes[0] == "Silent: 1 recording, b (nothing louder than -80 dB)."
    assert notes[1].startswith("Clipped: 1 recording, c ") and len(notes) == 2
    assert quality([tone(300, level=1.0)], ["a"], "x") == []  # a peak at full scale is no plateau
    with pytest.raises(DataError, match="must hold sound\n  found:     silence in all 2 recordings"):
        quality([np.zeros(9, np.float32)] * 2, ["a", "b"], "x")


# --- arrays and new rows ----------------------------------------------------------------------------------------


def joined(**more: np.ndarray) -> dict[str, np.ndarray]:
    sounds = [np.round(tone(200 + 20 * row, 0.05 + 0.01 * (row % 3)) * 32767).astype(np.int16) for row in range(12)]
    offsets = np.cumsum([0, *map(len, sounds)])
    audio = np.concatenate(sounds)
    return {"audio": audio, "offsets": offsets, "sample_rate": np.array(RATE), "digit": np.arange(12) % 2, **more}


def test_joined_recordings_are_cut_at_their_offsets() -> None:
    data = read(joined(test=np.arange(12) < 4, names=np.array(["x", "y"])), target="digit")
    audio = np.asarray(data.arrays["audio"])
    np.testing.assert_array_equal(lengths_of(audio), [400, 480, 560] * 4)
    np.testing.assert_allclose(audio[1, :480], tone(220, 0.06), atol=1e-4)
    assert data.part is not None and (data.part == "test").sum() == 4
    assert "Arrays that were not used: names." in data.notes


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"offsets": np.array([0, 5, 5])}, "must be whole numbers that ascend"),
        ({"audio": np.zeros(5000, complex)}, "must hold samples"),
        ({"audio": np.full(5000, 20000.0)}, "must hold samples in -1 .. 1 where they are floats\n  found:     20000"),
        ({"sample_rate": np.array(0)}, "must be samples a second"),
    ],
)
def test_arrays_that_are_no_recordings_are_refused(change: dict[str, np.ndarray], text: str) -> None:
    with pytest.raises(DataError) as caught:
        read(joined(**change), target="digit")
    assert text in str(caught.value)


def test_new_files_come_at_the_rate_of_training(tmp_path: Path) -> None:
    schema = read(str(classes(tmp_path / "tones"))).schema
    fast = write(tmp_path / "new" / "b.wav", tone(400, 0.2, 16000), 16000)
    slow = write(tmp_path / "new" / "a.wav", tone(300))
    data = conform([str(slow), str(fast)], schema)
    np.testing.assert_array_equal(lengths_of(np.asarray(data.arrays["audio"])), [800, 1600])
    assert any("Resampled from 16000 Hz to 8000 Hz" in note for note in data.notes)
    folder = conform(str(tmp_path / "new"), schema)
    np.testing.assert_array_equal(folder.arrays["audio"], data.arrays["audio"])
    one = conform(tone(300), schema)  # an array is taken to be at the rate of training
    np.testing.assert_allclose(np.asarray(one.arrays["audio"])[0], tone(300), atol=1e-6)
    other = {**joined(), "sample_rate": np.array(4000)}
    assert lengths_of(np.asarray(conform(other, schema).arrays["audio"])).tolist() == [800, 960, 1120] * 4
    np.savez(tmp_path / "other.npz", **other)
    saved = conform(str(tmp_path / "other.npz"), schema)
    assert lengths_of(np.asarray(saved.arrays["audio"])).tolist() == [800, 960, 1120] * 4
    assert any("Resampled from 4000 Hz to 8000 Hz" in note for note in saved.notes)


def test_labels_of_new_recordings_are_read_for_evaluation(tmp_path: Path) -> None:
    schema = read(str(classes(tmp_path / "tones"))).schema
    data = conform(str(classes(tmp_path / "fresh", 2)), schema, need_target=True)
    assert data.frame["label"].astype(str).tolist() == ["high", "high", "low", "low"]


# --- spoken digits ----------------------------------------------------------------------------------------------


def archive(path: Path) -> Path:
    """The official archive in small: two speakers, all digits and takes, tones whose pitch says which."""
    with tarfile.open(path, "w:gz") as file:
        for digit in range(10):
            for number, speaker in enumerate(("ann", "bob")):
                for take in (*range(15), 20):
                    buffer = io.BytesIO()
                    pitch = 200 + 100 * digit + 40 * number + 2 * take
                    wavfile.write(buffer, RATE, np.round(tone(pitch, 0.02) * 32767).astype(np.int16))
                    member = tarfile.TarInfo(f"fsdd/recordings/{digit}_{speaker}_{take}.wav")
                    member.size = len(buffer.getvalue())
                    buffer.seek(0)
                    file.addfile(member, buffer)
    return path


def test_no_recording_of_the_strings_is_in_two_parts(tmp_path: Path) -> None:
    path = archive(tmp_path / "digits.tar.gz")
    single, strings = spoken.read_digits(path), spoken.read_strings(path)
    assert len(single) == 300  # takes 0 to 14 alone
    clips = {tuple(np.round(row[:160], 4)): row_number for row_number, row in enumerate(single.arrays["audio"])}
    assert len(clips) == 300
    takes = single.frame["take"].to_numpy()
    seen: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    assert strings.part is not None
    for sound, text, part in zip(strings.arrays["audio"], strings.frame["text"], strings.part):
        words = str(text).split()
        assert 3 <= len(words) <= 5 and len(words) * 160 == int((~np.isnan(sound)).sum())
        for place, word in enumerate(words):
            clip = clips[tuple(np.round(sound[160 * place : 160 * (place + 1)], 4))]
            assert str(single.frame["digit"].iloc[clip]) == word
            seen[part].append(clip)
    assert len(set().union(*seen.values())) == sum(len(set(used)) for used in seen.values())
    for part, used in seen.items():
        assert set(takes[used]) == set(spoken.TAKES[part])
        assert set(np.bincount(used)[np.unique(used)]) == {spoken.TIMES[part]}


def test_strings_are_a_function_of_the_file_alone(tmp_path: Path) -> None:
    path = archive(tmp_path / "digits.tar.gz")
    first, second = spoken.read_strings(path), spoken.read_strings(path)
    np.testing.assert_array_equal(first.arrays["audio"], second.arrays["audio"])


def test_audio_settings_are_for_recordings() -> None:
    from learnloop.recipe.build import build
    from learnloop.verbs.prepare import prepare

    draft = build(
        flags={"audio.mels": 20, "data.target": ("y",)}, objects={"data": (np.eye(30), np.arange(30.0))}, file=None
    )
    with pytest.raises(RecipeError, match="audio.mels"):
        prepare(draft)
