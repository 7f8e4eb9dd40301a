"""From a network that continues texts to one that answers them: what is taken over, what is said, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

import learnloop as ll
from learnloop.contracts import PADDING, SPECIAL, UNKNOWN
from learnloop.errors import DataError, ModelError, RecipeError, UserError
from learnloop.models.reread import reader_tensors
from tests.tiny_encoder import reviews

FAST: dict[str, Any] = {
    "plan.name": "plain",
    "plan.threads": 1,
    "report.baselines": False,
    "report.html": False,
    "watch.progress": "off",
}
SMALL = {"model.hidden": 12, "model.embedding": 8, "model.layers": 2}


def language(path: Path, **settings: Any) -> Path:
    """A network that continues the texts of the reviews, trained for some steps."""
    text = "\n".join(reviews(300)["text"]) + "\n"
    model = settings.pop("model", "lstm")
    ll.fit(text, task="language", model=model, steps=20, out=path, set={**FAST, **SMALL, **settings})
    return path


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return language(tmp_path_factory.mktemp("base") / "base", **{"model.window": 16})


def classify(base: Path, out: Path, *, model: str | None = "lstm", epochs: float = 1, **settings: Any) -> ll.Run:
    values = {**FAST, "data.columns": {"text": "text"}, "model.weights": str(base), **settings}
    return ll.fit(_frame(), target="label", model=model, epochs=epochs, out=out, set=values)


def _frame() -> pd.DataFrame:
    return reviews()[["text", "label"]]


def _still(run: ll.Run) -> dict[str, torch.Tensor]:
    return dict(run.bundle.net.state_dict())


FROZEN = {"transfer.mode": "features"}


def test_embedding_and_layers_are_taken_over_and_the_head_is_new(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = classify(base, tmp_path / "run", **FROZEN)
    stored, now = load_file(base / "bundle" / "model.safetensors"), _still(run)
    for layer in (0, 1):
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            assert torch.equal(now[f"body.layers.forwards.{layer}.{name}_l0"], stored[f"cells.{name}_l{layer}"])
    vectors = now["front.embedding.weight"]
    assert torch.equal(vectors[SPECIAL:], stored["embed.weight"][SPECIAL:]) and not vectors[PADDING].any()
    assert torch.equal(vectors[UNKNOWN], stored["embed.weight"][SPECIAL:].mean(0))
    assert (
        "note: weights: 9 tensors of base, all but its head.bias, head.weight; the head output is new"
        in capsys.readouterr().err
    )


def test_the_tokeniser_comes_from_the_run(base: Path, tmp_path: Path) -> None:
    run = classify(base, tmp_path / "run", model=None)
    tokens = run.bundle.encoder.sole.tokens
    assert tokens.name == "characters" and run.bundle.about.model["name"] == "lstm"
    assert tokens.encode("good film").tolist() == tokens_of(base).encode("good film").tolist()
    recipe = (tmp_path / "run" / "recipe.yaml").read_text()
    assert f'saved: "{base / "bundle"}"' in recipe and "bidirectional: false" in recipe
    assert "pooling: last " in recipe and "input_dropout: 0.0" in recipe and "word_dropout: 0.0" in recipe
    assert "  mode: full" in recipe and "lr: 0.002" in recipe


def tokens_of(base: Path) -> Any:
    from learnloop.bundle.language import LanguageBundle

    return LanguageBundle.load(base / "bundle").tokens


def test_layers_that_the_run_does_not_have_are_new_and_named(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    classify(base, tmp_path / "run", **{"model.pooling": "attention"})
    said = capsys.readouterr().err
    assert "new are the head output and body.attention.project.weight, body.attention.project.bias, body.att" in said


@pytest.mark.parametrize("mode", ["finetune", "full"])
def test_all_layers_learn_on_at_the_rates_of_the_mode(base: Path, tmp_path: Path, mode: str) -> None:
    run = classify(base, tmp_path / "run", **{"transfer.mode": mode})
    stored, now = load_file(base / "bundle" / "model.safetensors"), _still(run)
    assert not torch.equal(now["body.layers.forwards.0.weight_hh_l0"], stored["cells.weight_hh_l0"])
    rates = run.report["training"]["transfer"]["rates"]
    assert rates == ({"body": 1.0, "front": 1.0} if mode == "full" else {"body": 0.1, "front": 0.04})


def test_a_network_that_answers_is_a_start_too(base: Path, tmp_path: Path) -> None:
    """Its tokeniser and its layers are taken over, and its head where the classes are the same."""
    first = classify(base, tmp_path / "first")
    again = classify(tmp_path / "first", tmp_path / "again", model=None, **FROZEN)
    before, now = _still(first), _still(again)
    kept = [name for name in now if not name.startswith("output.")]
    assert kept and all(torch.equal(before[name], now[name]) for name in kept)
    assert not again.report["training"]["transfer"]["new_head"]


def test_resumed_equals_undisturbed(base: Path, tmp_path: Path) -> None:
    import os
    import signal

    from learnloop.train.events import Event
    from learnloop.verbs.fit import Interrupted

    def stop(event: Event) -> None:
        if event.step >= 6:
            os.kill(os.getpid(), signal.SIGINT)

    values = {**FAST, "data.columns": {"text": "text"}, "model.weights": str(base), "train.log_every": 2}
    whole = ll.fit(_frame(), target="label", epochs=4, out=tmp_path / "whole", set=values)
    with pytest.raises(Interrupted):
        ll.fit(_frame(), target="label", epochs=4, out=tmp_path / "cut", set=values, watchers=[stop])
    resumed = ll.fit(_frame(), resume=tmp_path / "cut")
    weights = [(run.path / "bundle" / "model.safetensors").read_bytes() for run in (whole, resumed)]
    assert weights[0] == weights[1]


def test_names_of_layers_are_translated() -> None:
    tensors = {"embed.weight": torch.ones(6, 2), "cells.bias_hh_l10": torch.ones(8), "head.weight": torch.ones(5, 4)}
    found, left = reader_tensors(tensors)
    assert set(found) == {"front.embedding.weight", "body.layers.forwards.10.bias_hh_l0"} and left == ("head.weight",)
    assert found["front.embedding.weight"].sum(1).tolist() == [0, 2, 2, 2, 2, 2]
    assert tensors["embed.weight"].all()  # the run's own tensor is as it was


# --- what cannot be --------------------------------------------------------------------------------------------------


def test_other_sizes_are_refused_with_both_shapes(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        classify(base, tmp_path / "run", **{"model.hidden": 20})
    assert "model.weights: must be weights of the same architecture\n" in str(caught.value)
    assert "body.layers.forwards.0.weight_ih_l0 is [48, 8] in base and [80, 8] in the network" in str(caught.value)


def test_another_tokeniser_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        classify(base, tmp_path / "run", **{"text.tokens": "words"})
    assert "text.tokens: is a matter of the tokeniser that is taken over with text.saved" in str(caught.value)
    assert "found:     'words', and there it is 'characters'" in str(caught.value)
    with pytest.raises(RecipeError, match=r"text.saved: must be the tokeniser that the weights were trained with"):
        classify(base, tmp_path / "run", **{"text.saved": str(tmp_path)})


def test_another_model_than_that_of_the_weights_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"must be the model of the weights, lstm\n  found:     'gru'"):
        classify(base, tmp_path / "run", model="gru")


def test_a_gpt_is_no_start_for_a_reader(tmp_path: Path) -> None:
    text = "\n".join(reviews(300)["text"]) + "\n"
    settings = {**FAST, "model.width": 8, "model.heads": 2, "model.layers": 1, "model.context": 16}
    ll.fit(text, task="language", model="gpt", steps=2, out=tmp_path / "gpt", set=settings)
    with pytest.raises(RecipeError, match=r"gpt is a gpt, whose layers no model for whole texts has(.|\n)*lstm"):
        classify(tmp_path / "gpt", tmp_path / "run", model=None)


def test_a_run_that_is_gone_when_texts_are_read(base: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"text.saved .*gone: must be a bundle(.|\n)*nothing there"):
        values = {**FAST, "data.columns": {"text": "text"}, "text.saved": str(tmp_path / "gone")}
        ll.fit(_frame(), target="label", model="lstm", epochs=1, out=tmp_path / "run", set=values)
