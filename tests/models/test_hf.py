"""`hf`: an encoder in Hugging Face's format, built from its config.json, started from its safetensors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from learnloop.contracts import SPECIAL, TOKENS, InputSpec
from learnloop.diagnose.words import integrated_gradients
from learnloop.errors import DataError, MissingExtraError, ModelError, RecipeError
from learnloop.models import hf_folder
from learnloop.models.hf import HFConfig
from learnloop.nn.stages import parts_of
from learnloop.testing.models import CHECKS, check_model
from tests.tiny_encoder import ARCHITECTURE, save_encoder

transformers = pytest.importorskip("transformers")

SPEC = InputSpec("text", vocabulary=SPECIAL + ARCHITECTURE["vocab_size"], length=12)


def config(**fields: Any) -> HFConfig:
    changed = fields.pop("changed", {})
    return HFConfig(architecture=json.dumps({**ARCHITECTURE, **changed}), **fields)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder(tmp_path_factory.mktemp("encoder") / "tiny")


def rows() -> torch.Tensor:
    """int32 [3, 7]: codes of three texts between [CLS] (2) and [SEP] (3), padded."""
    texts = [[2, 4, 5, 6, 3], [2, 7, 3], [2, 8, 9, 10, 11, 12, 3]]
    codes = [[code + SPECIAL for code in text] + [0] * (7 - len(text)) for text in texts]
    return torch.tensor(codes, dtype=torch.int32)


@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_it_keeps_to_the_contract_of_models(pooling: str) -> None:
    """But for the biases of keys: they add the same to all scores of a softmax, so that they never learn."""
    kept = [name for name in CHECKS if name not in ("gradients", "fresh_process")]
    check_model(config(pooling=pooling, dropout=0.0), SPEC, only=kept)
    dead = ", ".join(f"base.encoder.layer.{layer}.attention.self.key.bias" for layer in (0, 1))
    with pytest.raises(AssertionError, match=rf"their gradient stays zero: {dead}$"):
        check_model(config(pooling=pooling, dropout=0.0), SPEC, only=["gradients"])


def test_it_learns_a_number() -> None:
    check_model(config(pooling="mean", dropout=0.0), SPEC, outputs=1, only=["shape", "learns"])


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert", "electra", "albert"])
def test_it_answers_as_the_library_does(kind: str, tmp_path: Path) -> None:
    named = {"distilbert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32}, "albert": {"embedding_size": 8}}
    pad = 1 if kind == "roberta" else 0
    told = {**ARCHITECTURE, "model_type": kind, "pad_token_id": pad, **named.get(kind, {})}
    theirs = transformers.AutoModel.from_config(transformers.AutoConfig.for_model(**told)).eval()
    theirs.save_pretrained(tmp_path)
    net = HFConfig(architecture=(tmp_path / "config.json").read_text(), path=str(tmp_path)).build(SPEC, 2).eval()
    net.start_from({TOKENS: rows()})
    with torch.no_grad():
        alone = [theirs(input_ids=row[row != 0].long()[None] - SPECIAL).last_hidden_state[:, 0] for row in rows()]
        assert torch.allclose(net(rows()), net.output(torch.cat(alone)), atol=1e-6)  # padded, and one by one


def test_weights_come_from_the_folder_when_training_starts_and_not_before(folder: Path) -> None:
    torch.manual_seed(5)
    net = config(path=str(folder)).build(SPEC, 2)
    stored = load_file(folder / "model.safetensors")
    name = "encoder.layer.1.output.dense.weight"
    assert not torch.equal(net.base.state_dict()[name], stored[name])
    head, drawn = net.output.weight.clone(), torch.get_rng_state()
    net.start_from({})
    assert all(torch.equal(tensor, stored[name]) for name, tensor in net.base.state_dict().items())
    assert torch.equal(net.output.weight, head) and torch.equal(torch.get_rng_state(), drawn)


def test_weights_of_another_task_are_read_by_their_old_names(folder: Path, tmp_path: Path) -> None:
    """Of a whole classifier, with its prefix and the names of layer norms of 2018."""
    stored = load_file(folder / "model.safetensors")
    old = {f"bert.{name}".replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): tensor
           for name, tensor in stored.items()}  # fmt: skip
    save_file({**old, "classifier.weight": torch.zeros(2, 16)}, tmp_path / "model.safetensors", {"format": "pt"})
    shutil.copy(folder / "config.json", tmp_path)
    net = config(path=str(tmp_path)).build(SPEC, 2)
    net.start_from({})
    assert all(torch.equal(tensor, stored[name]) for name, tensor in net.base.state_dict().items())


def test_without_a_folder_it_begins_at_random() -> None:
    net = config().build(SPEC, 2)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    net.start_from({})
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_its_stages_are_the_embeddings_and_the_layers() -> None:
    parts = parts_of(config().build(SPEC, 2))
    assert [stage.name for stage in parts.stages] == ["base.embeddings", "base.encoder.layer.0", "base.encoder.layer.1"]
    assert parts.name == "output"
    inside = {id(p) for stage in parts.stages for p in stage.parameters()}
    net = config().build(SPEC, 2)
    count = sum(1 for _ in net.parameters())
    assert len(inside) == count - 2 and isinstance(net.output, nn.Linear)


def test_words_are_explained_and_special_tokens_are_part_of_the_sum() -> None:
    net = config().build(SPEC, 2).eval()
    moved = integrated_gradients(net, rows(), torch.tensor([0, 1, 0]), steps=64)
    assert moved is not None and float(moved.gap.abs().max()) < 0.02 * float((moved.score - moved.absent).abs().max())
    assert (moved.weights[1, 3:] == 0).all() and net.presence is None


# --- what cannot be --------------------------------------------------------------------------------------------------


def test_a_text_longer_than_the_encoder_has_places_for() -> None:
    with pytest.raises(ModelError) as caught:
        config().build(InputSpec("text", vocabulary=SPEC.vocabulary, length=25), 2)
    assert str(caught.value) == (
        "text.length: must be at most 24, the places of this encoder\n"
        "  found:     25\n"
        "  do:        --set text.length=24"
    )


def test_another_tokeniser_than_its_own() -> None:
    with pytest.raises(ModelError, match=r"text.saved: must be the encoder's own tokeniser, of at most 17 different"):
        config().build(InputSpec("text", vocabulary=500, length=9), 2)


def test_weights_that_do_not_fit_name_the_first_and_both_shapes(folder: Path) -> None:
    net = config(path=str(folder), changed={"intermediate_size": 48}).build(SPEC, 2)
    with pytest.raises(ModelError) as caught:
        net.start_from({})
    assert str(caught.value) == (
        f"model.path {folder}: must hold the weights that its config.json describes\n"
        "  found:     encoder.layer.0.intermediate.dense.bias is [32] in the file and [48] in the network; 5 more\n"
        "  probably:  config.json and model.safetensors are of different models"
    )


def test_weights_that_are_not_all_there(folder: Path) -> None:
    net = config(path=str(folder), changed={"num_hidden_layers": 3}).build(SPEC, 2)
    with pytest.raises(ModelError, match=r"layer.2.attention.output.LayerNorm.bias is absent in the file and there in"):
        net.start_from({})


def test_damaged_weights(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"must hold weights that can be read(.|\n)*a download that was cut off"):
        config(path=str(tmp_path)).build(SPEC, 2).start_from({})


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"model_type": "nonesuch"}, "model_type 'nonesuch'"),
        ({"model_type": "t5", "d_model": 16, "num_layers": 1, "d_kv": 4, "d_ff": 8}, "together with a decoder"),
    ],
)
def test_an_architecture_that_is_no_known_encoder(told: dict[str, Any], found: str) -> None:
    with pytest.raises(ModelError, match=rf"must be a text encoder that the installed(.|\n)*{found}"):
        HFConfig(architecture=json.dumps({**ARCHITECTURE, **told})).build(SPEC, 2)


def test_code_that_comes_with_a_model_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    told = {**ARCHITECTURE, "auto_map": {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}}
    save_encoder(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(told))
    net = HFConfig(architecture=json.dumps(told), path=str(tmp_path)).build(SPEC, 2)
    net.start_from({})
    assert not (tmp_path / "ran").exists() and type(net.base).__module__.startswith("transformers.")


def test_neither_a_folder_nor_an_architecture() -> None:
    with pytest.raises(ModelError, match=r"model 'hf': needs model.path or model.architecture(.|\n)*model.path=FOLDER"):
        HFConfig().build(SPEC, 2)
    with pytest.raises(RecipeError, match=r"model.path: must name the encoder that --model hf starts from"):
        HFConfig.brings(None, download=False)


@pytest.mark.parametrize(
    ("missing", "text"),
    [
        ("config.json", "must hold config.json, the architecture\n  found:     model.safetensors, tokenizer.json"),
        ("model.safetensors", "must hold model.safetensors, the weights (files of pickles are not read"),
    ],
)
def test_a_folder_that_lacks_a_file(folder: Path, tmp_path: Path, missing: str, text: str) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / missing).unlink()
    with pytest.raises(DataError) as caught:
        HFConfig.brings(str(tmp_path / "copy"), download=False)
    assert text in str(caught.value) and "save_pretrained(" in str(caught.value)


def test_a_name_that_is_no_folder(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RecipeError) as caught:
        hf_folder.folder_of(str(folder.parent / "tinny"), download=True)
    assert "and no folder of that name" in str(caught.value) and caught.value.available == (str(folder),)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(DataError, match=r"nothing in the hub's cache\n  do:        --download"):
        hf_folder.folder_of("somebody/some-encoder-that-is-not-there", download=False)


def test_places_of_a_roberta_begin_behind_its_padding() -> None:
    assert hf_folder.places({"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1}) == 512
    assert hf_folder.places({"model_type": "bert", "max_position_embeddings": 512, "pad_token_id": 0}) == 512
    assert hf_folder.places({"model_type": "t5"}) is None


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"needs the optional library transformers(.|\n)*learnloop\[hf\]"):
        config().build(SPEC, 2)
