"""Series and recordings through the whole of fit: rows stay rows, from the file to predict."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.io import wavfile

from learnloop.bundle.bundle import Bundle
from learnloop.data.raw import Raw
from learnloop.data.series import from_array
from learnloop.errors import DataError, ModelError, RecipeError
from learnloop.train.events import Event
from learnloop.verbs.fit import fit
from learnloop.verbs.resuming import Interrupted
from learnloop.verbs.run import Run

RANDOM = np.random.default_rng(0)
QUIET: dict[str, Any] = {"report.html": False, "watch.progress": "off", "plan.name": "plain", "plan.threads": 1}


def fitted(data: Any, folder: Path, *, sets: dict[str, Any] | None = None, **more: Any) -> Run:
    return fit(data, out=folder / "run", set={**QUIET, **(sets or {})}, **more)


def waves(rows: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Slow and fast waves of 12 to 20 steps, NaN behind the end."""
    y = np.arange(rows) % 2
    x = np.full((rows, 20, 1), np.nan, np.float32)
    for row in range(rows):
        steps = 12 + row % 9
        x[row, :steps, 0] = np.sin((0.5 + 0.9 * y[row]) * np.arange(steps) + RANDOM.uniform(0, 6))
    return x, y


def plain_test_figures(run: Run) -> dict[str, float]:
    report = json.loads((run.path / "report.json").read_text())
    return dict(report["evaluation"]["test"]["metrics"])


def test_series_are_classified_and_one_at_a_time_is_answered_the_same(tmp_path: Path) -> None:
    x, y = waves()
    run = fitted((x, y), tmp_path, steps=60, model="gru", sets={"model.hidden": 16})
    assert plain_test_figures(run)["accuracy"] >= 0.9
    together = run.predict(x[:30])
    ends = (~np.isnan(x[:30, :, 0])).sum(1)
    alone = pd.concat([run.predict(x[row, :end]) for row, end in enumerate(ends)], ignore_index=True)
    assert together["prediction"].tolist() == alone["prediction"].tolist()
    np.testing.assert_allclose(together["probability_1"], alone["probability_1"], atol=1e-5)
    again = Bundle.load(run.path / "bundle").predict(x[:30])  # it passes its own exam, with rows that end early
    np.testing.assert_allclose(again["probability_1"], together["probability_1"], atol=1e-6)


def test_wide_and_long_tables_give_what_the_array_gives(tmp_path: Path) -> None:
    x, y = waves(60)
    wide = pd.DataFrame(x[..., 0], columns=[f"t{step}" for step in range(20)]).assign(y=y)
    long = wide.reset_index().melt(["index", "y"], var_name="t", value_name="v").dropna()
    long["t"] = long["t"].str[1:].astype(int)
    runs = [
        fitted((x, y), tmp_path / "a", steps=3, model="rnn", sets={"model.hidden": 4}),
        fitted(wide, tmp_path / "b", steps=3, model="rnn", sets={"model.hidden": 4, "data.series": "wide"}),
        fitted(
            long,
            tmp_path / "c",
            target="y",
            steps=3,
            model="rnn",
            sets={"model.hidden": 4, "data.series": "long", "data.group": "index", "data.time": "t"},
        ),
    ]
    want = runs[0].predict(x)["probability_1"]
    np.testing.assert_allclose(runs[1].predict(wide.drop(columns="y"))["probability_1"], want, atol=1e-6)
    np.testing.assert_allclose(runs[2].predict(long.drop(columns="y"))["probability_1"], want, atol=1e-6)


def test_the_sum_of_numbers_is_learnt_and_the_linear_baseline_is_exact(tmp_path: Path) -> None:
    x = RANDOM.random((400, 10, 1)).astype(np.float32)
    run = fitted((x, x.sum((1, 2))), tmp_path, task="regress", steps=150, model="gru", sets={"model.hidden": 16})
    report = json.loads((run.path / "report.json").read_text())
    figures = {rival["name"]: rival["metrics"]["r2"] for rival in report["baselines"]}
    assert figures["linear"] > 0.999 and figures["mean"] < 0.1
    assert plain_test_figures(run)["r2"] > 0.8
    note = next(rival["note"] for rival in report["baselines"] if rival["name"] == "linear")
    assert note.startswith("Sees of each series: mean, deviation") and "all of its values" in note


def test_every_step_is_predicted_and_never_from_what_comes_later(tmp_path: Path) -> None:
    phase = RANDOM.uniform(0, 6, (150, 1))
    wave = np.sin(0.5 * np.arange(26) + phase).astype(np.float32)
    x, y = wave[:, :25, None], wave[:, 1:]
    run = fitted((x, y), tmp_path, steps=120, model="rnn", sets={"model.hidden": 16})
    figures = plain_test_figures(run)
    assert figures["rmse"] < 0.25  # standing still would be off by 0.35
    report = json.loads((run.path / "report.json").read_text())
    assert [rival["name"] for rival in report["baselines"]] == ["mean", "linear"]
    assert report["baselines"][1]["metrics"]["rmse"] < 0.2
    whole, begun = run.predict(x[:3]), run.predict(x[:3, :10])
    assert [len(row) for row in whole["prediction"]] == [25] * 3
    np.testing.assert_allclose([row[:10] for row in whole["prediction"]], begun["prediction"].tolist(), atol=1e-5)
    measured = run.evaluate((x, y))
    assert measured.metrics["rmse"] == pytest.approx(
        np.sqrt(np.mean((np.stack(run.predict(x)["prediction"]) - y) ** 2))
    )


def test_a_model_without_steps_is_refused_for_a_target_at_every_step(tmp_path: Path) -> None:
    x = RANDOM.random((60, 10, 1)).astype(np.float32)
    with pytest.raises(ModelError, match="must be a model that answers at every step"):
        fitted((x, x[..., 0]), tmp_path, steps=2, model="textcnn")


class Stop:
    """Ctrl-C at a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def __call__(self, event: Event) -> None:
        if event.kind == "train" and event.step == self.step:
            signal.raise_signal(signal.SIGINT)


# --- speech -----------------------------------------------------------------------------------------------------

PITCH = {"a": 400, "b": 900, "c": 1500}


def said(text: str, rate: int = 8000) -> np.ndarray:
    """Each letter a tone of its own, 60 to 90 ms, a short pause between."""
    parts = []
    for letter in text:
        steps = np.arange(int(rate * RANDOM.uniform(0.06, 0.09)))
        parts += [0.4 * np.sin(2 * np.pi * PITCH[letter] * steps / rate), np.zeros(rate // 100)]
    return (np.concatenate(parts) + 0.002 * RANDOM.normal(size=sum(map(len, parts)))).astype(np.float32)


def texts(rows: int) -> list[str]:
    return ["".join(RANDOM.choice(list("abc"), RANDOM.integers(1, 5))) for _ in range(rows)]


def clips(folder: Path, rows: int) -> Path:
    folder.mkdir(parents=True)
    lines = ["file,text"]
    for row, text in enumerate(texts(rows)):
        wavfile.write(folder / f"{row}.wav", 8000, said(text))
        lines.append(f"{row}.wav,{text}")
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n")
    return folder


SMALL = {"model.channels": 24, "model.hidden": 24, "model.layers": 1, "audio.mels": 20}


def test_tones_are_transcribed_from_a_folder_with_a_table(tmp_path: Path) -> None:
    folder = clips(tmp_path / "clips", 220)
    run = fitted(str(folder), tmp_path, sets={**SMALL, "optimiser.lr": 1e-2, "train.batch_size": 16}, steps=160)
    report = json.loads((run.path / "report.json").read_text())
    assert report["asked"]["task"] == "transcribe" and report["asked"]["model"] == "ctc"
    figures = plain_test_figures(run)
    assert set(figures) == {"wer", "cer", "exact_match"} and figures["cer"] < 0.15
    table = pd.read_csv(folder / "metadata.csv")
    answers = run.predict([str(folder / name) for name in table["file"][:20]])
    right = (answers["prediction"].to_numpy() == table["text"][:20].to_numpy()).mean()
    assert right > 0.6
    alone = [run.predict(str(folder / f"{row}.wav"))["prediction"].iloc[0] for row in range(5)]
    assert alone == answers["prediction"].tolist()[:5]
    Bundle.load(run.path / "bundle")


def test_words_of_a_text_may_be_its_codes(tmp_path: Path) -> None:
    folder = clips(tmp_path / "clips", 40)
    table = pd.read_csv(folder / "metadata.csv")
    table["text"] = table["text"].map(" ".join)
    table.to_csv(folder / "metadata.csv", index=False)
    run = fitted(str(folder), tmp_path, sets={**SMALL, "target.tokens": "words", "target.least": 1}, steps=2)
    assert run.bundle.about.outputs == 4 + 3  # the special codes, and a, b, c
    assert list(run.predict(str(folder / "0.wav")).columns) == ["prediction"]


def test_texts_that_are_too_long_for_their_recordings_are_refused(tmp_path: Path) -> None:
    folder = clips(tmp_path / "clips", 30)
    table = pd.read_csv(folder / "metadata.csv")
    table.loc[3, "text"] = "abcabcabc" * 20
    table.to_csv(folder / "metadata.csv", index=False)
    with pytest.raises(DataError, match="must have at least one frame for each character of its text") as caught:
        fitted(str(folder), tmp_path, sets=SMALL, steps=2)
    assert "180 characters, which need 180 frames" in str(caught.value)


def test_transcribing_needs_sound_or_a_series(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": RANDOM.random(30), "text": texts(30)})
    with pytest.raises(RecipeError, match="transcribe needs recordings, or another series, to listen to"):
        fitted(frame, tmp_path, target="text", task="transcribe", steps=2)


def test_series_of_numbers_are_transcribed_too(tmp_path: Path) -> None:
    x = RANDOM.random((40, 24, 3)).astype(np.float32)
    raw = Raw(name="gestures", frame=pd.DataFrame({"text": texts(40)}), kinds={"text": ("text", "")})
    made = from_array(x, "gestures")
    raw = Raw(**{**vars(raw), "arrays": made.arrays, "fields": made.fields})
    sets = {key: value for key, value in SMALL.items() if key.startswith("model")}
    run = fitted(raw, tmp_path, target="text", sets=sets, steps=2)
    assert run.bundle.about.target == "transcript"
    assert all(isinstance(text, str) for text in run.predict(x[:3])["prediction"])


def test_an_interrupted_run_with_masking_and_dropout_resumes_bit_for_bit(tmp_path: Path) -> None:
    folder = clips(tmp_path / "clips", 60)
    sets = {**SMALL, "model.dropout": 0.3, "model.mask_bands": 3, "train.log_every": 1, "train.batch_size": 8}
    whole = fitted(str(folder), tmp_path / "whole", sets=sets, steps=14)
    with pytest.raises(Interrupted):
        fitted(str(folder), tmp_path / "cut", sets=sets, steps=14, watchers=[Stop(6)])
    again = fit(resume=tmp_path / "cut" / "run")
    first, second = ((run.path / "bundle" / "model.safetensors").read_bytes() for run in (whole, again))
    assert first == second
