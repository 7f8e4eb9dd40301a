"""Tokenisers: what a token is, codes by frequency, and back again."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from learnloop.contracts import BEGIN, END, PADDING, SPECIAL, UNKNOWN
from learnloop.errors import MissingExtraError, RecipeError
from learnloop.transforms import bpe
from learnloop.transforms.tokens import Tokens, load_tokens, make_tokens
from learnloop.transforms.words import WordTokens, lowered

OWN = ("words", "characters", "bpe")
TEXTS = ["It isn't bad, it's GOOD!", "good good bad", "A so-so film... 3.5 of 10<br />Really?", "über naïve 你好"]


def fitted(name: str, *, vocabulary: int = 400, lower: bool = True, least: int = 1) -> Tokens:
    tokens = make_tokens(name, vocabulary=vocabulary, lower=lower, least=least)
    tokens.fit(TEXTS)
    return tokens


def test_words_keep_contractions_numbers_tags_and_punctuation() -> None:
    tokens = WordTokens(100, lower=True, least=1)
    assert tokens.split(TEXTS[0]) == ["it", "isn't", "bad", ",", "it's", "good", "!"]
    assert tokens.split(TEXTS[2]) == [
        *("a", "so", "-", "so", "film", "...", "3.5", "of", "10", "<br />", "really", "?"),
    ]
    assert WordTokens(100, lower=False, least=1).split("GOOD film") == ["GOOD", "film"]
    assert tokens.split("अच्छा café") == ["अच्छा", "café"]  # signs that sit on a letter belong to the word


def test_codes_go_by_frequency_then_by_the_alphabet() -> None:
    tokens = WordTokens(SPECIAL + 3, lower=True, least=1)
    tokens.fit(["b a", "a c", "d b"])
    assert tokens.words == ("a", "b", "c") and tokens.size == SPECIAL + 3
    assert tokens.encode("c a d").tolist() == [SPECIAL + 2, SPECIAL, UNKNOWN]


def test_rare_words_are_unknown() -> None:
    tokens = WordTokens(100, lower=True, least=2)
    tokens.fit(["b a", "a c"])
    assert tokens.words == ("a",) and tokens.encode("a b").tolist() == [SPECIAL, UNKNOWN]


@pytest.mark.parametrize("name", OWN)
def test_all_at_once_is_one_by_one(name: str) -> None:
    tokens = fitted(name)
    flat, offsets = tokens.encode_all([*TEXTS, ""])
    assert flat.dtype == np.int32 and offsets.dtype == np.int64 and offsets[-1] == offsets[-2] == len(flat)
    for row, text in enumerate(TEXTS):
        assert flat[offsets[row] : offsets[row + 1]].tolist() == tokens.encode(text).tolist()
    assert flat.min() >= SPECIAL and flat.max() < tokens.size
    none, ends = tokens.encode_all([])
    assert len(none) == 0 and ends.tolist() == [0]


@pytest.mark.parametrize("name", OWN)
def test_pieces_are_where_the_tokens_stand(name: str) -> None:
    tokens = fitted(name)
    for text in [*TEXTS, "İstanbul is new"]:  # a capital whose small form is two characters long
        pieces = tokens.pieces(text)
        assert len(pieces) == len(tokens.encode(text))
        assert all(0 <= start < stop <= len(text) for start, stop in pieces)
    text = TEXTS[0]
    words = [text[start:stop] for start, stop in tokens.pieces(text)]
    assert "".join(words).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize("name", ["characters", "bpe"])
def test_a_text_comes_back(name: str) -> None:
    tokens = fitted(name, lower=False)
    for text in TEXTS:
        codes = tokens.encode(text).tolist()
        assert tokens.decode([BEGIN, *codes, END, PADDING, UNKNOWN]) == text


def test_words_come_back_in_small_letters_with_spaces_between() -> None:
    assert fitted("words").decode(fitted("words").encode("Good, BAD unheard")) == "good , bad"


@pytest.mark.parametrize("name", OWN)
def test_state_is_json_and_arrays_and_gives_the_same_codes(name: str) -> None:
    tokens = fitted(name)
    state = tokens.state_dict()
    plain = {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in state.items()}
    other = load_tokens(json.loads(json.dumps(plain)))
    assert other.size == tokens.size and other.encode(TEXTS[0]).tolist() == tokens.encode(TEXTS[0]).tolist()
    assert other.state_dict().keys() == state.keys()


def test_characters_keep_the_most_frequent() -> None:
    tokens = make_tokens("characters", vocabulary=SPECIAL + 2, lower=False, least=1)
    tokens.fit(["aaab", "bbcc c"])
    assert tokens.decode([SPECIAL, SPECIAL + 1]) == "ab" and tokens.encode("c!").tolist() == [UNKNOWN, UNKNOWN]


def test_byte_pairs_know_every_text_and_never_a_special_code() -> None:
    tokens = fitted("bpe")
    codes = tokens.encode("[END] <pad> \x00 ქართული 🎬")
    assert codes.min() >= SPECIAL and tokens.decode(codes) == "[end] <pad> \x00 ქართული 🎬"
    assert len(fitted("bpe").encode("good")) < 4  # neighbours that come often are one token


def test_byte_pairs_are_the_same_in_another_process() -> None:
    code = (
        "from learnloop.transforms.tokens import make_tokens; import sys, json\n"
        "t = make_tokens('bpe', vocabulary=400, lower=True, least=1); t.fit(json.loads(sys.argv[1]))\n"
        "print(json.dumps(t.state_dict()))"
    )
    said = subprocess.run([sys.executable, "-c", code, json.dumps(TEXTS)], capture_output=True, text=True, check=True)
    assert json.loads(said.stdout) == fitted("bpe").state_dict()


def test_what_cannot_be_made_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def text(kind: type[Exception], **options: Any) -> str:
        with pytest.raises(kind) as caught:
            make_tokens(**{"name": "words", "vocabulary": 100, "lower": True, "least": 1, **options})
        return str(caught.value)

    assert text(RecipeError, name="word").startswith(
        "text.tokens: must name a tokeniser\n  found:     'word'\n  available: words, "
    )
    assert "must be at least 260 for byte pairs: 256 bytes and 4 special codes" in text(RecipeError, name="bpe")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'learnloop\[text\]'"):
        bpe.BPETokens(400, lower=True, least=1)


def test_small_letters_keep_the_length() -> None:
    assert lowered("ABC") == "abc" and len(lowered("İİ X")) == 4 and lowered("İİ X").endswith("x")
