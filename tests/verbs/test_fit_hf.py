"""Fine-tuning an encoder from a folder: from a table of texts to a bundle that needs the folder no more."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml

import learnloop as ll
from learnloop.bundle.bundle import Bundle
from learnloop.errors import DataError, RecipeError, UserError
from learnloop.train.events import Event
from learnloop.verbs.fit import Interrupted
from tests.tiny_encoder import reviews, save_encoder

pytest.importorskip("transformers")

FAST: dict[str, Any] = {
    "plan.name": "plain",
    "plan.threads": 1,
    "report.baselines": False,
    "report.html": False,
    "watch.progress": "off",
    "transfer.base_lr": 1.0,
    "data.columns": {"text": "text"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder(tmp_path_factory.mktemp("encoder") / "tiny")


def tune(folder: Path, out: Path, target: str = "label", *, epochs: float = 15, **more: Any) -> ll.Run:
    frame = reviews()[["text", target]]
    values = {**FAST, "model.path": str(folder), **more.pop("set", {})}
    return ll.fit(frame, target=target, model="hf", epochs=epochs, lr=3e-3, out=out, set=values, **more)


def test_it_trains_and_its_bundle_needs_the_folder_no_more(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(folder, tmp_path / "encoder")
    run = tune(tmp_path / "encoder", tmp_path / "run")
    assert f"note: The bert starts from {tmp_path / 'encoder'}; the head is new." in capsys.readouterr().err
    assert run.metrics["test"]["accuracy"] > 0.9  # by chance a half
    before = run.bundle.predict(reviews(20)[["text"]])
    shutil.rmtree(tmp_path / "encoder")
    after = Bundle.load(tmp_path / "run" / "bundle").predict(reviews(20)[["text"]])
    assert after.equals(before)
    recipe = yaml.safe_load((tmp_path / "run" / "recipe.yaml").read_text())
    assert recipe["text"]["tokens"] == "hf" and recipe["text"]["saved"] == str(tmp_path / "encoder")
    assert recipe["transfer"] | {"base_lr": 1.0, "decay": 0.9, "mode": "finetune"} == recipe["transfer"]


def test_numbers_are_learnt_too(folder: Path, tmp_path: Path) -> None:
    run = tune(folder, tmp_path / "run", "score", epochs=15, task="regress", set={"model.pooling": "mean"})
    assert run.metrics["test"]["r2"] > 0.5


def test_the_encoder_starts_from_the_folders_weights_at_the_rates_asked_for(folder: Path, tmp_path: Path) -> None:
    """With a rate of nearly zero below the head, the encoder stays what the folder holds."""
    from safetensors.torch import load_file

    run = tune(folder, tmp_path / "run", epochs=1, set={"transfer.base_lr": 1e-6, "optimiser.weight_decay": 0.0})
    stored, now = load_file(folder / "model.safetensors"), run.bundle.net.base.state_dict()
    assert max(float((now[name] - stored[name]).abs().max()) for name in now) < 1e-6
    rates = run.report["training"]["transfer"]["rates"]
    assert rates == {f"base.{name}": pytest.approx(1e-6 * 0.9**k, abs=1e-9)
                     for k, name in enumerate(("encoder.layer.1", "encoder.layer.0", "embeddings"))}  # fmt: skip


def test_rates_suit_weights_that_were_trained_elsewhere(folder: Path, tmp_path: Path) -> None:
    values = {key: value for key, value in FAST.items() if key != "transfer.base_lr"}
    frame = reviews()[["text", "label"]]
    ll.fit(frame, target="label", model="hf", steps=1, out=tmp_path / "run", set={**values, "model.path": str(folder)})
    recipe = yaml.safe_load((tmp_path / "run" / "recipe.yaml").read_text())
    assert recipe["optimiser"]["lr"] * recipe["transfer"]["base_lr"] == pytest.approx(2e-5)
    assert recipe["schedule"]["name"] == "linear" and recipe["schedule"]["warmup"] == 0.1
    assert recipe["train"]["batch_size"] == 16 and recipe["train"]["clip"] == 1.0


def test_a_frozen_encoder_teaches_the_head_alone(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    run = tune(folder, tmp_path / "run", epochs=2, set={"transfer.mode": "features"})
    stored, now = load_file(folder / "model.safetensors"), run.bundle.net.base.state_dict()
    assert all(now[name].equal(stored[name]) for name in now)
    assert run.report["training"]["transfer"]["trained"] == 2 * 16 + 2


def test_interrupted_and_resumed_equals_undisturbed(folder: Path, tmp_path: Path) -> None:
    def stop(event: Event) -> None:
        if event.step >= 12 and event.kind == "train":
            os.kill(os.getpid(), signal.SIGINT)

    settings = {"train.log_every": 4}
    whole = tune(folder, tmp_path / "whole", set=settings)
    with pytest.raises(Interrupted):
        tune(folder, tmp_path / "cut", set=settings, watchers=[stop])
    resumed = ll.fit(reviews()[["text", "label"]], resume=tmp_path / "cut")
    weights = [(run.path / "bundle" / "model.safetensors").read_bytes() for run in (whole, resumed)]
    assert weights[0] == weights[1]


# --- what cannot be --------------------------------------------------------------------------------------------------


def test_an_encoder_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        ll.fit(reviews()[["text", "label"]], target="label", model="hf", out=tmp_path / "run")
    assert str(caught.value) == (
        "model.path: must name the encoder that --model hf starts from\n"
        "  found:     nothing\n"
        "  do:        --set model.path=FOLDER   # with config.json, tokenizer.json and model.safetensors"
    )


def test_a_folder_without_a_tokeniser(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / "tokenizer.json").unlink()
    with pytest.raises(DataError, match=r"must hold tokenizer.json, the tokeniser\n  found:     config.json, mod"):
        tune(tmp_path / "copy", tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("text.tokens", "words", r"text.tokens: is a matter of the tokeniser that is taken over(.|\n)*it is 'hf'"),
        ("text.saved", "elsewhere", r"text.saved: must be the tokeniser that the weights were trained with"),
        ("text.length", 30, r"text.length: must be at most 24, the places of this encoder"),
    ],
)
def test_its_own_tokeniser_reads_the_texts(folder: Path, tmp_path: Path, key: str, value: Any, text: str) -> None:
    with pytest.raises(UserError, match=text):
        tune(folder, tmp_path / "run", set={key: value})


def test_it_is_for_texts(folder: Path, tmp_path: Path) -> None:
    frame = reviews()[["score", "label"]]
    with pytest.raises(RecipeError, match=r"must be a model for tables\n  found:     'hf' takes texts"):
        ll.fit(frame, target="label", model="hf", out=tmp_path / "run", set={"model.path": str(folder)})
