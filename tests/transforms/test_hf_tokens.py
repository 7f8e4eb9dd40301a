"""Tokenisers that were fitted elsewhere: a tokenizer.json, or the tokeniser of a bundle."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from learnloop.contracts import SPECIAL, TOKENS
from learnloop.errors import DataError, ManyErrors, RecipeError
from learnloop.runs.pack import pack, unpack
from learnloop.transforms.hf_tokens import HFTokens
from learnloop.transforms.saved_tokens import read_tokens
from learnloop.transforms.texts import TextConfig, TextEncoder
from learnloop.transforms.tokens import load_tokens, make_tokens
from tests.tiny_encoder import SPECIAL_TOKENS, WORDS, save_tokenizer

pytest.importorskip("tokenizers")

CLS, SEP, UNK = (SPECIAL + SPECIAL_TOKENS.index(name) for name in ("[CLS]", "[SEP]", "[UNK]"))


def code(word: str) -> int:
    return SPECIAL + len(SPECIAL_TOKENS) + WORDS.index(word)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_tokenizer(tmp_path)
    return tmp_path


def test_codes_are_the_files_own_numbers_behind_the_special_codes(folder: Path) -> None:
    tokens = read_tokens(str(folder))
    wanted = [CLS, code("the"), code("film"), code("##s"), UNK, SEP]
    assert tokens.encode("The films zzz").tolist() == wanted
    assert tokens.size == SPECIAL + len(SPECIAL_TOKENS) + len(WORDS) and tokens.name == "hf" and tokens.lower
    flat, offsets = tokens.encode_all(["The films zzz", "", "good"])
    assert offsets.tolist() == [0, 6, 8, 11] and flat.dtype == np.int32 and flat[:6].tolist() == wanted
    assert tokens.decode([CLS, code("good"), code("film"), SEP, 0]) == "good film"


def test_pieces_say_where_each_token_stands(folder: Path) -> None:
    text = "The films"
    found = read_tokens(str(folder)).pieces(text)
    assert [text[start:stop] for start, stop in found] == ["", "The", "film", "s", ""]


def test_a_spelt_out_special_token_is_the_files_not_ours(folder: Path) -> None:
    assert min(read_tokens(str(folder)).encode("[PAD] good").tolist()) >= SPECIAL


def test_a_cut_text_keeps_what_closes_it_and_a_short_one_is_as_it_was(folder: Path) -> None:
    encoder = TextEncoder("text", TextConfig(saved=str(folder), length=4))
    encoder.fit(["the film was very good", "bad film"])
    tokens = encoder.apply(["the film was very good", "bad", "good film was bad"])[TOKENS]
    assert tokens.tolist() == [
        [CLS, code("the"), code("film"), SEP],
        [CLS, code("bad"), SEP, 0],
        [CLS, code("good"), code("film"), SEP],
    ]


def test_a_cut_is_said(folder: Path) -> None:
    encoder = TextEncoder("text", TextConfig(saved=str(folder), length=4))
    encoder.fit(["the film was very good", "bad film"])
    assert "texts are cut to their first 4 tokens; 1 of 2 (50.0%) are longer, the longest has 7" in encoder.notes[0]


def test_texts_are_cut_to_the_places_of_the_encoder(folder: Path) -> None:
    told = {"model_type": "bert", "max_position_embeddings": 6}
    (folder / "config.json").write_text(json.dumps(told))
    encoder = TextEncoder("text", TextConfig(saved=str(folder)))
    encoder.fit(["the film was very very very good", "bad film"])
    assert encoder.spec.length == 6 and encoder.tokens.encode("good " * 20)[-1] == SEP
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 5}))
    assert HFTokens.read(folder).most == 5
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 10**30}))
    assert HFTokens.read(folder).most == 6


def test_padding_and_truncation_of_the_file_are_not_taken_over(folder: Path) -> None:
    from tokenizers import Tokenizer

    own = Tokenizer.from_file(str(folder / "tokenizer.json"))
    own.enable_padding(length=9)
    own.enable_truncation(3)
    own.save(str(folder / "tokenizer.json"))
    assert len(read_tokens(str(folder)).encode("the film was very good")) == 7


def test_a_bundle_holds_the_whole_tokeniser(folder: Path, tmp_path: Path) -> None:
    encoder = TextEncoder("text", TextConfig(saved=str(folder), length=4))
    encoder.fit(["the film was very good", "bad film"])
    (tmp_path / "transforms.safetensors").write_bytes(pack({"encoder": {"sole": encoder.state_dict()}}))
    (folder / "tokenizer.json").unlink()
    again = TextEncoder("")
    again.load_state_dict(unpack(str(tmp_path / "transforms.safetensors"))["encoder"]["sole"])
    texts = ["good film was bad", "", "zzz"]
    assert again.apply(texts)[TOKENS].tolist() == encoder.apply(texts)[TOKENS].tolist()
    assert str(folder) not in json.dumps(again.config.model_dump())


@pytest.mark.parametrize("name", ["words", "characters", "bpe"])
def test_the_tokeniser_of_a_bundle_is_taken_over_as_it_is(name: str, tmp_path: Path) -> None:
    fitted = make_tokens(name, vocabulary=400, lower=False, least=1)
    fitted.fit(["a good Film", "a bad Film"])
    state = {"tokens": fitted.state_dict()}  # of a run that continues texts
    (tmp_path / "transforms.safetensors").write_bytes(pack(state))
    encoder = TextEncoder("text", TextConfig(saved=str(tmp_path)))
    encoder.fit(["another good film", "Film noir"])
    assert encoder.tokens.encode("a Film noir").tolist() == fitted.encode("a Film noir").tolist()
    assert encoder.spec.vocabulary == fitted.size
    told = encoder.config
    assert (told.tokens, told.vocabulary, told.lower) == (name, fitted.size, False)
    again = TextEncoder("text", told)  # as recipe.yaml says it: the same, not a contradiction
    again.fit(["another good film", "Film noir"])
    assert load_tokens(again.tokens.state_dict()).size == fitted.size


def test_other_settings_than_those_of_the_tokeniser_are_refused_together(folder: Path) -> None:
    encoder = TextEncoder("text", TextConfig(saved=str(folder), tokens="words", vocabulary=100))
    with pytest.raises(ManyErrors) as caught:
        encoder.fit(["good film", "bad film"])
    assert str(caught.value) == (
        "2 mistakes:\n"
        "text.tokens: is a matter of the tokeniser that is taken over with text.saved\n"
        "  found:     'words', and there it is 'hf'\n"
        "  do:        leave it out\n"
        "text.vocabulary: is a matter of the tokeniser that is taken over with text.saved\n"
        f"  found:     100, and there it is {SPECIAL + len(SPECIAL_TOKENS) + len(WORDS)}\n"
        "  do:        leave it out"
    )


def test_a_tokeniser_that_cannot_be_read(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"text.saved .*nowhere: must be a bundle, a tokenizer.json or its folder"):
        read_tokens(str(tmp_path / "nowhere"))
    with pytest.raises(RecipeError, match=r"hf is a tokeniser that was fitted elsewhere(.|\n)*text.saved=FOLDER"):
        TextEncoder("text", TextConfig(tokens="hf")).fit(["good film", "bad film"])
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(DataError, match=r"must be a tokenizer.json"):
        read_tokens(str(folder))
    (folder / "tokenizer.json").unlink()
    with pytest.raises(DataError, match=r"must hold tokenizer.json, the tokeniser(.|\n)*AutoTokenizer.from_pretrained"):
        read_tokens(str(folder))
    (folder / "transforms.safetensors").write_bytes(pack({"encoder": {"sole": None}}))
    with pytest.raises(DataError, match=r"must be the bundle of a run on texts(.|\n)*tables or pictures"):
        read_tokens(str(folder))
