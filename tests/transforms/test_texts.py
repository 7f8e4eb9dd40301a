"""`TextEncoder`: texts as a rectangle of codes; what is cut, empty or too narrow is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from learnloop.contracts import PADDING, SPECIAL, TOKENS, UNKNOWN
from learnloop.data.dataset import Dataset
from learnloop.data.schema import Field, Schema
from learnloop.errors import DataError, SchemaError
from learnloop.transforms import texts as module
from learnloop.transforms.inputs import InputEncoder
from learnloop.transforms.texts import TextConfig, TextEncoder, rectangle

TEXTS = pd.Series(["good film", "bad film", "a good good film indeed", "a bad one"])


def config(**values: Any) -> TextConfig:
    return TextConfig.model_validate({"least": 1, **values})


def fitted(texts: Any = TEXTS, **values: Any) -> TextEncoder:
    encoder = TextEncoder("review", config(**values))
    encoder.fit(texts)
    return encoder


def refused(texts: Any, **values: Any) -> str:
    with pytest.raises(DataError) as caught:
        fitted(texts, **values)
    return str(caught.value)


def test_a_text_is_a_row_of_codes_padded_at_its_end() -> None:
    encoder = fitted()
    tokens = encoder.apply(TEXTS)[TOKENS]
    assert tokens.dtype == np.int32 and tokens.shape == (4, 5)
    assert encoder.tokens.decode(tokens[2]) == TEXTS[2] and (tokens[0] == PADDING).tolist() == [False] * 2 + [True] * 3
    assert (
        encoder.spec.keys == (TOKENS,) and encoder.spec.vocabulary == encoder.tokens.size and encoder.spec.length == 5
    )
    assert encoder.apply(TEXTS[:2])[TOKENS].tolist() == tokens[:2, :2].tolist()  # as wide as these rows need
    assert encoder.apply(pd.Series(["good unheard"]))[TOKENS].tolist() == [[tokens[0, 0], UNKNOWN]]


def test_category_columns_and_missing_cells_are_texts_too() -> None:
    encoder = fitted(TEXTS.astype("category"))
    tokens = encoder.apply(pd.Series(["good film", None, "  "], dtype="category"))[TOKENS]
    assert tokens[:, 0].tolist() == [encoder.tokens.encode("good")[0], UNKNOWN, UNKNOWN]
    assert encoder.notes == ("Column review: 2 texts are empty (row 2, 3) and read as one unknown word.",)


def test_longer_texts_are_cut_and_that_is_said() -> None:
    encoder = fitted(length=2)
    assert encoder.apply(TEXTS)[TOKENS].shape == (4, 2) and encoder.spec.length == 2
    assert encoder.notes == ()  # said once, when it was fitted
    assert fitted(length=2).notes == (
        "Column review: texts are cut to their first 2 tokens; 2 of 4 (50.0%) are longer, the longest has 5 "
        "(another length: --set text.length=N).",
    )


@pytest.mark.parametrize(("longest", "kept"), [(250, 250), (600, 600), (601, 300), (5000, 300)])
def test_one_text_in_a_hundred_may_be_cut_where_it_is_far_longer(longest: int, kept: int) -> None:
    texts = pd.Series(["good film " * (150 if longest > 256 else 5)] * 199 + ["word " * longest])
    assert fitted(texts).spec.length == kept


def test_the_length_has_a_limit_of_its_own() -> None:
    texts = pd.Series(["a b " * 3000] * 5)
    assert fitted(texts).spec.length == module.MOST_TOKENS
    assert fitted(texts, length=5000).spec.length == 5000


def test_what_was_left_open_is_filled_in() -> None:
    found = fitted(least=None).config
    assert found == TextConfig.model_validate(
        {"tokens": "words", "vocabulary": 50_000, "length": 5, "lower": True, "least": 2}
    )
    assert (
        fitted(pd.Series(["这部电影非常好看我很喜欢它的故事和演员表演得也很好", "不好看" * 9])).config.tokens
        == "characters"
    )


def test_summary_says_what_the_network_sees() -> None:
    texts = pd.Series(["good film", "good film", "bad film", "one"])
    said = fitted(texts, least=2).summary()
    assert said == "texts of up to 2 tokens (words), vocabulary 6, 28.6% of the text is rarer"
    assert fitted(texts, lower=False).summary() == (
        "texts of up to 2 tokens (words, upper and lower case), vocabulary 8"
    )


def test_empty_texts_are_refused_in_training() -> None:
    assert refused(pd.Series(["good", " ", None])) == (
        "column 'review': must hold a text in every row of the training part\n"
        "  found:     2 empty texts among 3\n  do:        leave the rows out"
    )


def test_one_word_is_no_vocabulary() -> None:
    assert refused(pd.Series(["same same", "same"])) == (
        "column 'review': must hold at least two different words\n  found:     only 'same'\n"
        "  probably:  the wrong column, or the same word in every row\n"
        "  do:        --set data.columns.review=category"
    )
    assert refused(pd.Series(["a b", "c d"]), least=2) == (
        "column 'review': must hold at least two different words that come 2 times or more\n  found:     none\n"
        "  probably:  very few texts\n  do:        --set text.least=1"
    )


def test_texts_that_do_not_fit_into_memory_are_refused_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "memory", lambda: (1000, 90))
    assert refused(TEXTS).startswith(
        "text.length: must let the codes of all texts fit into memory\n"
        "  found:     4 texts of 5 tokens: 0.0 GB, and 0.0 GB are free\n  do:        --set text.length=2"
    )
    monkeypatch.setattr(module, "memory", lambda: (1000, 110))
    assert fitted().notes == ()
    monkeypatch.setattr(module, "_WORTH_SAYING", 80)
    assert fitted().notes == ("Column review: the codes of the training texts take 0 MB of memory.",)


def test_numbers_are_no_texts() -> None:
    with pytest.raises(SchemaError, match=r"column 'review': must hold texts, as in training\n  found:     7 in row 2"):
        fitted().apply(pd.Series(["good", 7], dtype=object))


@pytest.mark.parametrize("tokens", ["words", "characters", "bpe"])
def test_state_gives_the_same_codes(tokens: str) -> None:
    encoder = fitted(tokens=tokens, vocabulary=300)
    data = Dataset("d", Schema((Field("review", "text"),)), pd.DataFrame({"review": TEXTS}))
    whole = InputEncoder(settings={"text": config(tokens=tokens, vocabulary=300)})
    whole.fit(data)
    other = InputEncoder.from_state(whole.state_dict())
    assert other.apply(data)[TOKENS].tolist() == encoder.apply(TEXTS)[TOKENS].tolist()
    assert other.spec == whole.spec and other.feature_names == ["review"]
    assert isinstance(other.sole, TextEncoder) and other.sole.config == encoder.config


def test_a_text_leaves_no_room_for_other_columns() -> None:
    schema = Schema((Field("n", "number"), Field("review", "text")))
    encoder = InputEncoder()
    encoder.fit(Dataset("d", schema, pd.DataFrame({"review": [*TEXTS, *TEXTS], "n": range(8)})))
    assert encoder.notes == ("Only the texts 'review' are used; not used beside them: n.",)


def test_rectangle() -> None:
    flat, offsets = np.array([4, 5, 6, 7], np.int32), np.array([0, 3, 3, 4])
    assert rectangle(flat, offsets, 2).tolist() == [[4, 5], [0, 0], [7, 0]]
    assert rectangle(flat[:0], np.array([0, 0]), 9).tolist() == [[0]]
    assert SPECIAL == 4
